"""Hypothesis strategies for networks, families of them, and the images that they take."""

from .drawn_families import families
from .drawn_images import images
from .networks import archs, shapes, specs
from .settings import DRAWN_SETTINGS, TORCH_OPS

OPS = tuple(DRAWN_SETTINGS)
"""Every operation of the engine."""

__all__ = ["OPS", "TORCH_OPS", "archs", "families", "images", "shapes", "specs"]
