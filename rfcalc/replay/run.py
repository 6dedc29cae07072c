"""A traced program run again on real tensors: the same calls in the same order, each row's values seen as they come.

All numbers with a fraction are brought to one type (float64 unless the program refuses it): a program's own `.half()`
or `.float()` then changes nothing. Norms may be given their statistics (`held`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..tracing.casts import asks_only, wanted_type
from ..tracing.outputs import tensors_of
from ..tracing.rules.kinds import ABOUT_TENSORS, CASTS
from ..tracing.run import eager, quiet, unchecked
from ..tracing.scripted import followed
from ..tracing.shapes import on_cpu, tensors_in
from ..tracing.spellings import name_of
from ..tracing.user_code import Chance
from .held import Statistics, norm_call_of, normed_with, statistics
from .ready import LOW
from .rows import SCRIPT, Recorded, Sight, results_of

Sink = Callable[[Sight, Tensor], None]
"""Is told of each tensor that holds a row, at the moment when it does."""
FACTORS = frozenset(f"{name}{end}" for name in ("mul", "multiply", "div", "divide", "true_divide") for end in ("", "_"))
FACTORS |= {"__mul__", "__rmul__", "__truediv__", "__imul__", "__itruediv__"}
"""Products and quotients."""
SIGNED = frozenset(["sub", "subtract", "div", "divide", "true_divide"])
TURNED = frozenset(["__rsub__", "rsub", "__rdiv__", "__rtruediv__", "reciprocal"])
"""A number less a value, or over it, turns what grows into what shrinks."""


@dataclass(frozen=True, slots=True)
class Strayed:
    """Where a program on values goes another way than it did on shapes."""

    number: int
    name: str
    expected: str

    def __str__(self) -> str:
        return f"on values, call {self.number + 1} of the program is {self.name}; on shapes it was {self.expected}"


@dataclass(slots=True)
class Memory:
    """What a run on the unchanged image leaves for the runs on changed ones, by call."""

    statistics: dict[int, Statistics] = field(default_factory=dict)
    weighed: dict[int, bool] = field(default_factory=dict)
    """Whether all numbers that a call brings to the image's are positive."""


