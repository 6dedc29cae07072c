"""Figures that sentences state: parameters, receptive fields, accuracies, input sizes, and what a network uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile

from ...spec.stated import Stated
from .text import LONGEST_LINE, Line, Text, clean_cell

DIGIT = re.compile(r"\d")
STATED_FIGURE = (
    r"(?P<number>\d{1,3}(?:,\d{2,3})*,\d{3}(?!,?\d)"
    r"|[1-9]\d{0,2}(?:[ \u00a0\u202f]\d{3}){1,3}(?![\d.,])(?=\s{1,2}param|\W*$)|\d{1,15}(?:\.\d{1,6})?)"
    r"\s{0,2}(?P<unit>[KkMm](?![A-Za-z])|thousand|million)?"
)
PARAMS = r"\bp(?:ar|ra)[a-z]{0,2}m[a-z]{0,8}\b"
FIELD = r"(?:\breceptive[\s-]{0,3}f(?:ie|ei)ld\w?|\bR\.?F\b\.?)"
ACCURACY = r"\bacc?c?[ur]{1,3}[a-z]{0,6}\b"
GAP = r"[^\d.;!?\n]"
BETWEEN = rf"(?P<between>{GAP}{{0,40}})(?<![A-Za-z\d])"
BEFORE = rf"(?P<before>{GAP}{{0,30}})(?<![\d.,])"
OTHER = r"(?:\s?[x×]\s?(?P<other>\d{1,9}))?"
FEW_WORDS = r"(?:\W{0,4}[A-Za-z]{1,12}){0,3}?\W{1,4}"
BY = r"\s?[x×*]\s?"
NO_MACS = (
    r"(?!(?:[.,]?\d)*\s?(?:[KMGT]|thousand|million|billion)?\s?"
    r"(?:MACs?|FLOPs?|MAdds?|mult[a-z]{0,12}(?:[\s-]adds?)?)\b(?!\W{0,3}\d))(?!(?:[.,]?\d)*\s?(?:words|bytes|bits)\b)"
)
"""After a number: it does not count multiply-adds, as the second of "930 parameters, 811,088 MACs" does."""
COUNT = STATED_FIGURE.replace("[KkMm](?![A-Za-z])", "[KkMmGg](?=\\s|MACs?|FLOPs?|MAdds?|\\W|$)|billion")
MACS = r"\b(?P<macs>[KMG]?MACs?|[KMG]?FLOPs?|MAdds?|mult(?:ip\w{2,12})?[\s-]adds?)\b(?!\s?/)"
SOURCES = {
    "params": [
        rf"{PARAMS}{BETWEEN}{STATED_FIGURE}{NO_MACS}",
        rf"{BEFORE}{STATED_FIGURE}{FEW_WORDS}{PARAMS}",
        rf"{STATED_FIGURE}\s+(?P<loose>of (?:them|these)|weights and biases)\b",
        rf"^\W{{0,6}}total(?P<between>\W{{1,4}}){STATED_FIGURE}(?=\W*$|\.\s)",
    ],
    "macs": [rf"{BEFORE}{COUNT}\s?{MACS.replace(chr(92) + 'b', '', 1)}", rf"{MACS}{BETWEEN}{COUNT}"],
    "receptive_field": [
        rf"{FIELD}{BETWEEN}{STATED_FIGURE}{OTHER}",
        rf"{BEFORE}(?<![=A-Za-z]){STATED_FIGURE}{OTHER}(?:\W{{1,3}}(?:px|pixels?))?[^\w;!?]{{1,3}}{FIELD}(?!\s?[=:])",
        rf"\b(?:unit|neuron|pixel|cell)\b(?P<between>{GAP}{{0,40}}\bsees?\s(?:\w{{1,7}}\s)?){STATED_FIGURE}{OTHER}\s(?:input\s)?pixels",
    ],
    "accuracy": [
        rf"(?P<lead>{GAP}{{0,40}}){ACCURACY}{BETWEEN}{STATED_FIGURE}\s?%?",
        rf"{BEFORE}{STATED_FIGURE}\s?%(?P<after>(?:\W{{1,3}}[A-Za-z]{{1,12}}){{0,4}}?)\W{{1,4}}{ACCURACY}",
    ],
    "input": [
        rf"\binput(?:\W{{1,3}}\w{{1,12}}){{0,3}}?\W{{1,4}}{STATED_FIGURE}{BY}(?P<other>\d{{1,5}})(?:{BY}(?P<third>\d{{1,5}}))?"
    ],
}
SWITCHED_OFF = re.compile(r"^\s*#+\s*(?:self\.\w+\s*=\s*)?(?:nn|layers|F|torch)\.\w+\(")
"""A layer that is commented out."""
CALLED = re.compile(r"^\s*(?:self\.)?\w+\s*=\s*[A-Za-z_][\w.]*\(.*\)\s*#")
"""Code outside a block of code: what its comment states is one layer's."""
SIZE = re.compile(r"(?<![\d.,])(?P<number>\d[\d,]{0,12}(?:\.\d{1,4})?)\s?(?P<unit>[KM])(?:i?B|bytes)\b", re.IGNORECASE)
"""The memory that a network's weights take."""
OF_WEIGHTS = re.compile(r"\b(?:weights?|param\w*|model|network|checkpoint)\b", re.IGNORECASE)
PRECISIONS = {4: r"fp32|float32|32[\s-]?bit|single", 2: r"fp16|float16|bf16|16[\s-]?bit|half", 1: r"u?int8|8[\s-]?bit"}
GROWTH = re.compile(
    rf"{FIELD}{GAP}{{0,20}}\b(?:grow|increas|expand|go)\w{{0,3}}\s+from\s+(?P<fields>\d{{1,4}}(?:\s?,?\s?(?:to|→|->|then)\s?\d{{1,4}}\b){{2,20}})",
    re.IGNORECASE,
)
"""Fields one after the other: it grows from 3 to 5 to 6."""
PATTERNS = {quantity: [re.compile(s, re.IGNORECASE) for s in sources] for quantity, sources in SOURCES.items()}
FORMULA = re.compile(r"=[^=]*[A-Za-z][^=]*[-+*/]\s*\(?|\([a-z]+\s*[-+]\s*$", re.IGNORECASE)
ONE_SETTING = re.compile(r"\b(?:this|that|a|each|another|any)\s+param(?:eter)?\b(?!\s+(?:count|number))", re.IGNORECASE)
"""A parameter that is set: the number after it is its value."""
PLANNED = re.compile(
    r"^(?:\W*\w{1,2}[.)])?\W*(?:please |let'?s |try to |(?:we|i) (?:will |can |could |may |might )?)?"
    r"(?:reduce|increase|decrease|bring|cut|keep|lower|limit|make|use|get)\b(?!\s\w+ed\b)",
    re.IGNORECASE,
)
"""A sentence that says what to do."""
EITHER = re.compile(r"\s*(?:or|to|-)\s*\d", re.IGNORECASE)
"""After a number: another one in its place."""
COUNTED = re.compile(r"\s(?:trainable |total )?param", re.IGNORECASE)
LONGEST_FRONT = 100
"""Characters in front of a count that say whose it is."""
FEWEST_PARAMS = 100
"""A number right in front of the word counts from here on; below, it is one of settings: "we tuned 3 parameters"."""
PRODUCT = re.compile(r"[\d)]\s*[*×x/]\s*[\d(][^=;]*=[\s*]*$")
"""In front of a count: it is worked out from one layer's settings."""
OF_A_PART = re.compile(
    r"(?:\b(?P<place>first|second|third|last)\s(?:\w{1,9}\s)?(?P<kind>conv|dense|linear|fully|fc)\w*|\b(?P<name>[a-z]\w{0,30}\d))\b"
    r"[\s-](?:connected\s|layer\s|alone\s|itself\s|one\s){0,3}"
    r"(?:has|have|holds|contains|needs|with)\s(?:about\s|only\s|exactly\s|\d+\s\w+\sand\s)?$"
    r"|^\W*(?P<item>[a-z]\w{0,30}\d)\s?[:=]\s*$",
    re.IGNORECASE,
)
"""In front of a count: it is one layer's."""
SAVED = re.compile(
    r"\b(?:sav(?:e|es|ed|ing)|add(?:s|ed|ing)|remov(?:es|ed|ing)|differ\w*)\W+(?:of\s|by\s|about\s)?$", re.IGNORECASE
)
SIGNED = re.compile(r"[+±]\s?$|(?<!\w)[-–]$")
FEWER = re.compile(r"\s*(?:fewer|less|more|additional|extra)\b", re.IGNORECASE)
"""Around a count: it is a difference of two."""
SHARE = re.compile(r"\W{0,3}(?:params?|parameters?)?\W{0,3}\d[\d.]{0,5}\s?%\s(?:of|from)\b", re.IGNORECASE)
"""Behind a count: it is a part of all, 313,650 params = 99.7% of total."""
IN_A_FILE = re.compile(r"\b(?:flash|file|tflite|onnx|download)\b", re.IGNORECASE)
"""It holds more than weights."""
FACTOR = re.compile(r"\d\s?[*×·]\s?$")
"""In front of a count: it is a factor of one."""
SUMMAND = re.compile(r"\s*[+*×]\s*[\d(]")
STATES = re.compile(
    r"(?:[:=<>≤≥~≈-]|\b(?:is|was|are|of|at|to|by|over|above|under|about|around|reach\w{0,4}|achiev\w{0,4}|than))\W*$",
    re.IGNORECASE,
)
OF_A_CLASS = re.compile(r"^\W*of\s+(?!the\b|this\b|our\b|over\b|about\b|around\b|above\b)[a-z]", re.IGNORECASE)
RELATIONS = {
    "<": re.compile(
        r"under|below|less(?:er)? than|fewer than|lower than|within|at most|up to|not? more than|<|≤|max(?:imum)?\b",
        re.IGNORECASE,
    ),
    ">": re.compile(
        r"over\b|above|more than|greater than|at least|higher than|not less than|>|≥|min(?:imum)?\b|exceed",
        re.IGNORECASE,
    ),
    "~": re.compile(r"\babout|approx|around|\bnearly|almost|roughly|close to|~|≈|\bca\b", re.IGNORECASE),
}
REQUIRED = re.compile(
    r"\b(?:must|should|shall|needs? to|have to|target|goal|aim|want|requirement|constraint|expected|budget|allowed|"
    r"limit|objective|criteri|(?:design|build|make)\b[^.]{0,40}\bsuch that\b|"
    r"(?:can|could|may|might) (?:\w+ )?(?:be )?(?:reduc|decreas|lower|bring|brought|cut|increas))",
    re.IGNORECASE,
)
DEMAND_ASIDE = re.compile(
    r"\([^()]{0,40}\b(?:requirement|required|target|limit|goal|budget|constraint|need\w*)\b[^()]{0,40}\)", re.IGNORECASE
)
DEMANDS = re.compile(
    r"\b(?:target|goal|objective|requirement|constraint|assignment|problem|task|expected|aim|criteri|to.?do|rules|"
    r"question|instruction|what (?:we|is) need)",
    re.IGNORECASE,
)
"""Titles of sections that state what is asked for, not what came out."""
RESULTS = re.compile(r"^\W*(?:final |test |training )?(?:results?|outcomes?|achieved)\b", re.IGNORECASE)
"""Titles of what came out, whatever stands around them."""
SOLUTION = re.compile(
    r"\bsolution|\b(?:meet(?:ing|s)?|met|fulfil\w*|satisf\w*)\b|\bassignment\W{0,3}\d|\bassignment\W*$", re.IGNORECASE
)
"""Titles of what somebody handed in: only limits below them are demands."""
ELSEWHERE = re.compile(
    r"\bfor (?:the )?(?:[\w-]{1,12}\s)?(?:conv|block|layer|stage)|"
    r"\b(?:not able|unable|cannot|can't|couldn't|could not|fail\w*|mention\w*|claim\w*|"
    r"previous|earlier|before (?:this|that)\b|(?:full|half)[\s-]scale|alone accounts|"
    r"baseline|paper|original|compar|instead of|reduced? from|"
    r"from \d|down from|each|"
    r"per[\s-](?:layer|block|class)|layers?\b.{0,20}\bha|only layer|fully|dense layer|fc layer|other|initial|"
    r"(?<!final )(?:first|second|third|last|next|old|later|newer|simpler|smaller|larger|bigger|deeper|lighter|another) "
    r"(?:model|version|attempt|try|trial|run|one|experiment|iteration|network|step|approach|design)|"
    r"(?:is|are|was|were|comes?|taken|adapted|quoted|copied) from|readme|"
    r"skeleton|tried|used to|started|instead|would|seems?\b|good number|enough|sufficient|ideal|could|if we|e\.g|"
    r"for example|"
    r"vgg|resnet|alexnet|inception|googlenet|mobilenet|densenet|efficientnet|"
    r"(?:model|net|network|step|iteration|attempt|experiment|version|trial|part|phase|session|code|v)"
    r"\s?[-#]?\s?\d{1,2}\b(?!\s?%|[.,]\d|[km]\b))",
    re.IGNORECASE,
)
PLAINLY_ELSEWHERE = re.compile(
    r"previous|earlier|baseline|paper|original|reduced? from|compar|(?:full|half)[\s-]scale", re.IGNORECASE
)
NEW_POINT = re.compile(r"\W{0,3}(?:[-*+•|#>]|\d{1,2}[.)])\s")
"""A line that goes on with no sentence of the line above."""
WHERE_IN = re.compile(
    r"\b(?:after|before|at|until|up to)\b.{0,20}\b(?:conv|layer|block|pool)"
    r"|\b(?:conv|layer|block|transition|stage|pool|c)\s?\d",
    re.IGNORECASE,
)
PLACE = re.compile(
    r"(?:\b(?:after|until|till|before|once|when|whenever)|(?<!up )(?<!ends )(?<!end )(?<!arrive )(?<!arrives )\bat)"
    r"\s+(?:a|an|the)\s+(?:\w+\s)?$",
    re.IGNORECASE,
)
"""In front of a field that names a place in the network: we pool after a field of 7."""
BEGINS = re.compile(r"\b(?:start\w{0,4}|initial\w{0,2}|begin\w{0,5})\W{1,3}(?:with |from |at |the )?$", re.IGNORECASE)
"""In front of a field: it is the image's own."""
START = re.compile(r"\b(?:start|initial|begin)\w*\W*$", re.IGNORECASE)
A_MAP = re.compile(r"\s(?:grid|(?:feature |output )?maps?|outputs?|images?|inputs?)\b", re.IGNORECASE)
"""Behind a number: it is the size of that."""
ANOTHER = re.compile(
    r"[,(|]\W{0,3}(?:[a-z]{1,9}\s){0,2}(?:input|image|output|kernel|stride|jump|size)s?\b", re.IGNORECASE
)
"""Between "field" and a number: the number is another figure's, as in "the receptive field, input 32"."""
WHOLE = re.compile(r"\b(?:final|global|total|overall|network|model)", re.IGNORECASE)
QUALIFIED = re.compile(
    r"best|max|high|peak|average|avg|mean|last|epoch|class|top|reach|first|\bof\s+[a-z]+\s*$", re.IGNORECASE
)
BARE_WORDS = frozenset([
    "the", "a", "our", "we", "model", "network", "net", "final", "accuracy", "acc", "accuracies", "train",
    "training", "test", "testing", "validation", "val", "valid", "set", "data", "of", "on", "is", "was", "are",
    "at", "and", "for", "this", "achieved", "obtained", "got", "overall", "total", "an", "in", "percent", "s", "r",
    "n", "h", "c", "b", "d", "e", "f", "g", "i", "result", "results", "score",
])  # fmt: skip
"""Words that leave an accuracy what it is; any other may make it another run's, epoch's or setting's."""
A_LAYER = re.compile(
    r"\d\s?[x×*]\s?\d{1,5}\s?[x×*]\s?\d|\(\s?\d{1,2}\s?[x×*]\s?\d{1,2}\s?\)|\bconv\w*\b.*\d\s?[x×]\s?\d|[|→]|->|"
    r"\b(?:till|until|up to|upto)\s+(?:the\s)?[a-z]{1,12}\d",
    re.IGNORECASE,
)
"""A sentence that describes a layer, or a part of a network."""
SPLITS = {"train": r"\btrain", "test": r"\b(?:test|eval)", "validation": r"\bval(?:id|\b)"}
NEGATED = re.compile(r"\b(?:no|not|without|instead|never|non|rather than|avoid\w*|remov\w*|replac\w*)\b", re.IGNORECASE)
USES = {
    "uses_depthwise": r"depth[\s-]?wise",
    "uses_dilation": r"\bdilated|\bdialted|\bdilation|atrous",
    "uses_strides": r"\bstrided",
    "uses_batch_norm": r"batch[\s-]?norm",
}
USE_PATTERNS = {quantity: re.compile(pattern, re.IGNORECASE) for quantity, pattern in USES.items()}
SCALE_WORDS = {"thousand": "K", "million": "M", "billion": "G"}


