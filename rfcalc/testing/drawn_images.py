"""Random images for a network: the plain ones that show mistakes, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from .. import zoo
from ..engine.arch import Arch
from ..errors import RfcalcError, need

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_KINDS = ("zeros", "ones", "one pixel", "noise")


def images(
    target: str | PathLike[str] | Arch | Any, batch: int | None = None, *, input: Sequence[int] | None = None
) -> st.SearchStrategy[Tensor]:
    """Batches of images that a network takes, N x C x H x W (or 1 or 3 sizes), float32: black, white, one lit pixel, or
    standard normal noise of a drawn seed. `target` is a network, or the shape of its image (channels, then sizes);
    `batch` the number of images, by default 1 to 4. Needs torch.

    >>> from hypothesis import find
    >>> find(images((3, 8, 8)), lambda x: len(x) >= 2).shape
    torch.Size([2, 3, 8, 8])
    """
    need("torch", "torch")
    if isinstance(target, tuple | list) and all(isinstance(n, int) and n > 0 for n in target):
        shape = tuple(target)
    else:
        shape = zoo.load(target, input).input
    if len(shape) < 2:
        raise RfcalcError(f"images: a shape has channels and 1 to 3 sizes, not {list(shape)}")
    return drawn_images(shape, batch)


@st.composite
def drawn_images(draw: st.DrawFn, shape: tuple[int, ...], batch: int | None) -> Tensor:
    import torch

    count = batch or draw(st.integers(1, 4))
    kind = draw(st.sampled_from(IMAGE_KINDS))
    x = torch.zeros(count, *shape)
    if kind == "ones":
        x.fill_(1)
    elif kind == "one pixel":
        place: Any = (slice(None), slice(None), *(draw(st.integers(0, size - 1)) for size in shape[1:]))
        x[place] = 1
    elif kind == "noise":
        seed = draw(st.integers(0, 2**32 - 1))
        x = torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
    return x
