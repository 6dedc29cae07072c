"""Constructor calls in code, read with `ast` and never run: nn.Conv2d(16, 32, 3, stride=2)  # Output: 14 | RF: 9."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import dedent
from types import MappingProxyType
from typing import Any

from .cells import kind_of_operation
from .draft import Draft
from .facts import LayerFact
from .forward import forward_steps
from .notes import (
    BLOCK_FROM_TO,
    LAYER_NAMED,
    OF_A_BLOCK,
    OUTS,
    SAID,
    SIDED_NOTE,
    Notes,
    map_in,
    notes_in,
    settled_sizes,
    sizes_only,
)
from .text import LONGEST_LINE, Line

KERAS_POOLS = ("MaxPooling2D", "MaxPooling1D", "AveragePooling2D", "MaxPool2D", "MaxPool1D", "AvgPool2D")
KERAS_GLOBAL = ("GlobalAveragePooling2D", "GlobalMaxPooling2D", "GlobalAvgPool2D", "GlobalMaxPool2D")
WINDOW = ("kernel_size", "stride", "padding", "dilation")
CHANNEL_ARGUMENTS = ("ch_in", "ch_out", "bias")
SIGNATURES = {
    "Conv": ("ch_in", "ch_out", *WINDOW, "groups", "bias"),
    "ConvTranspose": ("ch_in", "ch_out", *WINDOW[:3], "output_padding", "groups", "bias", "dilation"),
    "MaxPool": WINDOW, "AvgPool": WINDOW[:3], "Linear": CHANNEL_ARGUMENTS,
    "AdaptiveAvgPool": ("output_size",), "AdaptiveMaxPool": ("output_size",),
    "Upsample": ("size", "scale_factor", "mode"), "PixelShuffle": ("upscale_factor",),
    "GroupNorm": ("num_groups", "num_channels"),
    "BatchNorm": ("num_features", "eps", "momentum", "affine"),
    **dict.fromkeys(("Conv2D", "Conv1D", "Convolution2D"), ("ch_out", *WINDOW[:3])),
    **dict.fromkeys(("SeparableConv2D", "Conv2DTranspose"), ("ch_out", *WINDOW[:3])), "Dense": ("ch_out",),
    **dict.fromkeys(("DepthwiseConv2D", *KERAS_POOLS), WINDOW[:3]),
}  # fmt: skip
"""The arguments of a class by place, under the words of facts; the dimensions of torch's names are left out."""
KERAS = frozenset(name for name in SIGNATURES if re.search(r"\dD|Dense", name)) | {
    *KERAS_GLOBAL, "BatchNormalization", "ZeroPadding2D", "UpSampling2D", "Activation",
}  # fmt: skip
ARGUMENT_WORDS = {
    "in_channels": "ch_in", "out_channels": "ch_out", "in_features": "ch_in", "out_features": "ch_out",
    "filters": "ch_out", "units": "ch_out", "strides": "stride", "pool_size": "kernel_size",
    "dilation_rate": "dilation", "use_bias": "bias", "border_mode": "padding", "subsample": "stride",
    "nb_filter": "ch_out",
}  # fmt: skip
AST_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}
DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
POOLS = ("MaxPool", "AvgPool", *KERAS_POOLS)
CLASS_KINDS = {"Conv": "conv", "ConvTranspose": "resample", "Linear": "flat", "Dense": "flat", "Flatten": "flat",
         "Upsample": "resample", "PixelShuffle": "resample", "UpSampling2D": "resample", "Conv2DTranspose": "resample",
         **dict.fromkeys(("Conv2D", "Conv1D", "Convolution2D", "SeparableConv2D", "DepthwiseConv2D"), "conv"),
         **dict.fromkeys(POOLS, "pool"),
         **dict.fromkeys(KERAS_GLOBAL, "global")}  # fmt: skip
