"""What goes wrong while training, and what stays: rows 42, 43, 52, 55 and 57 of the fault matrix."""

import copy
import pickle
import re
import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone

from paradime import ParametricTSNE, ParametricUMAP, routines
from paradime.dr import ParametricDR
from paradime.exceptions import CUDANotAvailableError, TrainingDivergedError
from paradime.loss import Loss
from paradime.training import Callback
from paradime.utils.seed import seed_all


class Poisoned(Loss):
    """Fine for some steps, then not a number, infinite, or an exception."""

    def __init__(self, fine_steps, value, name="poisoned"):
        super().__init__(name)
        self.steps = 0
        self.fine_steps = fine_steps
        self.value = value

    def forward(self, model, global_relations, batch_relations, batch, device):
        loss = (model(batch["main"].to(device)) - 1).square().mean()
        self.steps += 1
        if self.steps <= self.fine_steps:
            return loss
        return loss * self.value


class Fine(Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).square().mean()


class KeepWeights(Callback):
    """Keeps a copy of the weights at the beginning of each epoch."""

    def __init__(self):
        self.weights = []

    def on_epoch_begin(self, state):
        self.weights.append(copy.deepcopy(state.model.state_dict()))


def equal_weights(model, weights):
    return all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def make_routine(losses, callbacks=(), **phase):
    routine = ParametricDR(in_dim=5, losses=losses, random_state=0, callbacks=list(callbacks))
    routine.add_training_phase(**{"name": "only", "epochs": 5, "batch_size": 30, **phase})
    return routine


class Stop(Exception):
    pass


class StopAfter(Callback):
    def __init__(self, event, calls=2):
        self.calls = calls
        setattr(self, f"on_{event}", self.count)

    def count(self, state):
        self.calls -= 1
        self.weights = copy.deepcopy(state.model.state_dict())
        if not self.calls:
            raise Stop(f"in epoch {state.epoch}")


@pytest.mark.row(42)
@pytest.mark.parametrize("event", ["epoch_begin", "epoch_end", "batch_begin", "batch_end"])
def test_callback_that_raises_stops_the_training_and_keeps_the_weights(event, X):
    stop = StopAfter(event)
    routine = make_routine(Fine(), [stop])
    with pytest.raises(Stop, match="in epoch") as caught:
        routine.train(X)
    # the traceback leads to the callback
    assert any(entry.name == "count" for entry in caught.traceback)
    assert equal_weights(routine.model, stop.weights)
    assert not routine.model.training


@pytest.mark.row(42)
def test_routine_can_be_trained_on_after_a_callback_raised(X):
    stop = StopAfter("epoch_end")
    routine = make_routine(Fine())
    with pytest.raises(Stop):
        routine.train(X, callbacks=[stop])
    routine.train(X)
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.row(42)
def test_callback_that_raises_in_a_second_training_keeps_what_was_learned(X):
    routine = make_routine(Fine())
    routine.train(X)
    with pytest.raises(Stop):
        routine.train(X, callbacks=[StopAfter("batch_end", calls=1)])
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.row(43)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_names_phase_epoch_batch_and_component(value, X):
    # three batches an epoch: the eighth step is batch 1 of epoch 2
    routine = make_routine({"fine": Fine("fine"), "bad": Poisoned(7, value)}, loss_keys=["fine", "bad"])
    with pytest.raises(TrainingDivergedError) as caught:
        routine.train(X)
    message = str(caught.value)
    assert isinstance(caught.value, RuntimeError)
    assert "'only'" in message
    assert re.search(r"epoch 2\b", message)
    assert "poisoned" in message
    assert "component fine" not in message
    assert "learning rate" in message
    assert re.search(r"batch 1\b", message)


