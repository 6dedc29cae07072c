"""What a run leaves to be read: report.md, plots, images, and the verbs on a finished run.

Read report.py (the journey), page.py (report.md), plots.py, images.py, preview.py, finished.py (eval and
export), hub.py, compare.py.
"""