class Replay(TorchFunctionMode):
    """Sees every call of a program that runs on values."""

    def __init__(
        self,
        recorded: Recorded,
        sink: Sink,
        dtype: torch.dtype | None,
        memory: Memory | None = None,
        first: bool = True,
    ) -> None:
        super().__init__()
        self.recorded, self.sink, self.dtype, self.memory, self.first = recorded, sink, dtype, memory, first
        self.number = 0
        self.strayed: Strayed | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in ABOUT_TENSORS:
            return func(*args, **kwargs)
        number, sights = self.next_call(name_of(func))
        self.show([s for s in sights if s.given], list(tensors_in(args, kwargs)) if sights else [])
        result = self.called(number, func, args, kwargs)
        self.show([s for s in sights if not s.given], results_of(args, result) if sights else [])
        return result

    def next_call(self, name: str) -> tuple[int, Sequence[Sight]]:
        """The number of the call that comes, and what can be seen in it; notes the first one that is another than the
        tracer saw."""
        number, self.number = self.number, self.number + 1
        calls = self.recorded.calls
        expected = calls[number].name if number < len(calls) else "its end"
        if self.strayed is None and name != expected:
            self.strayed = Strayed(number, name, expected)
        return number, () if self.strayed else self.recorded.sights.get(number, ())

    def show(self, sights: Sequence[Sight], tensors: Sequence[Tensor]) -> None:
        for sight in sights:
            if sight.place < len(tensors):
                self.sink(sight, tensors[sight.place])

    def called(self, number: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call returns, in the run's type of numbers, norms with the statistics that are held."""
        if func in CASTS:
            return self.cast(func, args, kwargs)
        kwargs = self.here(func, kwargs)
        memory = self.memory
        if memory is None or self.strayed:
            return func(*args, **kwargs)
        call = self.recorded.calls[number]
        if self.first:
            memory.weighed[number] = weighed(call.images, func, args, kwargs)
        norm = norm_call_of(func, args, kwargs) if call.holds else None
        if norm is None:
            return func(*args, **kwargs)
        if self.first:
            memory.statistics[number] = statistics(norm)
        return normed_with(norm, memory.statistics[number])

    def here(self, func: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Keywords with the run's type of numbers, on this machine's processor."""
        if self.dtype is not None and kwargs.get("dtype") in LOW:
            kwargs = {**kwargs, "dtype": self.dtype}
        return on_cpu(kwargs)

    def cast(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A change of type: between types with a fraction it is none; a change of device is none."""
        if asks_only(func, args, kwargs):
            return func(*args, **kwargs)
        x = args[0]
        wanted = wanted_type(func, args, kwargs) or x.dtype
        if wanted in LOW and self.dtype is not None:
            wanted = x.dtype if x.is_complex() else self.dtype
        return x if wanted == x.dtype else x.to(wanted)


def weighed(images: Sequence[int], func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the weights of a call are positive: of its tensors that hold nothing of the image those with two
    dimensions or more, and of a product every number; and that none is taken off or divided. Then no path vanishes."""
    given, name = list(tensors_in(args, kwargs)), name_of(func)
    product = name in FACTORS
    if name in TURNED or (name in SIGNED and 0 not in images):
        return False
    weights = [t for i, t in enumerate(given) if i not in images and not t.is_quantized]
    if product and any(isinstance(a, int | float) and not a > 0 for a in args):
        return False
    return all(bool((t > 0).all()) for t in weights if (product or t.dim() > 1) and not t.is_complex())


def scripted(replay: Replay, script: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    """Scripted code, run as it is: only what it is given and returns can be seen."""
    _, sights = replay.next_call(f"{SCRIPT}{script.name}")
    with torch._C.DisableTorchFunction():  # what the sink calls is no call of the program
        replay.show([s for s in sights if s.given], list(tensors_in(args, kwargs)))
        result = call(script, *args, **kwargs)
        replay.show([s for s in sights if not s.given], list(tensors_in(result)))
    return result


def arguments_of(
    recorded: Recorded, images: Tensor, dtype: torch.dtype | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of forward: the images in their place, and beside them inputs that stay the same in every run."""
    inputs, given = recorded.inputs, []
    generator = torch.Generator().manual_seed(0)
    for i, sample in enumerate(inputs.samples):
        if i == inputs.first:
            x = images.reshape(len(images), *sample.shape)
        else:
            x = torch.rand(len(images), *sample.shape, generator=generator, dtype=dtype or torch.float32) + 0.5
        given.append(x if sample.dtype in LOW else x.to(sample.dtype))
    return inputs.filled(given)


@contextmanager
def on_values(dtype: torch.dtype | None, tiles: bool = False) -> Iterator[None]:
    """The process as a run wants it: the type of numbers, no library that rounds in tiles, compiled parts as they were
    written, the same random numbers in every run."""
    default = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(quiet())
        if not tiles:
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        stack.enter_context(eager())
        if dtype is not None:
            torch.set_default_dtype(dtype)
        Chance().seeded(0)
        try:
            yield
        finally:
            torch.set_default_dtype(default)


def play(
    module: nn.Module, recorded: Recorded, images: Tensor, sink: Sink, dtype: torch.dtype | None,
    memory: Memory | None = None, first: bool = True, tiles: bool = False,
) -> Strayed | None:  # fmt: skip
    """Runs a module that is ready on images, tells the sink of every row, and returns where the program strayed, if it
    did. With a memory norms are held: the first run fills it, the others use it. `tiles` lets a library round in tiles,
    which is faster."""
    replay = Replay(recorded, sink, dtype, memory, first)
    args, kwargs = arguments_of(recorded, images, dtype)
    with on_values(dtype, tiles), unchecked(), followed(partial(scripted, replay)), replay:
        output = module(*args, **kwargs)
    calls = len(recorded.calls)
    if replay.strayed is None and replay.number < calls:
        return Strayed(replay.number, "its end", recorded.calls[replay.number].name)
    if replay.strayed is None:
        replay.show(recorded.sights.get(calls, ()), list(tensors_of(output)))
    return replay.strayed