POINTWISE_CLASS = re.compile(
    r"(?:Batch|Group|Layer|Instance)Norm|BatchNormalization|\w*ReLU6?|\w*Dropout|[GSC]?ELU|SiLU|Mish|Hardswish|Sigmoid|"
    r"Tanh|\w*Softmax|Activation|Identity|(?!\w*(?:Conv|Pool|Block|Down|Up|Sep))\w*(?:Norm|ReLU|Drop|Swish)\w*"
)
LEFT_OUT = re.compile(
    r"Sequential|Module\w*|Parameter\w*|Functional|DataParallel|\w*Loss|Input\w*|OrderedDict|super|\w*Error|\w*Tensor|"
    r"\w*(?:Dict|List)|Variable|Model"
)
"""What holds layers, or is none."""
BARE_CLASSES = "|".join(
    sorted({*KERAS, *(f"{name}[123]d" for name in ("Conv", "ConvTranspose", *POOLS[:2]))}, key=len)[::-1]
)
CALL = re.compile(
    rf"(?<![\w.])(?:torch\.nn\.|nn\.|(?:tf\.)?(?:keras\.)?layers\.)(?P<class>[A-Z]\w*)\(|(?<![\w.])(?P<bare>{BARE_CLASSES}|AdaptiveAvgPool2d|Linear|BatchNorm2d|ReLU)\("
)
CLASS_LINE = re.compile(r"^\s*class\s+(\w{1,80})")
UNSETTLED = re.compile(r"^\s*(?:if|elif|else|for|while)\b|\bfor \w+ in\b|nn\.Parameter\(")
BORROWED = re.compile(r"\bSequential\([^()]*self\.\w+\s*[,)]|^\s*self\.\w+\s*,\s*$")
"""A layer of another attribute among the arguments of a container."""
SEQUENTIAL = re.compile(r"\bSequential\(")
ASSIGNED = re.compile(r"\s*[\w.]+\s*=(?!=)")
BRANCH = re.compile(r"^(?P<indent>\s*)(?P<word>if|elif|else)\b.*:\s*(?:#.*)?$")
AFTER_CLASS = re.compile(r"^\s*(?!self\.|def |@|#|nn\.|\)|\]|[\"'])\S")
"""A line that no longer belongs to a class, where it stands as far out."""
RUNS = ("forward", "encode")
"""The methods that run layers in their order; the second where the first leaves it to that."""
METHOD = re.compile(r"^(\s*)def (\w{1,80})\(")
OTHER_CALL = re.compile(r"(?<![\w.])(?<!class )(?<!def )(?:self\.)?(?P<class>(?!))?(?P<bare>[A-Za-z_]\w{1,80})\(")
OWNER = re.compile(r"^\s*self\.(?:_modules\[[\"'])?(\w{1,60})(?:[\"']\])?\s*(?::[^=]{1,40})?=(?!=)")
BUILT = re.compile(r"^\s*(?:self\.\w+\s*=\s*self\.\w+\(\s*[\w(]|_\w*(?:conv|block|layer)\w*\(.*\),\s*$)")
"""A layer that a method, or a function that is not shown, builds."""
LISTED = re.compile(r"^\s*(\w{1,60})(?:\s*\+?=\s*\[|\.(?:append|extend)\()")
"""A list that layers are put into, and the containers that are made of it."""
UNPACKED = re.compile(r"\(\s*\*\s*(\w{1,60})\s*[,)]")
SWITCHED_OFF = re.compile(rf"{CALL.pattern}|^\s*[)\]]|^\s*[A-Za-z_][\w.]*\([^()]*\w\s?=\s?[\w\"'].*\),?\s*$")
"""A layer that is commented out, or its last line: it says nothing of those above it."""
WRAPPED = re.compile(r"\w\s?[=:]\s*$")
"""A comment whose figure stands on the next line."""
QUOTES = re.compile(r"^\s+[rf]?(\"{3}|'{3})")
MOST_DOCUMENTED = 100
"""Lines that the words on a definition may span."""
MOST_LINES = 40
"""Lines that one call may span."""


