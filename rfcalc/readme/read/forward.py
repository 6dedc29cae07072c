"""What a `forward` does, read with `ast`: the layers that lie between its input and what it returns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HARMLESS = re.compile(
    r"relu6?_?|leaky_relu|elu|gelu|silu|mish|hardswish|(?:log_)?softmax|sigmoid|tanh|dropout\w*|view|reshape|flatten|"
    r"squeeze|unsqueeze|size|contiguous|format|print|len|int|float|to|batch_norm|normalize|permute|clone|mean|super"
)
"""Functions that leave size and field alone, or make a map flat."""
POOLING = {
    "max_pool1d": "MaxPool1d", "max_pool2d": "MaxPool2d", "max_pool3d": "MaxPool3d", "avg_pool2d": "AvgPool2d",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d", "adaptive_max_pool2d": "AdaptiveMaxPool2d", "interpolate": "Upsample",
    "upsample": "Upsample",
}  # fmt: skip
JOINING = {"cat": "concat", "concat": "concat", "add": "add", "mul": "multiply", "add_": "add", "mul_": "multiply"}
OPERATORS: dict[type[ast.operator], str] = {ast.Add: "add", ast.Mult: "multiply"}
CHANNEL_AXES = (1, -3)
"""The dimension along which maps are joined, counted from either end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that forward does: it calls a layer, or a pooling function written as the layer's constructor, or it
    joins maps (add, multiply, concat); `branches` holds what lies on each way to a join, or to a layer that is given
    several maps; `given` is the place of an argument behind the first; `problem` says what it does that no layer does;
    `line` is its line in the source, from 1.
    """

    layer: str = ""
    call: ast.Call | None = None
    name: str = ""
    problem: str = ""
    join: str = ""
    given: int = 0
    branches: tuple[tuple[Step, ...], ...] = ()
    line: int = field(default=0, compare=False)


Path = tuple[Step, ...]


def forward_steps(source: str) -> Path | None:
    """The steps from the input to what is returned, in the order in which they run; None where the source cannot be
    parsed, or returns nothing.

    >>> steps = forward_steps("def forward(self, x):\\n    return self.fc(F.max_pool2d(self.conv(x), 2).flatten(1))")
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
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    walk = _ForwardWalk({name: (Step(given=place),) if place else () for place, name in enumerate(names)})
    walk.follow(function.body)
    return walk.returned


def layers_of_steps(steps: Path) -> set[str]:
    """The names of the layers that steps call, on all their ways."""
    return {step.layer for step in steps} | {
        name for step in steps for way in step.branches for name in layers_of_steps(way)
    }


