"""Layers written a line each, or in a chain of arrows, with the field or the map that they lead to:
Conv2d(8->16, 3x3, s=2): RF = 7; conv 3x3 (26x26x8) -> max pool (13x13x8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ...engine.geometry import Number
from .cells import FUSED, LATEX_TIMES, NAMED_CONV, SEVERAL, WEIGHTS, kind_of_operation, settings_in
from .facts import LayerFact, StatedModel
from .layer_table import shape_in
from .listing import ARROW
from .notes import FROM_TO, IN_AND_OUT, MAP, notes_in
from .text import Line, clean_cell

LAYER_LINE = re.compile(
    r"^[\s>*+-]*(?:\d{1,2}[.)]\s+)?\W{0,4}(?P<words>[A-Za-z].{2,120}?)\s*(?:[:=,|–-]|→|->|=>|➡|⇒)?\s*$"
)
STEP = re.compile(
    r"(?<![\d+*/.-])(?P<r_in>\d{1,4})\s*\+\s*\(\s*(?P<kernel_size>\d{1,2})\s*-\s*1\s*\)\s*[*·×x⋅]\s*(?P<j_in>\d{1,4})\s*=\s*"
    r"\W{0,2}(?P<r_out>\d{1,4})(?![\d.])"
)
"""The field of one layer worked out: 6 + (3 - 1) * 2 = 10."""
STATEMENT = re.compile(
    r"\b(?:in(?:put)?(?:\s(?:size|shape))?\s*[:=]|R\.?F\b|receptive\b|output\b|out\b|jump\b|(?<!kernel.)(?<!filter.)(?<!pool.)(?<!of.)size\b)",
    re.IGNORECASE,
)
ARROWED = re.compile(r"(?:→|->|=>|➡|⇒)\s*[(\[]?(\d{1,4}\s?[x×]\s?\d{1,4}(?:\s?[x×]\s?\d{1,5})?)")
"""What comes out, behind an arrow: Conv 3x3, 16 filters -> 30x30x16."""
COMES_IN = re.compile(r"\b(?:on|of|from|in|into|input|takes|over)\W+(?:(?:an?|the)\W+)?$", re.IGNORECASE)
"""In front of a map: it is none that a layer makes."""
STEPS, OUTPUTS = re.compile(r"\s*strides?\b", re.IGNORECASE), re.compile(r"\boutputs?\W{0,3}$", re.IGNORECASE)
"""Behind a map: it is a stride; in front of one: it comes out."""
CHAIN = 4
"""Parts of a line between arrows that make it a chain of layers."""
OUTPUT_LAYER = re.compile(r"^\W*output\s*:\s*(?=.{0,20}\bconv)", re.IGNORECASE)
"""The name of the last layer, not what comes out: "Output: 4x4 conv"."""
BLOCK_LINE = re.compile(r"^\W*(?:block|stage)\s*\w{1,3}\W{0,3}:", re.IGNORECASE)
UNITS = re.compile(r"\]\s*(?:→|->|=>|,)\s*\[")
"""Convolutions of a block in brackets: [1x1,512] -> [3x3,512]."""
UNITS_TO = re.compile(
    r"(?P<words>(?!.*(?:flatten|reshape|view))[^\d→>]{0,40}?(?:linear|dense|fully|fc)\d?[^\d→>]{0,25})(?<![\d.×x])(?P<ch_in>\d{2,6})\s?"
    r"(?:→|->|=>|[x×])\s?(?P<ch_out>\d{1,5})(?!\s?(?:[x×\d]|→|->|=>))",
    re.IGNORECASE,
)
"""A dense layer with the units of both sides: Linear: 1,296 → 10, FC (2048x512)."""
ROUTED = re.compile(r"^\s*\d{1,3}\s+(?:route|shortcut|upsample|reorg|yolo|detection)\b", re.IGNORECASE)
"""A row of Darknet's list, behind which another map is read."""
SEPARATED = re.compile(r"\bdw|depth|separab", re.IGNORECASE)
BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s")
BARE_POOL = re.compile(r"^\W*(?:max|avg|mean)?[\s-]?pool(?:ing)?\s(\d)\s*$", re.IGNORECASE)
"""A pool with its kernel: pool 5."""
NODE = re.compile(r"^\s*\w{1,12}(?:\[[^\[\]]{0,120}\])?\s*-{2,4}>\s*\w{1,12}(?=[\[({])")
"""The names of the nodes in a drawing, K2 of J2 --> K2["Pooling"], which are no settings."""
MAP_FIRST = re.compile(
    r"^\W*?(?:\d{1,2}[.)]\s*)?\[\s*(?P<map>\d{1,4}(?:\s?[x×*]\s?\d{1,4}){2})\s*\]\s*(?P<rest>[A-Za-z].{2,})$"
)
"""What comes out in front of the layer: [55x55x96] CONV1: 96 11x11 filters at stride 4, pad 0."""
SHAPE = r"\(?\d{1,4}\s?[x×*]\s?\d{1,4}\s?[x×*]\s?\d{1,5}\)?"
STEP_SIGN = r"\s*(?:\||│|→|-{1,2}>|=>)\s*"
DRAWN = re.compile(
    rf"^\W*(?P<given>{SHAPE}){STEP_SIGN}(?P<how>[^|→>]{{2,60}}?){STEP_SIGN}(?P<made>{SHAPE})(?P<rest>\W.*)?$",
    re.IGNORECASE,
)
"""What comes in, the weights or the pool, what comes out: 28x28x1 | 3x3x1x8 -> 26x26x8 | RF: 3."""
POOL_ALONE = re.compile(
    r"^\W*(?:max|avg|average|mean)?[\s-]?pool(?:ing)?\s?\(?\s?(\d)\s?[x×]\s?\1\s?\)?\W*$", re.IGNORECASE
)
"""A pool between two such rows: Maxpooling(2x2)."""
INPUT_FIRST = re.compile(
    r"^\W*(?:input|image)\b\D{0,20}(?P<n>\d{1,4})\s?[x×]\s?(?P=n)\b[^→>]{0,20}?(?:→|-{1,2}>|=>)\s*(?=.{0,30}(?:→|-{1,2}>|=>))",
    re.IGNORECASE,
)
"""The image at the head of a chain: Input: 28x28 → Conv(3x3) → 28x28 (RF: 3x3)."""
LINE_KINDS = ("conv", "pool", "global")
LONGEST = 300
"""Characters of such a line; longer ones are prose."""
LEFT_OUT = re.compile(r"^\W*(?:\.\.\.|…|⋮)\W*$")
"""A line that stands for layers."""
FEWEST_LINES = 3
"""Layers that make such a list."""
LINES_APART, DRAWN_APART = 6, 12
"""Lines between two layers of one list, and of one drawing in a block of code."""
PLAIN_KERNELS = (1, 3, 5, 7)
CODE = re.compile(
    r"\bself\.|\bnn\.|^\s*[)#]|\bdef\b|\bimport\b|\w\(\w+_\w+\s*=|^\s*\w+\s*=\s*[\w.]+\(.*(?:\)\(|\w=[\"'\w(])"
)
TWO = re.compile(r"\bconv|pool", re.IGNORECASE)
"""A name of a window; a line with three of them speaks of several layers."""
WINDOW_WORDS = re.compile(r"(?:^|\W)(?:\d{1,2}\s?[x×]\s?\d{1,2}|kernel|k\s?=|gap\b|global|adaptive)", re.IGNORECASE)