def all_drafts(lines: Sequence[Line], own: Container[str]) -> list[Draft]:
    found: list[Draft] = []
    for _, group in groupby(lines, key=lambda line: (line.block, line.code)):
        block = list(group)
        if any("\\_" in line.text for line in block):  # escaped for Markdown, where no code block is
            block = [replace(line, text=line.text.replace("\\_", "_")) for line in block]
        if block[0].code or any(CALL.search(line.text) for line in block):
            found += [draft for draft in (spoken(one, own) for one in drafts(block, own)) if draft.facts]
    return found


def spoken(draft: Draft, own: Container[str]) -> Draft:
    """The draft with its comments in the place of layers, where it has none that change a map."""
    draft.open_up()
    settled = settled_sizes([fact.cells for fact in draft.facts])
    draft.facts = [replace(fact, cells=cells) for fact, cells in zip(draft.facts, settled, strict=True)]
    if any(fact.torch[-2:].lower() == "3d" for fact in draft.facts):  # three figures are three sizes, and no channels
        draft.facts = [without_map(fact) for fact in draft.facts]
    windows = [fact for fact in draft.facts if fact.kind not in ("pointwise", "other") or fact.torch in own]
    if windows or not draft.remarks:
        return draft
    nothing = [ast.Call(ast.Name(""), [], []) for _ in draft.remarks]
    return Draft(draft.title, draft.remarks, [""] * len(draft.remarks), nothing)


def without_map(fact: LayerFact) -> LayerFact:
    return replace(fact, cells={key: n for key, n in fact.cells.items() if key not in ("n_in", "n_out", *SAID)})


def drafts(block: Sequence[Line], own: Container[str] = ()) -> Iterator[Draft]:
    """The layers line by line; a class, or a function of its own, begins another draft."""
    draft, at, margin = Draft(""), 0, 0
    while at < len(block):
        text = block[at].text if len(block[at].text) <= LONGEST_LINE else ""
        if used := docstring(block, at):
            at += used
            continue
        if match := CLASS_LINE.match(text):
            yield draft
            draft, margin = Draft(match[1]), indent_of(text)
        elif draft.title and draft.facts and ends_class(text) and indent_of(text) <= margin:
            yield draft
            draft = Draft("")
        if (match := METHOD.match(text)) and match[2] != "__init__":
            body = list(body_of(block[at:], match[1]))
            if match[2] in RUNS and draft.facts:
                draft.follow(forward_steps(dedent("\n".join(body))), block[at : at + len(body)], match[2] == "forward")
                at += len(body)
                continue
            if any(CALL.search(line) for line in body[1:]):
                *classes, part = [one for one in drafts(block[at + 1 : at + len(body)], own) if one.facts] or [
                    Draft("")
                ]
                yield from classes
                if not part.title:
                    part.title, part.parameters = match[2], parameters_of_definition(block, at)
                yield part
                at += len(body)
                continue
        elif match:
            draft.parameters = parameters_of_definition(block, at)
        if (match := BRANCH.match(text)) and draft.decided(match):
            body = list(body_of(block[at:], match["indent"]))
            *_, other = drafts(block[at + 1 : at + len(body)], own)
            draft.chooses = draft.chooses or other.windows not in ([], draft.windows_since(match["indent"]))
            at += len(body)
            continue
        at += take(draft, block, at, text, own)
    yield draft


def docstring(block: Sequence[Line], at: int) -> int:
    """How many lines a string that is no part of a statement takes, the words on a definition; 0 where none begins, or
    it does not end."""
    begins = QUOTES.match(block[at].text)
    if not begins:
        return 0
    rest = [block[at].text[begins.end() :], *(line.text for line in block[at + 1 : at + MOST_DOCUMENTED])]
    return next((used for used, text in enumerate(rest, 1) if begins[1] in text), 0)


def ends_class(text: str) -> bool:
    """Whether a line, where it stands as far out as a class, no longer belongs to it: a statement, or a function that
    no object is given."""
    method = METHOD.match(text)
    return bool(AFTER_CLASS.match(text)) or (method is not None and "self" not in text)


