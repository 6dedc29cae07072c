"""Drawings of networks: the graph, how fields grow, what a unit sees, what it really depends on."""

from .door import plot

__all__ = ["plot"]
