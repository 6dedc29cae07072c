"""A network as the text of a torch module that needs no rfcalc, written as one would by hand.

The layers are those of `rfcalc.build`, under the same names, so that a state dict fits both. A group of layers with a
name of its own (a block, a turn of a repeat, a module of a traced model) becomes a class where its layers can run
together; groups alike share one class, and what differs between them becomes its arguments.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..engine.arch import Arch, Row, demand_one_input
from ..engine.layers import Join
from ..errors import RfcalcError
from ..network import module_of
from .forward import ForwardLine, attribute_path, forward, variable
from .groups import LayerGroup, tree_of
from .layers import HELPERS, ClassCall, call_of, expression, flattens

CODE_WIDTH = 100
"""The longest line that is written, comments apart."""


def source(arch: Arch) -> str:
    """The text of a Python file with one class per kind of block and one for the network, the last.

    Raises RfcalcError for a layer that no torch module can be made of, and for a network of several inputs.

    >>> import rfcalc
    >>> print(source(rfcalc.loads("{name: n, input: [3, 8, 8], layers: [conv: {out_channels: 4, kernel_size: 3}]}")))
    \"\"\"n: input 3x8x8, output 4x6x6; 112 parameters; written by `rfcalc code`.\"\"\"
    <BLANKLINE>
    from torch import nn
    <BLANKLINE>
    <BLANKLINE>
    class N(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 4, 3)
    <BLANKLINE>
        def forward(self, x):
            return self.conv1(x)  # 4x6x6, field 3
    <BLANKLINE>
    """
    demand_one_input(arch, "a written module")
    return _Writer(arch).text()


def camel(name: str) -> str:
    """A class's name: conv_bn is ConvBn."""
    found = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", name))
    return found if found.isidentifier() and not keyword.iskeyword(found) else f"Net{found}"


def group_name(path: Sequence[str]) -> str:
    """What to call a group that comes from no named block: layer1.0 is a Layer."""
    words = [re.sub(r"[\d_]+$", "", part) for part in path]
    return next((word for word in reversed(words) if word), "block")


@dataclass(eq=False)
class Class:
    """One class of the file: the groups that it stands for and, once all of them are known, what differs in them."""

    name: str
    groups: list[LayerGroup]
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, ClassCall]] = field(default_factory=list)

    def call(self, group: LayerGroup) -> ClassCall:
        """How it is called for one of its groups."""
        use = self.groups.index(group)
        arguments = {name: values[use] for name, values in self.parameters.items()}
        return ClassCall(self.name, arguments, self.defaults, tuple(n for n in arguments if n not in self.defaults))


