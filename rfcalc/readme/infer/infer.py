"""A printed summary back into a network: the layers, what they read, and what the print leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ...engine.arch import Arch
from ...engine.geometry import shape_text
from ...errors import RfcalcError
from ..read.context import Context
from ..read.facts import StatedModel
from ..read.printout import Printout
from ..read.read import Document, read_document
from . import costs
from .alternatives import RowOptions, field_bounds, likely, with_fields
from .blocks import add_shortcuts, find_blocks
from .choices import LayerChoices, choose_for, choose_placed
from .evidence import with_evidence
from .image import possible_inputs
from .impact import Impact
from .inference import Inference, Unexplained
from .learned import learned_prior
from .opened import opened_printout
from .priors import Prior, Shape, first_prior
from .rebuild import Assembler, Assembly, alternate, misfits
from .search import Search
from .stated import Builder, buildable, notes_of, printout_of, stated_input
from .states import Item, Reading, impossible, items_of

STATED = {"table": "a table of layers", "list": "a list of layers", "code": "code"}


# --- finding it --------------------------------------------------------------------------------------------------


def infer_printout(printout: Printout, context: Context, image: Sequence[int] | None = None) -> Inference:
    """The network behind one printout; raises RfcalcError where not even the input can be told."""
    # Closed containers become the layers that they stand for, and every row an item that knows its layer type.
    printout = opened_printout(printout)
    items = items_of(printout.rows)
    if not any(item.op for item in items):
        raise RfcalcError(f"line {printout.line}: the summary has no layer that rfcalc knows")

    # What comes in: as the caller or a row says, else the likeliest by the first layer, the text and the sizes in MB.
    prior = first_prior(context)
    image = image or printout.image
    told = [Shape(image[0], tuple(image[1:]))] if image else possible_inputs(items, printout, context, prior)
    shape = next(iter(told), None)
    if shape is None:
        raise RfcalcError(no_input(items))

    # The rows, one after the other; what this network's own rows show may point to another input.
    reading, prior = _read(items, shape, context)
    others: list[Shape] = []
    if not image:
        others = possible_inputs(items, printout, context, learned_prior(reading, first_prior(context), skip=1))
        for other in others[: costs.OTHER_IMAGES if reading_ok(reading) else costs.OTHER_IMAGES_AMISS]:
            if other != shape:
                again, learned = _read(items, other, context)
                if again.cost < reading.cost + costs.OTHER_IMAGE * reading_ok(reading):
                    reading, prior, shape = again, learned, other

    # Where a row stays unexplained, a search that takes nothing for granted.
    if not reading_ok(reading) and len(items) <= costs.THOROUGH_ROWS:
        again = Search(items, shape, prior, block_places(items), thorough=True).run()
        reading = min(reading, again, key=lambda r: r.cost)

    # The network of all that, what it leaves open, and what the text decides of it.
    partial = _partial(printout, items, shape, reading, prior)
    others = [other for other in others[: costs.OTHER_INPUTS] if other != shape]
    return _conclude(partial, reading, prior, context, others)


def no_input(items: Sequence[Item]) -> str:
    """Why the input cannot be told: what the first layer prints is impossible, or fits none."""
    first = next(item for item in items if item.op)
    wrong = impossible(first)
    why = wrong[1] if wrong else "no input fits it; state it with --input"
    return f"line {first.row.line}: {first.row.label}: {why}"


def reading_ok(reading: Reading) -> bool:
    return all(d.candidate for d in reading.decisions)


def _read(items: Sequence[Item], image: Shape, context: Context) -> tuple[Reading, Prior]:
    """The likeliest reading, with the prior that it shows fed back until it stays."""
    told, blocks = first_prior(context), block_places(items)
    prior = told
    reading = Search(items, image, prior, blocks, thorough=False).run()
    for _ in range(costs.PASSES - 1):
        learned = learned_prior(reading, told)
        again = Search(items, image, learned, blocks, thorough=False).run()
        settled = [d.candidate and d.candidate.settings for d in again.decisions] == [
            d.candidate and d.candidate.settings for d in reading.decisions
        ]
        reading, prior = again, learned
        if settled:
            break
    return reading, prior


def block_places(items: Sequence[Item]) -> list[tuple[int, int]]:
    return [(block.first, block.row) for block in find_blocks(items)]


def _partial(printout: Printout, items: Sequence[Item], image: Shape, reading: Reading, prior: Prior) -> Inference:
    """The rows as read, with the shortcuts that no row shows."""
    notes = []
    alternate(reading, prior)
    shortcuts = add_shortcuts(reading, items, find_blocks(items))
    if shortcuts:
        names = sorted({block.type for block in shortcuts})
        notes.append(f"{len(shortcuts)} shortcuts in {', '.join(names)} are taken from the name: no shape shows them")
    return Inference(printout, image, tuple(reading.decisions), tuple(explain(reading)), notes=tuple(notes))


def _conclude(
    partial: Inference, reading: Reading, prior: Prior, context: Context, others: Sequence[Shape]
) -> Inference:
    """The network, if every row is explained; `others` are other inputs that would do."""
    if partial.unexplained:
        return partial
    try:
        assembly = Assembler(reading, partial.image, partial.printout).assembly()
        amiss = misfits(assembly)
    except RfcalcError as error:
        amiss = [(reading.decisions[0], str(error))]
    if amiss:
        return replace(partial, unexplained=tuple(Unexplained.of(d.item.row, why) for d, why in amiss))
    return _weigh(partial, assembly, reading, prior, context, others)


def _weigh(
    partial: Inference, assembly: Assembly, reading: Reading, prior: Prior, context: Context, others: Sequence[Shape]
) -> Inference:
    """Adds what is open, and lets what the text says of places, then a stated receptive field decide among it."""
    notes, decided_by = list(partial.notes), None

    def weighed(assembly: Assembly) -> tuple[Impact, RowOptions]:
        impact = Impact(assembled_arch(partial, assembly))
        return impact, with_fields(assembly, impact, prior, reading.shapes, others)

    def decided(changes: LayerChoices, by: str) -> Assembly:
        rows = [d.item.row.label for i in changes if (d := assembly.decisions[i - 1])]
        notes.append(f"{by} decides {', '.join(rows)}, which no shape shows")
        return assembly.exchanged({i: a.chain for i, a in changes.items()})

    # First the places, which name one row each.
    impact, options = weighed(assembly)
    if changes := choose_placed(impact.arch, options, context.places):
        assembly = decided(changes, "what the text says of places")
        impact, options = weighed(assembly)

    # How far the field is open, before the text's own figure closes it.
    chosen = {i: d.candidate.cost for i, d in enumerate(assembly.decisions, 1) if d and d.candidate}
    range_, whole = field_bounds(options, likely(options, chosen), impact), field_bounds(options, options, impact)

    if context.fields:
        stated = context.fields[0]
        if (found := choose_for(stated, impact, options, chosen)) is None:
            notes.append(f"no likely reading gives the stated receptive field of {stated}")
        elif found:
            decided_by, assembly = stated, decided(found, f"the stated receptive field of {stated}")
            impact, options = weighed(assembly)
        else:
            notes.append(f"it has the stated receptive field of {stated}")
    return replace(
        partial, arch=impact.arch, assembly=assembly, options=options, range=range_, least=whole and whole[0],
        decided_by=decided_by, notes=tuple(notes), decisions=tuple(d for d in assembly.decisions if d),
    )  # fmt: skip


def assembled_arch(partial: Inference, assembly: Assembly) -> Arch:
    """The network as a spec: its claims are the printed total."""
    total = partial.printout.totals.get("params")
    claims = {"params": int(total.value)} if total and total.value >= 0 else {}
    image = (assembly.image.channels, *assembly.image.sizes)
    style = partial.printout.style
    source = f"rebuilt from {STATED.get(style, f'a summary printed in the style of {style}')}"
    return Arch("inferred", image, assembly.nodes, source, partial.notes, claims, printed=assembly.printed)


def explain(reading: Reading) -> list[Unexplained]:
    """Why no layer fits the rows that stayed unexplained."""
    left = [d for d in reading.decisions if d.candidate is None]
    return [Unexplained.of(d.item.row, reason(d.item, reading.shapes.get(d.source))) for d in left]


def reason(item: Item, given: Shape | None) -> str:
    """Why no layer fits a row after the map that it reads."""
    if wrong := impossible(item):
        return wrong[1]
    if item.op is None or item.shape is None:
        what = f"with {item.params:,} parameters" if item.params else "that changes the map"
        return f"rfcalc knows no layer of this class {what}"
    if item.op == "layer_norm" and item.params in (2 * prod(item.shape.sizes[at:]) for at in range(2)):
        return f"{item.params:,} parameters are those of a norm over its last axes, which rfcalc has no layer for"
    after = shape_text((given.channels, *given.sizes)) if given else "nothing"
    out = shape_text((item.shape.channels, *item.shape.sizes))
    return f"no setting makes {out} with {item.params:,} parameters of {after}, nor of any likely earlier map"


def infer_stated(model: StatedModel, context: Context, image: Sequence[int] | None = None) -> Inference:
    """The network of a table with kernels, a list or code; raises RfcalcError where its input cannot be told."""
    builder = Builder(model, stated_input(model, context, image))
    builder.build()
    if model.problems:
        why = f"forward {model.problems[0]}: no layer does that, rfcalc traces the module itself"
        builder.unexplained.append(Unexplained(0, model.title or "forward", model.line, why))
    reading, printout = builder.reading, printout_of(builder)
    partial = Inference(printout, builder.image, tuple(reading.decisions), tuple(builder.unexplained))
    partial = replace(partial, notes=notes_of(builder))
    return _conclude(partial, reading, learned_prior(reading, first_prior(context)), context, ())


def infer(text: str, input: Sequence[int] | None = None, model: str | None = None) -> Inference:
    """The network that a text describes in a printed summary, a table with kernels, a list or code, the first one by
    default, prints in front; `model` is its number, or words of the headings above it; `input` is its shape, channels
    first. Raises RfcalcError where the text holds none.

    >>> rows = "Conv2d-1 [-1, 8, 32, 32] 224\\nReLU-2 [-1, 8, 32, 32] 0"
    >>> infer(rows, (3, 32, 32)).to_json()["layers"][0]["kernel_size"]
    3
    >>> infer("```\\nnn.Conv2d(3, 8, 5)\\nnn.Conv2d(8, 8, 3)\\n```", (3, 32, 32)).summary[1]
    'receptive field 7 before global pooling, 7 after'
    """
    document = read_document(text)
    found = models(document)
    if not found:
        raise RfcalcError(nothing_found(document))
    chosen = found[0] if model is None else chosen_model(document, found, model)
    context = document.around(chosen.line, len(found) == 1)
    if isinstance(chosen, Printout):
        inference = infer_printout(with_evidence(chosen, document.models), context, input)
    else:
        inference = infer_stated(chosen, context, input)
    if len(found) > 1 and model is None:
        places = ", ".join(document.text.where(one.line) for one in found)
        note = f"the text holds {len(found)} models ({places}); this is the first: --list names them, --model takes one"
        return replace(inference, notes=(*inference.notes, note))
    return inference


def models(document: Document) -> list[Printout | StatedModel]:
    """The networks of a document: its summaries, then the tables, lists and code that state kernels and channels."""
    prints = [printout for printout in document.printouts if printout.rows]
    return [*prints, *filter(buildable, document.models)]


def chosen_model(document: Document, found: Sequence[Printout | StatedModel], model: str) -> Printout | StatedModel:
    """The model of that number, or the only one below headings with those words."""
    if model.isdigit() and 1 <= int(model) <= len(found):
        return found[int(model) - 1]
    titled = [one for one in found if model.casefold() in title_of(document, one).casefold()]
    if len(titled) != 1 or model.isdigit():
        many = f"fits {len(titled)} of them" if titled else "fits none of them"
        raise RfcalcError(f"--model {model} {many}; " + "; ".join(model_lines(document, found)))
    return titled[0]


def title_of(document: Document, model: Printout | StatedModel) -> str:
    """The headings above a model; for code without any, its class."""
    return document.text.title(document.section(model.line)) or getattr(model, "title", "")


def model_lines(document: Document, found: Sequence[Printout | StatedModel]) -> list[str]:
    """A line for each model: its number, the headings above it, where it stands, its form and size."""
    lines = []
    for number, model in enumerate(found, 1):
        title, where = title_of(document, model) or "no heading", document.text.where(model.line)
        if isinstance(model, Printout):
            total = model.totals.get("params")
            params = f", params {total.text}" if total else ""
            lines.append(f"{number}: {title} ({where}, {model.style}, {len(model.rows)} rows{params})")
        else:
            lines.append(f"{number}: {title} ({where}, {model.form}, {len(model.facts)} rows)")
    return lines


def list_models(text: str) -> list[str]:
    """The models of a text, a line each; raises RfcalcError where there is none."""
    document = read_document(text)
    found = models(document)
    if not found:
        raise RfcalcError(nothing_found(document))
    return model_lines(document, found)


def nothing_found(document: Document) -> str:
    """What to say of a text without a network to build, by what it holds instead."""
    if document.models:
        model = document.models[0]
        what = {"table": "a receptive-field table"}.get(model.form, f"layers stated as {model.form}")
        missing = "kernels" if not model.states("kernel_size") else "output channels"
        return (
            f"{document.text.where(model.line)}: {what} that does not state all {missing}: nothing to build layers of; "
            "rfcalc audit checks it"
        )
    return "no network found: no summary such as `Conv2d-1  [-1, 32, 32, 32]  896`, no table with kernels, no code"
