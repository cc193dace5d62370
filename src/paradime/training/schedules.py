"""Schedules: how the learning rate changes during a phase.

A schedule is a function of the share of a phase that is done. Those of ``torch.optim.lr_scheduler`` belong to one
optimizer and a number of steps, which are not known when a specification is written.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import ClassVar

from paradime._registry import SCHEDULES
from paradime.training.callbacks import Callback
from paradime.training.state import TrainingState
from paradime.utils.arguments import check_not_negative, check_positive, check_within

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "OneCycle",
    "Schedule",
    "ScheduledRates",
    "Step",
    "make_schedule",
]


@dataclasses.dataclass(frozen=True)
class Schedule(ABC):
    """What the learning rate is multiplied by in the course of a phase. Subclass it and write :meth:`curve`.

    Args:
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> class Root(Schedule):
        ...     def curve(self, progress):
        ...         return 1 - progress**0.5
        >>> schedule = Root(warmup=0.2)
        >>> schedule.factor(0.1), schedule.factor(0.2), schedule.factor(0.4)
        (0.5, 1.0, 0.5)
    """

    warmup: float = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        check_within("warmup", self.warmup, "[0, 1)")

    def factor(self, progress: float) -> float:
        """Returns what the learning rate is multiplied by.

        Args:
            progress: The share of the phase's steps that are done, in [0, 1].
        """
        if progress < self.warmup:
            return self.curve(0.0) * progress / self.warmup
        return self.curve((progress - self.warmup) / (1 - self.warmup))

    @abstractmethod
    def curve(self, progress: float) -> float:
        """Returns the factor after the warm-up.

        Args:
            progress: The share of the steps after the warm-up that are done, in [0, 1].
        """


@SCHEDULES.register("constant")
@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate stays as it is.

    Args:
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Example:
        >>> Constant(warmup=0.5).factor(0.25), Constant().factor(0.25)
        (0.5, 1.0)
    """

    def curve(self, progress: float) -> float:
        return 1.0


@SCHEDULES.register("linear")
@dataclasses.dataclass(frozen=True)
class Linear(Schedule):
    """The learning rate falls linearly.

    Args:
        end_factor: The factor at the end, at least 0.
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Example:
        >>> Linear(end_factor=0.2).factor(0.5)
        0.6
    """

    end_factor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("end_factor", self.end_factor)

    def curve(self, progress: float) -> float:
        return 1 + (self.end_factor - 1) * progress


@SCHEDULES.register("cosine")
@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """The learning rate falls along half a cosine: slowly, then fast, then slowly.

    Args:
        end_factor: The factor at the end, at least 0.
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Source: Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts.

    Example:
        >>> round(Cosine().factor(0.5), 6)
        0.5
    """

    end_factor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("end_factor", self.end_factor)

    def curve(self, progress: float) -> float:
        return _half_cosine(1.0, self.end_factor, progress)


@SCHEDULES.register("exponential")
@dataclasses.dataclass(frozen=True)
class Exponential(Schedule):
    """The learning rate falls by the same ratio in every step.

    Args:
        end_factor: The factor at the end, > 0.
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Example:
        >>> round(Exponential(end_factor=0.01).factor(0.5), 6)
        0.1
    """

    end_factor: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("end_factor", self.end_factor)

    def curve(self, progress: float) -> float:
        return math.pow(self.end_factor, progress)


@SCHEDULES.register("step")
@dataclasses.dataclass(frozen=True)
class Step(Schedule):
    """The learning rate falls in stairs.

    Args:
        every: The share of the steps, in (0, 1], after which it falls.
        decay: What it is multiplied by each time, > 0.
        warmup: The share of the steps, in [0, 1), in which the factor first rises linearly from 0.

    Example:
        >>> [Step(every=0.25, decay=0.5).factor(progress) for progress in (0, 0.2, 0.25, 0.6)]
        [1.0, 1.0, 0.5, 0.25]
    """

    every: float = 0.25
    decay: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within("every", self.every, "(0, 1]")
        check_positive("decay", self.decay)

    def curve(self, progress: float) -> float:
        # 0.3 / 0.1 is a little less than 3
        return math.pow(self.decay, math.floor(progress / self.every + 1e-9))


@SCHEDULES.register("one cycle")
@dataclasses.dataclass(frozen=True)
class OneCycle(Schedule):
    """The learning rate rises to the phase's along half a cosine, and falls along another one.

    Args:
        start_factor: The factor at the start, at least 0.
        end_factor: The factor at the end, at least 0.
        warmup: The share of the steps, in [0, 1), in which it rises.

    Source: Smith and Topin, "Super-Convergence", 2019; with cosines, as usual today.

    Example:
        >>> schedule = OneCycle(start_factor=0.1)
        >>> [round(schedule.factor(progress), 3) for progress in (0, 0.3, 1)]
        [0.1, 1.0, 0.0]
    """

    start_factor: float = 0.04
    end_factor: float = 4e-6
    warmup: float = dataclasses.field(default=0.3, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("start_factor", self.start_factor)
        check_not_negative("end_factor", self.end_factor)

    def factor(self, progress: float) -> float:
        if progress < self.warmup:
            return _half_cosine(self.start_factor, 1.0, progress / self.warmup)
        return self.curve((progress - self.warmup) / (1 - self.warmup))

    def curve(self, progress: float) -> float:
        return _half_cosine(1.0, self.end_factor, progress)


class ScheduledRates(Callback):
    """Sets the learning rates of each step by the phase's schedule, relative to what they were at first.

    The optimizer's groups of parameters may have learning rates of their own. With a constant schedule, nothing is
    set: others, such as a callback, may then set the rates.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("_base",)

    def __init__(self) -> None:
        self._schedule: Schedule = Constant()
        self._base: list[float] = []

    def on_phase_begin(self, state: TrainingState) -> None:
        assert state.optimizer is not None
        self._schedule = make_schedule(state.phase.schedule)
        self._base = [group["lr"] for group in state.optimizer.param_groups]

    def on_batch_begin(self, state: TrainingState) -> None:
        if self._schedule == Constant():
            return
        assert state.optimizer is not None
        factor = self._schedule.factor(state.progress)
        for group, base in zip(state.optimizer.param_groups, self._base, strict=True):
            group["lr"] = base * factor


def make_schedule(schedule: str | Schedule) -> Schedule:
    """Returns a schedule, also of a name.

    Example:
        >>> make_schedule("cosine")
        Cosine(warmup=0.0, end_factor=0.0)
    """
    made: Schedule = SCHEDULES[schedule]() if isinstance(schedule, str) else schedule
    return made


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