class _ForwardWalk:
    """The path to each variable so far."""

    def __init__(self, given: dict[str, Path]) -> None:
        self.paths = given
        self.lists: dict[str, list[Path]] = {}
        """The maps in a list that has a name."""
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
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    self.assign(target, statement.value)
            elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                self.paths[statement.target.id] = self.path(ast.BinOp(statement.target, statement.op, statement.value))
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self.grow(statement.value)

    def grow(self, call: ast.Call) -> None:
        """A list that a statement changes: one map more, or no longer known."""
        holder = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(call.func, ast.Attribute) and isinstance(holder, ast.Name) and holder.id in self.lists:
            before = self.lists.pop(holder.id)
            if call.func.attr == "append" and call.args:
                self.lists[holder.id] = [*before, self.path(call.args[0])]

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        if isinstance(target, ast.Name) and parts:
            self.lists[target.id] = [self.path(part) for part in parts]
        if isinstance(target, ast.Tuple) and len(parts) == len(target.elts):
            found = [self.path(part) for part in parts]
        elif isinstance(target, ast.Tuple):
            found = [(*self.path(value), Step(problem="takes several results apart"))] * len(target.elts)
        else:
            found = [self.path(value)]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        self.paths |= {name.id: path for name, path in zip(names, found, strict=True) if isinstance(name, ast.Name)}

    def path(self, node: ast.expr) -> Path:
        """The steps on the way to a value; nothing for what is no map."""
        if isinstance(node, ast.Name):
            return self.paths.get(node.id, ())
        if isinstance(node, ast.Call):
            return self.called(node)
        if isinstance(node, ast.BinOp):
            sides = [side for side in (node.left, node.right) if not self.plain(side)]
            if len(sides) == 2 and type(node.op) in OPERATORS:
                return joined_paths([self.path(side) for side in sides], OPERATORS[type(node.op)])
            return self.path(sides[0]) if sides else ()
        if isinstance(node, ast.Tuple | ast.List):
            return self.path(node.elts[0]) if node.elts else ()
        if isinstance(node, ast.Attribute) and (name := attribute_of(node)):
            return (Step(problem=f"uses self.{name}"),)
        inner = getattr(node, "value", None) or getattr(node, "body", None)
        return self.path(inner) if isinstance(inner, ast.expr) else ()

    def plain(self, node: ast.expr) -> bool:
        """Whether a value is a number, or a name that no map has."""
        return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id not in self.paths)

    def called(self, node: ast.Call) -> Path:
        function = node.func
        holder = function.value if isinstance(function, ast.Attribute) else None
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        before = self.path(given[0]) if given else ()
        if layer := layer_called(function):
            maps = [self.path(part) for part in given if not self.plain(part)] or [before]
            return joined_paths(maps, layer=layer, line=node.lineno)
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if isinstance(function, ast.Call | ast.Subscript) or (holder and attribute_of(holder)):
            return (*before, Step(layer=attribute_of(holder or function) or "?"))
        if name in JOINING and given:
            return self.joins(JOINING[name], holder, node)
        if name == "sum" and (maps := self.summed(node)):
            return joined_paths(maps, "add")
        before = next(self.method(holder), before)
        if name in POOLING:
            made = ast.Call(ast.Name(POOLING[name]), node.args[1:], node.keywords)
            return (*before, Step(call=made, name=name, line=node.lineno))
        return before if HARMLESS.fullmatch(name) else (*before, Step(problem=f"calls {name}"))

    def joins(self, join: str, holder: ast.expr | None, node: ast.Call) -> Path:
        """The ways to a call that joins maps: those of a list for a concatenation, else what is given."""
        if join != "concat":
            return joined_paths([*self.method(holder), *map(self.path, node.args[:2])], join)
        first, *others = [*node.args, *(k.value for k in node.keywords if k.arg in ("dim", "axis"))]
        dim = ast.unparse(others[0]) if others else "0"
        if dim not in map(str, CHANNEL_AXES):
            return (Step(problem=f"joins maps along dimension {dim}"),)
        known = self.listed(first)
        return joined_paths(known, join) if known else (Step(problem="joins a list of maps"),)

    def listed(self, node: ast.expr) -> list[Path]:
        """The ways to the maps of a list that is written out, or has a name."""
        if isinstance(node, ast.Tuple | ast.List):
            return [self.path(part) for part in node.elts]
        return self.lists.get(node.id, []) if isinstance(node, ast.Name) else []

    def summed(self, node: ast.Call) -> list[Path]:
        """The ways to the maps that are added up: sum(maps), torch.sum(torch.stack(maps), dim=0),
        torch.stack(maps).sum(0)."""
        function = node.func
        if isinstance(function, ast.Name):
            return self.listed(node.args[0]) if node.args else []
        assert isinstance(function, ast.Attribute)
        stacked = isinstance(function.value, ast.Call)
        stack, *axes = [function.value, *node.args] if stacked else node.args or [node]
        axes += [keyword.value for keyword in node.keywords if keyword.arg in ("dim", "axis")]
        if not (isinstance(stack, ast.Call) and ast.unparse(stack.func) == "torch.stack" and stack.args):
            return []
        along = [ast.unparse(axis) for axis in (*axes, *stack.args[1:], *(k.value for k in stack.keywords))]
        return self.listed(stack.args[0]) if along and {*along} == {"0"} else []

    def method(self, holder: ast.expr | None) -> Iterator[Path]:
        """The path to the map whose method is called; nothing for a function of a package."""
        if isinstance(holder, ast.Name):
            if holder.id in self.paths:
                yield self.paths[holder.id]
        elif holder is not None and not (isinstance(holder, ast.Attribute) and attribute_of(holder) is None):
            yield self.path(holder)


def layer_called(function: ast.expr) -> str | None:
    """The layer of self that is called: conv of self.conv, and "0", which is no name, of self._modules["0"]."""
    if isinstance(function, ast.Subscript) and isinstance(function.slice, ast.Constant):
        named = layer_called(function.value) == "_modules" and isinstance(function.slice.value, str)
        return function.slice.value if named else None  # type: ignore[return-value]
    own = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    return function.attr if own else None  # type: ignore[attr-defined]


def attribute_of(node: ast.expr) -> str | None:
    """The attribute of self that a node looks into: conv of self.conv.weight and of self.conv[0]."""
    inner = node
    while isinstance(inner, ast.Attribute | ast.Subscript):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            return inner.attr if inner.value.id == "self" else None
        inner = inner.value
    return None


def joined_paths(paths: Sequence[Path], join: str = "", layer: str = "", line: int = 0) -> Path:
    """The path as far as all are the same, then a step with what is different in each."""
    shared = 0
    while all(len(path) > shared for path in paths) and len({path[shared] for path in paths}) == 1:
        shared += 1
    ways = tuple(path[shared:] for path in paths)
    if len(ways) == 1 or (len(set(ways)) == 1 and join != "concat"):  # x + x has the shape of x
        return (*paths[0], Step(layer=layer, line=line)) if layer else paths[0]
    return (*paths[0][:shared], Step(layer=layer, join=join, branches=ways, line=line))
