"""Every stated figure held against the arithmetic.

In: a `Document`. Out: `Audit`: a verdict per claim and cell. Read audit.py (the journey), verdict.py (the result),
facts.py (what is known of each network), then a judge per file.
"""
