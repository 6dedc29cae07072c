"""A document taken apart; nothing is judged here.

In: text. Out: `Document`: printed summaries, field tables, listings, statements. Read document.py (lines and tables),
read.py (the journey), then a reader per file.
"""
