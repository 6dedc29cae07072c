"""Figures that comments state of the layers beside them: nn.Conv2d(16, 32, 3)  # 28x28x16 -> 26x26x32 | RF: 9."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...engine.geometry import Number
from .facts import LayerFact
from .layer_table import Order, shape_in

Notes = dict[str, Number]


class Drawn(int):
    """A size that a comment draws as a square, 32x32: no count of channels."""


SHAPE = (
    r"\s*(?:[:：=-]+>?|(?<=size)\s|(?<=shape)\s|(?:(?<=input)|(?<=output))\s(?=\d+\s?[x×X*]\s?\d))\s*[(\[]?\s*(?P<value>\d{1,5}(?:\s*[x×X*,]\s*\d{1,5}){0,3})"
    r"(?!\d|\s*(?:-+>|=>|→)\s*\d|\s*(?:channels?|filters?|ch|maps?|kernels?|features?)\b)"
)
NOTES = {
    "n_in": re.compile(
        r"\b(?:input|in|n_?in)(?:[\s_-]?(?:size|shape|image|channel|dim(?:ension)?s?)){0,2}" + SHAPE, re.IGNORECASE
    ),
    "n_out": re.compile(
        r"(?:\b(?:output|out|o/?p|n_?out)(?:[\s_-]?(?:size|shape|dim(?:ension)?s?))?|"
        r"输出\S{0,5}?|出力\S{0,4}?|출력\s?(?:크기)?)" + SHAPE,
        re.IGNORECASE,
    ),
    "r_out": re.compile(
        r"\b(?:R\.?F|receptive[\s_-]{0,2}fi?e?i?ld|r_?out|RF[\s_]?out)(?:\s*(?:size|calculation|\([^()\d]{1,20}\)))?\s*(?:[:=]>?|-+>?)?\s*"
        r"(?P<value>\d{1,5})(?![\d.]|\s?[-+*%](?!>))",
        re.IGNORECASE,
    ),
    "r_in": re.compile(r"\b(?:r_?in|rf_?in)\s*[:=]\s*(?P<value>\d{1,5})(?![\d.]|\s?[-+*%])", re.IGNORECASE),
    "j_in": re.compile(r"\bj_?in\s*[:=]\s*(?P<value>\d{1,4})\b", re.IGNORECASE),
    "j_out": re.compile(r"\b(?:jump|j_?out)(?:[\s_]?out)?\s*[:=]\s*(?P<value>\d{1,4})\b", re.IGNORECASE),
}  # fmt: skip
FEWEST_SIZES = 2
"""Plain numbers that are no channels, before one that may be is taken for a size."""
FORMULA_BEFORE = re.compile(
    r"=\s*(?![^=]{0,80}\b(?:in|out)(?:put)?\s*=)[A-Za-z(][\w\s()+*/×.-]{2,60}[-+*/×][\w\s()+*/×.-]{1,60}=(?=\s*\d)"
)
"""A formula in front of its value: r_out = r_in + (k-1)*j_in = 10."""
FIELDS_FROM_TO = re.compile(r"(?<=[Rr][Ff])(\s*[:=]?)\s*\d{1,4}\s*(?:[-=]*>|→)\s*(?=\d{1,4}(?!\s?[x×]|\d))")
"""The field in front of a layer and behind it, RF: 5 -> 9: what stands before the second."""
FIELD_TOLD = re.compile(r"\bR\.?F\b(?:\s+(?:here|now))?\s+(?:is|of|will be|has become|becomes)\s+(?=\d)", re.IGNORECASE)
BATCHED = re.compile(
    r"(?P<word>\b(?:in|out)(?:put)?(?:\s(?:size|shape))?|\bo/p|출력\s?(?:크기|형태)?|输出\S{0,4}|出力\S{0,4}|^)\W{0,3}[(\[]\s*"
    r"(?:batch\w*|bs?|n|none|-1)\s*,\s*(?P<channels>\d{1,4})\s*,\s*(?P<n>\d{1,4})\s*,\s*(?P=n)\s*[)\]]",
    re.IGNORECASE,
)
"""What comes in or out, with its batch: output [batch_size, 64, 8, 8]."""
BECOMES = re.compile(r"\bbecomes?\s+(\d{1,4})\s?[x×*]\s?\1\b(?!\s?[x×*])", re.IGNORECASE)
"""What comes out in words: this will become 26*26."""
SEVERAL_FIELDS = re.compile(r"R\.?F\s*[:=]\s*\d{1,4}(?:,\d{1,4})+\s*$", re.IGNORECASE)
"""One for each path of a block: RF=6,14."""
LAYER_NAMED = re.compile(
    r"\W*(?:(?:max|avg|average)[\s_-]?pool|conv(?:olution)?[123]d|flatten|dense|linear|fully)\w*", re.IGNORECASE
)
"""A class in front of the figures of a comment."""
OF_A_BLOCK = re.compile(r"^\W*(?:C\d|block|stage)\b[^x×]{0,60}\(.*\d\s?[x×]\s?\d.*(?:-+>|→)", re.IGNORECASE)
"""A heading that says what a block as a whole makes of a map."""
BLOCK_FROM_TO = re.compile(
    r"^\W*(?:[a-z]+\s)?(?:block|stage)\s*\w{1,2}\s*[:–-].*\d\s?[x×]\s?\d+.*(?:-+>|=>|→)", re.IGNORECASE
)
"""The same with the maps behind a colon, and with the field: Block 1: 28x28 -> 14x14 (RF: 6)."""
SIZE_WORKED_OUT = re.compile(r"\br_?out\W{0,3}\([^()=]{3,30}\)\s*/\s*\d\s*\+\s*1\s*=\s*\d+", re.IGNORECASE)
"""The arithmetic of a size under the word of a field: r_out: (28 + 2*0 - 3)/1 + 1 = 26."""
SUM_BEFORE = re.compile(r"[:=]\s*[\[(]?\d[\d\s()+*/x×\]-]{2,60}=(?=\s*\d)")
"""Arithmetic in front of its value: RF = 3 + (3-1)*1 = 5."""
ARROWED_SUM = re.compile(r"[:=]\s*\(?\d[\dx×\s]{0,9}[+*/(-][\d\s()+*/-]{2,60}-+>(?=\s*\d)")
"""The same with an arrow: RF: 5 + (3 - 1) * 2 -> 9."""
WORKED_ON_THE_WAY = re.compile(
    r"(?:-+>|=>|→)\s*\(\s?\d{1,4}\s?[-+][\d\s()+*/-]{2,40}?(?:-+>|=>|→|=)\s*(?=\d{1,4}\s?[x×])"
)
"""Arithmetic between two maps: 1024x1024 -> (1024-3)/2 + 1 => 511x511x32."""
SQUARE = re.compile(r"(?<![\d*+/(-])(?<![\d*+/(-]\s)\b(\d{1,4})\s?\*\s?\1\b(?!\s?[*+/\d-])")
BEHIND_A_DASH = re.compile(r"\bG?(R\.?F)\s*-\s*(?=\d)", re.IGNORECASE)
"""The word of a field that a dash divides from it: RF - 28*28."""
TIMES_A_KERNEL = re.compile(r"(\d+[x×]\d+[x×]\d+)\s*\*\s*\d+[x×]\d+(?:[x×]\d+){0,2}")
"""A map and the kernel that passes over it: 32x32x3 * 3x3x3."""
ARROW = re.compile(r"\d\s*(?:[-=]*>|→)\s*\d")
"""Between two figures."""
STARRED = re.compile(r"(?<![\d*]) ?\b(\d{1,4})\s?\*\s?\1\s?\*\s?(\d{1,4})(?=\s*(?:-+>|=>|→|[>(,;|]|$|R\.?F\b))")
"""A map beside an arrow: 28*28*1 -> 26*26*16."""
SAID = ("said_in", "said_out")
"""The channels that a comment states; those of the call beside it are the layer's."""
OUTS = {SAID[1], *(key for key in NOTES if key.endswith("_out"))}
SIDED_NOTE = re.compile(r"\b(?:R\.?F|out(?:put)?s?)(?:[\s_]size)?\s*[:=-]{0,2}\s*[(\[]?\s*\d", re.IGNORECASE)
NOT_INSIDE = r"(?<![\dx×])"
DRAWN_SIZES = NOT_INSIDE + r"(\d{1,4}(?:\s?[x×]\s?\d{1,4}){1,2})"
FROM_TO = re.compile(
    rf"{DRAWN_SIZES}\s*(?:>>?|-+>|=>|→|\boutput(?!\s*[|:,;=-])|\bgives\b|\bbecomes\b)\s*(?:o/?p\s*[=:]\s*)?"
    rf"{DRAWN_SIZES.removeprefix(NOT_INSIDE)}",
    re.IGNORECASE,
)
"""The size that comes in and the one that goes out: 28x28 -> 26x26, 28x28 output 26x26."""
PLAIN_FROM_TO = re.compile(
    r"(?:^|[,;:|(])\s*(\d{1,3})\s*(?:-+>|=>|→)\s*(\d{1,3})\s*(?=$|[,;|)]|\bR\.?F\b)", re.IGNORECASE
)
"""The same with one number each, 28 -> 26; what repeats the layer's channels is left out later."""
OF_CHANNELS = re.compile(
    r"channel|filter|stride|kernel|\bpad|\bconv\d?\s*:|^(?!.*\bR\.?F\b).*\d\s?[x×]\s?\d", re.IGNORECASE
)
"""Words, kernels and maps beside which two numbers alone are channels: L1: 40 -> 20, 3x3 conv."""
IN_AND_OUT = re.compile(rf"{DRAWN_SIZES}\s+in(?:put)?\b\W{{1,4}}{DRAWN_SIZES}\s+out(?:put)?\b", re.IGNORECASE)
"""The word behind the map: 32x32x1 in, 28x28x6 out."""
FIELD_LAST = re.compile(r"\s*(?:-+>|=>|→)\s*(\d{1,4})\s?[x×]\s?\1\s*$")
"""The field behind both maps: 28x28x1 --> 26x26x12 --> 3x3."""
GOES_ON = re.compile(r"\s*(?:-+>|=>|→)\s*\d+\s?[x×]\s?\d")
LEADS_TO = re.compile(r"\bR\.?F\b[^>]{0,12}(?:-+>|=>|→)\s*(\d{1,4})\s?[x×]\s?\1\s*$", re.IGNORECASE)
"""A map behind the field: rf 5 -> 28x28."""
TERSE = re.compile(
    r"^\s*(?P<n_in>\d{1,3})(?:,(?P<said_in>\d{1,4}))?\s?-?>\s?(?P<n_out>\d{1,3})(?:,(?P<said_out>\d{1,4}))?\s*\|"
    r"(?:\s*(?:(?P<r_in>\d{1,3})\s?-?>\s?)?(?P<r_out>\d{1,3})\s*(?:\||$))?"
)
"""The same with channels, or with the field behind: 14,16>7,16|RF:21, 28 > 14 | 6, 7 -> 1 | 16>20 |."""
MAP = re.compile(
    r"(?<![\dx×*@])(\d{1,4}\s?@\s?\d{1,4}\s?[x×]\s?\d{1,4}|\d{1,4}\s?[x×]\s?\d{1,4}\s?[x×@]\s?\d{1,5})(?!\s?[x×*]?\s?\d)"
)
"""Sizes with channels: 28x28x16, 16@28x28."""
BRACKETED_MAP = re.compile(r"[(\[](?:(?:\w{1,10}|-1)\s*,\s*)?(\d{1,4}\s*,\s*\d{1,4}\s*,\s*\d{1,4})[)\]]")
"""The same as torch prints it, [-1, 16, 28, 28] or (16, 28, 28)."""
LINE_FROM_TO = re.compile(
    r"[(\[]\s*(?:[A-Za-z_]\w{0,9}|-1)\s*,\s*(?:(?P<said_in>\d{1,5})|\w{1,20})\s*,\s*(?P<n_in>\d{1,6})\s*[)\]]\s*(?:-+>|=>|→)\s*"
    r"[(\[]\s*(?:[A-Za-z_]\w{0,9}|-1)\s*,\s*(?:(?P<said_out>\d{1,5})|\w{1,20})\s*,\s*(?P<n_out>\d{1,6})\s*[)\]]"
)
"""Both maps of a layer in one dimension: (batch, 1, 720) -> (batch, 32, 360)."""
LAST = re.compile(r"(\d+)\s*,\s*\1\s*,")
"""A square map with its channels behind, whatever class is called."""
FIELD_BEHIND = re.compile(r"\d\s*\|\s*(\d{1,4})\s*$")
"""The field behind the map and a bar: 32x32x128 | 5."""
PARAMS_SAID = re.compile(
    r"\bparam(?:eter)?s?\s*[:=]\s*(?:\d[\d\s()x×*+]{2,40}=\s*)?(\d{1,3}(?:,\d{3})+|\d+)(?!\s?[\dx×*+.,(KkMm])",
    re.IGNORECASE,
)
CHANNELS_SAID = re.compile(
    r"\b(\d{1,4})\s+input\s+(?:image\s+)?channels?\W+(\d{1,4})\s+output\s+channels?", re.IGNORECASE
)
"""1 input image channel, 6 output channels, as torch's own example has it."""
CHANNELS_NAMED = re.compile(
    r"\b(in|out)(?:put)?[\s_-]channels?\s*[-:=]\s*(\d{1,4})\b(?!\s?[x×*]|,\s?\d)", re.IGNORECASE
)
"""Output Channels - 12."""
SYMBOL = r"\([^()]{1,16}\)|[a-z]\w{0,9}"
"""Channels that have a name: (ngf*8)."""
STATE = re.compile(
    rf"\bstate size\b[.:\s]*(?:(?P<said_out>\d{{1,4}})|{SYMBOL})\s?[x×]\s?(?P<n_out>\d{{1,4}})\s?[x×]\s?(?P=n_out)\b|"
    rf"\binput is\s+(?:(?P<said_in>\d{{1,4}})|{SYMBOL})\s?[x×]\s?(?P<n_in>\d{{1,4}})\s?[x×]\s?(?P=n_in)\b",
    re.IGNORECASE,
)
"""The map between two layers, as torch's example of a GAN has it: state size. (ngf*8) x 4 x 4."""
LATENT = re.compile(r"\binput is (?:a )?(?:latent )?Z\b.{0,20}\bconv", re.IGNORECASE)
"""The vector that it begins with: a map of one pixel."""
WINDOW_SUM = re.compile(
    r"(?<!r_out)[(=\s]\(?\s*\d{1,4}\s*-\s*\d{1,2}(?:\s*\+\s*[\d\s*]{1,6})?\)\s*/\s*\d\s*\+\s*1\s*=\s*(\d{1,4})(?![\d.])"
)
"""A size worked out: (224 - 11 + 2*2)/4 + 1 = 55."""
MAP_RESULTS = re.compile(r"=\s*\(\s*(?P<said_out>\d{1,4})\s*,\s*(?P<n_out>\d{1,4})\s*,\s*(?P=n_out)\s*\)\s*$")
"""A map in the place of a sum's value: (220 - 2)/2 + 1 = (32,110,110)."""
MAP_BESIDE = re.compile(r"(?:^|[;,|])\s*(\d{1,4}\s?[*x×]\s?\d{1,4}\s?[*x×]\s?\d{1,4})\s*(?:$|[;,|])")
"""A map that stands alone beside other figures: RF = 14; 64*8*8."""
SECOND_REMARK = re.compile(r"#\s*(\d{1,4})\s?[x×]\s?\1\s*$")
"""A size behind a field: RF - 3x3 # 26x26."""
PARAMS_NOTED = re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d+)\s+param\w*\b(?!\s+(?:per|each|for)\b)", re.IGNORECASE)


