"""Every stated figure held against the arithmetic.

In: a `Document`. Out: `Audit`: a verdict per claim and cell. Read audit.py (the journey), verdict.py (the result),
facts.py (what is known of each network), joined.py (kernels that a table leaves to a summary), then a judge per file:
tables.py with walk.py (rows walked from the top), window.py (a row's arithmetic), walked.py (what comes out), blame.py,
channels.py, readings.py (what headings can mean) and repair.py; listing.py; printout.py with shapes.py; sentences.py
with counts.py and scope.py.
"""
