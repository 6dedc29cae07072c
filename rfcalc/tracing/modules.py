"""Which of the network's modules is running: layers bear its path, and errors say where they happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules import module as module_hooks

from .charges import plain_path
from .graph import CallFrame, Graph


class Modules:
    """The calls of modules that have begun and not ended, the innermost one as the graph's frame."""

    def __init__(self, module: nn.Module, graph: Graph) -> None:
        self.graph = graph
        self.paths = {id(part): plain_path(name) for name, part in module.named_modules()}
        self.entered: list[nn.Module] = []
        self.error: BaseException | None = None
        self.failed = ""

    @property
    def innermost(self) -> nn.Module | None:
        return self.entered[-1] if self.entered else None

    def path_of(self, error: BaseException) -> str:
        """Where the program stood when an error came up: the innermost module that it left, or that still runs."""
        return self.failed if self.error is error else self.graph.frame.path

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Follows every module that runs meanwhile; none is changed."""
        hooks = [
            module_hooks.register_module_forward_pre_hook(self.enter),
            module_hooks.register_module_forward_hook(self.leave, always_call=True),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def enter(self, module: nn.Module, args: Any) -> None:
        path = self.paths.get(id(module))
        if path is None:  # made while the program runs
            path = f"{self.graph.frame.path}.{type(module).__name__.lower()}".lstrip(".")
        self.graph.frame = CallFrame(path, self.graph.frame)
        self.entered.append(module)

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        self.entered.pop()
        error = sys.exc_info()[1]
        if error is not None and error is not self.error:
            self.error, self.failed = error, self.graph.frame.path
        self.graph.frame = self.graph.frame.outer or self.graph.frame