ABOUT = Fraction(6, 100)
"""How far "about" reaches: "about 10k" is written of 9.4k and of 10.6k, and hardly of more."""
ROUND_DIGITS, NEARLY = 3, Fraction(1, 100)
"""With more digits than that, "about" hardly reaches at all: about 18,746."""
ROUNDED_UP = Fraction(1, 20)
"""How far a figure with a unit may be above, rounded up: 18.5k is written of 18,448, and 8k hardly of 7,100."""
FAR = Fraction(15, 100)
"""How far "about" may reach with some good will: neither right nor wrong."""
ROUND = re.compile(r"[1-9]\d*000")


@dataclass(frozen=True, slots=True)
class Statement:
    """One stated figure. `relation` is =, <, > or ~; `whole` says that it speaks of the whole network, `elsewhere` of
    another one or a part, `of_class` of the images of one class, `required` that it is a demand."""

    quantity: str
    stated: str
    relation: str
    figure: Stated
    line: int
    required: bool = False
    elsewhere: bool = False
    of_class: bool = False
    whole: bool = False
    split: str = ""
    sizes: tuple[int, ...] = ()
    section: int = 0
    total: bool = False
    """A bare `Total: 2,898`, which counts parameters only right below a table that does."""
    titled: bool = False
    """Whether it stands in a heading."""
    operations: bool = False
    """Of multiply-adds: whether the text calls them FLOPs."""
    side: str = ""
    """Of a field: before or after global pooling, where the sentence says it."""
    part: tuple[str, str] | None = None
    """Of a count: the layer that has it, by its name, or by its place and kind (first, conv)."""

    def allows(self, figure: int | Fraction) -> bool:
        """Whether the statement can stand for a computed figure; writers round, and cut digits off."""
        if self.relation == "<":
            return figure <= self.figure.value
        if self.relation == ">":
            return figure >= self.figure.value
        digits = re.sub(r"\D", "", self.stated).strip("0")
        about = ABOUT if len(digits) <= ROUND_DIGITS else NEARLY
        near = self.relation == "~" and abs(figure - self.figure.value) < about * figure
        more = min(self.figure.step, ROUNDED_UP * figure) if self.stated[-1:].isalpha() else Fraction(0)
        return near or 0 < self.figure.value - figure < more or self.figure.agrees(figure) or self.figure.cuts(figure)

    def hardly(self, figure: int) -> bool:
        """Whether "about" may still be meant of a figure that it does not allow."""
        return self.relation == "~" and abs(figure - self.figure.value) < FAR * figure

    @property
    def value(self) -> float:
        return float(self.figure.value)

    @property
    def step(self) -> float:
        """What one step of the last digit is worth."""
        return float(self.figure.step)


