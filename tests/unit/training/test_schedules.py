"""Schedules: their curves against closed forms and torch's schedulers, and the rates of actual steps."""

import math

import pytest
import torch

from paradime._registry import SCHEDULES
from paradime.data import Dataset
from paradime.loss import PositionLoss
from paradime.training import (
    Callback,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Schedule,
    Step,
    Trainer,
    TrainingPhase,
)
from paradime.training.schedules import make_schedule

N = 20
PROGRESS = [i / N for i in range(N + 1)]
EACH = [Constant(), Linear(), Cosine(), Exponential(), Step(), OneCycle()]


def rates_of_torch(scheduler_of, n=N + 1, lr=0.5):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    scheduler, rates = scheduler_of(optimizer), []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [rate / lr for rate in rates]


@pytest.mark.parametrize(
    ("schedule", "scheduler_of"),
    [
        (Linear(0.1), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=N)),
        (Cosine(0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, N, eta_min=0.05)),
        (Exponential(0.01), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.01 ** (1 / N))),
        (Step(0.25, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, N // 4, 0.3)),
        (Step(0.3, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 6, 0.3)),
    ],
)
def test_factors_are_those_of_torchs_schedulers(schedule, scheduler_of):
    assert [schedule.factor(p) for p in PROGRESS] == pytest.approx(rates_of_torch(scheduler_of), abs=1e-6)


def test_one_cycle_is_that_of_torch():
    # torch's rises for 30 % of its N + 1 steps, less one
    schedule = OneCycle(0.04, 4e-6, warmup=(0.3 * (N + 1) - 1) / N)

    def scheduler_of(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=N + 2, cycle_momentum=False)

    rates = rates_of_torch(scheduler_of, N + 1)
    expected = OneCycle(0.04, 4e-6, warmup=(0.3 * (N + 2) - 1) / (N + 1))
    assert [expected.factor(i / (N + 1)) for i in range(N + 1)] == pytest.approx(rates, abs=1e-6)
    assert schedule.factor(schedule.warmup) == 1


@pytest.mark.parametrize("schedule", [type(s)(warmup=0.25) for s in EACH if not isinstance(s, OneCycle)])
def test_warm_up_rises_linearly_and_the_curve_follows_it(schedule):
    plain = type(schedule)()
    assert [schedule.factor(p) for p in (0, 0.05, 0.1)] == pytest.approx([0, 0.2, 0.4])
    assert schedule.factor(0.25) == 1
    # half of the rest is half of the curve
    assert schedule.factor(0.625) == pytest.approx(plain.factor(0.5))
    assert schedule.factor(1) == pytest.approx(plain.factor(1))


@pytest.mark.parametrize("schedule", EACH)
def test_factors_never_exceed_the_phases_learning_rate(schedule):
    factors = [schedule.factor(p) for p in PROGRESS]
    assert max(factors) == pytest.approx(1)
    assert min(factors) >= 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Constant(warmup=1), r"warmup must lie in \[0, 1\), got 1"),
        (lambda: Cosine(warmup=-0.1), r"warmup.*-0\.1"),
        (lambda: OneCycle(warmup=float("nan")), r"warmup.*nan"),
        (lambda: Linear(-0.1), r"end_factor.*at least 0.*-0\.1"),
        (lambda: Cosine(math.inf), "end_factor.*inf"),
        (lambda: Exponential(0), "end_factor.*positive.*0"),
        (lambda: Step(every=0), r"every must lie in \(0, 1\], got 0"),
        (lambda: Step(decay=-1), "decay.*positive.*-1"),
        (lambda: OneCycle(start_factor=-1), "start_factor.*-1"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_names_of_the_grammar():
    names = ["constant", "linear", "cosine", "exponential", "step", "one cycle"]
    assert names == list(SCHEDULES)
    assert [type(make_schedule(name)) for name in names] == [type(s) for s in EACH]
    assert make_schedule(schedule := Cosine(0.5)) is schedule


# -- in training --------------------------------------------------------------------------------------


class Rates(Callback):
    """Notes the learning rate of each step."""

    def __init__(self):
        self.seen = []

    def make(self, parameters, lr):
        self.optimizer = torch.optim.SGD(
            [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 2 * lr}], lr=lr
        )
        return self.optimizer

    def on_batch_end(self, state):
        self.seen.append([group["lr"] for group in self.optimizer.param_groups])


def train(schedule, rates, epochs=4, **settings):
    X = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    phase = TrainingPhase(
        epochs=epochs, batch_size=10, optimizer=rates.make, learning_rate=0.1, schedule=schedule, **settings
    )
    data = Dataset({"main": X, "pos": X[:, :2]})
    Trainer(torch.nn.Linear(3, 2), {"loss": PositionLoss()}, data, torch.device("cpu"), callbacks=[rates]).run(
        [phase]
    )
    return phase


@pytest.mark.parametrize("schedule", ["constant", "cosine", Linear(0.1, warmup=0.5), OneCycle()])
def test_steps_use_the_factor_relative_to_each_groups_own_rate(schedule):
    rates = Rates()
    train(schedule, rates)
    factors = [make_schedule(schedule).factor(i / 12) for i in range(12)]
    assert [first for first, _ in rates.seen] == pytest.approx([0.1 * f for f in factors])
    assert [second for _, second in rates.seen] == pytest.approx([0.2 * f for f in factors])


def test_schedules_of_users_are_used():
    class Half(Schedule):
        def curve(self, progress):
            return 0.5

    rates = Rates()
    train(Half(), rates, epochs=1)
    assert rates.seen == [[0.05, 0.1]] * 3


def test_constant_rates_are_left_to_callbacks():
    class Set(Callback):
        def on_epoch_begin(self, state):
            rates.optimizer.param_groups[0]["lr"] = 7.0

    rates = Rates()
    train("constant", rates, epochs=1, callbacks=[Set()])
    assert [first for first, _ in rates.seen] == [7.0] * 3
    # unless a warm-up moves it
    rates = Rates()
    train(Constant(warmup=0.5), rates, epochs=1)
    assert [first for first, _ in rates.seen] == pytest.approx([0.0, 0.1 * 2 / 3, 0.1])


def test_phase_refuses_schedules_that_are_none():
    with pytest.raises(ValueError, match=r"unknown schedule 'cosin'\. Did you mean 'cosine'\?"):
        TrainingPhase(schedule="cosin")
    with pytest.raises(ValueError, match="schedule must be a name or a Schedule, got float"):
        TrainingPhase(schedule=0.5)