def map_in(comment: str, fact: LayerFact) -> Notes:
    """The map alone and the count of parameters in a comment on a layer's line: 896 params, 32x32x32."""
    found: Notes = {}
    maps = MAP.findall(comment) or BRACKETED_MAP.findall(comment) if fact.kind in ("conv", "pool", "resample") else []
    torch = fact.torch[-1:] == "d" and bool(maps) and "," in maps[0]
    own = torch and shape_in(maps[0], "first")[1] == fact.cells.get("ch_out")
    first: Order = "first" if own or (torch and not LAST.match(maps[0])) else None
    sizes, channels = shape_in(maps[0], first) if len(maps) == 1 else ((), None)
    if sizes and channels == fact.cells.get("ch_out", channels) is not None:
        found["n_out"] = sizes[0]
    elif sizes and channels != fact.cells.get("ch_in"):
        found |= said_in(maps[0], "n_out")
    if sizes and (field := FIELD_BEHIND.search(comment)):
        found["r_out"] = int(field[1])
    if (count := PARAMS_NOTED.search(comment)) and fact.kind in ("conv", "flat"):
        found["params"] = int(count[1].replace(",", ""))
    return found


UNSURE = "unsure_"
"""In front of a size that repeats the layer's channels, and may be these."""


def sizes_only(notes: Notes, cells: Mapping[str, Number]) -> Notes:
    """The figures of a comment, those as unsure that repeat the layer's channels; a map with channels repeats none."""
    if "kernel_size" not in cells and {"ch_in", "ch_out"} <= cells.keys():
        notes = units_said(notes, cells)
    said = {f"n_{key[5:]}" for key in notes.keys() & {*SAID}} | {k for k, n in notes.items() if isinstance(n, Drawn)}
    alike = {key for key, n in notes.items() if key[0] == "n" and n == cells.get(f"ch_{key[2:]}")} - said
    if "n_in" in alike and notes["n_in"] < notes.get("n_out", 0) and "n_out" not in said:
        alike.add("n_out")  # of a block of layers, 16 -> 32: channels grow, sizes do not
    return {UNSURE + key if key in alike else key: n for key, n in notes.items()}


