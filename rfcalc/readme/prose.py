"""Figures that sentences state: parameters, receptive fields, accuracies, input sizes, and what a network uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .text import LONGEST_LINE, Line, clean

DIGIT = re.compile(r"\d")
NUMBER = (
    r"(?P<number>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,15}(?:\.\d{1,6})?)"
    r"\s{0,2}(?P<unit>[KkMm](?![A-Za-z])|thousand|million)?"
)
PARAMS = r"\bp(?:ar|ra)[a-z]{0,2}m[a-z]{0,8}\b"
FIELD = r"(?:\breceptive[\s-]{0,3}f(?:ie|ei)ld\w?|\bR\.?F\b\.?)"
ACCURACY = r"\bacc?c?[ur]{1,3}[a-z]{0,6}\b"
GAP = r"[^\d.;!?\n]"
BETWEEN = rf"(?P<between>{GAP}{{0,40}})(?<![A-Za-z\d])"
BEFORE = rf"(?P<before>{GAP}{{0,30}})(?<![\d.,])"
OTHER = r"(?:\s?[x×]\s?(?P<other>\d{1,9}))?"
WORDS = r"(?:\W{0,4}[A-Za-z]{1,12}){0,3}?\W{1,4}"
BY = r"\s?[x×*]\s?"
SOURCES = {
    "params": [rf"{PARAMS}{BETWEEN}{NUMBER}", rf"{BEFORE}{NUMBER}{WORDS}{PARAMS}"],
    "receptive_field": [
        rf"{FIELD}{BETWEEN}{NUMBER}{OTHER}",
        rf"{BEFORE}(?<!=){NUMBER}{OTHER}\W{{1,3}}{FIELD}",
    ],
    "accuracy": [
        rf"(?P<lead>{GAP}{{0,40}}){ACCURACY}{BETWEEN}{NUMBER}\s?%?",
        rf"{BEFORE}{NUMBER}\s?%(?P<after>(?:\W{{1,3}}[A-Za-z]{{1,12}}){{0,4}}?)\W{{1,4}}{ACCURACY}",
    ],
    "input": [
        rf"\binput(?:\W{{1,3}}\w{{1,12}}){{0,3}}?\W{{1,4}}{NUMBER}{BY}(?P<other>\d{{1,5}})(?:{BY}(?P<third>\d{{1,5}}))?"
    ],
}
PATTERNS = {quantity: [re.compile(s, re.IGNORECASE) for s in sources] for quantity, sources in SOURCES.items()}
STATES = re.compile(
    r"(?:[:=<>≤≥~≈-]|\b(?:is|was|are|of|at|to|by|over|above|under|about|around|reach\w{0,4}|achiev\w{0,4}|than))\W*$",
    re.IGNORECASE,
)
CLASS = re.compile(r"^\W*of\s+(?!the\b|this\b|our\b|over\b|about\b|around\b|above\b)[a-z]", re.IGNORECASE)
RELATIONS = {
    "<": re.compile(
        r"under|below|less(?:er)? than|fewer than|lower than|within|at most|up to|not? more than|<|≤|max(?:imum)?\b",
        re.IGNORECASE,
    ),
    ">": re.compile(
        r"over\b|above|more than|greater than|at least|higher than|not less than|>|≥|min(?:imum)?\b|exceed",
        re.IGNORECASE,
    ),
    "~": re.compile(r"about|approx|around|nearly|almost|roughly|close to|~|≈|\bca\b", re.IGNORECASE),
}
REQUIRED = re.compile(
    r"\b(?:must|should|shall|needs? to|have to|target|goal|aim|want|requirement|constraint|expected)", re.IGNORECASE
)
ELSEWHERE = re.compile(
    r"\b(?:previous|earlier|baseline|paper|original|compar|instead of|reduced? from|from \d|down from|each|"
    r"per[\s-](?:layer|block|class)|"
    r"layers?\b.{0,20}\bha|only layer|fully|dense layer|fc layer|other|initial|first (?:model|version|attempt)|"
    r"(?:model|net|network|step|iteration|attempt|experiment|version|trial|part|phase|session|code|v)\s?[-#]?\s?\d{1,2}\b(?!\s?%|[.,]\d|[km]\b))",
    re.IGNORECASE,
)
WHERE_IN = re.compile(
    r"\b(?:after|before|at|until|up to)\b.{0,20}\b(?:conv|layer|block|pool)|\b(?:conv|layer|block|c)\s?\d",
    re.IGNORECASE,
)
WHOLE = re.compile(r"\b(?:final|global|total|overall|network|model)", re.IGNORECASE)
QUALIFIED = re.compile(
    r"best|max|high|peak|average|avg|mean|last|epoch|class|top|reach|first|\bof\s+[a-z]+\s*$", re.IGNORECASE
)
SPLITS = {"train": r"\btrain", "test": r"\b(?:test|valid|val\b|eval)"}
NEGATED = re.compile(r"\b(?:no|not|without|instead|never|non|rather than|avoid\w*|remov\w*|replac\w*)\b", re.IGNORECASE)
USES = {
    "uses_depthwise": r"depth[\s-]?wise",
    "uses_dilation": r"\bdilated|\bdialted|\bdilation|atrous",
    "uses_strides": r"\bstrided",
    "uses_batch_norm": r"batch[\s-]?norm",
}
USE_PATTERNS = {quantity: re.compile(pattern, re.IGNORECASE) for quantity, pattern in USES.items()}
UNITS = {"k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000}


@dataclass(frozen=True, slots=True)
class Statement:
    """One stated figure. `relation` is =, <, > or ~; `slack` is how far a rounded figure may be off; `whole` says
    that it speaks of the whole network, `elsewhere` of another one or a part, `of_class` of the pictures of one class,
    `required` that it is a demand."""

    quantity: str
    stated: str
    relation: str
    value: float
    slack: float
    line: int
    required: bool = False
    elsewhere: bool = False
    of_class: bool = False
    whole: bool = False
    split: str = ""
    sizes: tuple[int, ...] = ()

    def allows(self, figure: float) -> bool:
        """Whether the statement can stand for a computed figure; writers round, and cut digits off."""
        if self.relation == "<":
            return figure <= self.value
        if self.relation == ">":
            return figure >= self.value
        slack = max(self.slack, 0.06 * figure) if self.relation == "~" else self.slack
        return abs(figure - self.value) < slack or figure == self.value


def read_statements(prose: Iterable[Line]) -> list[Statement]:
    """Every figure that the sentences state, in their order."""
    found: list[Statement] = []
    used: set[str] = set()
    for line in prose:
        text = plain(line)
        if not text:
            continue
        for sentence in re.split(r"(?<=[.!?;])\s+(?=[A-Z(])|\s\|\s", text):
            if DIGIT.search(sentence):
                found += sentence_statements(sentence, line.number)
            for quantity, pattern in USE_PATTERNS.items():
                if quantity not in used and pattern.search(sentence) and not NEGATED.search(sentence):
                    used.add(quantity)
                    found.append(Statement(quantity, quantity.replace("_", " "), "=", 1.0, 0.0, line.number))
    return found


def plain(line: Line) -> str:
    """The text of a line of prose without markup, links and pictures; empty for code and data."""
    if line.code or not line.text or len(line.text) > LONGEST_LINE:
        return ""
    text = re.sub(r"!?\[([^\[\]]{0,300})\]\([^()]{0,500}\)|https?://\S{1,500}", r" \1 ", line.text)
    return clean(re.sub(r"(?<!\w)_|_(?!\w)", "", text))


def sentence_statements(sentence: str, line: int) -> Iterator[Statement]:
    taken: dict[str, list[tuple[int, int]]] = {}
    for quantity, patterns in PATTERNS.items():
        spans = taken.setdefault(quantity, [])
        for pattern in patterns:
            for match in pattern.finditer(sentence):
                span = match.span("number")
                if all(span[1] <= a or span[0] >= b for a, b in spans):
                    statement = read_match(quantity, match, sentence, line)
                    if statement:
                        spans.append(span)
                        yield statement


def read_match(quantity: str, match: re.Match[str], sentence: str, line: int) -> Statement | None:
    """The statement that a match makes; None where its number can be no such figure."""
    groups = match.groupdict()
    digits, unit = match["number"].replace(",", ""), (match["unit"] or "").lower()
    scale = UNITS.get(unit, 1)
    value = float(digits) * scale
    places = len(digits.partition(".")[2])
    near = " ".join(groups.get(key) or "" for key in ("before", "between"))
    relation = next((sign for sign, pattern in RELATIONS.items() if pattern.search(near)), "=")
    tail = sentence[match.end() : match.end() + 20]
    if re.match(r"\s*(?:or (?:less|fewer|below)|max)", tail, re.IGNORECASE):
        relation = "<"
    if not plausible(quantity, value, bool(unit) or "," in match["number"], tail):
        return None
    between = groups.get("between")
    percent = re.match(r"\s?%", sentence[match.end("number") :])
    if quantity == "accuracy" and between is not None and not percent and not STATES.search(between):
        return None
    stated = f"{ {'=': '', '~': 'about '}.get(relation, relation + ' ') }{match['number']}{match['unit'] or ''}"
    around = f"{groups.get('lead') or ''} {groups.get('after') or ''} {near} {sentence[match.end() :][:20]}"
    splits = [name for name, pattern in SPLITS.items() if re.search(pattern, around, re.IGNORECASE)]
    sizes = [int(groups[key] or 0) for key in ("other", "third") if groups.get(key)]
    return Statement(
        quantity=quantity,
        stated=stated,
        relation=relation,
        value=value,
        slack=10.0**-places * scale,
        line=line,
        required=bool(REQUIRED.search(sentence)),
        elsewhere=is_elsewhere(quantity, sentence, between or ""),
        of_class=quantity == "accuracy" and bool(CLASS.match(between or "")),
        whole=bool(WHOLE.search(sentence)),
        split=" and ".join(splits),
        sizes=(int(value), *sizes) if sizes else (),
    )


def is_elsewhere(quantity: str, sentence: str, near: str) -> bool:
    if ELSEWHERE.search(sentence):
        return True
    if quantity == "receptive_field":
        return bool(WHERE_IN.search(sentence)) and not WHOLE.search(sentence)
    return quantity == "accuracy" and bool(QUALIFIED.search(sentence) or CLASS.match(near))


def plausible(quantity: str, value: float, marked: bool, tail: str) -> bool:
    """Whether a number can be such a figure: not a layer's size, a percentage or a year."""
    if quantity == "params":
        return (marked or value >= 1000) and not tail.startswith("%") and value < 10**13
    if quantity == "receptive_field":
        return value == int(value) and 1 <= value < 10**6 and not marked and not re.match(r"\s?%", tail)
    if quantity == "accuracy":
        return 1.0 < value <= 100.0 and not marked and not re.match(r"\W{0,3}epoch", tail, re.IGNORECASE)
    return value == int(value) and not marked
