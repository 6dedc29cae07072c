"""Scripted and traced parts (torch.jit), which run outside Python: their graph is walked here instead, step by step
through torch's own functions, which the tracer sees."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CALLED: tuple[Any, ...] = (torch._C.ScriptMethod, torch._C.ScriptFunction)


class NotFollowed(Exception):
    """A step of a graph that is not known here."""


Env = dict[str, Any]
"""The values of a graph by their names."""


@contextmanager
def followed(follow: Callable[[Any, tuple[Any, ...], dict[str, Any], Callable[..., Any]], Any]) -> Iterator[None]:
    """Every call of a scripted function or method goes to `follow` meanwhile, with the way to call it as it is."""
    before = [kind.__call__ for kind in CALLED]
    try:
        for kind, call in zip(CALLED, before, strict=True):
            kind.__call__ = follower(follow, call)
        yield
    finally:
        for kind, call in zip(CALLED, before, strict=True):
            kind.__call__ = call


def follower(follow: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    def called(script: Any, *args: Any, **kwargs: Any) -> Any:
        return follow(script, args, kwargs, call)

    return called


def run_script(script: Any, owner: nn.Module | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a scripted function, or a method of `owner`, returns; raises NotFollowed."""
    graph = getattr(script, "inlined_graph", None) or script.graph
    names = [value.debugName() for value in graph.inputs()]
    given = list(args) if len(names) == len(args) else [owner, *args]
    arguments = script.schema.arguments
    for argument in arguments[len(given) :]:
        given.append(kwargs.get(argument.name, argument.default_value))
    if len(given) != len(names):
        raise NotFollowed("arguments")
    env: Env = dict(zip(names, given, strict=True))
    found = block(graph, env)
    return found[0] if len(found) == 1 else tuple(found)


def block(graph: Any, env: Env) -> list[Any]:
    """Runs the steps of a graph or of one of its blocks; the values that it returns."""
    for node in graph.nodes():
        run_step(node, env)
    returned = graph.outputs() if hasattr(graph, "outputs") else graph.return_node().inputs()
    return [env[value.debugName()] for value in returned]


def run_step(node: Any, env: Env) -> None:
    kind = node.kind()
    inputs = [env[value.debugName()] for value in node.inputs()]
    outputs = [value.debugName() for value in node.outputs()]
    if kind == "prim::If":
        made = block(list(node.blocks())[0 if inputs[0] else 1], env)
    elif kind == "prim::Loop":
        made = loop(next(iter(node.blocks())), inputs, env)
    elif kind in ("prim::TupleUnpack", "prim::ListUnpack"):
        made = list(inputs[0])
    elif kind in NODE_STEPS:
        made = [NODE_STEPS[kind](node, inputs)]
    elif kind.startswith("aten::"):
        result = call_operator(kind[6:], node, inputs)
        made = list(result) if len(outputs) > 1 else [result]
    else:
        raise NotFollowed(kind)
    env.update(zip(outputs, made, strict=False))


def loop(body: Any, inputs: list[Any], env: Env) -> list[Any]:
    most, going, *carried = inputs
    names = [value.debugName() for value in body.inputs()]
    turn = 0
    while going and turn < most:
        env.update(zip(names, [turn, *carried], strict=True))
        going, *carried = block(body, env)
        turn += 1
    return carried


def get_attribute(node: Any, inputs: list[Any]) -> Any:
    name = node.s("name")
    return False if name == "training" else getattr(inputs[0], name)  # modules are traced in evaluation mode


def raise_exception(node: Any, inputs: list[Any]) -> Any:
    raise RuntimeError(str(inputs[0]) if inputs else "an exception of the scripted code")


NODE_STEPS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "prim::Constant": lambda node, inputs: node.output().toIValue(),
    "prim::GetAttr": get_attribute,
    "prim::ListConstruct": lambda node, inputs: list(inputs),
    "prim::TupleConstruct": lambda node, inputs: tuple(inputs),
    "prim::DictConstruct": lambda node, inputs: dict(zip(inputs[::2], inputs[1::2], strict=True)),
    "prim::TupleIndex": lambda node, inputs: inputs[0][inputs[1]],
    "prim::unchecked_cast": lambda node, inputs: inputs[0],
    "prim::unchecked_unwrap_optional": lambda node, inputs: inputs[0],
    "prim::NumToTensor": lambda node, inputs: inputs[0],  # a size on its way to a shape
    "prim::Uninitialized": lambda node, inputs: None,
    "prim::Print": lambda node, inputs: None,
    "prim::dtype": lambda node, inputs: inputs[0].dtype,
    "prim::device": lambda node, inputs: inputs[0].device,
    "prim::layout": lambda node, inputs: inputs[0].layout,
    "prim::is_cuda": lambda node, inputs: False,
    "prim::data": lambda node, inputs: inputs[0].data,
    "prim::min": lambda node, inputs: min(*inputs),
    "prim::max": lambda node, inputs: max(*inputs),
    "prim::RaiseException": raise_exception,
}
"""Steps that are no function of torch's."""


