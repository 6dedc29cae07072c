"""What torch's embeddings and recurrent layers mean in layers."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from ..call import Call, MemoryLayout
from ..dims import CHANNEL, run_of, shape_of, with_run
from ..graph import Map, Unsupported
from ..moves import embedded, recurrence
from ..order import settle
from .fallback import sees_all


def embedding(call: Call) -> Map:
    """A row of weights for each number: more channels at the same place."""
    m, graph, width = call.map(), call.graph, int(call.get("weight").shape[-1])
    call.dtype = call.get("weight").dtype
    if call.is_map("weight"):
        raise Unsupported("weights made of the image")
    return embedded(graph, m, width, call.weights())


# --- recurrent layers --------------------------------------------------------------------------------------------


def recurrent(call: Call) -> list[Map]:
    """A step sees the steps before it, and with both directions all: the whole axis that the sequence runs along, and
    nothing on the others, which stand in the batch. Each step multiplies by every matrix once."""
    packed = call.operation.startswith("quantized")
    steps = prod(call.given["input"].shape[:-1]) // call.graph.batch
    tensors = packed_weights(call) if packed else [t for t in call.get("params", ()) if isinstance(t, Tensor)]
    macs = steps * sum(t.numel() for t in tensors if t.dim() == 2)
    call.cost = lambda values: macs
    one_state = isinstance(call.get("hx"), Tensor) and call.operation.endswith("lstm")
    if one_state or not isinstance(call.get("has_biases"), bool):
        return sees_all(call)  # packed: the data of all sequences, one after the other
    return [along_sequence(call, macs)]


def packed_weights(call: Call) -> list[Tensor]:
    """Weights of a quantised recurrent layer, by the shapes that torch gives them: for each layer and direction two
    matrices and two biases with a row for every value of every gate. They count as parameters of the call."""
    packed = call.get("params")[0]

    def unpack() -> dict[str, Tensor]:
        hidden = int(states_of(call)[0].shape[-1])
        both, rows = 1 + bool(call.get("bidirectional")), hidden * (4 if call.operation.endswith("lstm") else 3)
        width, made = int(call.given["input"].shape[-1]), []
        for _ in range(int(call.get("num_layers")) * both):
            made += [torch.empty(shape, device="meta") for shape in ((rows, width), (rows, hidden), (rows,), (rows,))]
            width = hidden * both if len(made) == 4 * both else width
        return {f"packed_{number}": call.state.known.keep(tensor) for number, tensor in enumerate(made)}

    weights = list(call.state.charges.unpacked(packed, call.graph.frame.path, unpack).values())
    call.tensors.extend(weights)
    return weights


def states_of(call: Call) -> list[Tensor]:
    """What a recurrent layer remembers at the start: one tensor, or two."""
    states = call.get("hx")
    return list(states) if isinstance(states, list | tuple) else [states]


def along_sequence(call: Call, macs: int | None) -> Map:
    graph, m, both = call.graph, call.map(), bool(call.get("bidirectional"))
    states = states_of(call)
    width, dims = int(states[0].shape[-1]) * (1 + both), len(m.dims)
    if shape_of(m.dims)[:-1] == () or any(atom.axis != CHANNEL for atom in m.dims[-1]):
        m = settle(graph, m)
    if any(atom.axis != CHANNEL for atom in m.dims[-1]):
        raise Unsupported("features that are places")
    sequence = m.dims[1 if dims == 3 and call.get("batch_first") else 0]
    if any(atom.axis == CHANNEL for run in m.dims[:-1] for atom in run):
        raise Unsupported("channels among the steps")
    if dims < 2:
        raise Unsupported("a sequence without steps")
    pretend(call, (*shape_of(m.dims[:-1]), width), states)
    return recurrence(graph, m, sequence, width, both, call.weights(), macs, call.operation)


def pretend(call: Call, shape: tuple[int, ...], states: list[Tensor]) -> None:
    """The result that torch gives (it would take the steps one by one, at great length): outputs, last states."""
    if call.state.verify:
        call.run()
        return
    dtype = call.tensors[0].dtype
    call.result = tuple(torch.empty(s, dtype=dtype, device="meta") for s in (shape, *(t.shape for t in states)))
    call.ran, call.memory = True, MemoryLayout.CONTIGUOUS


def cell(call: Call) -> list[Map]:
    """One step: channels of the same place, and those of the state."""
    maps = call.maps()
    matrices = [t for name in ("w_ih", "w_hh") if (t := call.get(name)) is not None]
    rows = prod(shape_of(call.map().dims)[:-1]) // call.graph.batch
    macs = rows * sum(t.numel() for t in matrices)
    call.cost = lambda values: macs
    m, graph = call.map(), call.graph
    hidden = int(matrices[1].shape[-1])
    if any(a.axis != CHANNEL for a in m.dims[-1]) or any(a.axis == CHANNEL for run in m.dims[:-1] for a in run):
        raise Unsupported("features that are places")
    if len({(graph.maps[o.node].sizes, o.dims[:-1]) for o in maps}) > 1:
        raise Unsupported("a state of other places")
    nodes = list(dict.fromkeys(o.node for o in maps))
    inner = graph.emit("concat", nodes, label=call.operation) if len(nodes) > 1 else nodes[0]
    node = graph.mix(inner, call.operation, hidden, call.weights(), macs)
    out = Map(node, with_run(m.dims, len(m.dims) - 1, run_of(CHANNEL, hidden)))
    return [out] * len(list(call.run() if isinstance(call.run(), tuple) else [call.run()]))
