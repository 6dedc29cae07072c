"""Which parameters a network's layers have counted, and what its products of weights alone cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn


def plain_path(path: str) -> str:
    """A module's path without what torch.compile puts around it."""
    return ".".join(part for part in path.split(".") if part != "_orig_mod")


class Charges:
    """Each parameter counts once, at the first layer that uses it or anything made from it."""

    def __init__(self, module: nn.Module) -> None:
        self.parameters: dict[int, tuple[str, Tensor]] = {
            id(p): (plain_path(name), p) for name, p in module.named_parameters()
        }
        self.charged: dict[int, None] = {}
        self.behind: dict[int, frozenset[int]] = {}
        self.packed: dict[int, tuple[Any, dict[str, Tensor]]] = {}
        self.constant_macs = 0

    def charge(self, tensors: Iterable[Tensor]) -> int:
        """Parameters behind these tensors that no layer has counted yet."""
        count = 0
        for tensor in tensors:
            for key in self.behind_of(tensor):
                if key not in self.charged:
                    self.charged[key] = None
                    count += self.parameters[key][1].numel()
        return count

    def rewind(self, mark: int) -> None:
        """Forgets which parameters have been counted after the first `mark`."""
        while len(self.charged) > mark:
            self.charged.popitem()

    def behind_of(self, tensor: Tensor) -> frozenset[int]:
        """The parameters that a tensor has been made from."""
        found = self.behind.get(id(tensor), frozenset())
        return found | {id(tensor)} if id(tensor) in self.parameters else found

    def made_from(self, results: Iterable[Tensor], sources: Sequence[Tensor]) -> None:
        """Tensors that have been made from others, and so from their parameters."""
        behind = frozenset(key for tensor in sources for key in self.behind_of(tensor))
        if behind:
            for tensor in results:
                self.behind[id(tensor)] = behind

    def unpacked(self, packed: Any, path: str, unpack: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Weights taken out of what packs them, the same tensors each time: they count as parameters of the module at
        `path`."""
        if id(packed) not in self.packed:
            self.packed[id(packed)] = (packed, unpack())
            for name, tensor in self.packed[id(packed)][1].items():
                self.parameters[id(tensor)] = (f"{path}.{name}", tensor)
        return self.packed[id(packed)][1]

    # --- at the end ---

    @property
    def frozen(self) -> int:
        """How many of the counted parameters are not trained."""
        counted = [self.parameters[key][1] for key in self.charged]
        return sum(parameter.numel() for parameter in counted if not parameter.requires_grad)

    @property
    def unused(self) -> dict[str, int]:
        """Parameters that no layer has counted: by the outermost module none of whose parameters is, or by name."""
        used: set[str] = set()
        for key in self.charged:
            parts = self.parameters[key][0].split(".")
            used |= {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
        found: dict[str, int] = {}
        for key, (name, parameter) in self.parameters.items():
            if key not in self.charged:
                parts = name.split(".")
                owner = next(p for i in range(1, len(parts) + 1) if (p := ".".join(parts[:i])) not in used)
                found[owner] = found.get(owner, 0) + parameter.numel()
        return found
