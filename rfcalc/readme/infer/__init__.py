"""The network behind a printed summary.

In: the rows of a print. Out: `Inference`: an `Arch`, and where the print leaves a choice. Read infer.py (the journey),
priors.py (what is likely), candidates.py and convolutions.py (layers that fit a row), states.py and search.py (rows in
order), blocks.py, rebuild.py, alternatives.py, image.py, inference.py (the result).
"""
