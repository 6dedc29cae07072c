"""Claims about a network that a document lists as constructor calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...engine.arch import Row
from ..read.context import Context
from ..read.listing import Listing, Variant, build, chain_breaks
from ..read.read import Document
from .facts import Facts, of_listing
from .verdict import Kind, Verdict


def listing_claims(
    listing: Listing, document: Document, image: tuple[int, ...] | None, facts: list[Facts]
) -> Iterator[Verdict]:
    """Fields, sizes, names and channels of a listed network; adds what it comes to to the facts."""
    shape = image or listing_image(listing, document.context)
    if shape is None:
        return
    fact, arch = of_listing(listing, shape)
    _, rows, problem = build(listing, shape, Variant(norms=listing.norms))
    facts.append(fact)
    if arch is None:
        line = listing.layers[0].line
        yield Verdict("listing", f"{len(listing.layers)} layers", None, "undetermined", line, problem)
    for note in listing.notes:
        row = rows[note.after - 1] if note.after <= len(rows) else None
        if row is None:
            continue
        axis = row.out.axes[0]
        computed = axis.size if note.what == "size" else axis.receptive_field
        kind: Kind = "right" if computed == note.stated else "wrong"
        name = listing.layers[note.after - 1].name
        why = f"after {name} the {'map' if note.what == 'size' else 'field'} is {computed}"
        yield Verdict(note.what, note.stated, computed, kind, note.line, why, note.label)
    yield from name_claims(listing)
    for broken, given, made in chain_breaks(listing):
        why = f"the layer in front of {broken.name} makes {made} channels"
        yield Verdict("in_channels", given, made, "wrong", broken.line, why, broken.name)
    yield from padding_claims(listing, shape)


def listing_image(listing: Listing, context: Context) -> tuple[int, ...] | None:
    """The input of a listed network: the channels of its first layer, and the size of the data set or first note."""
    channels = listing.layers[0].settings.get("in_channels")
    size = next((note.stated for note in listing.notes if note.what == "size"), None)
    if context.image and channels in (None, context.image[0]):
        return context.image
    return (channels, size, size) if channels and size else None


def name_claims(listing: Listing) -> Iterator[Verdict]:
    """Names that stand for two layers with weights, and names that the text uses for none."""
    seen: dict[str, dict[str, int]] = {}
    for layer in listing.layers:
        if layer.op != "conv":
            continue
        first = seen.setdefault(layer.name, layer.settings)
        if first is not layer.settings:
            why = f"{layer.name} names two layers: " + " and ".join(map(settings_of, (first, layer.settings)))
            yield Verdict("layer name", layer.name, None, "wrong", layer.line, why, layer.name)
    for name, line in listing.mentioned:
        yield Verdict("layer name", name, None, "undetermined", line, f"the text names {name}, the listing has none")


def settings_of(settings: dict[str, int]) -> str:
    return f"{settings.get('in_channels', '?')} to {settings.get('out_channels', '?')} channels"


def size_after(rows: Sequence[Row | None], after: int) -> int | None:
    """The size of the map after a listed layer; None where the network does not get so far."""
    row = rows[after - 1] if after <= len(rows) else None
    return row.out.axes[0].size if row else None


def padding_claims(listing: Listing, image: tuple[int, ...]) -> Iterator[Verdict]:
    """One padding said to be every layer's, against the stated sizes."""
    if listing.padding is None:
        return
    padding, line = listing.padding
    sizes = [note for note in listing.notes if note.what == "size"]
    _, plain, _ = build(listing, image, Variant(norms=listing.norms))
    _, literal, _ = build(listing, image, Variant(norms=listing.norms, padding=padding))
    agree = [sum(size_after(rows, n.after) == n.stated for n in sizes) for rows in (plain, literal)]
    if agree[1] >= agree[0]:
        kind: Kind = "right" if sizes and agree[1] == len(sizes) else "undetermined"
        yield Verdict("padding", padding, padding, kind, line, f"{agree[1]} of {len(sizes)} stated sizes follow")
        return
    kept = "with each layer padded to keep its map"
    why = f"with padding {padding} everywhere {agree[1]} of {len(sizes)} stated sizes follow, {kept} {agree[0]}"
    yield Verdict("padding", padding, None, "wrong", line, why)