def read_statements(prose: Iterable[Line], text: Text) -> list[Statement]:
    """Every figure that the sentences state, in their order. What stands below a title that asks for something is a
    demand."""
    found: list[Statement] = []
    used: set[tuple[str, int]] = set()
    begun, above = False, 0  # whether the line above leaves a sentence unfinished that speaks plainly of another
    headings = {section.line for section in text.sections}
    for line in prose:
        words = without_markup(line)
        if not words or SWITCHED_OFF.match(words) or CALLED.match(words):
            continue
        titles = [text.sections[i].title for i in text.path(line.section) if text.sections[i].line != line.number]
        inner = takewhile(lambda title: not RESULTS.search(title), titles)
        asking = [title for title in inner if DEMANDS.search(title)]
        asked = any(not SOLUTION.search(title) for title in asking)
        if words.count("|") == 3 and words[0] == "|":  # a name and its figure
            words = words.strip("| ").replace(" | ", ": ")
        carried = begun and above + 1 == line.number and not NEW_POINT.match(words)
        parts = re.split(r"(?<=[.!?;])\s+(?=[A-Z(])|\s\|\s", words)
        ended = parts[-1].rstrip().endswith((".", "!", "?", ":", ";"))
        begun = not ended and ((carried and len(parts) == 1) or bool(PLAINLY_ELSEWHERE.search(parts[-1])))
        above = line.number
        for place, sentence in enumerate(parts):
            if DIGIT.search(sentence):
                goes_on = carried and place == 0
                for statement in with_asides(sentence, line.number):
                    titled = line.number in headings and not PLAINLY_ELSEWHERE.search(sentence)
                    limited = bool(asking) and statement.relation in "<>"
                    found.append(replace(
                        statement, section=line.section, required=statement.required or asked or limited,
                        elsewhere=(statement.elsewhere or goes_on) and not (titled and statement.quantity == "params"),
                    ))  # fmt: skip
            for quantity, pattern in USE_PATTERNS.items():
                key = (quantity, line.section)
                if not asked and key not in used and pattern.search(sentence) and not NEGATED.search(sentence):
                    used.add(key)
                    use = Statement(quantity, quantity.replace("_", " "), "=", Stated.of(1), line.number)
                    found.append(replace(use, section=line.section, titled=line.number in headings))
    return found