def units_said(notes: Notes, cells: Mapping[str, Number]) -> Notes:
    """The figures beside a dense layer, both sides of an arrow as its units where one of them is: 400 -> 10."""
    plain = {key for key in ("n_in", "n_out") if key in notes and not isinstance(notes[key], Drawn)}
    told = len(plain) == 2 and any(notes[key] == cells[f"ch_{key[2:]}"] for key in plain)
    return {f"said_{key[2:]}" if told and key in plain else key: n for key, n in notes.items()}


def settled_sizes(layers: Sequence[Mapping[str, Number]]) -> list[Notes]:
    """The figures of layers in which the unsure sizes are sizes, or left out: they are where most numbers beside them
    repeat no channels."""
    found = [dict(cells) for cells in layers]
    for key in ("n_in", "n_out"):
        plain = [cells for cells in found if key in cells and not isinstance(cells[key], Drawn)]
        sizes = [cells for cells in plain if f"ch_{key[2:]}" in cells and f"said_{key[2:]}" not in cells]
        unsure = [cells for cells in found if UNSURE + key in cells]
        for cells in unsure:
            number = cells.pop(UNSURE + key)
            if len(sizes) >= max(FEWEST_SIZES, len(unsure)):
                cells.setdefault(key, number)
    return found


def notes_in(comment: str) -> Notes:
    """The figures that a comment states of the layer on its line."""
    if not re.search(r"\d", comment):
        return {"n_in": 1} if LATENT.search(comment) else {}
    stated = comment.replace("》", ">")
    comment = plainly(stated)
    found = with_maps(comment, behind_words(comment))
    found |= {key: n for key, n in set_apart(stated, found).items() if key not in found}
    found |= channels_beside(comment, found)
    if line := LINE_FROM_TO.search(comment):
        found |= {key: int(n) for key, n in line.groupdict().items() if n}
    if terse := TERSE.search(comment):
        found = {**{key: int(n) for key, n in terse.groupdict().items() if n}, **found}
    return found


