"""What a user reads: figures as text, HTML, CSV and JSON.

In: an `Arch`. Out: tables and sentences. Read cells.py (a figure as text or JSON), grid.py (cells in columns, in every
form), table.py (the table of layers), torchsummary.py (the same as that package prints it), explain.py, findings.py,
claims.py (stated beside computed), counting.py (other ways to count), unit.py (what one unit sees), compare.py (several
networks), changes.py (one network, before and after).
"""