def line_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The lists of such lines: at least three layers, with a kernel and a field or a size each. A list of sizes may
    have a heading for each layer."""
    runs: list[list[LayerFact]] = [[]]
    section = block = None
    texts = {line.number: line.text for line in lines}
    for line, fact in facts_of(lines):
        run = runs[-1]
        if fact.kind == "flat" and not any(one.kind in LINE_KINDS for one in run):
            continue
        goes_on = bool(run) and fact.cells.get("n_in", 0) == run[-1].cells.get("n_out")
        anew = fact.kind == "input" or (line.section != section and "r_out" in fact.cells and not goes_on)
        apart = DRAWN_APART if line.code and line.block == block else LINES_APART
        between = range(run[-1].line + 1, fact.line) if run else ()
        left_out = any(LEFT_OUT.match(texts.get(n, "")) for n in between[:apart])
        if run and (anew or left_out or fact.line - run[-1].line > apart):
            runs.append([])
        section, block = line.section, line.block
        runs[-1].append(fact)
    return [
        replace(model_of_lines(run), sums=tuple(steps_amiss(run, texts)))
        for run in runs
        if sum(fact.kind != "input" and bool({"n_out", "r_out"} & fact.cells.keys()) for fact in run) >= FEWEST_LINES
        or begins_with_an_image(run)
    ]


def steps_amiss(run: Sequence[LayerFact], texts: Mapping[int, str]) -> Iterator[tuple[int, int, str, Number, Number]]:
    """The fields whose own arithmetic gives another figure, and the kernels in it that give it only as the layer's
    words have them: number and line of the row, column, what is stated, what it should be."""
    for place, fact in enumerate(run, 1):
        if step := STEP.search(texts[fact.line]):
            given, kernel, jump, made = map(int, step.groups())
            own = int(fact.cells["kernel_size"])  # of the words, where they state it
            if own != kernel and given + (own - 1) * jump == made:
                yield place, fact.line, "kernel_size", kernel, own
            elif (value := given + (kernel - 1) * jump) != made:
                yield place, fact.line, "r_out", made, value


def model_of_lines(run: Sequence[LayerFact], form: str = "list") -> StatedModel:
    """The list as a model: where some rows state a stride above 1, the other convolutions have 1."""
    run = with_kernels(run)
    strided = any(fact.cells.get("stride", 1) > 1 for fact in run)
    facts = tuple(
        replace(
            fact, number=place, cells={"stride": 1, **fact.cells} if strided and fact.kind == "conv" else fact.cells
        )
        for place, fact in enumerate(run, 1)
    )
    lines = frozenset(line for fact in run for line in (fact.line, *dict(fact.places).values()))
    return StatedModel(form, run[0].line, (facts,), lines=lines)


def with_kernels(run: Sequence[LayerFact]) -> Sequence[LayerFact]:
    """The layers with the sizes of convolutions as kernels, where all are the same and larger maps come behind them:
    Conv 3x3x8, Conv 3x3x16, MaxPool 28x28 -> 14x14."""
    sized = [place for place, fact in enumerate(run) if fact.kind == "conv" and "n_out" in fact.cells]
    sides = {run[place].cells["n_out"] for place in sized if "kernel_size" not in run[place].cells}
    behind = run[sized[0] :] if sized else ()
    others = [fact.cells["n_out"] for fact in behind if fact.kind == "pool" and "n_out" in fact.cells]
    if len(sized) < 2 or len(sides) != 1 or not others or not max(others) > max(sides) in PLAIN_KERNELS:
        return run
    return [
        replace(fact, cells={"kernel_size" if key == "n_out" else key: n for key, n in fact.cells.items()})
        if place in sized and "kernel_size" not in fact.cells
        else fact
        for place, fact in enumerate(run)
    ]


def facts_of(lines: Sequence[Line]) -> Iterator[tuple[Line, LayerFact]]:
    """The lines, or parts of a chain, that state a layer in one of the ways below, the first that fits."""
    rows = False
    for line in (replace(one, text=OUTPUT_LAYER.sub("", one.text)) for one in lines):
        text = (
            clean_cell(MAP_FIRST.sub(map_behind, LATEX_TIMES.sub("*", NODE.sub("", line.text))))
            if len(line.text) <= LONGEST and not CODE.search(line.text)
            else ""
        )
        text = text.strip("|│║ ")
        image = INPUT_FIRST.match(text)
        first = {"n_in": int(image["n"])} if image else {}
        parts = parts_of(INPUT_FIRST.sub("", text))
        for part in parts if text.count("|") < CHAIN - 1 else ():
            found = (way(part, line) for way in (worked_out, dense, routed, bare_convolution, drawn, described))
            if fact := next(filter(None, found), None):
                yield line, replace(fact, cells={**first, **fact.cells})
                first, rows = {}, drawn_row(part) is not None
            elif rows and (pool := POOL_ALONE.match(part)):
                k = int(pool[1])
                yield line, LayerFact(0, line.number, part, "pool", {"kernel_size": k, "stride": k})


def worked_out(text: str, line: Line) -> LayerFact | None:
    """A layer whose field is worked out: conv1: 3 + (3 - 1) * 1 = 5."""
    step = STEP.search(text)
    if not step or text[: step.start()].count("+"):
        return None
    name = text[: step.start()].strip(" =")
    _, notes = split_notes(text)
    maps = {key: n for key, n in notes.items() if key in ("n_in", "n_out", "ch_out")}
    cells = {**maps, **{key: int(n) for key, n in step.groupdict().items()}, **settings_in(name)}
    pool = kind_of_operation(name) == "pool"
    cells = {"stride": 2, **cells} if pool and cells["kernel_size"] == 2 else cells
    kind = "conv" if not pool else "pool" if "stride" in cells else "other"  # it may overlap
    return LayerFact(0, line.number, name, kind, cells)


def dense(text: str, line: Line) -> LayerFact | None:
    units = UNITS_TO.match(text.replace(",", ""))
    if not units or kind_of_operation(units["words"]) != "flat":
        return None
    cells = {"ch_in": int(units["ch_in"]), "ch_out": int(units["ch_out"])}
    return LayerFact(0, line.number, units["words"], "flat", cells)


def routed(text: str, line: Line) -> LayerFact | None:
    return LayerFact(0, line.number, text, "other", {}) if ROUTED.match(text) else None


def bare_convolution(text: str, line: Line) -> LayerFact | None:
    """One convolution in a list whose line states its kernel and the channels of both sides, and no figure of a map:
    Conv1.2: 3x3, stride=2, channels: 32→48."""
    cells: dict[str, Number] = dict(settings_in(text))
    whole = cells.keys() >= {"kernel_size", "ch_in", "ch_out"} and kind_of_operation(text) == "conv"
    several = SEVERAL.search(text) or len(TWO.findall(text)) > 1
    if not whole or several or STATEMENT.search(text) or MAP.search(text) or not BULLET.match(line.text):
        return None
    split = bool(SEPARATED.search(text))  # its count is another one, and it may be two layers
    cells |= {"groups": cells["ch_in"]} if split else {}
    return LayerFact(0, line.number, text.strip(" -*+"), "conv", cells, several=split)


def drawn_row(text: str) -> re.Match[str] | None:
    return DRAWN.match(re.sub(r"[xX]{1,2}(?=\d)", "x", text))  # 4x4xx16


def drawn(text: str, line: Line) -> LayerFact | None:
    """A row of a drawing: what comes in, the weights or the pool's name, what comes out."""
    match = drawn_row(text)
    if not match:
        return None
    weights = WEIGHTS.fullmatch(f"({match['how'].strip('() ')})".replace(" ", "").replace(")x(", "x"))
    kind = "conv" if weights else kind_of_operation(match["how"])
    settings = {"kernel_size": int(weights[1])} if weights else settings_in(match["how"])
    if (weights and weights[1] != weights[2]) or kind not in LINE_KINDS:
        return None
    (n_in, *_), ch_in = shape_in(match["given"])
    (n_out, *_), ch_out = shape_in(match["made"])
    maps = {"n_in": n_in, "ch_in": ch_in, "n_out": n_out, "ch_out": ch_out}
    fields = {key: n for key, n in notes_in(match["rest"] or "").items() if key == "r_out"}
    cells = {key: n for key, n in {**maps, **settings, **fields}.items() if n is not None}
    return LayerFact(0, line.number, match["how"], kind, cells)