def without_batch(match: re.Match[str]) -> str:
    side = "input" if match["word"].lower().startswith("in") else "output"
    return f" {side}: {match['channels']}x{match['n']}x{match['n']}"


def plainly(comment: str) -> str:
    """A comment with the values of its arithmetic alone, maps and fields in one spelling."""
    comment = BEHIND_A_DASH.sub(r"\1: ", BATCHED.sub(without_batch, comment))
    comment = WORKED_ON_THE_WAY.sub("-> ", comment)
    comment = TIMES_A_KERNEL.sub(r"\1", SIZE_WORKED_OUT.sub("", comment))
    if ARROW.search(comment):
        comment = STARRED.sub(r" \1x\1x\2", comment)
    comment = FORMULA_BEFORE.sub("=", SUM_BEFORE.sub("=", ARROWED_SUM.sub("=", comment)))
    comment = SQUARE.sub(r"\1x\1", FIELDS_FROM_TO.sub(r"\1 ", FIELD_TOLD.sub("RF: ", comment)))
    return SEVERAL_FIELDS.sub("", comment)


def behind_words(comment: str) -> Notes:
    """The figures behind the words that say what they are."""
    found: Notes = {}
    for key, pattern in NOTES.items():
        for match in pattern.finditer(comment):  # of several, the last is the latest
            if {"*", ","} <= {*match["value"]}:  # (64 * 2, 16, 16)
                continue
            shape = re.sub(r"^(\d+)x\1x1x(?=\d+$)", r"\1x\1x", re.sub(r"\s*[,*×X]\s*", "x", match["value"]))
            sizes, made = shape_in(shape)
            if sizes and not (made and sizes[0] != sizes[1]):  # which of three is which is not known
                found |= {key: size_of(sizes), **(said_in(shape, key) if key[0] == "n" else {})}
    if channels := CHANNELS_SAID.search(comment):
        found |= {key: int(n) for key, n in zip(SAID, channels.groups(), strict=True)}
    found |= {f"said_{side.lower()}": int(n) for side, n in CHANNELS_NAMED.findall(comment)}
    for state in STATE.finditer(comment):
        found |= {key: int(n) if key in SAID else Drawn(n) for key, n in state.groupdict().items() if n}
    if count := PARAMS_SAID.search(comment):
        found["params"] = int(count[1].replace(",", ""))
    return found