def take(draft: Draft, block: Sequence[Line], at: int, text: str, own: Container[str]) -> int:
    """Adds the layers that begin on a line, or what its comment says; how many lines they take."""
    if match := OWNER.match(text):
        draft.begin(match[1])
        if listed := UNPACKED.search(text):
            draft.unpack(listed[1])
    elif draft.title and (match := LISTED.match(text)):
        draft.begin(f"[{match[1]}]")
    code, _, comment = text.partition("#")
    draft.settled = draft.settled and not UNSETTLED.search(code)
    draft.sequences += len(SEQUENTIAL.findall(code))
    calls = [] if text.lstrip().startswith("|") else calls_in(code, own, bool(draft.title and draft.steps is None))
    calls = [match for match in calls if class_of(match) != draft.title]  # its name in a sentence
    draft.borrows = draft.borrows or bool(BORROWED.search(code))
    if calls and ASSIGNED.match(code) and not SEQUENTIAL.search(code):
        draft.beside = True
    if calls:
        return take_calls(draft, block, at, calls, own)
    return 1 if SWITCHED_OFF.search(comment) else take_comment(draft, block, at, code, comment)


def take_calls(
    draft: Draft, block: Sequence[Line], at: int, calls: Sequence[re.Match[str]], own: Container[str]
) -> int:
    """Adds the layers that calls on a line make, the last one with what its comment says; how many lines they take."""
    text, used, covered = block[at].text, 1, 0
    for match in calls:
        if match.start() < covered:  # an argument of one of the document's own
            continue
        parsed, used, comments, line = parse_call(block, at, match)
        if not parsed:
            continue
        covered = match.start() + (parsed.end_col_offset or 0) if class_of(match) in own and used == 1 else covered
        first = match is calls[0] or ASSIGNED.match(text.partition("#")[0])
        before = text[: match.start()].partition("=")[0] if first else ""
        name = before.strip(" ,(").removeprefix("self.") or class_of(match)
        notes = notes_in(comments) if match is calls[-1] else {}
        for fact in facts_of_call(parsed, name, block[at].number):
            said = sizes_only(notes, fact.cells)
            drawn = map_in(comments, fact) if match is calls[-1] and not said.keys() & OUTS else {}
            inside = fact.kind == "pointwise" and draft.owner in draft.owners[-1:] and notes.keys() - OUTS
            draft.add(fact.noting(drawn if inside else {**said, **drawn}, line), parsed)
            if inside:  # the last line of a container speaks of all of it
                draft.note(notes, line, False)
        if re.search(r"\d", comments):
            draft.remarked.add(block[at].number)
    return max(1, used)


def take_comment(draft: Draft, block: Sequence[Line], at: int, code: str, comment: str) -> int:
    """Adds what the comment on a line without layers says; how many lines it takes."""
    bare, used, line = not code.strip(), 1, block[at].number
    if bare and not comment.strip():
        return used
    if WRAPPED.search(comment) and at + 1 < len(block) and block[at + 1].text.lstrip().startswith("#"):
        comment, used = comment + block[at + 1].text.lstrip(" #"), 2
    notes = {} if bare and OF_A_BLOCK.match(comment) else notes_in(comment)
    if bare and BLOCK_FROM_TO.match(comment):
        draft.begin_block(notes, line)
        return used
    if SEQUENTIAL.search(code) and code.rstrip().endswith("(") and draft.owner:
        draft.open(line, notes)
        return used
    if bare and not draft.facts and notes.get("r_out") == 1:
        notes = {}  # the image's own field, in front of the first layer
    elif bare and draft.leads is None and (notes.keys() & {"r_out", "n_out", SAID[1]} or SIDED_NOTE.search(comment)):
        draft.leads = leads(block, at, bool(draft.facts), bool(notes))
    named = LAYER_NAMED.match(comment) if bare else None
    call = CALL.search(block[at + 1].text.partition("#")[0]) if bare and at + 1 < len(block) else None
    below = call is not None and not POINTWISE_CLASS.fullmatch(re.sub(r"[123]d$", "", class_of(call)))
    draft.note(notes, line, bare, kind_of_operation(named[0]) if named else "", below)
    return used


