"""Seeds for every piece of randomness, each from the run's seed and the place where it is used.

Nothing draws from a stream that goes on from one use to the next: what a step, an epoch's order or a batch's
augmentation draws depends on (seed, purpose, epoch, batch, rank) alone. So a resumed run needs no saved random state,
and two workers or processes never draw the same numbers.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray


def seed_of(*parts: int | str) -> int:
    """A seed of 63 bits from any words and numbers.

    >>> seed_of(0, "order", 1) == seed_of(0, "order", 1), seed_of(0, "order", 1) == seed_of(0, "order", 2)
    (True, False)
    """
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*parts))


def order_of(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch takes its images."""
    return np.random.default_rng(seed_of(seed, "order", epoch)).permutation(count)
