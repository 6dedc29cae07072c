"""What a cell holds: figures, shapes, arithmetic, and the settings that people write into a layer's name."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from ...engine.geometry import Number, whole
from ...spec.stated import Stated

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
SPACED = re.compile(r"\d{1,3}(?:\s\d{3})+")
"""A count with spaces between its thousands."""
NOT_SHAPE = re.compile(r"[^\d\s.,x×X*()\[\]{}kspdKSPD=:+-]")
ARITHMETIC = re.compile(r"[\d\s+\-*/().×x]{3,80}$")
TERM = re.compile(r"(?<![\w.,()])[\d(][\d\s().,+*/×x^-]*[\d)]\s*$")
FIGURE = re.compile(
    r"[\s*_]*(\d[\d,]*(?:\.\d+)?(?:\s?[KMGkmg](?![A-Za-z]))?)"
    r"(?![\d.,]*\d|\s*[-+*/×x^]\s*[\d(]|\s?%|\s?[kKMGT](?!AC|[Aa]dd|ult)i?[A-Za-z]|\s?bytes)"
)
FIGURE_FIRST = re.compile(
    r"(?<![\w.,+*/×x-])(?<![+*/×x-]\s)(?P<figure>\d[\d,]{2,15})\s?=\s?(?P<term>\(?\d[\d\s()+*/×x-]{4,60}[\d)])(?!\s*[=\w.*+])"
)
"""A figure in front of its arithmetic: 34,944 = (3*11*11 + 1)*96."""
COUNT_FIRST = re.compile(r"(\d[\d,]{1,12})\s?=\s?\(?\d[\d\s()+*/x×.,-]{2,60}$")
"""A cell with nothing but that: 208 = 8x (25+1)."""
MILLION = re.compile(r"(?<=\d)\s?(?:mil|million)\b\.?", re.IGNORECASE)
CONTINUES = re.compile(r"[\w)\]}]\s*[-+*/×^·√]+\s*$|[\^√]\s*$")
"""In front of a term: it is the end of a longer one."""
BESIDE = re.compile(r"^.*\d\s+(?=\()")
"""A figure that stands in front of arithmetic and is none of it: 12*12*384 (12-3)/1+1 = 10."""
BOLD = re.compile(r"(?<!\S)\*\*$")
OPERATES = re.compile(r"\d\s*\)*\s*[-+*/^]\s*\(*\s*\d")
SPACED_FIGURE = re.compile(r"=\s*\d{1,3}(?:[ \u00a0\u202f]\d{3}){2,}(?![\d.,])")
"""A count in the French way behind an =: 1 842 048."""
SURE_PRODUCT = re.compile(r"\s*(?:\d{1,6}(?:\*\d{1,6}){3,}|\d{2,6}\*\d{2,6}\*\d{2,6})\s*")
"""At least four factors, or three of two digits, and nothing else: what stands behind its = is its value."""
LONGEST_TERM = 80
"""Characters in front of an = that are looked through for arithmetic."""
OTHER_ORDER = 3
"""A figure that so many times differs from the value says something else."""
ZERO_LOST = 1000
"""From here on a figure with a zero more or less than its value is a slip, and nothing else."""
LARGEST_DRAWN = 11**2
"""Equal factors up to this product, such as 3*3, draw a kernel."""
ABOUT = Fraction(1, 40)
"""How far a figure with K, M or G may be from the value: 800K is written of 802,816."""
LARGEST_FIGURE = 10**12
PRODUCTS = ("j", "j_in", "j_out", "params", "r", "r_in", "r_out")
"""Columns whose figures are numbers, so that * multiplies; in the others it draws a shape."""
KIND_WORDS = {
    "resample": r"transpos|deconv|\bup-?conv|upsampl|up-sampl|unpool|shuffle|interpol",
    "join": r"\badd|concat|(?:\bskip|shortcut|residual|\bbranch|merge)(?!.*(?:conv|pool|\d\s*[x×]\s*\d))",
    "global": r"\bgap\d*\b|\bgmp\b|global|gavg|glob|adaptive",
    "pool": r"pool|\bmp\d*\b|池化|^\d{1,3}\s+max\b",
    "flat": r"linear|\bfc\d*\b|dense(?!.{0,3}(?:block|conv))|fully|flatten|view|reshape|全连接",
    "conv": r"con\w{0,6}v|\bdw|depthwise|pointwise|卷积|faltung|^(?!.*(?:\binput|^image)).*\d\s*[x×]\s*\d",
    "input": r"\binput|^image|eingabe|entree|entrada|输入",
    "pointwise": r"relu|batch|\bbn\d*\b|norm|dropout|\bdo\b|softmax|activation|激活",
}
KIND_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in KIND_WORDS.items()}
OPERATION = re.compile(r"^[\w.]+:\s(?=[a-z_]+(?:, [a-z_]+)*(?: \(|$))")
"""A name in front of what the layer does, as our own reports write it: conv1.bn: batch_norm, relu."""
MODULE_PATH = re.compile(r"^(?:[A-Za-z]\w{0,60}\.)+(?=[a-z_]\w*\b)")
"""Where a module stands, in front of its own name: Mixed_5b.branch_pool.conv."""
SEVERAL = re.compile(
    r"\b(?:two|three|four|five|six|several|stack\w*)\b|\b\d\s?[x×*]\s?(?:conv|\()|(?<=[a-z\]])\s*[x×*]\s?\d+\s*$|\][x×*\s]+\d|repeat|\bstage|bottleneck|residual|\bfire|"
    r"\bblock\s?\d*\s*$|\blayers\b|\b\d+\s+[x×]\s+[a-z]|\b[dr]\w{0,12}\s?=\s?\d+(?:,\s?\d+)+\)",
    re.IGNORECASE,
)
"""A row that may stand for several layers."""
FUSED = re.compile(r"conv.*[+&,/].{0,12}\bpool|conv.*[+&,/]\s?(?:max|avg|average)[\s-]?pool", re.IGNORECASE)
"""A convolution and the pool behind it in one row."""
FLAGS = re.IGNORECASE
NAMED_SETTINGS = {
    "kernel_size": re.compile(
        r"\(?\b(?P<a>\d{1,3})\s?[x×X*]\s?(?P<b>\d{1,3})(?:\s?[x×X*]\s?\d{1,5})?\)?|"
        r"\b(?:k|ks|kernel(?:[\s_]?size)?)\s*[=:]?\s*\(?(?P<k>\d{1,3})\b|\bf\s?=\s?(?P<f>\d)\b(?=.*\bs\s?=)|"
        r"conv(?P<c>\d)(?:x|-(?:16|32|64|96|\d{3,4})\b)", FLAGS),
    "stride": re.compile(
        r"\b(?:s|strides?)\s*[=:]?\s*\(?(?P<k>\d{1,2})\b|(?<![\d/])/\s?(?P<a>\d)\b(?!\s*[/\d])", FLAGS),
    "padding": re.compile(r"\b(?:p|pad|padding)\s*[=:]?\s*\(?(?P<k>\d{1,2})\b", FLAGS),
    "dilation": re.compile(
        r"\b(?:d|dil|dilation|dilated|rate|dilation[\s_]rate)\s*(?:of\s)?[=:]?\s*\(?(?P<k>\d{1,2})\b", FLAGS),
    "groups": re.compile(r"\b(?:g|groups?)\s*[=:]\s*(?P<k>\d{1,4})\b|\b(?P<a>\d{1,4})\s+groups\b", FLAGS),
}  # fmt: skip
CHANNELS_FROM_TO = re.compile(r"(?<![\d×])(?P<a>\d{1,5})\s?(?:→|->|=>|➡|⇒)\s?(?P<b>\d{1,5})\b")
LABELLED = re.compile(r"^\W*[SPD]\d{1,2}\W+(?=[A-Za-z]{2})")
KERNEL_TO = re.compile(
    r"\bconv(?P<k>\d)(?:\([\w=]{1,12}\))?\s?(?:→|->|=>|➡|⇒)\s?(?P<out>\d{1,5})\b|\d×\d\s?→\s?(?P<made>\d{1,5})\b", FLAGS
)
"""A kernel and the channels that it makes: Conv3→16, 1×1→10."""
WEIGHTS = re.compile(r"\(\s?(\d{1,2})\s?[x×*]\s?(\d{1,2})\s?[x×*]\s?(\d{1,5})\s?\)\s?(?:[x×*,]\s?(\d{1,5}))?")
OUT_CHANNELS = re.compile(
    r"\b(\d{1,5})\s*(?:channels|filters|kernels|ch\b|maps)|^[^,]*\d\s?[x×]\s?\d(?:\s?conv\w*)?,\s?(\d{1,5})\b", FLAGS
)
NAMED_CONV = re.compile(r"con\w{0,6}v|\bdw|depthwise|pointwise|kernel|filter|\b[ck]\d", re.IGNORECASE)
"""A word for a convolution, beside which a drawn 3x3 is its kernel."""
DEPTHWISE = re.compile(r"depth[\s-]?wise(?!.{0,3}sep)|\bdw\b", FLAGS)


def kind_of_operation(name: str) -> str:
    """Which sort of operation a name speaks of, in the order of the patterns; other for none.

    >>> [kind_of_operation(name) for name in ("Input Block Conv2D(3x3)", "Input 28x28", "Max Pool(2x2)", "GAP")]
    ['conv', 'input', 'pool', 'global']
    """
    if re.search(r"depth[\s-]?concat", name, FLAGS):
        return "join"
    name = MODULE_PATH.sub("", OPERATION.sub("", name))
    return next((kind for kind, pattern in KIND_PATTERNS.items() if pattern.search(name)), "other")


@lru_cache(maxsize=65536)
def figures_in(cell: str, column: str = "") -> tuple[Number, ...]:
    """The numbers of a cell: of a shape one for each axis, of arithmetic its value (what stands after the last =);
    empty for anything else.

    >>> figures_in("28x28"), figures_in("1 * 2 = 2", "j"), figures_in("9+(3-1)*2 = 13", "r_out")
    ((28, 28), (2,), (13,))
    >>> figures_in("3*3*32", "params")
    (288,)
    >>> figures_in("107x107", "r")
    (107, 107)
    >>> figures_in("RF of 5X5", "r")
    (5, 5)
    """
    if column == "params" and (first := COUNT_FIRST.match(cell)):
        cell = first[1]
    text = cell.rpartition("=")[2].strip() if "=" in cell and not re.search(r"[kspd]\s*=", cell, FLAGS) else cell
    text = re.sub(r"\s*(?:px|pixels?)\b|^~\s*", "", text)
    text = re.sub(r"^(?:R\.?F|receptive field|size)\s*(?:of|is|:|=)?\s*(?=\d)", "", text, flags=FLAGS)
    if not text or len(text) > 80:
        return ()
    if column == "params" and SPACED.fullmatch(text.strip()):
        return (int(re.sub(r"\s", "", text)),)
    if column in PRODUCTS and (value := value_of(text, column != "params")) is not None:
        return (value,)
    if len(text) > 40 or NOT_SHAPE.search(text):
        return ()
    text = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", text) if "," in text else text
    found = NUMBER.findall(re.sub(r"(?<=\d)\s*-\s*(?=\d)", " ", text))
    return tuple(whole(Fraction(number)) for number in found) if len(found) <= 4 else ()


def value_of(text: str, shapes: bool) -> Number | None:
    """The value of arithmetic that needs working out; None for a plain number and other text, and where `shapes` may
    stand there for one such as 5*5."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", text).replace("×", "*")
    if not ARITHMETIC.match(text) or not re.search(r"\d\s*\)?\s*[-+*/]\s*\(?\s*\d", text) or "x" in text:
        return None
    factors = text.strip("() ").split("*")
    drawn = len(factors) > 1 and len({factor.strip() for factor in factors}) == 1
    return None if drawn and shapes else arithmetic_value(text)