def leads(block: Sequence[Line], at: int, layered: bool, figures: bool) -> bool | None:
    """Whether a comment on a line of its own speaks of the layer below it: it touches that one only, or no layer stands
    above it yet. None for one without figures that touches none: it speaks of other things."""
    texts = [line.text.strip() for line in block[max(at - MOST_LINES, 0) : at + MOST_LINES]]
    at = min(at, MOST_LINES)
    above = next((text for text in texts[:at][::-1] if text[:1] != "#"), "")
    below = next((text for text in texts[at + 1 :] if text[:1] != "#"), "")
    if not (above or below or layered or figures):
        return None
    return not layered if bool(above) == bool(below) else bool(below)


def calls_in(code: str, own: Container[str], inside: bool) -> list[re.Match[str]]:
    """The calls that make layers: of torch's and Keras' classes, of the document's own classes and functions, and
    inside a class of any other one, of which nothing is known."""
    if "(" not in code:
        return []
    found = {match.start(): match for match in CALL.finditer(code)}
    for match in OTHER_CALL.finditer(code):
        known = match["bare"] in own or (inside and match["bare"][0].isupper()) or BUILT.match(code)
        if known and not any(match.start() <= place < match.end() for place in found):
            found[match.start()] = match
    return [found[place] for place in sorted(found) if not LEFT_OUT.fullmatch(class_of(found[place]))]


def class_of(match: re.Match[str]) -> str:
    return str(match["class"] or match["bare"])


def parameters_of_definition(block: Sequence[Line], at: int) -> ast.arguments | None:
    """The parameters of a function whose definition begins on a line; None where they cannot be parsed."""
    source = ""
    for line in block[at : at + MOST_LINES]:
        source += line.text.strip() + "\n"
        if line.text.partition("#")[0].rstrip().endswith(":"):
            break
    try:
        function = ast.parse(source + " pass").body[0]
    except (SyntaxError, ValueError):
        return None
    return function.args if isinstance(function, ast.FunctionDef) else None


def indent_of(text: str) -> int:
    return len(text) - len(text.lstrip())


def body_of(lines: Sequence[Line], indent: str) -> Iterator[str]:
    """The lines of a function that begins with the first of them; a comment ends none."""
    for number, line in enumerate(lines):
        outside = bool(number) and bool(line.text.strip()) and indent_of(line.text) <= len(indent)
        if outside and line.text.lstrip()[0] not in "#)":  # a bracket closes the parameters
            return
        yield "" if outside else line.text


def parse_call(block: Sequence[Line], at: int, match: re.Match[str]) -> tuple[ast.Call | None, int, str, int]:
    """The call that begins at a match, how many lines it takes, the comments on them, and the line of the last one."""
    source, comments, depth, said_at = "", "", 0, block[at].number
    for used, line in enumerate(block[at : at + MOST_LINES], 1):
        code, _, comment = line.text.partition("#")
        code = code[match.start() :] if used == 1 else code
        comments += " " + comment
        said_at = line.number if comment else said_at
        for place, char in enumerate(code):
            depth += (char in "([{") - (char in ")]}")
            if depth == 0 and char == ")":
                return parsed_call(source + code[: place + 1]), used, comments, said_at
        source += code + "\n"
    return None, 1, comments, said_at


def parsed_call(source: str) -> ast.Call | None:
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return tree if isinstance(tree, ast.Call) else None


