"""Matrix products in layers: a matrix of weights on the channels of each place, or sums of products of maps. Knows no
framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from .contraction import contracted
from .dims import BATCH_AXIS, CHANNEL, repeats, run_of, shape_of, size_of, with_run
from .graph import Graph, Map, TakenApart, Unsupported

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WeightCount = Callable[[], int]
"""Counts the parameters behind a product when its layer is made, each of them once."""


def groups_word(groups: int, channels: int) -> int | str:
    """The number of groups, or the word for as many as there are channels."""
    return "depthwise" if groups == channels > 1 else groups


def one_by_one(
    graph: Graph, m: Map, channel: int, out_channels: int, groups: int, bias: bool, weights: WeightCount
) -> Map | None:
    """A layer that mixes the channels of each place, wherever the places stand; None where channels are in parts."""
    x = graph.maps[m.node]
    if channel < 0 or x.flat or m.dims[channel] != run_of(CHANNEL, x.channels):
        return None
    node = graph.emit(
        "conv", [m.node], weights(), bias=bias, out_channels=out_channels, kernel_size=1,
        groups=groups_word(groups, x.channels), copies=repeats(m.dims),
    )  # fmt: skip
    return Map(node, with_run(m.dims, channel, run_of(CHANNEL, out_channels)))


def linear_on(graph: Graph, m: Map, out_features: int, bias: bool, weights: WeightCount) -> Map:
    """A matrix of weights on the last dimension."""
    x, last, before = graph.maps[m.node], m.dims[-1], m.dims[:-1]
    if size_of(last) == x.elements and not any(atom.axis == BATCH_AXIS for atom in last):
        if x.elements > x.channels:
            m = Map(graph.emit("flatten", [m.node], view=m), (*before, run_of(CHANNEL, x.elements)))
        node = graph.emit("linear", [m.node], weights(), copies=repeats(m.dims), out_features=out_features, bias=bias)
        return Map(node, (*before, run_of(CHANNEL, out_features)))
    if size_of(last) == x.channels and not any(atom.axis != CHANNEL for atom in last):
        m = Map(m.node, (*before, run_of(CHANNEL, x.channels)))
        if found := one_by_one(graph, m, len(before), out_features, 1, bias, weights):
            return found
    letters = LETTERS[: len(m.dims)]
    shape = (*shape_of(before), out_features)
    macs = prod(shape) // graph.batch * size_of(last)
    return contracted(graph, [(m, letters), (None, "")], letters[:-1] + "z", shape, weights(), macs, "linear")


def sum_of_products(
    graph: Graph, operands: Sequence[tuple[Map | None, str]], sizes: dict[str, int], out: str, macs: int,
    weights: WeightCount, operation: str,
) -> Map:  # fmt: skip
    """A sum of products as einsum writes it; None stands for an operand that is no map. Raises TakenApart where images
    of one batch are multiplied with one another."""
    images = {
        letter
        for m, letters in operands
        if m
        for letter, run in zip(letters, m.dims, strict=True)
        if any(atom.axis == BATCH_AXIS for atom in run)
    }
    if graph.strict and (len(images) > 1 or not images <= set(out)):
        raise TakenApart  # images multiplied with one another, as where a squeeze has lost the batch of one
    shape = tuple(sizes[letter] for letter in out)
    return contracted(graph, operands, out, shape, weights(), macs, operation)


def products(terms: Sequence[str], out: str, sizes: dict[str, int]) -> int:
    """Multiply-adds of a sum of products, from left to right as torch works it out: each step keeps the letters that a
    later term or the result still needs, and what is summed over in one operand alone is summed before."""
    held, total = terms[0], 0
    for i, term in enumerate(terms[1:], 1):
        later = set(out).union(*terms[i + 1 :])
        letters = {x for x in held + term if x in later or (x in held and x in term)}
        total += prod(sizes[x] for x in letters)
        held = "".join(x for x in letters if x in later)
    return total


def einsum_terms(equation: str, lengths: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, of operands with so many dimensions; raises Unsupported."""
    left, arrow, out = without_dots(equation, lengths).replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or any(len(set(term)) < len(term) for term in terms):
        raise Unsupported("an equation without a result, or with a diagonal")
    return terms, out


def without_dots(equation: str, lengths: Sequence[int]) -> str:
    """An einsum equation with letters for its dots."""
    left, arrow, out = equation.partition("->")
    extra = [
        length - len(term.replace("...", "").strip()) for term, length in zip(left.split(","), lengths, strict=False)
    ]
    most = max((n for n, term in zip(extra, left.split(","), strict=False) if "..." in term), default=0)
    letters = "ABCDEFGH"[:most]
    terms = [t.replace("...", letters[most - n :] if n else "") for t, n in zip(left.split(","), extra, strict=False)]
    return ",".join(terms) + arrow + out.replace("...", letters)
