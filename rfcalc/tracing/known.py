"""Which tensors hold something of the image, and where its values stand in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from .graph import Graph, Map
from .moves import assigned, known_by_shape
from .shapes import tensors_in


class Later(NamedTuple):
    """A tensor whose layer is made when something reads it, and what the tensor held before, if it held anything."""

    tensor: Tensor
    make: Callable[[], Map]
    before: Map | None


def base_of(tensor: Tensor) -> Tensor:
    """The tensor whose memory a view shows."""
    return tensor if tensor._base is None else tensor._base


class Known:
    """The maps of tensors (by id, each tensor held so that its id stays its own), and the tensors that the program made
    out of nothing of the image."""

    def __init__(self, graph: Graph, module: nn.Module) -> None:
        self.graph, self.module = graph, module
        self.maps: dict[int, tuple[Tensor, Map]] = {}
        self.later: dict[int, Later] = {}
        self.made: dict[int, Tensor] = {}
        self.views: dict[int, dict[int, Tensor]] = {}
        self.own: dict[int, Tensor] | None = None

    def find(self, tensor: Any) -> Map | None:
        """Where the values of a tensor stand in what some node made; None for one that holds nothing of the image."""
        found = self.maps.get(id(tensor))
        if found is not None:
            return found[1]
        if id(tensor) in self.later:
            m = self.later.pop(id(tensor)).make()
        elif isinstance(tensor, Tensor) and tensor.is_meta and id(tensor) not in self.made and not self.owns(tensor):
            m = self.out_of_nowhere(tensor)
        else:
            return None
        self.bind(tensor, m)
        return m

    def held(self, tensor: Any) -> Map | None:
        """The same, as far as it has been found out already."""
        found = self.maps.get(id(tensor))
        return found[1] if found is not None else None

    def bind(self, tensor: Tensor, m: Map) -> None:
        """From now on the tensor holds this."""
        self.later.pop(id(tensor), None)
        self.maps[id(tensor)] = (tensor, m)
        if tensor._base is not None:
            self.note_view(tensor, tensor._base)

    def put_off(self, tensor: Tensor, make: Callable[[], Map], before: Map | None = None) -> None:
        """From now on the tensor holds what `make` gives, if anything asks for it."""
        self.maps.pop(id(tensor), None)
        self.later[id(tensor)] = Later(tensor, make, before)

    def before(self, tensor: Tensor) -> Map | None:
        """What a tensor holds, or held before what has been put off."""
        return self.later[id(tensor)].before if id(tensor) in self.later else self.held(tensor)

    def forget(self, tensor: Tensor) -> None:
        """From now on the tensor holds nothing of the image."""
        self.maps.pop(id(tensor), None)
        self.later.pop(id(tensor), None)

    def keep(self, tensor: Tensor) -> Tensor:
        """Remembers a tensor that the program made out of nothing of the image."""
        self.made[id(tensor)] = tensor
        if tensor._base is not None:
            self.note_view(tensor, tensor._base)
        return tensor

    def note_view(self, tensor: Tensor, base: Tensor) -> None:
        self.views.setdefault(id(base), {})[id(tensor)] = tensor

    def beside(self, tensor: Tensor) -> list[Tensor]:
        """The other tensors that show the same memory: what it is a view of, and the views of that."""
        base = base_of(tensor)
        return [other for other in (base, *self.views.get(id(base), {}).values()) if other is not tensor]

    # --- tensors that nobody has seen being made ---

    def owns(self, tensor: Tensor) -> bool:
        """Whether a tensor without values is one that the module came with."""
        if self.own is None:
            held = [*self.module.parameters(), *self.module.buffers()]
            held += tensors_in([list(part.__dict__.values()) for part in self.module.modules()])
            self.own = {id(t): t for t in held}
        return id(tensor) in self.own

    def out_of_nowhere(self, tensor: Tensor) -> Map:
        """A tensor that no function has been seen to make: scripted code does that, and may have read anything."""
        found = assigned(self.graph, tuple(tensor.shape), self.graph.home(0).dims)
        return known_by_shape(self.graph, "opaque", [self.graph.home(0)], found, "hidden", 0)
