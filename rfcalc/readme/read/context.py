"""What the text around a table says about the network: words that make one reading likelier than another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .places import Placed, places_in
from .text import LONGEST_LINE, Line

DATASETS = {
    r"cifar[\s_-]{0,2}100?\b": ("CIFAR", (3, 32, 32)),
    r"\bsvhn\b": ("SVHN", (3, 32, 32)),
    r"(?:fashion|k|kuzushiji|e)?[\s_-]?mnist\b": ("MNIST", (1, 28, 28)),
    r"tiny[\s_-]?image[\s_-]?net": ("Tiny ImageNet", (3, 64, 64)),
    r"\bstl[\s_-]?10\b": ("STL-10", (3, 96, 96)),
    r"(?<!tiny )(?<!tiny-)(?<!tiny)image[\s_-]?net\b": ("ImageNet", (3, 224, 224)),
}
CONTEXT_WORDS = {
    "dilated": r"\bdil[a-z]{0,3}t|\bdialt|atrous|à trous|空洞|膨胀",
    "strided": r"\bstrid",
    "pools": r"max[\s_-]?pool|avg[\s_-]?pool|average[\s_-]?pool|池化",
    "no_pools": r"(?:instead of|no|without|replac\w{1,4}|not? us\w{1,3}|avoid\w{0,3})\W{1,3}(?:\w{1,20}\W{1,3}){0,2}"
    r"max[\s_-]?pool",
    "grouped": r"\bgroup(?:ed)? conv|resnext|shufflenet",
    "wide_stem": r"resnet|densenet|googlenet|inception",
    "residual": r"residual|resnet|skip[\s-]connection|shortcut",
    "upsamples": r"upsampl|interpolat|u-?net\b|decoder",
    "concatenates": r"densenet|dense block|concat",
    "no_bias": r"bias\s?=\s?false|\bno bias|without bias|bias[\s-]free",
    "before_pool": r"(?:before|preceding|prior to|in front of)\W{1,3}(?:\w+\W{1,3}){0,2}(?:gap|global|average)",
}
INPUT = re.compile(r"\binput (?:of |is |size |shape )?([1-4])x([1-9]\d{0,4})x([1-9]\d{0,4})(?![\dx])", re.IGNORECASE)
"""An input with its channels first, as rfcalc writes it: input 3x32x32."""
CONTEXT_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in CONTEXT_WORDS.items()}
DATASET_PATTERNS = [(re.compile(pattern, re.IGNORECASE), found) for pattern, found in DATASETS.items()]


@dataclass(frozen=True)
class Context:
    """Words found in the prose, the data sets that it names (name, shape, line), the stated receptive fields, and the
    settings stated of places."""

    words: frozenset[str] = frozenset()
    datasets: tuple[tuple[str, tuple[int, ...], int], ...] = ()
    fields: tuple[int, ...] = field(default=())
    places: tuple[Placed, ...] = ()
    inputs: frozenset[tuple[int, ...]] = frozenset()
    """Shapes that are called the input."""

    def says(self, word: str) -> bool:
        return word in self.words

    @property
    def image(self) -> tuple[int, ...] | None:
        """The shape of the one data set that the text names, else the one that it calls the input; None where it names
        none, or several shapes."""
        shapes = {shape for _, shape, _ in self.datasets} or set(self.inputs)
        return shapes.pop() if len(shapes) == 1 else None


def read_context(prose: Iterable[Line], fields: Iterable[int] = ()) -> Context:
    """The context that lines of prose give; `fields` are the receptive fields that they state."""
    words: set[str] = set()
    datasets: dict[str, tuple[str, tuple[int, ...], int]] = {}
    places: dict[Placed, None] = {}
    inputs: set[tuple[int, ...]] = set()
    for line in prose:
        if not line.text or len(line.text) > LONGEST_LINE:
            continue
        inputs |= {tuple(map(int, match.groups())) for match in INPUT.finditer(line.text)}
        words |= {name for name, pattern in CONTEXT_PATTERNS.items() if name not in words and pattern.search(line.text)}
        for pattern, (name, shape) in DATASET_PATTERNS:
            if name not in datasets and pattern.search(line.text):
                datasets[name] = (name, shape, line.number)
        if not line.code:
            places |= dict.fromkeys(place for part in line.text.split(". ") for place in places_in(part))
    return Context(frozenset(words), tuple(datasets.values()), tuple(fields), tuple(places), frozenset(inputs))