def without_markup(line: Line) -> str:
    """The text of a line of prose without markup, links and images; empty for code and data."""
    if line.code or not line.text or len(line.text) > LONGEST_LINE:
        return ""
    text = re.sub(r"!?\[([^\[\]]{0,300})\]\([^()]{0,500}\)|https?://\S{1,500}", r" \1 ", line.text)
    text = re.sub(r"(?<=\d)_(?=\d{3}(?!\d))", ",", text)  # 61_706
    return clean_cell(re.sub(r"(?<!\w)_|_(?!\w)", "", text))


def with_asides(sentence: str, line: int) -> list[Statement]:
    """The figures of a sentence; a demand in brackets says nothing of those outside: 157,778 params (< 200k limit)."""
    stated = list(sentence_statements(sentence, line))
    bare = DEMAND_ASIDE.sub("", sentence)
    plain = list(sentence_statements(bare, line)) if bare != sentence else []
    own = {(one.quantity, one.value) for one in plain}
    return [*plain, *(one for one in stated if (one.quantity, one.value) not in own)]


def sentence_statements(sentence: str, line: int) -> Iterator[Statement]:
    if match := GROWTH.search(sentence):
        numbers = re.findall(r"\d+", match["fields"])
        listed = " to ".join(numbers)
        other = bool(ELSEWHERE.search(sentence[: match.start("fields") - len("from ")] + sentence[match.end() :]))
        growth = Statement("fields", listed, "=", Stated.of(numbers[-1]), line, elsewhere=other)
        yield replace(growth, sizes=tuple(map(int, numbers)))
    weighed = OF_WEIGHTS.search(sentence) and not IN_A_FILE.search(sentence)
    if len(found := list(SIZE.finditer(sentence))) == 1 and weighed:
        width = [n for n, words in PRECISIONS.items() if re.search(rf"\b(?:{words})\b", sentence, re.IGNORECASE)]
        relation = next((sign for sign, words in RELATIONS.items() if words.search(sentence[: found[0].start()])), "=")
        figure = Stated.of(found[0]["number"].replace(",", "") + found[0]["unit"].upper())
        required, other = bool(REQUIRED.search(sentence)), bool(ELSEWHERE.search(sentence))
        yield Statement("size", found[0][0], relation, figure, line, required, other, sizes=tuple(width))
    taken: dict[str, list[tuple[int, int]]] = {}
    for quantity, patterns in PATTERNS.items():
        spans = taken.setdefault(quantity, [])
        for pattern in patterns:
            for match in pattern.finditer(sentence):
                span = match.span("number")
                free = all(span[1] <= a or span[0] >= b for a, b in spans)
                if free and (statement := read_match(quantity, match, sentence, line)):
                    spans.append(span)
                    yield statement