SUM_OF_FIGURES = re.compile(r"[\s*_]*(\d[\d,]{0,12}(?:\s*\+\s*\d[\d,]{0,12}){1,8})\s*$")
LATEX_TIMES = re.compile(r"\s*\\(?:cdot|times|ast)\b\s*")


class Equation(NamedTuple):
    """Arithmetic with the figure behind its =: the figure as a number, what the arithmetic gives, and whether the two
    differ by more than rounding."""

    stated: Number
    value: Number
    amiss: bool


def equations(text: str) -> Iterator[Equation]:
    """The arithmetic of plain numbers in a text. A figure of another order says something else than the value, as in
    "3*3*64 = 112x112"; two small equal factors draw a kernel.

    >>> [tuple(found) for found in equations("- 3*3*16*32 + 32 = 4608 in C2, (28 - 3)/2 + 1 = 13, k*3*3 = 8")]
    [(4608, 4640, True), (13, Fraction(27, 2), False)]
    """
    text = LATEX_TIMES.sub("*", text) if "\\" in text else text
    text = MILLION.sub("M", text.replace("·", "*") if "·" in text else text)
    for match in FIGURE_FIRST.finditer(text) if "=" in text else ():
        yield from equation(match["term"].replace("×", "*").replace("x", "*"), match["figure"])
    for left, right in pairwise(SPACED_FIGURE.sub(joined, text).split("=")):
        term, figure = TERM.search(left[-LONGEST_TERM:]), FIGURE.match(right)
        if term and (sums := SUM_OF_FIGURES.match(right)):
            yield from summands(term[0], sums[1])
        if not term or not figure or (term.start() == 0 and len(left) > LONGEST_TERM):
            continue
        goes_on = CONTINUES.search(BOLD.sub("", left[-LONGEST_TERM:][: term.start()]))
        plain = BESIDE.sub("", re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", term[0]).replace("×", "*"))
        plain = plain.replace("x", "*") if plain.count("x") > 1 or " x " in plain else plain
        drawn = "*" in plain and len({factor.strip() for factor in plain.split("*")}) == 1
        if goes_on or "**" in plain or not OPERATES.search(plain):
            continue
        yield from (one for one in equation(plain, figure[1]) if not (drawn and one.value <= LARGEST_DRAWN))


def joined(match: re.Match[str]) -> str:
    """A count without the spaces between its thousands."""
    return re.sub(r"\s", "", match[0])


def equation(plain: str, figure: str) -> Iterator[Equation]:
    """A term beside the figure that is said to be its value; nothing where one is of another order, but for the same
    digits with a zero more or less."""
    value, stated = arithmetic_value(plain), Stated.of(figure)
    if value is None:
        return
    near = stated.value < OTHER_ORDER * value < OTHER_ORDER**2 * stated.value
    scaled = any(abs(stated.value * 10**n - value) <= value * ABOUT for n in range(2, 10))  # 96 million, in any words
    if value >= ZERO_LOST and figure[-1].isdigit() and stated.value in (10 * value, value / 10):
        yield Equation(whole(stated.value), value, True)
    elif near or ("^" in plain or (SURE_PRODUCT.fullmatch(re.sub(r"[\s()]", "", plain)) and not scaled)):
        floor = arithmetic_value(plain.replace("/", "//"))
        slack = max(Fraction(1), stated.step, value * ABOUT * (not figure[-1].isdigit()))
        binary = value * Fraction(1000, 1024) ** (1 + "KMG".find(figure[-1].upper()))  # 98M of 98 * 2**20
        off = min(abs(value - stated.value), abs(binary - stated.value))
        yield Equation(whole(stated.value), value, off >= slack and floor != stated.value)


def summands(term: str, sums: str) -> Iterator[Equation]:
    """The products of a sum beside the figures that stand for them behind its =: 8*3*3*8 + 8*12 = 576 + 96.

    >>> [tuple(found) for found in summands("(8*3*3*8) + (8*12)", "672 + 96")]
    [(672, 576, True), (96, 96, False)]
    """
    products, figures = term.split("+"), [Stated.of(figure.strip()) for figure in sums.split("+")]
    values = [arithmetic_value(product.strip().replace("×", "*").replace("x", "*")) for product in products]
    if len(values) == len(figures) and all("*" in p or "×" in p or "x" in p for p in products):
        for value, stated in zip(values, figures, strict=True):
            if value is not None:
                yield Equation(whole(stated.value), value, not stated.agrees(value))


POWERS = (2, 3)
OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip


def arithmetic_value(text: str) -> Number | None:
    """Sums, differences, products and quotients of numbers, with brackets; None for what cannot be worked out."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            if isinstance(node.op, ast.Pow) and value(node.right) not in POWERS:
                raise ValueError(text)
            return OPERATIONS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return Fraction(str(node.value))
        raise ValueError(text)

    try:
        plain = re.sub(r"(?<![\d.])0+(?=\d)", "", text.strip()).replace("^", "**")
        found = value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None
    return whole(found) if abs(found) < LARGEST_FIGURE else None


@lru_cache(maxsize=16384)
def settings_in(text: str) -> Mapping[str, int]:
    """The settings and channels that a name, an operation or a configuration states; a label such as the S2 of
    "S2 AvgPool" states none.

    >>> dict(settings_in("Conv(7x7) S=2")), dict(settings_in("(3x3x32)x64 stride 2 dilation 2"))
    ({'kernel_size': 7, 'stride': 2}, {'kernel_size': 3, 'ch_in': 32, 'ch_out': 64, 'stride': 2, 'dilation': 2})
    >>> dict(settings_in("3x3 conv, 64, /2")), dict(settings_in("16→24, d=2, k=3"))
    ({'kernel_size': 3, 'stride': 2, 'ch_out': 64}, {'kernel_size': 3, 'dilation': 2, 'ch_in': 16, 'ch_out': 24})
    >>> dict(settings_in("Conv3→16")), dict(settings_in("1×1→10"))
    ({'ch_out': 16, 'kernel_size': 3}, {'kernel_size': 1, 'ch_out': 10})
    """
    found: dict[str, int] = {}
    text = LABELLED.sub("", text)
    if (weights := WEIGHTS.search(text)) and weights[1] != weights[2] == weights[3]:  # 16x3x3: filters first
        found |= {"kernel_size": int(weights[2]), "ch_out": int(weights[1])}
    elif weights:
        found |= {"kernel_size": int(weights[1]), "ch_in": int(weights[3])}
        found |= {"ch_out": int(weights[4])} if weights[4] else {}
    for key, pattern in NAMED_SETTINGS.items():
        match = pattern.search(text) if key not in found else None
        if match:
            groups = match.groupdict()
            value = next(int(groups[name]) for name in ("a", "k", "f", "c") if groups.get(name))
            if key != "kernel_size" or groups.get("a") is None or groups["a"] == groups["b"]:
                found[key] = value
    if drawn := KERNEL_TO.search(text):
        found |= {"ch_out": int(drawn["out"] or drawn["made"])} | (
            {"kernel_size": int(drawn["k"])} if drawn["k"] else {}
        )
    elif pair := CHANNELS_FROM_TO.search(text):
        found |= {"ch_in": int(pair["a"]), "ch_out": int(pair["b"])}
    elif out := OUT_CHANNELS.search(text):
        found.setdefault("ch_out", int(out[1] or out[2]))
    return MappingProxyType(found)