def set_apart(comment: str, found: Notes) -> Notes:
    """What comes out where no word says so: the value of the arithmetic of a window, a map in its place, or one that
    stands alone beside a field."""
    sums = WINDOW_SUM.findall(comment)
    if len(sums) == 1:
        return {"n_out": Drawn(sums[0])}
    if whole := MAP_RESULTS.search(comment):
        return {"n_out": Drawn(whole["n_out"]), "said_out": int(whole["said_out"])}
    if "r_out" in found and "n_out" not in found and (second := SECOND_REMARK.search(comment)):
        return {"n_out": Drawn(second[1])}
    beside = [shape.replace("*", "x") for shape in MAP_BESIDE.findall(comment)] if "r_out" in found else []
    if len(beside) != 1 or "n_out" in found:
        return {}
    return {"n_out": shape_in(beside[0])[0][0], **said_in(beside[0], "n_out")}


def channels_beside(comment: str, found: Notes) -> Notes:
    """The channels of the one map that repeats the size that a comment works out: O/P = (54-3)/1 + 1 = 52,
    (64,52,52)."""
    maps = BRACKETED_MAP.findall(comment)
    if len(maps) != 1 or "n_out" not in found or found.keys() & {*SAID}:
        return {}
    drawn = re.sub(r"\s*,\s*", "x", maps[0])
    sizes, channels = shape_in(drawn, "first" if re.fullmatch(r"\d+x(\d+)x\1", drawn) else None)
    return {SAID[1]: channels} if channels and set(sizes) == {found["n_out"]} else {}