def read_match(quantity: str, match: re.Match[str], sentence: str, line: int) -> Statement | None:
    """The statement that a match makes; None where its number can be no such figure."""
    groups = match.groupdict()
    unit = match["unit"] or ""
    if quantity == "macs" and not unit and (scale := re.match("[KMG](?=MAC|FLOP)", match["macs"])):
        unit = scale[0]
    figure = figure_of(quantity, re.sub(r"[,\s]", "", match["number"]), unit)
    value = float(figure.value)
    near = " ".join(groups.get(key) or "" for key in ("before", "between"))
    tail = sentence[match.end() : match.end() + 20]
    if is_no_figure(quantity, match, sentence, near):
        return None
    front, behind = sentence[: match.start("number")], sentence[match.end("number") :]
    part = OF_A_PART.search(front[-LONGEST_FRONT:].replace("`", "")) if quantity == "params" else None
    if groups.get("loose") and not part:
        return None
    relation = next((sign for sign, pattern in RELATIONS.items() if pattern.search(near)), "=")
    if re.match(r"\s*(?:or (?:less|fewer|below)|max)", tail, re.IGNORECASE):
        relation = "<"
    counted = COUNTED.match(sentence[match.end("number") :]) and value >= FEWEST_PARAMS
    if not plausible(quantity, value, bool(unit or counted or part) or "," in match["number"], tail):
        return None
    between = groups.get("between")
    percent = re.match(r"\s?%", sentence[match.end("number") :])
    if quantity == "accuracy" and between is not None and not percent and not STATES.search(between):
        return None
    stated = f"{ {'=': '', '~': 'about '}.get(relation, relation + ' ') }{match['number']}{match['unit'] or ''}"
    around = f"{groups.get('lead') or ''} {groups.get('after') or ''} {near} {sentence[match.end() :][:20]}"
    splits = [name for name, pattern in SPLITS.items() if re.search(pattern, around, re.IGNORECASE)]
    planned = PLANNED.search(sentence) or EITHER.match(sentence[match.end() :])
    sizes = [int(groups[key] or 0) for key in ("other", "third") if groups.get(key)]
    return Statement(
        quantity=quantity,
        stated=stated,
        relation=relation,
        figure=figure,
        line=line,
        required=bool(REQUIRED.search(sentence) or (quantity == "params" and planned)),
        elsewhere=bool(part)
        or (
            quantity == "params"
            and bool(SAVED.search(front) or SIGNED.search(front) or FEWER.match(behind) or SHARE.match(behind))
        )
        or is_elsewhere(quantity, sentence, between or "")
        or names_place(quantity, match, sentence)
        or (quantity == "params" and bool(PRODUCT.search(sentence[: match.start("number")]))),
        of_class=quantity == "accuracy" and bool(OF_A_CLASS.match(between or "")),
        whole=bool(WHOLE.search(sentence)),
        split=" and ".join(splits),
        sizes=(int(value), *sizes) if sizes else (),
        operations="FLOP" in (groups.get("macs") or "").upper(),
        total=quantity == "params" and not (part or re.search(PARAMS, sentence, re.IGNORECASE)),
        part=(part["name"] or part["item"] or part["place"], part["kind"] or "") if part else None,
        side=next((side for side in ("before", "after") if re.match(rf"[\sa-z(,]{{0,12}}\b{side}\b", tail)), ""),
    )


