"""Which image a printed summary was made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...report.torchsummary import BYTES, MEGA, MIB
from ..read.context import Context
from ..read.printout import Printout
from . import costs
from .candidates import candidates
from .priors import Prior, Shape
from .states import Item


def possible_inputs(items: Sequence[Item], printout: Printout, context: Context, prior: Prior) -> list[Shape]:
    """Shapes that the image may have, the likeliest first; empty where the first row tells nothing."""
    given = [item.row.given for item in items if item.row.given]
    root = items[-1].row.given if items and items[-1].op is None else None
    if root or given:
        shape = root or given[0] or ()
        return [Shape(shape[0], shape[1:])] if len(shape) > 1 else [Shape(shape[0], (1,))]
    first = next((item for item in items if item.op and item.shape), None)
    if first is None or first.shape is None:
        return []
    rest = values_after(items, printout)
    stated = {key: total.value for key, total in printout.totals.items()}
    style = printout.style
    tried = dict.fromkeys(image_candidates(first, context))
    found = {image: image_cost(image, first, (style, stated), context, prior, rest) for image in tried}
    limit = min(costs.NO_IMAGE, min(found.values(), default=0.0) + costs.OTHER_SIZE)
    return sorted((image for image in found if found[image] < limit), key=lambda image: found[image])


def image_candidates(first: Item, context: Context) -> Iterator[Shape]:
    """Images that could stand in front of the first layer."""
    out = first.shape
    assert out is not None
    known = [shape for _, shape, _ in context.datasets]
    yield from (Shape(shape[0], shape[1:]) for shape in known)
    if first.op in ("linear", "flatten"):
        values = [out.channels] if first.op == "flatten" else [first.params // out.channels - b for b in (0, 1)]
        for count in values:
            yield from (Shape(s[0], s[1:]) for s in [costs.USUAL_VALUES.get(count, (count, 1))] if count > 0)
    elif not out.flat:
        channels = {out.channels}
        if first.op == "conv":
            weights = [first.params // out.channels - bias for bias in (0, 1)]
            read = {w // taps for w in weights for taps in costs.COMMON_TAPS if w > 0 and w % taps == 0}
            channels = {*read, *costs.CHANNELS}
        elif first.op == "conv_transpose":
            channels = {max(1, first.params // (out.channels * taps)) for taps in costs.COMMON_TAPS}
        for count in sorted(channels):
            for grow in costs.GROWTHS:
                yield Shape(count, tuple(n * grow for n in out.sizes))
            for stride in costs.FIRST_STRIDES:
                for more in costs.FIRST_MARGINS:
                    yield Shape(count, tuple(max(1, (n - 1) * stride + 1 + more) for n in out.sizes))
    else:
        yield Shape(out.channels, (1,))


def image_cost(
    image: Shape,
    first: Item,
    printed: tuple[str, Mapping[str, float]],
    context: Context,
    prior: Prior,
    rest: int | None,
) -> float:
    """How unlikely an image is, NO_IMAGE where the first layer cannot read it. `printed` has the print's style and its
    totals, `rest` is how many values the estimated total size counts beside the image's, where that is known."""
    assert first.shape is not None
    found = candidates(first.row.type, image, first.shape, first.params, prior)
    if not found:
        return costs.NO_IMAGE
    other = costs.OTHER_CHANNELS + costs.MORE_CHANNELS * image.channels
    cost = found[0].cost + costs.CHANNELS.get(image.channels, other) + size_cost(image)
    if context.image == (image.channels, *image.sizes):
        cost -= costs.NAMED_IMAGE
    torchinfo, stated = printed[0] == "torchinfo", printed[1]
    unit, batch = (MEGA, max(first.row.batch, 1)) if torchinfo else (MIB, abs(first.row.batch))
    values = {"input_mb": image.elements * batch}
    if rest is not None:
        values["total_mb"] = image.elements * batch + rest
    for key, count in values.items():
        if key in stated:
            cost += costs.OTHER_SIZE * (abs(count * BYTES / unit - stated[key]) > costs.ROUNDED)
    return cost


def size_cost(image: Shape) -> float:
    """How unusual the size of an image is."""
    size = image.sizes[0]
    if size in costs.COMMON_SIZES and (size != costs.GREY_SIZE or image.channels == 1):
        return 0.0
    return costs.USUAL_SIZE if size in costs.USUAL_SIZES else costs.UNUSUAL


def values_after(items: Sequence[Item], printout: Printout) -> int | None:
    """How many values torchsummary's estimated total counts beside the image's; None where the rows are not all there,
    by the other totals."""
    stated, params = printout.totals, sum(item.params for item in items)
    passed = 2 * sum(item.shape.elements * abs(item.row.batch) for item in items if item.shape)
    if printout.style == "torchinfo" or not {"params", "pass_mb"} <= stated.keys():
        return None
    whole = stated["params"].value == params and abs(passed * BYTES / MIB - stated["pass_mb"].value) <= costs.ROUNDED
    return passed + params if whole else None