def with_maps(comment: str, found: Notes) -> Notes:
    """The figures with the maps on both sides of an arrow, or the one that a word leads to."""
    plain = None if OF_CHANNELS.search(comment) else PLAIN_FROM_TO.search(comment)
    both = FROM_TO.search(comment) or plain
    mapped = both and len(re.findall(r"\d+", both[1])) == 3  # else what stands behind both is a map as well
    last = FIELD_LAST.match(comment, both.end()) if both and mapped else None
    if both and not last and GOES_ON.match(comment, both.end()):
        return found  # a chain of maps is no layer's
    if both:
        given, made = (re.sub(r"\s", "", shape) for shape in both.groups())
        ins, outs = shape_in(given)[0], shape_in(made)[0]
        if ins and outs:
            led = found.get("n_out") == ins[0]  # Output: 28x28 -> 14x14
            found = {"n_in": size_of(ins), "n_out": size_of(outs), **found, **({"n_out": outs[0]} if led else {})}
            found |= said_in(given, "n_in") | said_in(made, "n_out")
        if last and {*SAID} <= found.keys():
            found.setdefault("r_out", int(last[1]))
        elif {*SAID} <= found.keys() and (field := FIELD_BEHIND.search(comment)):
            found.setdefault("r_out", int(field[1]))
    elif both := IN_AND_OUT.search(comment):
        for key, drawn in zip(("n_in", "n_out"), both.groups(), strict=True):
            shape = re.sub(r"\s", "", drawn)
            found |= {key: sizes[0], **said_in(shape, key)} if (sizes := shape_in(shape)[0]) else {}
    elif leads_to := LEADS_TO.search(comment) or BECOMES.search(comment):
        found.setdefault("n_out", int(leads_to[1]))
    return found


def size_of(sizes: tuple[Number, ...]) -> Number:
    """The first of a map's sizes."""
    return Drawn(sizes[0]) if len(sizes) == 2 and sizes[0] == sizes[1] else sizes[0]


def said_in(shape: str, key: str) -> Notes:
    """The channels of a square map."""
    sizes, channels = shape_in(shape)
    return {f"said{key[1:]}": channels} if channels and len({*sizes}) == 1 else {}


def sizes_chained(comment: str) -> list[Number]:
    """The sizes of a comment that lists maps one after the other: 32x32 -> 28x28 -> 14x14."""
    parts = re.split(r"\s*(?:-+>|=>|→)\s*", comment.strip())
    maps = [re.fullmatch(r"\(?(\d{1,4})(?:\s?[x×]\s?\1(?:\s?[x×]\s?\d{1,4})?)?\)?", part) for part in parts]
    return [int(found[1]) for found in maps if found] if all(maps) else []


def channels_in(comment: str) -> Number | None:
    """The channels of the one map in a comment."""
    maps = MAP.findall(comment) or BRACKETED_MAP.findall(comment)
    return shape_in(maps[0])[1] if len(maps) == 1 else None