class _Writer:
    """Writes one network: classes for its groups, the innermost first, then the network's own."""

    def __init__(self, arch: Arch) -> None:
        self.arch = arch
        self.helpers: dict[str, str] = {}
        self.calls = {row.index: self.layer_call(row) for row in arch.rows}
        self.root = tree_of(arch)
        self.class_of: dict[tuple[str, ...], Class] = {}

    def text(self) -> str:
        """The journey: groups alike find their class, what differs becomes arguments, and all of it is written."""
        groups = sorted(self.running(self.root), key=lambda group: group.height)
        classes: dict[Any, Class] = {}
        taken = {"nn", "F", "torch", "OrderedDict", *(camel(op) for op in self.helpers)}
        for group in groups:
            key = self.key(group)
            if key not in classes:
                classes[key] = Class(free(key[0], taken), [])
            classes[key].groups.append(group)
            self.class_of[group.path] = classes[key]
        main = Class(free(camel(self.arch.name) or "Net", taken), [self.root])
        for cls in [*classes.values(), main]:  # the innermost first: a class is called as its own groups are settled
            self.settle(cls)
        bodies = [*self.helpers.values(), *(self.class_text(cls) for cls in (*classes.values(), main))]
        body = "\n\n".join(bodies)
        return f"{self.title()}\n\n{imports(body)}\n\n\n{body}"

    def title(self) -> str:
        arch = self.arch
        shape = "x".join(map(str, arch.input))
        about = f"{arch.name}: input {shape}, output {arch.out}; {arch.params:,} parameters; written by `rfcalc code`."
        written = sum(row.layer.params(row.x) for row in arch.rows)
        if written != arch.params:  # a layer that is used again, weights by parametrisation, a weight without a layer
            about += f"\n\nHere they are {written:,}: every layer has weights of its own, and no others.\n"
        return f'"""{about}"""'.replace("\\", "/")

    def layer_call(self, row: Row) -> ClassCall | None:
        """How a layer's module is made; None for a layer that is none."""
        holes = ["x"] * len(row.node.inputs)
        if expression(row, holes) is not None:
            return None
        if isinstance(row.layer, Join):
            raise RfcalcError(f"{row.name} ({row.layer.op}): no torch code can be written for it")
        with torch.device("meta"):  # for its settings alone
            module = module_of(row)
        if row.layer.op not in HELPERS:
            return call_of(module)
        self.helpers[row.layer.op] = HELPERS[row.layer.op]
        if row.layer.op == "channel_norm":
            affine = {} if row.layer.affine else {"elementwise_affine": "False"}  # type: ignore[attr-defined]
            return ClassCall("ChannelNorm", {"channels": str(row.x.channels), **affine}, {}, ("channels",))
        shape = str(tuple(module.weight.shape))  # type: ignore[arg-type]
        return ClassCall(camel(row.layer.op), {"shape": shape}, {}, ("shape",))

    def running(self, group: LayerGroup) -> Iterator[LayerGroup]:
        """Every group that has a class of its own."""
        for child in group.groups:
            yield from self.running(child)
            if child.runs and not self.is_sequence(child):
                yield child

    def is_sequence(self, group: LayerGroup) -> bool:
        """Whether it is an nn.Sequential: parts 0, 1, 2 …, each of which reads what the one before it made."""
        ends = group.inputs
        for number, (part, child) in enumerate(group.children.items()):
            if part != str(number) or self.reads(child) != ends:
                return False
            ends = child.outputs if isinstance(child, LayerGroup) else (child,)
        return group.runs and len(group.inputs) == 1 and ends == group.outputs

    def reads(self, child: int | LayerGroup) -> tuple[int, ...] | None:
        """What a part of a group reads; None for one that is no module by itself."""
        if isinstance(child, LayerGroup):
            return child.inputs if child.runs else None
        row = self.arch.rows[child - 1]
        return None if self.calls[child] is None or flattens(row) else row.node.inputs

    def parts(self, group: LayerGroup, holder: str = "self") -> Iterator[tuple[str, int | LayerGroup | None]]:
        """What a group's __init__ makes: where it hangs, and the layer or group; None for a mere holder of others."""
        for part, child in group.children.items():
            place = attribute_path(holder, part)
            if isinstance(child, int):
                if self.calls[child] is not None:
                    yield place, child
            elif child.runs:
                yield place, child
            else:
                yield place, None
                yield from self.parts(child, place)

    def call(self, child: int | LayerGroup | None) -> ClassCall:
        if child is None:
            return ClassCall("nn.Module", {})
        if isinstance(child, int):
            found = self.calls[child]
            return found if found is not None else ClassCall("nn.Identity", {})
        return self.class_of[child.path].call(child)

    def steps(self, group: LayerGroup, holder: str = "self") -> Iterator[ForwardLine]:
        """The lines of a group's forward, in no order; a group inside that does not run alone runs layer by layer."""
        for part, child in group.children.items():
            place = attribute_path(holder, part)
            if isinstance(child, int):
                yield self.layer_step(child, place, part)
            elif child.runs:
                form = f"{place}({', '.join(f'{{{i}}}' for i in range(len(child.inputs)))})"
                rows = [self.arch.rows[o - 1] for o in child.outputs]
                names = tuple(row.name.rpartition(".")[2] for row in rows) if len(rows) > 1 else (part,)
                yield ForwardLine(form, child.inputs, child.outputs, names, rows[-1])
            else:
                yield from self.steps(child, place)

    def layer_step(self, index: int, place: str, part: str) -> ForwardLine:
        row = self.arch.rows[index - 1]
        holes = [f"{{{i}}}" for i in range(len(row.node.inputs))]
        if self.calls[index] is None:
            form = expression(row, holes) or ""
        else:
            form = f"{place}({holes[0]}{'.flatten(1)' if flattens(row) else ''})"
        return ForwardLine(form, row.node.inputs, (index,), (part,), row)

    def ordered(self, group: LayerGroup) -> list[ForwardLine]:
        """The steps of a group, each after those that it reads; a group inside that runs as one may come before layers
        that stand between its own."""
        left = sorted(self.steps(group), key=lambda step: step.outputs[-1])
        known, found = set(group.inputs), list[ForwardLine]()
        while left:
            step = next((step for step in left if known.issuperset(step.inputs)), None)
            if step is None:
                names = ", ".join(step.row.name for step in left)
                raise RfcalcError(
                    f"{self.arch.name}: blocks that wait for one another cannot be written apart: {names}"
                )
            left.remove(step)
            known.update(step.outputs)
            found.append(step)
        return found

    def key(self, group: LayerGroup) -> Any:
        """What two groups must share to be of one class: name, parts, and what is done in which order."""
        steps = self.ordered(group)
        numbers = {index: n for n, index in enumerate([*group.inputs, *(o for s in steps for o in s.outputs)])}
        parts = [(place, self.kind(child)) for place, child in self.parts(group)]
        wiring = [(s.form, tuple(numbers[i] for i in s.inputs), len(s.outputs)) for s in steps]
        name = camel(self.arch.blocks.get(".".join(group.path)) or group_name(group.path))
        return name, tuple(parts), tuple(wiring), len(group.inputs), tuple(numbers[o] for o in group.outputs)

    def kind(self, child: int | LayerGroup | None) -> Any:
        """What two parts must share to stand in the same place of one class."""
        if isinstance(child, LayerGroup):
            if self.is_sequence(child):
                return tuple(self.kind(inner) for inner in child.children.values())
            return id(self.class_of[child.path])
        call = self.call(child)
        fixed = str(call) if call.name == "nn.Sequential" else ""
        return call.name, call.required, tuple(call.arguments), fixed

    def settle(self, cls: Class) -> None:
        """Finds what differs between the groups of a class: each such setting becomes an argument, once."""
        tables = [list(self.parts(group)) for group in cls.groups]
        for row in zip(*tables, strict=True):
            cls.calls.append((row[0][0], self.merged(cls, row[0][0], [child for _, child in row])))

    def merged(self, cls: Class, place: str, children: Sequence[int | LayerGroup | None]) -> ClassCall:
        """One call for parts that stand in the same place of groups alike."""
        first = children[0]
        if isinstance(first, LayerGroup) and self.is_sequence(first):
            inside = {
                part: str(
                    self.merged(
                        cls, f"{place}{part}", [c.children[part] for c in children if isinstance(c, LayerGroup)]
                    )
                )
                for part in first.children
            }
            return ClassCall("nn.Sequential", inside, {}, tuple(inside))
        calls = [self.call(child) for child in children]
        arguments = {}
        for key in calls[0].arguments:
            values = tuple(call.arguments[key] for call in calls)
            same = len(set(values)) == 1
            arguments[key] = values[0] if same else self.parameter(cls, place, key, values, calls[0])
        return ClassCall(calls[0].name, arguments, calls[0].defaults, calls[0].required)

    def parameter(self, cls: Class, place: str, key: str, values: tuple[str, ...], call: ClassCall) -> str:
        """The argument of a class that has these values in its groups, by their order."""
        for name, known in cls.parameters.items():
            if known == values:
                return name
        name = key if key not in cls.parameters else f"{variable(place.rpartition('.')[2])}_{key}"
        while name in cls.parameters:
            name += "_"
        cls.parameters[name] = values
        if call.defaults.get(key) in values:
            cls.defaults[name] = call.defaults[key]
        return name

    def class_text(self, cls: Class) -> str:
        group = cls.groups[0]
        needed = [name for name in cls.parameters if name not in cls.defaults]
        arguments = ["self", *needed, *(f"{name}={value}" for name, value in cls.defaults.items())]
        lines = [
            f"class {cls.name}(nn.Module):",
            f"    def __init__({', '.join(arguments)}):",
            "        super().__init__()",
        ]
        lines += [f"        {place} = {call}" for place, call in cls.calls]
        steps = self.ordered(group)
        body = forward(steps, group.inputs, group.outputs, comments=len(cls.groups) == 1)
        return "\n".join([wrapped(line) for line in [*lines, "", *(f"    {line}" for line in body)]]) + "\n"


def wrapped(line: str) -> str:
    """A line of code, its arguments on lines of their own where they do not fit."""
    start, bracket, rest = line.partition("(")
    if len(line) <= CODE_WIDTH or not bracket or "  # " in line:
        return line
    inside, _, end = rest.rpartition(")")
    indent = " " * (len(line) - len(line.lstrip()))
    lines = textwrap.wrap(inside, CODE_WIDTH - len(indent) - 4, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{start}(", *(f"{indent}    {part}" for part in lines), f"{indent}){end}"])


def free(name: str, taken: set[str]) -> str:
    """A name that nothing else has; it is taken from then on."""
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}{count}"
    taken.add(found)
    return found


def imports(body: str) -> str:
    """The imports that a file needs, by what it uses."""
    lines = ["from collections import OrderedDict", ""] if "OrderedDict(" in body else []
    lines += ["import torch"] if "torch." in body else []
    lines += ["import torch.nn.functional as F"] if "F." in body else []
    return "\n".join([*lines, "from torch import nn"])