def described(text: str, line: Line) -> LayerFact | None:
    """A line that names a window and states what comes out of it; two windows in a line are none. A line about the
    input states what goes into the first."""
    if not (STATEMENT.search(text) or MAP.search(text) or ARROWED.search(text)):
        return None
    weights = WEIGHTS.search(text)
    if weights and weights[4] and MAP.match(text):
        return None  # a row of a drawing: what comes in, the weights, what comes out
    words, notes = split_notes(text)
    kind, settings = kind_of_operation(words), settings_in(words)
    if kind == "conv" and not NAMED_CONV.search(words) and FROM_TO.search(text):
        return None  # 28x28 -> 14x14: what a block makes of a map
    if kind == "input" or (kind == "other" and MAP.search(text) and re.search(r"\bimage", text)):
        image = MAP.search(text)
        if not image or len(MAP.findall(text)) > 1:
            return None
        sizes, channels = shape_in(image[1])
        return LayerFact(0, line.number, "input", "input", {"n_out": sizes[0], "ch_out": channels or 1})
    kind = "conv" if FUSED.search(words) or (kind == "other" and "kernel_size" in settings) else kind
    if kind == "pool" and "kernel_size" not in settings and (bare := BARE_POOL.search(words)):
        settings = {**settings, "kernel_size": int(bare[1]), "stride": int(bare[1])}
    if kind == "resample" and "n_out" in notes:
        return LayerFact(0, line.number, words, kind, notes, several=True)
    windowed = WINDOW_WORDS.search(text) or "kernel_size" in settings or (kind == "pool" and "n_out" in notes)
    sized = "n_out" in notes and ({"ch_out"} & {*settings, *notes} or kind != "conv")
    alone = len(TWO.findall(words)) < CHAIN - 1
    if kind not in LINE_KINDS or not windowed or not ("r_out" in notes or sized) or not alone:
        return None
    match = LAYER_LINE.match(words)
    kind = "other" if kind == "global" and notes.get("n_out", 1) != 1 else kind
    if kind == "global" and settings.get("kernel_size") == 1:  # what it leaves: 1x1
        settings = {key: value for key, value in settings.items() if key != "kernel_size"}
    if settings.get("ch_in") == notes.get("ch_out") != settings.get("ch_out", 0):  # (3x3x384): filters
        settings = {key: value for key, value in settings.items() if key != "ch_in"}
    several = (
        bool(SEVERAL.search(words) or BLOCK_LINE.match(text) or UNITS.search(text))
        or len({name.lower() for name in TWO.findall(words)}) > 1
    )
    return LayerFact(0, line.number, match["words"] if match else words, kind, {**settings, **notes}, several=several)


