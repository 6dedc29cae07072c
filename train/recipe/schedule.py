"""Learning-rate schedules: each one a pure function of how far the training has come.

A schedule gives the factor on the peak learning rate for a moment `epoch` (a fraction: 2.5 is the middle of the third
epoch) of a run of `epochs`. Nothing is remembered, so a resumed run has nothing to restore.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, floor, pi
from typing import ClassVar, TypeVar

from rfcalc.engine.kinds import AsFloat, Integer, setting

SCHEDULES: dict[str, type[Schedule]] = {}
S = TypeVar("S", bound="type[Schedule]")


def schedule(name: str) -> Callable[[S], S]:
    """Registers a schedule under its name in recipes."""

    def register(cls: S) -> S:
        cls.name = name
        SCHEDULES[name] = cls
        return cls

    return register


@dataclass(frozen=True)
class Schedule:
    name: ClassVar[str] = ""

    def factor(self, epoch: float, epochs: int) -> float:
        raise NotImplementedError


@schedule("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The peak learning rate throughout."""

    def factor(self, epoch: float, epochs: int) -> float:
        return 1.0


@schedule("step")
@dataclass(frozen=True)
class StepSchedule(Schedule):
    """The learning rate times gamma after every step_size epochs (torch's StepLR).

    >>> [StepSchedule(step_size=23, gamma=0.1).factor(epoch, 50) for epoch in (0, 22.9, 23)]
    [1.0, 1.0, 0.1]
    """

    step_size: int = setting(Integer())
    gamma: float = setting(AsFloat(0, 1), 0.1)

    def factor(self, epoch: float, epochs: int) -> float:
        return float(self.gamma ** floor(epoch / self.step_size))


@schedule("one_cycle")
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the peak and down again along half a cosine each (Smith and Topin 2017, in torch's form); start and end
    are fractions of the peak, warmup the fraction of the run that goes up."""

    warmup: float = setting(AsFloat(0, 1), 0.3)
    start: float = setting(AsFloat(0, 1), 0.04)
    end: float = setting(AsFloat(0, 1), 0.0)

    def factor(self, epoch: float, epochs: int) -> float:
        done = epoch / epochs
        if done < self.warmup:
            return along_cosine(self.start, 1.0, done / self.warmup)
        return along_cosine(1.0, self.end, (done - self.warmup) / (1 - self.warmup) if self.warmup < 1 else 1.0)


@schedule("cosine")
@dataclass(frozen=True)
class Cosine(Schedule):
    """A straight warm-up of some epochs, then half a cosine down to the fraction `end` of the peak."""

    warmup_epochs: float = setting(AsFloat(0, 1000), 0.0)
    end: float = setting(AsFloat(0, 1), 0.0)

    def factor(self, epoch: float, epochs: int) -> float:
        if epoch < self.warmup_epochs:
            return epoch / self.warmup_epochs
        rest = epochs - self.warmup_epochs
        return along_cosine(1.0, self.end, (epoch - self.warmup_epochs) / rest if rest > 0 else 1.0)


@schedule("triangular")
@dataclass(frozen=True)
class Triangular(Schedule):
    """A straight line up to the peak at the fraction `warmup` of the run, and a straight line down.

    >>> shape = Triangular(warmup=0.2, start=0.2, end=0.0)
    >>> [round(shape.factor(epoch, 10), 3) for epoch in (0, 1, 2, 6, 10)]
    [0.2, 0.6, 1.0, 0.5, 0.0]
    """

    warmup: float = setting(AsFloat(0, 1), 0.2)
    start: float = setting(AsFloat(0, 1), 0.2)
    end: float = setting(AsFloat(0, 1), 0.0)

    def factor(self, epoch: float, epochs: int) -> float:
        done = epoch / epochs
        if done < self.warmup:
            return self.start + (1 - self.start) * done / self.warmup
        down = (done - self.warmup) / (1 - self.warmup) if self.warmup < 1 else 1.0
        return 1 + (self.end - 1) * down


def along_cosine(begin: float, end: float, done: float) -> float:
    return end + (begin - end) * (1 + cos(pi * min(done, 1.0))) / 2
