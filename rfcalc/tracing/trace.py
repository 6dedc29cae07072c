"""Any torch module as an `Arch`: its forward runs once on shapes alone, and leaves the layers that it is made of.

No value of an image or a large weight is computed or moved, and module and process are left as they were found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from torch import nn

from ..engine.arch import Arch, worked_out
from ..engine.ports import Port
from ..errors import RfcalcError, listed
from .dispatch import Tracer
from .inputs import Inputs, inputs_of
from .outputs import Outputs, conclude_outputs
from .run import run
from .user_code import UserError, load_shapes, users_code

BATCHES = ((2, True), (1, True), (2, False))
"""Images in the batch that a module is run on, and whether it is given up where they cannot be told from places: two,
as a program written for batches wants; or one; or, where it takes no single image, two after all."""

SEEDS = (0, 1, 2, 3)
"""Of random, numpy and torch: a layer that is dropped one time in two stays the same in all four one time in eight."""


def trace(module: nn.Module, input: Any, name: str = "", source: str = "") -> Arch:
    """The layers of a torch module for an image of the given shape: channels, then 1 to 3 sizes; or for an example of
    what it takes: tuples, lists and dicts of shapes or tensors, however nested.

    Its forward runs in evaluation mode, on shapes alone. The last layer is the one that makes the first tensor of what
    it returns. Parameters count at the first layer that uses them; `unused` holds those that none uses. What cannot be
    told of an operation stands in the status of its row and of those after it. Raises RfcalcError where the program
    goes wrong, or asks for values.

    >>> arch = trace(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)), (3, 32, 32))
    >>> [(row.name, str(row.out), row.out.axes[0].receptive_field) for row in arch.rows]
    [('0', '8x30x30', 3), ('1', '8x30x30', 3), ('2', '8x15x15', 4)]
    """
    # the module itself, and a sample without values for each argument of its forward
    module = unwrapped(module)
    check_traceable(module)
    inputs = inputs_of(module, input)
    # forward runs, and every torch function that it calls leaves its layers
    ran = traced(module, inputs, SEEDS[0], Tracer)
    # products of weights alone may have been repeated for each image of the batch
    constant_macs = ran.tracer.charges.constant_macs
    if constant_macs and ran.tracer.graph.batch > 1:
        constant_macs = constant_macs_of_one(module, inputs, constant_macs)
    # the layers by name, with all that is worked out from them
    arch = traced_arch(ran, name or type(module).__name__, source, constant_macs)
    # a program that draws random numbers may be another network when it is called again
    if ran.tracer.by_chance:
        others = [traced(module, inputs, seed, Tracer).tracer.graph.nodes() for seed in SEEDS[1:]]
        drawn = replace(arch, one_draw=any(nodes != arch.nodes for nodes in others))
        arch = worked_out(drawn, ran.tracer.graph.maps)
    return arch


def load_target(target: str, input: Any) -> Arch:
    """The network of a torch model named as `path/to/file.py:Name` or `package.module:Name`; raises RfcalcError."""
    if input is None:
        raise RfcalcError(f"{target} is a torch model: say what it is given with --input, such as --input 3,224,224")
    found = load_shapes(target)
    with users_code(f"while {target} was traced"):
        return trace(found.module, input, found.name, f"traced from {target}")


# --- the module --------------------------------------------------------------------------------------------------


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, out of what torch.compile and DataParallel put around it."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = module.module
    return unwrapped(inner) if isinstance(inner, nn.Module) else module


def check_traceable(module: nn.Module) -> None:
    """Raises RfcalcError for what cannot be traced."""
    if not isinstance(module, nn.Module):
        raise RfcalcError(f"trace takes a torch module, not {type(module).__name__}")
    title = type(module).__name__
    for path, part in module.named_modules():
        where = f"{title}.{path}".rstrip(".")
        if any(isinstance(p, nn.UninitializedParameter) for p in part.parameters(recurse=False)):
            raise RfcalcError(f"{where} is lazy and has no weights yet: run the module once on an image, then trace it")


# --- its runs ----------------------------------------------------------------------------------------------------


TracerType = TypeVar("TracerType", bound=Tracer)


class Ran(NamedTuple, Generic[TracerType]):
    """A run of a module: what it left behind, what it returned, and its tensors by name."""

    tracer: TracerType
    output: Any
    outputs: Outputs


def traced(module: nn.Module, inputs: Inputs, seed: int, make: type[TracerType]) -> Ran[TracerType]:
    """The first run of a module that its program takes, of batches of several sizes; raises the first run's error."""
    first: UserError | None = None
    for batch, strict in BATCHES:
        tracer = make(module, inputs, batch, strict)
        try:
            output = run(tracer, module, seed)
            return Ran(tracer, output, conclude_outputs(tracer, output, type(module).__name__))
        except UserError as error:
            first = first or error
    raise first or RfcalcError(f"{type(module).__name__} was not run")


def constant_macs_of_one(module: nn.Module, inputs: Inputs, of_two: int) -> int:
    """The products of weights alone where one image is run; those of two where the program takes no single image."""
    alone = Tracer(module, inputs, 1, strict=False)
    try:
        run(alone, module)
    except UserError:
        return of_two
    return alone.charges.constant_macs


def traced_arch(ran: Ran[Any], name: str, source: str, constant_macs: int) -> Arch:
    """The layers that a run left behind as a network."""
    tracer, unused = ran.tracer, ran.tracer.charges.unused
    samples, nodes = tracer.inputs.samples, tracer.graph.nodes()
    image = samples[tracer.inputs.first]
    notes = []
    if unused:
        notes.append(f"{sum(unused.values()):,} parameters are never used in forward: {listed(list(unused))}")
    arch = Arch(
        name=name,
        input=(image.channels, *image.sizes),
        nodes=nodes,
        frozen=tracer.charges.frozen,
        functions=tracer.graph.functions(nodes),
        source=source,
        notes=tuple(notes),
        unused=unused,
        constant_macs=constant_macs,
        given=tuple(Port(s.name, m.node, s.shape) for s, m in zip(samples, tracer.sources, strict=True)),
        returned=tuple(Port(*output) for output in ran.outputs),
    )
    return worked_out(arch, tracer.graph.maps)
