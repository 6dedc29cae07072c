"""A network written out in lines of text, C1(in = 3, out = 16, kernel = 3) -> POOL1(16, 16, 3, stride = 2) -> …, with
the field and the size of what comes out noted at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from ...engine.geometry import Number
from .cells import CHANNELS_FROM_TO, kind_of_operation
from .facts import LayerFact, StatedModel, numbered
from .text import LONGEST_LINE, Line

ARROW = re.compile(r"\s*(?:-{1,3}>|=>|→|➡|⇒|⟶|>>)\s*")
LISTED_LAYER = re.compile(r"(?P<name>[A-Za-z]\w{0,24})\s{0,3}\((?P<arguments>(?:[^()]|\([^()]{0,40}\)){0,120})\)")
NOTE = re.compile(r"#?\s*\b(?P<what>RF|receptive field|size)\s*(?:[=:]|\bis\b)\s*(?P<number>\d{1,9})", re.IGNORECASE)
ONE_BY_ONE = re.compile(r"followed by (?:a )?1\s*[x×]\s*1", re.IGNORECASE)
NORM = re.compile(r"\bbn\b|batch[\s-]?norm", re.IGNORECASE)
EVERYWHERE = re.compile(r"(?:every|each|all)\b.{0,20}layer", re.IGNORECASE)
SEPARABLE = re.compile(r"depth[\s-]?wise\s+separable", re.IGNORECASE)
SHORT = {"conv": re.compile(r"(?:c|cnv|dw\w*|pw\w*|layer)\d*", re.IGNORECASE),
         "pool": re.compile(r"(?:ap|avg\w*|max\w*)\d*", re.IGNORECASE)}  # fmt: skip
"""Names that are short for an operation here only."""
ARGUMENTS = {
    "in": "ch_in", "in_channels": "ch_in", "in_ch": "ch_in", "out": "ch_out", "out_channels": "ch_out",
    "out_ch": "ch_out", "kernel": "kernel_size", "k": "kernel_size", "ks": "kernel_size", "filter": "kernel_size",
    "s": "stride", "p": "padding", "pad": "padding", "d": "dilation", "dil": "dilation", "g": "groups",
    "group": "groups",
}  # fmt: skip
PLACES = ("ch_in", "ch_out", "kernel_size", "stride", "padding")
FEWEST_LISTED = 3
"""Convolutions with channels that make a listing."""
LISTED_APART = 12
"""Lines between two of one listing."""
NEXT = 2
"""Lines after one of a listing in which it goes on without an arrow."""


@dataclass(frozen=True, slots=True)
class ListedLayer:
    """A layer as it stands in a listing; `followed`: a 1x1 convolution is said to come next, `normed`: a norm."""

    fact: LayerFact
    followed: bool
    normed: bool


def listing_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The networks that lines with arrows list, with what the sentences around them say of their layers."""
    runs: list[list[ListedLayer]] = [[]]
    section = 0
    for line in lines:
        text = line.text.strip() if len(line.text) <= LONGEST_LINE and "(" in line.text else ""
        since = line.number - runs[-1][-1].fact.line if runs[-1] else LISTED_APART + 1
        noted = since <= LISTED_APART and NOTE.search(text)
        if text and text[0] != "|" and (since <= NEXT or noted or ARROW.search(LISTED_LAYER.sub("", text))):
            found = listed_layers(text, line.number)
            anew = since > LISTED_APART or (line.section != section and not reads(found, runs[-1]))
            if found and runs[-1] and anew:
                runs.append([])
            runs[-1] += found
            section = line.section if found else section
    kept = [
        run for run in runs if sum("ch_out" in o.fact.cells and o.fact.kind == "conv" for o in run) >= FEWEST_LISTED
    ]
    used = frozenset(one.fact.line for run in kept for one in run)
    prose = [line.text for line in lines if line.number not in used and len(line.text) <= LONGEST_LINE]
    return [listed_model(run, prose) for run in kept]


def reads(found: Sequence[ListedLayer], above: Sequence[ListedLayer]) -> bool:
    """Whether the layers of a line take the channels that those above make."""
    given = next((one.fact.cells["ch_in"] for one in found if "ch_in" in one.fact.cells), None)
    made = next((one.fact.cells["ch_out"] for one in above[::-1] if "ch_out" in one.fact.cells), None)
    return given == made


