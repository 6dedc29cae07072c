"""A page to explore networks: one HTML file that opens from disk, asks nobody for anything, and follows the engine's
own taps."""

from .door import Page, explore

__all__ = ["Page", "explore"]