@pytest.mark.row(43)
@pytest.mark.parametrize("fine_steps", [3, 4, 7, 8])
def test_last_good_weights_are_restored(fine_steps, X):
    keep = KeepWeights()
    routine = make_routine(Poisoned(fine_steps, float("nan")), [keep])
    with pytest.raises(TrainingDivergedError):
        routine.train(X)
    assert equal_weights(routine.model, keep.weights[fine_steps // 3])
    assert all(bool(p.isfinite().all()) for p in routine.model.parameters())
    assert not routine.model.training


@pytest.mark.row(43)
def test_weights_that_are_not_finite_under_a_finite_loss_are_noticed(X):
    class NoGradient(Loss):
        # its value is finite, its gradient is not
        def forward(self, model, global_relations, batch_relations, batch, device):
            embedded = model(batch["main"].to(device))
            return (embedded * 0).square().sum(dim=1).sqrt().sum()

    keep = KeepWeights()
    routine = make_routine(NoGradient(), [keep], epochs=1, batch_size=90)
    with pytest.raises(TrainingDivergedError):
        routine.train(X)
    assert equal_weights(routine.model, keep.weights[0])


@pytest.mark.row(43)
def test_learning_rate_far_too_high_is_an_error_or_finite(X):
    routine = make_routine(Fine(), learning_rate=1e30, epochs=10)
    with pytest.raises(TrainingDivergedError):
        routine.train(X)
    assert all(bool(p.isfinite().all()) for p in routine.model.parameters())


@pytest.mark.row(43)
def test_routine_can_be_trained_on_after_a_divergence(X):
    routine = make_routine({"bad": Poisoned(4, float("nan")), "loss": Fine()}, loss_keys=["bad"])
    with pytest.raises(TrainingDivergedError):
        routine.train(X)
    routine.training_phases[0] = routine.training_phases[0].replace(loss_keys=["loss"])
    routine.train(X)
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_interruption_is_raised_again_and_the_routine_stays_usable(interruption, X):
    class Interrupt(Callback):
        def on_batch_end(self, state):
            if state.epoch == 1:
                raise interruption

    routine = make_routine(Fine())
    with pytest.raises(interruption):
        routine.train(X, callbacks=[Interrupt()])
    assert not routine.model.training
    routine.train(X)
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.row(52)
class TestCopies:
    """Copies of a routine, without files."""

    @pytest.fixture
    def trained(self, X, make_tsne):
        return make_tsne().fit(X)

    def test_deepcopy_transforms_identically(self, trained, X):
        np.testing.assert_array_equal(copy.deepcopy(trained).transform(X), trained.transform(X))

    def test_pickle_transforms_identically(self, trained, X):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(trained)).transform(X), trained.transform(X))

    def test_deepcopy_is_independent(self, trained, X):
        before = trained.transform(X)
        copied = copy.deepcopy(trained)
        copied.train(2 * X)
        np.testing.assert_array_equal(trained.transform(X), before)
        assert not np.array_equal(copied.transform(X), before)

    def test_deepcopy_of_an_untrained_routine_can_be_trained(self, X, make_tsne):
        tsne = make_tsne()
        np.testing.assert_array_equal(copy.deepcopy(tsne).fit_transform(X), tsne.fit_transform(X))

    @pytest.mark.parametrize("touch", [False, True], ids=["new", "blocks were read"])
    def test_clone_fits_identically(self, touch, X, make_tsne):
        tsne = make_tsne()
        if touch:
            assert len(tsne.training_phases) == 2
        expected = clone(tsne).fit_transform(X)
        np.testing.assert_array_equal(tsne.fit_transform(X), expected)
        np.testing.assert_array_equal(clone(tsne).fit_transform(X), expected)

    def test_clone_is_untrained(self, trained):
        assert not clone(trained).trained

    def test_clone_of_a_composed_routine_fits_identically(self, X):
        routine = ParametricDR(in_dim=5, losses=Fine(), random_state=0)
        routine.add_training_phase(epochs=2)
        routine.fit(X)
        # phases that were added later are no parameter
        with_phases = ParametricDR(
            in_dim=5, losses=Fine(), random_state=0, training_phases=routine.training_phases
        )
        np.testing.assert_array_equal(clone(with_phases).fit_transform(X), routine.transform(X))


@pytest.mark.row(55)
@pytest.mark.parametrize(
    ("routine", "settings"),
    [
        (ParametricTSNE, {"device": "cuda"}),
        (ParametricUMAP, {"device": "cuda"}),
        (ParametricDR, {"device": "cuda"}),
        (ParametricDR, {"use_cuda": True}),
        (routines.ParametricTSNE, {"use_cuda": True}),
        (routines.ParametricUMAP, {"use_cuda": True}),
    ],
)
def test_cuda_that_is_not_there(routine, settings, X, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CUDANotAvailableError, match=re.escape('device="auto"')):
        routine(**settings).fit(X)


@pytest.mark.row(57)
def test_threads_transform_equally(X, make_tsne):
    model = torch.nn.Sequential(
        torch.nn.Linear(5, 20), torch.nn.BatchNorm1d(20), torch.nn.Dropout(0.5), torch.nn.Linear(20, 2)
    )
    tsne = make_tsne(model=model).fit(X)
    large = np.tile(X, (50, 1))
    expected, found, errors = tsne.transform(large), {}, []
    barrier = threading.Barrier(4)

    def work(i):
        try:
            barrier.wait(timeout=600)
            found[i] = [tsne.transform(large) for _ in range(10)]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert not errors
    assert len(found) == 4
    for results in found.values():
        for result in results:
            np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)


class TestSameSeed:
    """Figures to reach: the same seed gives the same bits."""

    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    def test_random_state_gives_the_same_bits(self, routine, X):
        blob = np.random.default_rng(0).normal(size=(90, 5))
        made = [routine(epochs=2, init_epochs=2, random_state=7, **small(routine)) for _ in range(2)]
        first, second = (one.fit_transform(blob) for one in made)
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    def test_fitting_again_gives_the_same_bits(self, routine):
        blob = np.random.default_rng(0).normal(size=(90, 5))
        made = routine(epochs=2, init_epochs=2, random_state=7, **small(routine))
        first = made.fit_transform(blob)
        np.testing.assert_array_equal(made.fit_transform(blob), first)

    @pytest.mark.parametrize("routine", [ParametricTSNE, ParametricUMAP])
    def test_seed_all_gives_the_same_bits(self, routine):
        blob = np.random.default_rng(0).normal(size=(90, 5))
        results = []
        for _ in range(2):
            seed_all(3)
            results.append(routine(epochs=2, init_epochs=2, **small(routine)).fit_transform(blob))
        np.testing.assert_array_equal(*results)

    def test_histories_are_the_same_bits(self, X, make_tsne):
        histories = []
        for _ in range(2):
            tsne = make_tsne().fit(X)
            histories.append([phase.loss.history for phase in tsne.training_phases])
        assert histories[0] == histories[1]

    def test_other_seed_gives_other_bits(self, X, make_tsne):
        first, second = (make_tsne(random_state=seed).fit_transform(X) for seed in (0, 1))
        assert not np.array_equal(first, second)


def small(routine):
    return {"perplexity": 5, "batch_size": 30} if routine is ParametricTSNE else {"n_neighbors": 15}
