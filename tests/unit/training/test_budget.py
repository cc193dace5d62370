"""How long phases are: by numbers, or by the number of rows."""

import io
import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from paradime import ParametricTSNE
from paradime.dr import ParametricDR
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.relations import NeighborBasedPDist
from paradime.training import (
    Callback,
    EarlyStopping,
    ProgressBar,
    TrainingPhase,
    batch_size_for,
    short_steps_for,
    steps_for,
)
from paradime.training.budget import budget_for

pytestmark = pytest.mark.usefixtures("few_first_steps")

SIZES = [1, 2, 3, 4, 5, 31, 100, 127, 1_000, 1_797, 59_999, 60_000, 60_001, 10**6, 10**9]
X = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)


class Squares(Loss):
    """The mean square of the embedding."""

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).square().mean()


class Count(Callback):
    """Counts steps and epochs, and notes the sizes of batches."""

    def __init__(self):
        self.epochs = self.steps = 0
        self.sizes, self.expected = [], []

    def on_epoch_begin(self, state):
        self.epochs += 1
        self.expected.append(state.n_batches)

    def on_batch_begin(self, state):
        self.steps += 1
        self.sizes.append(len(state.batch["main"]))


def counted(X, **settings):
    """What is counted in the training of one phase."""
    count = Count()
    routine = ParametricDR(losses=Squares(), random_state=0)
    routine.add_training_phase(**settings)
    routine.train(X, callbacks=[count])
    return count


def test_a_short_training_takes_a_half_to_a_quarter_of_the_steps():
    for n in SIZES:
        assert steps_for(n) / 4 <= short_steps_for(n) <= steps_for(n) / 2 + 1
    budgets = [budget_for(epochs, "auto", -1, 60_000) for epochs in ("auto", "short")]
    steps = [budget.epochs * budget.batches_per_epoch for budget in budgets]
    assert steps[1] == pytest.approx(1_500, rel=0.05)
    assert steps[0] == pytest.approx(3_000, rel=0.05)


def test_short_is_a_word_for_epochs_alone():
    assert TrainingPhase(epochs="short").budget(1_000).epochs > 0
    with pytest.raises(ValueError, match="or 'auto', or 'short', got 'long'"):
        TrainingPhase(epochs="long")
    with pytest.raises(ValueError, match="batch_size"):
        TrainingPhase(batch_size="short")


def test_a_refined_map_starts_at_a_short_training():
    def phases(**settings):
        return [phase.epochs for phase in ParametricTSNE(**settings).training_phases]

    assert phases(refine=False)[-1] == "auto"
    assert phases()[-1] == "short"
    assert phases(refine=True)[-1] == "short"
    assert phases(refine=True, epochs=7)[-1] == 7
    assert phases(n_components=4)[-1] == "auto"  # a map that is not refined
    assert ParametricTSNE().get_params()["epochs"] == "auto"
    made = ParametricDR.from_spec(ParametricTSNE().to_spec())
    assert made.training_phases[-1].epochs == "short"


# -- the rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [batch_size_for, short_steps_for, steps_for])
def test_more_rows_never_mean_less(rule):
    found = [rule(n) for n in SIZES]
    assert found == sorted(found)
    assert found[0] < found[-1]
    assert all(type(value) is int and value >= 1 for value in found)


@pytest.mark.parametrize("n", SIZES)
def test_batch_is_a_power_of_two_and_about_a_quarter_of_the_rows_within_bounds(n):
    size, bounds = batch_size_for(n), (batch_size_for(1), batch_size_for(10**9))
    assert size.bit_count() == 1
    assert bounds[0] <= size <= bounds[1]
    if bounds[0] < size < bounds[1]:
        assert 2**-0.5 <= size / (n / 4) <= 2**0.5


