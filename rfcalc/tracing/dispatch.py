"""Watches a running program: every torch function that it calls becomes the layers that say what the function does.

Tensors have shapes only (torch's meta device); the state remembers which hold something of the image, and where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..engine.layers.sources import Source
from ..errors import RfcalcError
from .call import Call, NeedsValues
from .casts import asks_only, wanted_type
from .charges import Charges
from .constants import Constants
from .graph import Graph, Map, Unsupported
from .hidden import HiddenRuns
from .inputs import Inputs, Sample
from .known import Known
from .modules import Modules
from .results import Results
from .rules.fallback import sees_all, unknown
from .rules.kinds import ABOUT_TENSORS, CASTS, FILLED, FRESH, READ_VALUES
from .rules.quantised import is_quantised, plain_call, unpacked_weights
from .rules.table import RULES, Entry
from .shapes import Shapes, tensors_in
from .spellings import is_in_place, name_of, original
from .state import TraceState
from .writes import Writes


class Tracer(TorchFunctionMode):
    """Sees every torch function that a program calls, and decides what it is: nothing to do with the image, a change of
    type, a new tensor, or an operation with a rule (rules/table.py), which grows the graph."""

    def __init__(
        self, module: nn.Module, inputs: Inputs, batch: int, strict: bool = True, verify: bool = False
    ) -> None:
        super().__init__()
        image = inputs.samples[inputs.first]
        self.inputs = inputs
        self.graph = Graph((image.channels, *image.sizes), batch, strict)
        self.known = Known(self.graph, module)
        self.charges = Charges(module)
        self.state = TraceState(self.graph, self.known, Writes(self.graph, self.known), self.charges, Shapes(), verify)
        self.modules = Modules(module, self.graph)
        self.constants, self.results = Constants(self.state), Results(self.state)
        self.hidden = HiddenRuns(self.state, self.modules)
        self.by_chance = False
        self.tensors = [sample.tensor(batch) for sample in inputs.samples]
        self.sources = [self.source(sample, i == inputs.first) for i, sample in enumerate(inputs.samples)]
        for tensor, m in zip(self.tensors, self.sources, strict=True):
            self.known.bind(tensor, m)

    def source(self, sample: Sample, image: bool) -> Map:
        """Where the values of an input stand: those of the image in node 0, others in a node of their own."""
        dims = sample.dims(self.graph.batch)
        return Map(0, dims) if image else self.graph.source(sample.name, Source, sample.channels, sample.sizes, dims)

    def follow(self, script: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
        """A call of scripted code, which no torch function shows."""
        return self.hidden.follow(script, args, kwargs, call)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        func, kwargs = original(func), kwargs or {}
        if func in ABOUT_TENSORS:
            return func(*args, **kwargs)
        tensors = list(tensors_in(args, kwargs))
        if func is Tensor.__setitem__:
            self.state.writes.written_back(args[0], args[2])
        seen = bool([tensor for tensor in tensors if self.known.find(tensor) is not None])
        if seen and is_quantised(func):
            with self:
                return plain_call(func, args, lambda packed: unpacked_weights(self.state, packed))
        if seen and func in READ_VALUES:
            raise NeedsValues(name_of(func))
        if func in CASTS:
            return self.cast(func, args, kwargs)
        if not seen:
            return self.constants.call(func, args, kwargs)
        if func in FRESH and not self.filled_by_image(func, args, kwargs):
            fills = is_in_place(name_of(func))
            return self.state.writes.blanked(args[0]) if fills else self.constants.like(func, args, kwargs)
        entry = RULES.get(func)
        return self.operation(Call(self.state, func, args, kwargs, entry.arguments if entry else (), tensors), entry)

    def cast(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A change of type; a change of device is none."""
        if asks_only(func, args, kwargs):
            return func(*args, **kwargs)
        x, wanted = args[0], wanted_type(func, args, kwargs)
        if wanted is None or wanted == x.dtype:
            return x
        result, m = x.to(wanted), self.known.find(x)
        if m is not None:
            self.known.bind(result, m)
        else:
            self.known.keep(result)
            self.charges.made_from([result], [x])
        return result

    def filled_by_image(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the value that a new tensor is full of holds something of the image."""
        given = (*args[1:], *kwargs.values()) if name_of(func) in FILLED else ()
        return any(self.known.find(value) is not None for value in given)

    def operation(self, call: Call, entry: Entry | None) -> Any:
        """One function on tensors of the image: its layers, and the tensors that it returns. Where its rule does not
        fit, what is true of any function is said instead: no unit sees more than all of its inputs."""
        if call.name == "__set__":  # x.data = y
            return self.state.writes.replaced(call.args[0], call.args[1])
        if entry is None and not any(True for _ in tensors_in(call.run())):
            return call.result
        mark, charged = len(self.graph.drafts), len(self.charges.charged)
        try:
            return self.results.give(call, entry.handler(call) if entry else unknown(call))
        except Unsupported:
            self.state.rewind(mark, charged)
        if not any(tensor.numel() for tensor in tensors_in(call.run())):  # an empty slice holds nothing
            return self.results.kept(call.result)
        try:
            return self.results.give(call, sees_all(call))
        except Unsupported as reason:
            raise RfcalcError(f"{call.name} cannot be followed: {reason}") from None
