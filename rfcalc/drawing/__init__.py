"""Drawings of networks: the graph, how fields grow, what a unit sees, what it really depends on.

In: an `Arch`. Out: a plot as a figure or file. Read door.py (the journey), then the four plots: network.py (the graph),
growth.py, unit.py, effective.py (with counts.py); style.py is what they share. Where a graph's boxes stand: layout.py
(the journey), boxes.py (what is in a box), parts.py, sheet.py, rows.py, routing.py, fold.py and columns.py.
"""

from .door import plot

__all__ = ["plot"]