@pytest.mark.parametrize("n", SIZES)
def test_epochs_by_rule_take_the_steps_and_not_an_epoch_more(n):
    budget = budget_for("auto", "auto", -1, n)
    assert budget.batch_size == batch_size_for(n)
    taken = budget.epochs * budget.batches_per_epoch
    assert steps_for(n) <= taken < steps_for(n) + budget.batches_per_epoch
    # a pass, unless there would be too few epochs to report, to stop, or to lower the learning rate in
    assert 1 <= budget.batches_per_epoch <= -(-n // budget.batch_size)
    assert budget.epochs >= 20


def test_steps_grow_slower_than_the_data():
    assert steps_for(10**9) / steps_for(10**6) < 10**3 / 2


def test_no_rows_are_no_reason_to_divide_by_zero():
    # a progress bar may ask before it is known how many there are
    assert budget_for("auto", "auto", -1, 0).epochs >= 1
    assert budget_for("auto", 100, -1, 0).epochs >= 1


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("batches", [-1, 1, 7])
def test_numbers_that_are_said_stay(n, batches):
    budget = budget_for(3, 50, batches, n)
    assert (budget.epochs, budget.batch_size, budget.batches_per_epoch) == (3, 50, batches)


def test_what_is_not_said_follows_from_what_is():
    assert budget_for(3, "auto", -1, 1_000).batch_size == batch_size_for(1_000)
    assert budget_for(3, "auto", -1, 1_000).epochs == 3
    small, large = (budget_for("auto", size, -1, 1_000) for size in (10, 1_000))
    assert (small.batch_size, large.batch_size) == (10, 1_000)
    for budget in (small, large):
        assert budget.epochs * budget.batches_per_epoch >= steps_for(1_000)
    few = budget_for("auto", "auto", 2, 1_000)
    assert few.batches_per_epoch == 2
    assert few.epochs == -(-steps_for(1_000) // 2)


def test_batches_of_one_row_of_very_many_are_few_enough_epochs():
    budget = budget_for("auto", 1, -1, 10**7)
    assert budget.epochs * budget.batches_per_epoch < 2 * steps_for(10**7)


# -- phases ---------------------------------------------------------------------------------------------


def test_phase_tells_its_extent_and_keeps_what_was_said():
    phase = TrainingPhase(epochs="auto", batch_size="auto", batches_per_epoch=5)
    assert (phase.epochs, phase.batch_size) == ("auto", "auto")
    assert phase.budget(1_000) == budget_for("auto", "auto", 5, 1_000)
    assert (phase.epochs, phase.batch_size) == ("auto", "auto")
    said = phase.replace(epochs=2, batch_size=30)
    assert said.budget(10**6) == budget_for(2, 30, 5, 10**6)


@pytest.mark.parametrize(
    ("name", "rule"), [("epochs", "at least 0, or 'auto', or 'short'"), ("batch_size", "at least 1, or 'auto'")]
)
@pytest.mark.parametrize("value", ["Auto", "all", "5", "", -1, 2.5, None])
def test_other_words_and_numbers_are_refused_with_the_words_that_are_known(name, rule, value):
    with pytest.raises(ValueError, match=rf"{name} must be an integer of {rule}, got {value!r}"):
        TrainingPhase(**{name: value})


@pytest.mark.parametrize("name", ["report_interval", "neg_sampling_rate", "batches_per_epoch"])
def test_no_other_setting_is_left_to_the_rule(name):
    with pytest.raises(ValueError, match=name):
        TrainingPhase(**{name: "auto"})


# -- the loop -------------------------------------------------------------------------------------------


@pytest.fixture
def few_steps(monkeypatch):
    """Phases by rule take few steps, so that tests are quick."""
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 50 + n_rows // 100)


def test_loop_takes_the_steps_of_the_rule(few_steps):
    count = counted(X, epochs="auto", batch_size="auto")
    budget = budget_for("auto", "auto", -1, len(X))
    assert count.epochs == budget.epochs > 10
    assert count.steps == budget.epochs * budget.batches_per_epoch
    assert set(count.expected) == {budget.batches_per_epoch}
    assert max(count.sizes) == budget.batch_size


@pytest.mark.parametrize(
    ("settings", "epochs", "steps", "size"),
    [
        ({"epochs": 3, "batch_size": 25}, 3, 12, 25),
        ({"epochs": 3, "batch_size": 30}, 3, 12, 30),
        ({"epochs": 2, "batch_size": 30, "batches_per_epoch": 7}, 2, 14, 30),
        ({"epochs": 2, "batch_size": "auto"}, 2, 2 * -(-100 // batch_size_for(100)), batch_size_for(100)),
        ({"epochs": 2, "batch_size": "auto", "batches_per_epoch": 3}, 2, 6, batch_size_for(100)),
    ],
)
def test_loop_takes_the_batches_that_were_said(settings, epochs, steps, size):
    count = counted(X, **settings)
    assert (count.epochs, count.steps, max(count.sizes)) == (epochs, steps, size)


def test_batches_of_edges_follow_the_rule():
    count = Count()
    count.on_batch_begin = lambda state: count.sizes.append(len(state.batch["from_to_data"][0]))
    routine = ParametricDR(losses=Squares(), global_relations=NeighborBasedPDist(n_neighbors=5), random_state=0)
    budget = budget_for(2, "auto", 3, len(X))
    routine.add_training_phase(
        epochs=2, batch_size="auto", batches_per_epoch=3, sampling="negative_edge", neg_sampling_rate=4
    )
    routine.train(X, callbacks=[count])
    assert count.sizes == 6 * [budget.batch_size * 5]


def test_learning_rate_goes_through_its_whole_schedule(few_steps):
    rates = []

    class Rates(Callback):
        def on_batch_end(self, state):
            rates.append(optimizers[0].param_groups[0]["lr"])

    def adam(parameters, **settings):
        optimizers.append(torch.optim.Adam(parameters, **settings))
        return optimizers[-1]

    optimizers = []
    routine = ParametricDR(losses=Squares(), random_state=0)
    routine.add_training_phase(
        epochs="auto", batch_size="auto", schedule="linear", optimizer=adam, learning_rate=0.1
    )
    routine.train(X, callbacks=[Rates()])
    assert rates[0] == pytest.approx(0.1, rel=0.1)
    assert rates[-1] == pytest.approx(0, abs=0.01)
    assert all(a >= b for a, b in itertools.pairwise(rates))


def test_progress_bar_knows_how_many_epochs_there_will_be(few_steps):
    file = io.StringIO()
    routine = ParametricDR(losses=Squares(), random_state=0)
    routine.add_training_phase(epochs=2)
    routine.add_training_phase(epochs="auto", batch_size="auto")
    routine.train(X, callbacks=[ProgressBar(file=file, ncols=100)])
    total = 2 + budget_for("auto", "auto", -1, len(X)).epochs
    assert f"{total}/{total}" in file.getvalue()


def test_progress_bar_of_a_phase_that_ends_early_is_full(few_steps):
    file = io.StringIO()
    routine = ParametricDR(losses=Squares(), random_state=0)
    routine.add_training_phase(
        epochs="auto", batch_size="auto", early_stopping=EarlyStopping(patience=1, min_delta=0.99)
    )
    routine.train(X, callbacks=[ProgressBar(file=file, ncols=100)])
    done = len(routine.training_phases[0].loss.history)
    assert done < budget_for("auto", "auto", -1, len(X)).epochs
    assert f"{done}/{done}" in file.getvalue()


def test_training_by_rule_is_training_with_its_numbers(few_steps):
    digits = load_digits().data[:200] / 16
    budget = budget_for("auto", "auto", -1, len(digits))
    numbers = {"epochs": budget.epochs, "batch_size": budget.batch_size}
    weights = []
    for said in (
        {"epochs": "auto", "batch_size": "auto"},
        {**numbers, "batches_per_epoch": budget.batches_per_epoch},
    ):
        routine = ParametricDR(losses=Squares(), hidden_dims=[4], random_state=0)
        routine.add_training_phase(**said)
        routine.train(digits)
        weights.append(torch.cat([p.detach().flatten() for p in routine.model.parameters()]))
    assert torch.equal(*weights)


# -- texts ----------------------------------------------------------------------------------------------

TEXT = """
losses: [{name: stress, type: stress}]
training phases:
- {epochs: auto, sampling: {type: item, options: {batch_size: auto}}, loss: {components: [stress]}}
"""


def test_text_says_auto_and_is_written_so():
    routine = ParametricDR.from_spec(TEXT)
    (phase,) = routine.training_phases
    assert (phase.epochs, phase.batch_size) == ("auto", "auto")
    written = routine.to_spec(format="dict")
    assert written["training phases"][0]["epochs"] == "auto"
    assert written["training phases"][0]["sampling"]["options"]["batch_size"] == "auto"
    assert ParametricDR.from_spec(routine.to_spec()).to_spec() == routine.to_spec()


@pytest.mark.parametrize(("said", "where"), [("epochs: auto", "epochs"), ("batch_size: auto", "batch_size")])
@pytest.mark.parametrize("value", ["often", "-1", "Auto", "1.5"])
def test_text_with_another_word_is_refused_with_its_place(said, where, value):
    with pytest.raises(SpecificationError, match=rf"training phases\[0\].*{where}.*'auto'.*, got"):
        ParametricDR.from_spec(TEXT.replace(said, f"{where}: {value}"))
