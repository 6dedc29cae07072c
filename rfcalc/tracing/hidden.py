"""Parts of a program that nobody can watch: scripted code is followed step by step where its steps are known, and what
comes out of it is known by its shape where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import scripted
from .graph import Map
from .modules import Modules
from .moves import assigned, known_by_shape
from .shapes import tensors_in, zeros
from .state import TraceState
from .user_code import from_signal

FAILS = (scripted.NotFollowed, AttributeError, TypeError, RuntimeError)
"""What a step that is not known here raises, or one that is called in another way than it is here."""


class HiddenRuns:
    """Runs scripted functions and methods, which call torch's functions where the tracer cannot see them."""

    def __init__(self, state: TraceState, modules: Modules) -> None:
        self.state, self.modules = state, modules

    def follow(self, script: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
        """A scripted function or method, step by step or, where a step is not known, by the shapes of its results."""
        owner = self.modules.innermost
        mark, charged = len(self.state.graph.drafts), len(self.state.charges.charged)
        try:
            return scripted.run_script(script, owner, args, kwargs)
        except FAILS as error:
            if from_signal(error):
                raise
            self.state.rewind(mark, charged)
        with torch._C.DisableTorchFunction():
            result = call(script, *zeros(args), **{key: zeros(value) for key, value in kwargs.items()})
        maps = [m for tensor in tensors_in(args, kwargs) if (m := self.state.known.find(tensor)) is not None]
        its_own = owner.parameters() if owner is not None and hasattr(script, "owner") else ()
        return self.by_shape(result, maps, self.state.charges.charge(its_own), str(script.name))

    def by_shape(self, value: Any, maps: list[Map], weights: int, name: str) -> Any:
        """What came out of code that nobody could watch."""
        if isinstance(value, Tensor):
            tensor = self.state.known.keep(torch.empty(value.shape, dtype=value.dtype, device="meta"))
            if maps:
                found = assigned(self.state.graph, tuple(value.shape), maps[0].dims)
                self.state.known.bind(tensor, known_by_shape(self.state.graph, "opaque", maps, found, name, weights))
            return tensor
        if isinstance(value, list | tuple):
            parts = [self.by_shape(part, maps, weights if i == 0 else 0, name) for i, part in enumerate(value)]
            return type(value)(parts)
        if isinstance(value, dict):
            return {key: self.by_shape(part, maps, 0, name) for key, part in value.items()}
        return value
