"""The network behind a printed summary.

In: the rows of a print. Out: `Inference`: an `Arch`, and where the print leaves a choice. Read infer.py (the
journey), image.py (what comes in), opened.py and evidence.py (rows made ready), costs.py (every count, cost and
budget), priors.py and learned.py (what is likely), candidates.py and convolutions.py (layers that fit a row),
search.py (rows in order) with states.py, maps.py and sources.py (what a row can read), blocks.py and rebuild.py (the
network), alternatives.py with impact.py (what stays open, and what it would mean), choices.py (what the text decides
of it), inference.py (the result). stated.py does the same for layers that a document states itself.
"""
