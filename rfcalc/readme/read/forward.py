"""What a `forward` does, read with `ast`: the layers that lie between its input and what it returns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HARMLESS = re.compile(
    r"relu6?|leaky_relu|elu|gelu|silu|mish|hardswish|(?:log_)?softmax|sigmoid|tanh|dropout\w*|view|reshape|flatten|"
    r"squeeze|unsqueeze|size|contiguous|format|print|len|int|float|to|batch_norm|normalize|permute|clone|mean|super"
)
"""Functions that leave size and field alone, or make a map flat."""
POOLING = {
    "max_pool1d": "MaxPool1d", "max_pool2d": "MaxPool2d", "max_pool3d": "MaxPool3d", "avg_pool2d": "AvgPool2d",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d", "adaptive_max_pool2d": "AdaptiveMaxPool2d",
}  # fmt: skip
ADDS, JOINS = "adds or multiplies maps", "joins maps"
JOINING = {"cat": JOINS, "concat": JOINS, "add": ADDS, "mul": ADDS, "iadd": ADDS}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that forward does: it calls a layer, or a pooling function written as the layer's constructor, or
    something that is no chain of layers: `problem` says what, `branches` what lies on each way to a join."""

    layer: str = ""
    call: ast.Call | None = None
    name: str = ""
    problem: str = ""
    branches: tuple[tuple[Step, ...], ...] = ()


Path = tuple[Step, ...]


def steps_of(source: str) -> Path | None:
    """The steps from the input to what is returned, in the order in which they run; None where the source cannot be
    parsed, or returns nothing.

    >>> steps = steps_of("def forward(self, x):\\n    return self.fc(F.max_pool2d(self.conv(x), 2).flatten(1))")
    >>> [step.layer or step.name for step in steps or ()]
    ['conv', 'max_pool2d', 'fc']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    function = tree.body[0] if tree.body else None
    if not isinstance(function, ast.FunctionDef):
        return None
    walk = _Walk({argument.arg: () for argument in function.args.args if argument.arg != "self"})
    walk.follow(function.body)
    return walk.returned


class _Walk:
    """The path to each variable so far."""

    def __init__(self, given: dict[str, Path]) -> None:
        self.paths = given
        self.returned: Path | None = None
        self.controlled: Path = ()

    def follow(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
                if not isinstance(statement, ast.With):
                    self.controlled = (Step(problem="branches or loops"),)
                self.follow([*statement.body, *getattr(statement, "orelse", ())])
            elif isinstance(statement, ast.Return) and statement.value:
                self.returned = (*self.controlled, *self.path(statement.value))
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
                found = self.path(statement.value)
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for name in (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)):
                    self.paths[name] = found
            elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                parts = (self.path(statement.target), self.path(statement.value))
                self.paths[statement.target.id] = joined(parts, ADDS)

    def path(self, node: ast.expr) -> Path:
        """The steps on the way to a value; nothing for what is no map."""
        if isinstance(node, ast.Name):
            return self.paths.get(node.id, ())
        if isinstance(node, ast.Call):
            return self.called(node)
        if isinstance(node, ast.BinOp):
            sides = [side for side in (node.left, node.right) if not isinstance(side, ast.Constant)]
            if len(sides) == 2 and isinstance(node.op, ast.Add | ast.Mult):
                return joined([self.path(side) for side in sides], ADDS)
            return self.path(sides[0]) if sides else ()
        if isinstance(node, ast.Tuple | ast.List):
            return self.path(node.elts[0]) if node.elts else ()
        inner = getattr(node, "value", None) or getattr(node, "body", None)
        return self.path(inner) if isinstance(inner, ast.expr) else ()

    def called(self, node: ast.Call) -> Path:
        function = node.func
        holder = function.value if isinstance(function, ast.Attribute) else None
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        before = self.path(given[0]) if given else ()
        if isinstance(holder, ast.Name) and holder.id == "self" and isinstance(function, ast.Attribute):
            return (*before, Step(layer=function.attr))
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if isinstance(function, ast.Call | ast.Subscript) or (holder and module_of(holder)):
            return (*before, Step(layer=module_of(holder or function) or "?"))
        if name in JOINING and given:
            parts = given[0].elts if isinstance(given[0], ast.Tuple | ast.List) else given[:2]
            return joined([*self.method(holder), *map(self.path, parts)], JOINING[name])
        before = next(self.method(holder), before)
        if name in POOLING:
            made = ast.Call(ast.Name(POOLING[name]), node.args[1:], node.keywords)
            return (*before, Step(call=made, name=name))
        return before if HARMLESS.fullmatch(name) else (*before, Step(problem=f"calls {name}"))

    def method(self, holder: ast.expr | None) -> Iterator[Path]:
        """The path to the map whose method is called; nothing for a function of a package."""
        if isinstance(holder, ast.Name):
            if holder.id in self.paths:
                yield self.paths[holder.id]
        elif holder is not None and not (isinstance(holder, ast.Attribute) and module_of(holder) is None):
            yield self.path(holder)


def module_of(node: ast.expr) -> str | None:
    """The attribute of self that a node looks into: conv of self.conv.weight and of self.conv[0]."""
    inner = node
    while isinstance(inner, ast.Attribute | ast.Subscript):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            return inner.attr if inner.value.id == "self" else None
        inner = inner.value
    return None


def joined(paths: Sequence[Path], problem: str) -> Path:
    """The path as far as all are the same, then a step with what is different in each."""
    shared = 0
    while all(len(path) > shared for path in paths) and len({path[shared] for path in paths}) == 1:
        shared += 1
    rests = tuple(dict.fromkeys(path[shared:] for path in paths))
    if len(rests) < 2:
        return paths[0] if problem == ADDS else (*paths[0], Step(problem=problem, branches=rests))
    return (*paths[0][:shared], Step(problem=problem, branches=rests))