def listed_model(run: Sequence[ListedLayer], prose: Sequence[str]) -> StatedModel:
    facts = numbered(with_remarks(run, prose))
    return StatedModel("listing", facts[0].line, (facts,), lines=frozenset(f.line for f in facts), ordered=True)


def listed_layers(text: str, line: int) -> list[ListedLayer]:
    """The layers of one line, the last one with the field and the size that are noted."""
    found: list[ListedLayer] = []
    matches = list(LISTED_LAYER.finditer(text))
    for match, following in zip_longest(matches, matches[1:]):
        name = match["name"]
        kind = next((kind for kind, pattern in SHORT.items() if pattern.fullmatch(name)), kind_of_operation(name))
        cells = settings_by_place(match["arguments"], kind)
        if cells and (kind in ("conv", "pool", "global") or (kind == "flat" and "ch_out" in cells)):
            after = text[match.end() : following.start() if following else None]
            plain = {"stride": 1} if kind == "conv" else {}
            fact = LayerFact(0, line, name, kind, {**plain, **cells})
            found.append(ListedLayer(fact, bool(ONE_BY_ONE.search(after)), bool(NORM.search(after))))
    for note in NOTE.finditer(text) if found else ():
        key, fact = "n_out" if note["what"].lower() == "size" else "r_out", found[-1].fact
        found[-1] = replace(found[-1], fact=replace(fact, cells={**fact.cells, key: int(note["number"])}))
    return found


def with_remarks(found: Sequence[ListedLayer], prose: Sequence[str]) -> Iterator[LayerFact]:
    """The layers with those that the line or a sentence puts after them: norms, 1x1 convolutions after those called
    separable. Where two noted sizes with a window between them are equal, convolutions keep their maps."""
    facts = [one.fact for one in found]
    normed = any(NORM.search(text) and EVERYWHERE.search(text) for text in prose)
    named = re.compile(rf"\b{re.sub('[0-9]+$', '', facts[0].name)}\d{{1,3}}\b")
    separable = {
        name for text in prose if (match := SEPARABLE.search(text)) for name in named.findall(text[: match.end()])
    }
    sizes = [fact.cells for fact in facts if "n_out" in fact.cells]
    kept = any(a["n_out"] == b["n_out"] for a, b in pairwise(sizes) if b.get("kernel_size", 1) > 1)
    last = max(place for place, fact in enumerate(facts) if fact.kind == "conv")
    for place, (fact, one) in enumerate(zip(facts, found, strict=True)):
        yield replace(fact, same=kept and fact.kind == "conv" and "padding" not in fact.cells)
        made = fact.cells.get("ch_out", 0)
        same: dict[str, Number] = {"ch_in": made, "ch_out": made}
        if one.followed or (fact.name in separable and fact.cells.get("groups", 1) > 1):
            yield LayerFact(0, fact.line, f"{fact.name} 1x1", "conv", {**same, "kernel_size": 1, "stride": 1}, kept)
        if fact.kind == "conv" and (one.normed or (normed and place != last)):
            yield LayerFact(0, fact.line, f"{fact.name} batch norm", "pointwise", same)


def settings_by_place(arguments: str, kind: str) -> dict[str, Number]:
    """Settings by place (in, out, kernel, stride, padding; of a pool kernel, stride) and by name."""
    named: dict[str, Number] = {}
    plain: list[Number] = []
    bare = re.sub(r"\((\d+)\s*,\s*\1\)", r"\1", re.sub(r"\s*channels?\b", "", arguments))
    for part in bare.split(","):
        key, equals, value = part.rpartition("=")
        if number := re.fullmatch(r"\s*(\d{1,6})(?:\s*[x×]\s*\d{1,6})?\s*", value):
            word = re.sub(r"[\s-]+", "_", key.strip().lower())
            if equals:
                named[ARGUMENTS.get(word, word)] = int(number[1])
            else:
                plain.append(int(number[1]))
        elif pair := CHANNELS_FROM_TO.fullmatch(part.strip()):
            named |= {"ch_in": int(pair["a"]), "ch_out": int(pair["b"])}
    window = kind in ("pool", "global") and len(plain) < len(PLACES[:3])
    return dict(zip(PLACES[2:] if window else PLACES, plain, strict=False)) | named