def any_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    """aten::_convolution: all convolutions in one."""
    stride, padding, dilation, transposed, output_padding, groups = rest[:6]
    n = weight.dim() - 2
    if transposed:
        call: Any = getattr(functional, f"conv_transpose{n}d")
        found: Tensor = call(x, weight, bias, stride, padding, output_padding, groups, dilation)
        return found
    found = getattr(functional, f"conv{n}d")(x, weight, bias, stride, padding, dilation, groups)
    return found


def upsample_by(mode: str) -> Callable[..., Tensor]:
    """aten::upsample_…: input, size, corners for those that have them, factors."""

    def call(x: Tensor, size: Any, *rest: Any) -> Tensor:
        corners = rest[0] if mode != "nearest" and rest else None
        factors = next((r for r in rest if isinstance(r, list | tuple)), None) if size is None else None
        return functional.interpolate(x, size, factors, mode, corners)

    return call


def sliced(value: Any, *rest: Any) -> Any:
    if isinstance(value, Tensor):
        defaults: tuple[Any, ...] = (0, None, None, 1)
        dim, start, stop, stride = rest + defaults[len(rest) :]
        index = [slice(None)] * value.dim()
        index[dim] = slice(start, stop, stride)
        return value[tuple(index)]
    return value[slice(*rest)]


RENAMED: dict[str, Callable[..., Any]] = {
    "_convolution": any_convolution,
    "batch_norm": lambda x, w, b, mean, var, *rest: functional.batch_norm(x, mean, var, w, b, False, *rest[1:3]),
    "instance_norm": lambda x, w, b, mean, var, *rest: functional.instance_norm(x, mean, var, w, b, *rest[:3]),
    **{f"upsample_nearest{n}d": upsample_by("nearest") for n in (1, 2, 3)},
    "upsample_linear1d": upsample_by("linear"),
    "upsample_bilinear2d": upsample_by("bilinear"),
    "upsample_trilinear3d": upsample_by("trilinear"),
    "Int": int,
    "IntImplicit": int,
    "Float": float,
    "Bool": bool,
    "ScalarImplicit": lambda value: value,
    "_unwrap_optional": lambda value: value,
    "__is__": operator.is_,
    "__isnot__": operator.is_not,
    "__not__": operator.not_,
    "__getitem__": lambda value, index: value[index],
    "len": len,
    "list": list,
    "append": lambda value, item: value.append(item) or value,
    "format": lambda text, *values: str(text).format(*values),
    "floordiv": operator.floordiv,
    "floor_divide": operator.floordiv,
    "numel": lambda value: value.numel(),
    "slice": sliced,
    "size": lambda value, *dim: value.size(*dim),
    "select": lambda value, dim, index: value.select(dim, index),
    "dim": lambda value: value.dim(),
    "to": lambda value, *rest: value.to(next((r for r in rest if isinstance(r, torch.dtype)), value.dtype)),
    "warn": lambda *rest: None,
}
"""Functions whose arguments Python's form takes in another way."""
SCALARS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "eq": operator.eq,
    "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "neg": operator.neg, "remainder": operator.mod, "pow": operator.pow, "__and__": operator.and_,
    "__or__": operator.or_, "__contains__": operator.contains,
}  # fmt: skip
"""The same between numbers or lists."""


def operator_of(name: str) -> Any:
    """torch's function for an operator of its core library; None where there is none."""
    homes = (torch, torch._C._nn, Tensor)
    return next((found for home in homes if (found := getattr(home, name, None)) is not None), None)


def call_operator(name: str, node: Any, inputs: Sequence[Any]) -> Any:
    """torch's function of that name, called as its schema says."""
    if name in RENAMED:
        return RENAMED[name](*inputs)
    given: list[Any] = [part for x in inputs for part in (x if isinstance(x, list) else [x])]
    has_tensor = any(isinstance(part, Tensor) for part in given)
    if not has_tensor and name in SCALARS:
        return SCALARS[name](*inputs[:2])
    call = operator_of(name)
    if call is None or node.schema() == "(no schema)":
        raise NotFollowed(f"aten::{name}")
    arguments = torch._C.parse_schema(node.schema()).arguments
    plain = [x for x, argument in zip(inputs, arguments, strict=True) if not argument.kwarg_only]
    named = {a.name: x for x, a in zip(inputs, arguments, strict=True) if a.kwarg_only and x is not None}
    return call(*plain, **{key: x for key, x in named.items() if (key, x) != ("alpha", 1)})