def is_no_figure(quantity: str, match: re.Match[str], sentence: str, near: str) -> bool:
    """Whether what stands around a number, `near` it and beyond, says that it is none of a network: it is part of a
    formula, where a field begins, another map's, or one setting."""
    groups, behind = match.groupdict(), sentence[match.end("number") :]
    if FORMULA.search(near) or (not groups.get("other") and SUMMAND.match(behind)):
        return True  # r_out = r_in + (k - 1) * j is no figure of a network
    if quantity == "receptive_field":
        begins = BEGINS.search(sentence[: match.start()]) or START.search(near)
        another = ANOTHER.search(groups.get("between") or "") or A_MAP.match(sentence[match.end() : match.end() + 20])
        return bool(begins or another)
    setting = ONE_SETTING.search(sentence[max(0, match.start() - 12) : match.end()])
    return quantity == "params" and bool(setting or FACTOR.search(sentence[: match.start("number")]))


def figure_of(quantity: str, digits: str, unit: str) -> Stated:
    """A number in a sentence; a count that ends in three zeros is one rounded to thousands."""
    if quantity == "params" and not unit and ROUND.fullmatch(digits):
        return Stated.of(digits[:-3] + "K")
    return Stated.of(digits + SCALE_WORDS.get(unit.lower(), unit.upper()))