def literal(node: ast.expr, known: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The value of a literal, of a name that is `known`, of a setting of a layer that is (conv.stride), or of
    arithmetic on these; None where it is worked out at run time. Of a layer it is the arguments."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        holder = literal(node.value, known)
        return holder.get(ARGUMENT_WORDS.get(node.attr, node.attr)) if isinstance(holder, dict) else None
    if isinstance(node, ast.Call) and (family := family_of(node)) in SIGNATURES:
        return stated_arguments(node, family, known)
    if isinstance(node, ast.BinOp) and type(node.op) in AST_OPERATORS:
        sides = [literal(node.left, known), literal(node.right, known)]
        whole = all(isinstance(side, int) for side in sides) and (sides[1] or not isinstance(node.op, ast.FloorDiv))
        return AST_OPERATORS[type(node.op)](*sides) if whole else None
    if isinstance(node, ast.Tuple | ast.List):
        sides = [literal(side, known) for side in node.elts]
        return None if None in sides else sides if isinstance(node, ast.List) else tuple(sides)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def stated_arguments(call: ast.Call, family: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments under the words of facts: what is left out has its default, what is no literal stays open."""
    signature = SIGNATURES.get(family, ())
    given: dict[str, Any] = dict(zip(signature, (literal(a, known) for a in call.args), strict=False))
    given |= {ARGUMENT_WORDS.get(k.arg, k.arg): literal(k.value, known) for k in call.keywords if k.arg}
    if family in ("Conv2D", "Conv1D") and len(call.args) > 1 and any(k.arg == "kernel_size" for k in call.keywords):
        given = {**given, "ch_in": given.get("ch_out"), "ch_out": literal(call.args[1], known)}  # no class of Keras'
    plain = family in ("Conv2D", "Convolution2D", "SeparableConv2D")
    if plain and isinstance(given.get("stride"), int) and len(call.args) == 3:
        del given["stride"]  # Keras 1 wrote rows and columns of the kernel there, and Keras 2 read them so at first
        if family != "Convolution2D" and not any(k.arg in ("border_mode", "subsample") for k in call.keywords):
            return given
    if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return given
    defaults = {key: value for key, value in DEFAULTS.items() if key in signature}
    if family in POOLS and given.get("stride") is None:
        given["stride"] = given.get("kernel_size", 2 if family in KERAS else None)
    if family in KERAS and family in POOLS:
        given.setdefault("kernel_size", 2)
    return {**defaults, **given}


def class_called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def family_of(call: ast.Call) -> str:
    """A class without its dimensions: Conv of nn.Conv2d."""
    return re.sub(r"[123]d$", "", class_called(call))


def facts_of_call(
    call: ast.Call, name: str, line: int, known: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[LayerFact]:
    """A constructor call as a fact; nothing where it is given nothing and needs something."""
    cls, family = class_called(call), family_of(call)
    if not (call.args or call.keywords) and family in SIGNATURES and family not in POOLS:
        return
    given = stated_arguments(call, family, known)
    cells: Notes = {}
    for key, value in given.items():
        alike = isinstance(value, list | tuple) and bool(value) and all(side == value[0] for side in value)
        plain = value[0] if alike else value
        if isinstance(plain, int) and (key != "num_groups"):
            cells[key] = int(plain)
    shape = given.get("input_shape")
    if isinstance(shape, list | tuple) and len(shape) == 3 and all(isinstance(n, int) for n in shape):
        cells |= {"n_in": shape[0], "ch_in": shape[2]}
    whole = family.startswith("Adaptive") and cells.pop("output_size", 0) == 1
    kind = CLASS_KINDS.get(family, "global" if whole else "pointwise" if POINTWISE_CLASS.fullmatch(family) else "other")
    kind = "global" if kind == "pool" and kind_of_operation(name) == "global" else kind
    same = given.get("padding") == "same"
    cells |= {"padding": 0} if given.get("padding") == "valid" and "kernel_size" in cells else {}
    if kind in ("pointwise", "flat"):
        cells = {key: value for key, value in cells.items() if key in CHANNEL_ARGUMENTS}
    yield LayerFact(0, line, name, kind, cells, same, torch=cls, settings=tuple(given.items()))
