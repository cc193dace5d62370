"""Training that goes on from the present weights."""

import copy

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.neighbors import KNeighborsClassifier

from paradime import ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError
from paradime.loss import Loss
from paradime.metrics import trustworthiness
from paradime.training import Callback

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X[:, X.std(axis=0) > 0]
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], y[order]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], y[order]


def short(**settings):
    return ParametricMDS(**{"epochs": 3, "batch_size": 50, "random_state": 0, **settings})


class FirstWeights(Callback):
    """Keeps the weights before the first step, and counts steps."""

    def __init__(self):
        self.steps = 0
        self.phases = []

    def on_phase_begin(self, state):
        self.phases.append(state.phase.name)
        if not self.steps:
            self.weights = [p.detach().clone() for p in state.model.parameters()]

    def on_batch_end(self, state):
        self.steps += 1


def weights_of(routine):
    return [p.detach().clone() for p in routine.model.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class TestWarmStart:
    def test_fit_goes_on_from_the_present_weights(self, iris):
        X, _ = iris
        routine, seen = short(warm_start=True), FirstWeights()
        before = weights_of(routine.fit(X))
        routine.fit(X, callbacks=[seen])
        assert same(seen.weights, before)
        assert not same(weights_of(routine), before)

    def test_without_it_fit_starts_afresh(self, iris):
        X, _ = iris
        routine = short()
        first = routine.fit_transform(X)
        np.testing.assert_array_equal(routine.fit_transform(X), first)

    def test_first_fit_is_as_without_it(self, iris):
        X, _ = iris
        np.testing.assert_array_equal(short(warm_start=True).fit_transform(X), short().fit_transform(X))

    def test_a_model_that_was_given_keeps_its_weights_too(self, iris):
        X, _ = iris
        routine, seen = short(model=torch.nn.Linear(4, 2), warm_start=True), FirstWeights()
        before = weights_of(routine.fit(X))
        routine.fit(X, callbacks=[seen])
        assert same(seen.weights, before)

    def test_history_goes_on(self, iris):
        routine = short(warm_start=True)
        n = len(routine.fit(iris[0]).history_)
        assert len(routine.fit(iris[0]).history_) == 2 * n

    def test_other_phases_may_be_set(self, iris):
        X, _ = iris
        routine, seen = short(warm_start=True).fit(X), FirstWeights()
        before = weights_of(routine)
        routine.set_params(epochs=7, learning_rate=0.001).fit(X, callbacks=[seen])
        assert same(seen.weights, before)
        assert routine.training_phases[-1].epochs == 7

    def test_rows_with_other_columns_are_refused_and_what_was_learned_stays(self, iris):
        X, _ = iris
        routine = short(warm_start=True).fit(X)
        before = routine.transform(X)
        with pytest.raises(ValueError, match="X has 3 features, but ParametricMDS is expecting 4"):
            routine.fit(X[:, :3])
        np.testing.assert_array_equal(routine.transform(X), before)

    def test_another_network_is_refused_and_what_was_learned_stays(self, iris):
        X, _ = iris
        routine = short(warm_start=True).fit(X)
        before = routine.transform(X)
        with pytest.raises(ValueError, match=r"another network.*warm_start=False"):
            routine.set_params(hidden_dims=(7,)).fit(X)
        np.testing.assert_array_equal(routine.transform(X), before)

    def test_other_classes_are_refused(self, iris):
        X, y = iris
        routine = ParametricTSNE(
            refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0, classifier=True, warm_start=True
        ).fit(X, y)
        with pytest.raises(
            ValueError, match=r"y must have the classes of the training, \[0, 1, 2\], got \[0, 1\]"
        ):
            routine.fit(X[y < 2], y[y < 2])

    def test_clone_is_cold(self, iris):
        X, _ = iris
        routine = short(warm_start=True).fit(X)
        np.testing.assert_array_equal(clone(routine).fit_transform(X), short().fit_transform(X))


class TestPartialFit:
    def test_first_call_is_fit(self, iris):
        X, _ = iris
        np.testing.assert_array_equal(short().partial_fit(X).transform(X), short().fit_transform(X))

    def test_later_calls_go_on_with_the_new_rows_alone(self, iris):
        X, _ = iris
        routine, seen = short().partial_fit(X[:100]), FirstWeights()
        before = weights_of(routine)
        assert routine.partial_fit(X[100:], callbacks=[seen]) is routine
        assert same(seen.weights, before)
        assert "pca_init" not in seen.phases  # the map has its place already
        assert routine.n_samples_seen_ == 150
        assert len(routine.embedding_) == 50
        assert len(routine.training_phases) == 2

    def test_steps_are_the_share_of_the_rows(self, digits):
        X, _ = digits
        counts = []
        routine = short(epochs=8, initialization=None)
        for part in (X[:600], X[600:1200], X[1200:1500]):
            counted = FirstWeights()
            routine.partial_fit(part, callbacks=[counted])
            counts.append(counted.steps)
        # 12 batches an epoch of the first part; the same number of epochs for the others
        assert counts == [8 * 12, 8 * 12, 8 * 6]

    def test_epochs_can_be_said(self, iris):
        X, _ = iris
        routine, counted = short().partial_fit(X[:100]), FirstWeights()
        routine.partial_fit(X[100:], epochs=5, callbacks=[counted])
        assert counted.steps == 5

    def test_a_map_learned_in_parts_is_nearly_as_good(self, digits, outcome):
        X = digits[0][:600]

        def measure(seed):
            settings = {"epochs": 12, "init_epochs": 2, "batch_size": 128, "random_state": seed}
            whole, parts = (
                ParametricTSNE(refine=False, **settings).fit(X),
                ParametricTSNE(refine=False, **settings),
            )
            for i in range(3):
                parts.partial_fit(X[i::3])
            found = [trustworthiness(X, made.transform(X), n_neighbors=15) for made in (whole, parts)]
            return {"trustworthiness": found[0], "gain": found[1] - found[0]}

        outcome(measure, at_least={"trustworthiness": 0.9, "gain": -0.06})

    def test_classes_of_later_parts_are_announced(self, iris, outcome):
        X, y = iris
        few = y < 2

        def measure(seed):
            routine = ParametricTSNE(
                refine=False, epochs=10, init_epochs=1, batch_size=25, random_state=seed, classifier=True
            )
            routine.partial_fit(X[few], y[few], classes=[0, 1, 2])
            assert routine.classes_.tolist() == [0, 1, 2]
            return {"accuracy": (routine.partial_fit(X, y, epochs=15).predict(X) == y).mean()}

        # a class that was not learned would cost a third
        outcome(measure, seeds=2, at_least={"accuracy": 0.75})

    def test_a_class_that_was_not_announced_is_refused(self, iris):
        X, y = iris
        routine = ParametricTSNE(
            refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0, classifier=True
        )
        routine.partial_fit(X[y < 2], y[y < 2])
        with pytest.raises(ValueError, match=r"classes that the training did not have: \[2\].*classes="):
            routine.partial_fit(X, y)

    def test_numbers_are_scaled_as_at_first(self, iris, outcome):
        X, _ = iris
        y = 100 + 10 * X[:, 0]
        low = y < np.median(y)

        def measure(seed):
            routine = ParametricTSNE(
                refine=False,
                epochs=10,
                init_epochs=1,
                batch_size=25,
                random_state=seed,
                classifier=True,
                perplexity=10,
            )
            routine.partial_fit(X[low], y[low])
            predicted = routine.partial_fit(X, y, epochs=20).predict(X)
            return {"correlation": np.corrcoef(predicted, y)[0, 1], "offset": predicted.mean() - y.mean()}

        # scaled anew, numbers would be 6 too low
        bounds = {"offset": 3.0}
        outcome(measure, seeds=2, at_least={"correlation": 0.7, "offset": -3.0}, at_most=bounds)

    def test_kind_of_targets_stays(self, iris):
        X, y = iris
        routine = ParametricTSNE(refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0).partial_fit(
            X, y
        )
        with pytest.raises(ValueError, match="y must be classes, as in the first training, got numbers"):
            routine.partial_fit(X, y.astype(float) / 3)

    def test_other_columns_are_refused_and_nothing_changes(self, iris):
        X, _ = iris
        routine = short().partial_fit(X)
        before = routine.transform(X)
        with pytest.raises(ValueError, match="X has 3 features, but ParametricMDS is expecting 4"):
            routine.partial_fit(X[:, :3])
        np.testing.assert_array_equal(routine.transform(X), before)

    def test_columns_in_another_order_are_refused(self, iris):
        frame = pd.DataFrame(iris[0], columns=list("abcd"))
        routine = short().partial_fit(frame)
        with pytest.raises(ValueError, match="feature names"):
            routine.partial_fit(frame[list("dcba")])

    def test_after_fit_it_goes_on(self, iris):
        X, _ = iris
        routine, seen = short().fit(X), FirstWeights()
        before = weights_of(routine)
        routine.partial_fit(X[:60], callbacks=[seen])
        assert same(seen.weights, before)
        assert routine.n_samples_seen_ == 210

    def test_composed_routines_take_parts(self, iris):
        class Squares(Loss):
            def forward(self, model, global_relations, batch_relations, batch, device):
                return (model(batch["main"].to(device)).square().sum(dim=1) - 1).square().mean()

        X, _ = iris
        routine = ParametricDR(in_dim=4, losses=Squares(), random_state=0)
        routine.add_training_phase(epochs=2)
        first = routine.partial_fit(X[:100]).transform(X)
        assert not np.array_equal(routine.partial_fit(X[100:]).transform(X), first)


@pytest.fixture(scope="module")
def parts(digits):
    X, y = digits[0][:800], digits[1][:800]
    test = np.arange(len(X)) % 4 == 0
    return X, y, test, (y < 8) & ~test, (y >= 8) & ~test


class TestUpdate:
    def test_new_classes_separate_and_the_map_stays(self, parts, outcome):
        X, y, test, old, new = parts

        def accuracy(routine):
            places = routine.transform(X)
            classifier = KNeighborsClassifier(5).fit(places[~test], y[~test])
            later = test & (y >= 8)
            return classifier.score(places[later], y[later])

        def measure(seed):
            held = ParametricTSNE(refine=False, epochs=15, init_epochs=2, batch_size=128, random_state=seed).fit(
                X[old]
            )
            free = copy.deepcopy(held)
            before, start = held.transform(X[old]), accuracy(held)
            held.update(X[new], epochs=15, anchors=300)
            free.update(X[new], epochs=15, anchors=0)
            assert held.drift_.n_anchors == 300
            spread = np.sqrt(np.square(before - before.mean(axis=0)).sum(axis=1).mean())
            assert held.drift_.spread == pytest.approx(spread, rel=1e-4)  # of the earlier map
            # rows that are no anchors stay, too
            moved = [np.linalg.norm(made.transform(X[old]) - before, axis=1).mean() for made in (held, free)]
            return {
                "accuracy": accuracy(held),
                "gain": accuracy(held) - start,
                "drift": held.drift_.mean,
                "drift, beside that without anchors": held.drift_.mean / free.drift_.mean,
                "moved": moved[0] / spread,
                "moved, beside what moves without anchors": moved[0] / moved[1],
            }

        outcome(
            measure,
            at_least={"accuracy": 0.45, "gain": 0.1},
            at_most={
                "drift": 0.06,
                "drift, beside that without anchors": 0.33,
                "moved": 0.08,
                "moved, beside what moves without anchors": 0.33,
            },
        )

    def test_rows_of_both_are_the_data_afterwards(self, iris):
        X, _ = iris
        routine = short().fit(X[:100])
        assert len(routine.update(X[100:]).embedding_) == 150
        assert len(short().fit(X[:100]).update(X[100:], keep=30).embedding_) == 80
        assert len(short().fit(X[:100]).update(X[100:], keep=0.2).embedding_) == 70
        assert len(short().fit(X[:100]).update(X[100:], keep=0).embedding_) == 50

    def test_losses_and_phases_are_the_routines_own_afterwards(self, iris):
        X, _ = iris
        routine = short().fit(X[:100])
        losses, phases = set(routine.losses), [phase.loss_keys for phase in routine.training_phases]
        routine.update(X[100:])
        assert set(routine.losses) == losses
        assert [phase.loss_keys for phase in routine.training_phases] == phases
        routine.update(X[100:])  # once more
        routine.train(X)

    def test_the_same_seed_gives_the_same_bits(self, iris):
        X, _ = iris
        made = [short().fit(X[:100]).update(X[100:]).transform(X) for _ in range(2)]
        np.testing.assert_array_equal(*made)

    def test_a_routine_without_its_data_takes_a_sample_of_them(self, iris):
        X, _ = iris
        routine = short().fit(X[:100])
        routine.dataset = None
        with pytest.raises(ValueError, match=r"does not hold the rows.*old=X_old"):
            routine.update(X[100:])
        routine.update(X[100:], old=X[:40])
        assert routine.drift_.n_anchors == 40
        assert len(routine.embedding_) == 90

    def test_new_classes_come_after_those_known(self, iris):
        X, y = iris
        names = np.array(["m", "n", "a"])[y]
        routine = ParametricTSNE(refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0).fit(
            X[y < 2], names[y < 2]
        )
        routine.update(X[y == 2], names[y == 2])
        assert routine.classes_.tolist() == ["m", "n", "a"]
        assert routine.dataset["labels"].unique().tolist() == [0, 1, 2]

    def test_rows_without_targets_are_unlabelled(self, iris):
        X, y = iris
        routine = ParametricTSNE(
            refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0, classifier=True
        )
        routine.fit(X[:100], y[:100]).update(X[100:])
        assert (routine.dataset["labels"][100:] == -1).all()
        assert routine.predict(X).shape == (150,)

    def test_targets_that_the_routine_does_not_know_are_refused(self, iris):
        X, y = iris
        with pytest.raises(ValueError, match="fitted without y"):
            short().fit(X[:100]).update(X[100:], y[100:])
        routine = ParametricTSNE(
            refine=False, epochs=1, init_epochs=1, batch_size=50, random_state=0, classifier=True
        )
        with pytest.raises(ValueError, match="the training did not have"):
            routine.fit(X[y < 2], y[y < 2]).update(X, y)

    def test_untrained_routines_cannot_be_updated(self, iris):
        with pytest.raises(NotTrainedError, match="not trained yet"):
            short().update(iris[0])

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"keep": -1}, "keep must be a number of rows"),
            ({"keep": 1.5}, "keep must be a number of rows"),
            ({"anchors": -3}, "anchors must be an integer"),
            ({"share": 1.0}, r"share must lie in \(0, 1\)"),
            ({"epochs": 0}, "epochs must be an integer"),
        ],
    )
    def test_settings_out_of_range_change_nothing(self, settings, message, iris):
        X, _ = iris
        routine = short().fit(X[:100])
        before = routine.transform(X)
        with pytest.raises(ValueError, match=message):
            routine.update(X[100:], **settings)
        np.testing.assert_array_equal(routine.transform(X), before)
        assert len(routine.embedding_) == 100

    def test_bad_rows_change_nothing(self, iris):
        X, _ = iris
        routine = short().fit(X[:100])
        before = routine.transform(X)
        for bad, message in ((X[:, :3], "3 features"), (np.full((20, 4), np.nan), "NaN")):
            with pytest.raises(ValueError, match=message):
                routine.update(bad)
        np.testing.assert_array_equal(routine.transform(X), before)
        assert len(routine.embedding_) == 100

    def test_sparse_rows(self, iris):
        X, _ = iris
        sparse = scipy.sparse.csr_array(np.where(X > 2, X, 0))
        routine = ParametricUMAP(epochs=1, init_epochs=1, batch_size=50, random_state=0).fit(sparse[:100])
        routine.update(sparse[100:])
        assert routine.transform(sparse).shape == (150, 2)
