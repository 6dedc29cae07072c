"""A page to explore networks: one HTML file that opens from disk, asks nobody for anything, and follows the engine.

In: networks. Out: a `Page`. Read door.py (the journey), html.py (the whole page), data.py and taps.py (what its script
reads), then its parts: graph.py, charts.py, rows.py, sections.py, all made by markup.py. With an editor beside it:
live.py (the server), source.py (the file), change.py (what a text means), mend.py (repairs). web/ holds the scripts,
built/ the same in one file each, put together by web/bundle.py from them and what web/vendor.py has fetched.
"""

from .door import Page, explore

__all__ = ["Page", "explore"]