def map_behind(match: re.Match[str]) -> str:
    return f"{match['rest'].replace(' * ', 'x')} -> {match['map'].replace('*', 'x')}"


def begins_with_an_image(run: Sequence[LayerFact]) -> bool:
    """Whether convolutions lead from an image on, each reading the channels that the one above makes."""
    convs = [fact.cells for fact in run if fact.kind == "conv"]
    linked = all(above.get("ch_out") == below.get("ch_in") is not None for above, below in pairwise(convs))
    return len(convs) > FEWEST_LINES and convs[0].get("ch_in") in (1, 3) and linked


def parts_of(text: str) -> list[str]:
    """A chain of arrows as its layers, each with the map that may stand behind it; any other line as it is."""
    parts = ARROW.split(text)
    if len(parts) < CHAIN:
        return [text]
    found: list[str] = []
    for part in parts:
        if found and MAP.fullmatch(part.strip("()[]` ")):
            found[-1] += f" -> {part}"
        else:
            found.append(part)
    return found


def split_notes(text: str) -> tuple[str, dict[str, Number]]:
    """The words that describe the layer, and the figures stated after them."""
    at = IN_AND_OUT.search(text) or STATEMENT.search(text)
    words, notes = (text[: at.start()], notes_in(text[at.start() :])) if at else (text, {})
    notes = {key.replace("said", "ch"): n for key, n in notes.items()}  # no call says otherwise
    maps = [m for m in MAP.finditer(text) if not COMES_IN.search(text[: m.start()]) and not STEPS.match(text, m.end())]
    told = [m for m in maps if OUTPUTS.search(text[: m.start()])] or [m for m in maps if settings_in(text[: m.start()])]
    made = ARROWED.search(words) or next(iter([*told, *maps]), None)
    if made and "n_out" not in notes:
        sizes, channels = shape_in(made[1])
        both = FROM_TO.search(words)
        given = shape_in(both[1])[0] if both and both.end(2) == made.end(1) else ()
        whole = "kernel_size" in settings_in(words[: both.start()]) if both else False
        notes |= {"n_in": given[0]} if whole and given and sizes and given[0] >= sizes[0] else {}
        notes |= {"n_out": sizes[0]} | ({"ch_out": channels} if channels else {}) if sizes else {}
        words = words[: made.start()]
    return words, notes
