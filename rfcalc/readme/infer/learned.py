"""What a network's own rows show of how it is written, beside the words of the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from . import costs
from .candidates import fitting
from .convolutions import answers_of
from .priors import Prior, Trait
from .states import Decision, Reading


def learned_prior(reading: Reading, told: Prior, skip: int = 0) -> Prior:
    """The prior with what the rows show, but for the first convolutions, beside what the text `told`."""
    convs = [d for d in reading.decisions if d.candidate and d.candidate.op == "conv"][skip:]
    layers = [d.candidate for d in convs if d.candidate]
    own = Counter(dict(told.own))
    for decision in convs:
        own.update(dict.fromkeys(clear_answers(decision, reading, told), 1.0))
    hidden = {reading.hidden[-d.source - 1].op for d in reading.decisions if d.source < 0 and d.forced}
    grows = any(d.item.op in ("conv_transpose", "upsample") for d in reading.decisions)
    stem = layers[0]["kernel_size"] if layers else 0
    wide = isinstance(stem, int) and stem >= costs.LARGE_STEM and layers[0]["stride"] != 1
    return Prior(
        tuple(sorted(own.items(), key=str)),
        hidden_pool=costs.SHOWN_POOL if "max_pool" in hidden else told.hidden_pool,
        hidden_upsample=costs.SHOWN_UPSAMPLE if "upsample" in hidden else told.hidden_upsample,
        reuse=costs.SHOWN_REUSE if "concat" in hidden or grows else told.reuse,
        wide_stem=told.wide_stem or wide,
    )


def clear_answers(decision: Decision, reading: Reading, told: Prior) -> Iterator[Trait]:
    """What a row answers beyond doubt, whatever the others say: as every layer does that is not much more unusual. The
    padding is one question here, with a dilation or without."""
    assert decision.candidate is not None
    found = fitting(decision.item, reading.shapes[decision.source], told)
    near = [one for one in found if one.cost <= found[0].cost + costs.CLEAR_ROW]
    others = [{question.removeprefix("dilated "): answer for question, answer in answers_of(one)} for one in near]
    for question, answer in answers_of(decision.candidate):
        if all(other.get(question.removeprefix("dilated ")) == answer for other in others):
            yield question, answer
