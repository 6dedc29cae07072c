"""Labelled images drawn from a seed, for a first try without a download and for tests.

Ten classes, one for each of five shapes in two textures (filled, striped), at random places, sizes and colours on a
noisy ground. Each class has a hue of its own, so that a small network learns them in an epoch or two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formats import Labels, Read, Split

SHAPES = ("square", "disc", "cross", "ring", "triangle")
SYNTHETIC_CLASSES = (*(f"{shape}" for shape in SHAPES), *(f"striped {shape}" for shape in SHAPES))


def draw(count: int, height: int, width: int, channels: int, classes: int, seed: int) -> Split:
    """`count` images with labels 0 to classes - 1 in turn, shuffled."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % classes).astype(np.int64)
    side = min(height, width)
    radius = random.uniform(0.26, 0.36, count)[:, None, None] * side
    rows, columns = (figure_distances(random, size, radius) for size in (height, width))
    rows, columns = (rows[:, :, None] / radius).astype(np.float32), (columns[:, None, :] / radius).astype(np.float32)
    shape, striped = labels % len(SHAPES), labels // len(SHAPES)
    figure = np.select([(shape == i)[:, None, None] for i in range(len(SHAPES))], masks(rows, columns))
    stripes = (np.floor((rows + columns) * 3) % 2 == 0) | (striped == 0)[:, None, None]
    ground = random.uniform(10, 90, (count, 1, 1, channels))
    colour = colours(random, labels, channels, classes)
    values = np.where((figure & stripes)[..., None], colour.astype(np.uint8), ground.astype(np.uint8))
    noise = random.integers(-8, 9, values.shape, dtype=np.int8)  # colours keep away from 0 and 255: nothing wraps
    return Split((values + noise.astype(np.uint8)).astype(np.uint8), labels)


def colours(random: np.random.Generator, labels: Labels, channels: int, classes: int) -> NDArray[np.float64]:
    """A colour for each figure, around its class's own hue, which a network finds before it finds shapes."""
    hue = (labels / classes + random.uniform(-0.03, 0.03, len(labels)))[:, None, None, None]
    wave = np.cos(2 * np.pi * (hue + np.arange(channels) / 3))
    return 145 + 60 * wave + random.uniform(0, 40, (len(labels), 1, 1, 1))


def figure_distances(random: np.random.Generator, size: int, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each pixel's distance from the figure's middle, which lies so that the figure fits."""
    span = radius[:, 0, 0]
    middle = random.uniform(span, np.maximum(size - span, span + 1e-3))
    return np.arange(size) + 0.5 - middle[:, None]


def masks(rows: NDArray[Any], columns: NDArray[Any]) -> list[NDArray[np.bool_]]:
    """Where each shape is, in coordinates in which it reaches from -1 to 1."""
    far = np.maximum(abs(rows), abs(columns))
    round_ = rows**2 + columns**2
    square, disc = far <= 0.85, round_ <= 1
    cross = (np.minimum(abs(rows), abs(columns)) <= 0.3) & (far <= 1)
    ring = disc & (round_ >= 0.3)
    triangle = (rows <= 0.9) & (abs(columns) <= (rows + 1) / 2)
    return [square, disc, cross, ring, triangle]


def read_synthetic(shape: tuple[int, ...], classes: int, train: int, test: int) -> Read:
    """A set that fits a network of that input (channels, height, width) and number of classes, from 2 to 10."""
    channels, height, width = shape
    first, second = (draw(n, height, width, channels, classes, seed) for n, seed in ((train, 1), (test, 2)))
    return Read(first, second, SYNTHETIC_CLASSES[:classes])