def is_elsewhere(quantity: str, sentence: str, near: str) -> bool:
    if ELSEWHERE.search(sentence):
        return True
    if quantity == "receptive_field":
        if A_LAYER.search(sentence):
            return True
        return bool(WHERE_IN.search(sentence)) and not WHOLE.search(sentence)
    return quantity == "accuracy" and bool(
        QUALIFIED.search(sentence)
        or OF_A_CLASS.match(near)
        or set(re.findall(r"[a-z]+", sentence.lower())) - BARE_WORDS
    )


def names_place(quantity: str, match: re.Match[str], sentence: str) -> bool:
    """Whether a field says where something stands: "we pool after a 7x7 receptive field"."""
    begins = match.start("number") if match.groupdict().get("before") is not None else match.start()
    return quantity == "receptive_field" and bool(PLACE.search(sentence[:begins]))


def plausible(quantity: str, value: float, marked: bool, tail: str) -> bool:
    """Whether a number can be such a figure: not a layer's size, a percentage or a year."""
    if quantity in ("params", "macs"):
        return (marked or value >= 1000) and not tail.startswith("%") and value < 10**13
    if quantity == "receptive_field":
        return value == int(value) and 1 <= value < 10**6 and not marked and not re.match(r"\s?%", tail)
    if quantity == "accuracy":
        return 1.0 < value <= 100.0 and not marked and not re.match(r"\W{0,3}epoch", tail, re.IGNORECASE)
    return value == int(value) and not marked
