"""A document taken apart; nothing is judged here.

In: text. Out: `Document`: printed summaries, field tables, listings, statements. Read text.py (lines and sections) and
tables.py, read.py (the journey), rows.py and facts.py (what readers make), then a reader per file.
"""
