"""Held-out rows: what is measured on them, and that the training does not notice."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.neighbors import NearestNeighbors

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
    loss,
    relations,
)
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import UnsupportedConfigurationError
from paradime.training import Callback, EarlyStopping

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X[:, X.std(axis=0) > 0] / 16).astype(np.float32)
    return X[:400], y[:400]


def weights_of(routine):
    return {name: part.clone() for name, part in routine.model.state_dict().items()}


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


FAST = {"random_state": 0, "epochs": 2, "batch_size": 64}
PRESETS = [
    ParametricUMAP(**FAST, density=True, structure=True),
    ParametricTSNE(refine=False, **FAST, classifier=True, decoder=True, perplexity=10),
    ParametricContrastive(**FAST, kind="nce"),
    ParametricPaCMAP(random_state=0, epochs=3, batch_size=64),
    ParametricMDS(**FAST),
    ParametricAutoencoder(**FAST),
]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: type(preset).__name__)
def test_weights_are_bit_identical_with_and_without_validation(preset, digits):
    from sklearn.base import clone

    X, y = digits
    alone = weights_of(clone(preset).fit(X[:300], y[:300]))
    watched = clone(preset).fit(X[:300], y[:300], validation_data=(X[300:], y[300:]))
    assert_equal_weights(alone, weights_of(watched))
    figures = watched.history_[-1]
    assert np.isfinite(figures["validation_loss"])
    assert set(figures["validation_losses"]) == set(figures["losses"])


def test_weights_are_bit_identical_with_dropout_and_anchors_that_take_turns(digits):
    X, _ = digits

    def trained(**settings):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(X.shape[1], 20),
            torch.nn.BatchNorm1d(20),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(20, 2),
        )
        anchors = loss.AnchorLoss(X[:30], np.random.default_rng(0).normal(size=(30, 2)), max_rows=7)
        size = loss.PositionLoss(position_key="goal")
        routine = ParametricDR(model, losses={"anchors": anchors, "size": size}, random_state=0)
        routine.add_training_phase(epochs=3, loss_keys=["anchors", "size"], batch_size=50)
        routine.train({"main": X[:300], "goal": X[:300, :2]}, **settings)
        return routine

    watched = trained(validation_data={"main": X[300:], "goal": X[300:, :2]})
    assert_equal_weights(weights_of(trained()), weights_of(watched))
    assert watched.history_[-1]["validation_loss"] is not None


def test_weights_are_bit_identical_with_a_loss_that_counts_its_steps(digits):
    X, _ = digits

    class Growing(loss.Loss):
        evaluate = None  # an attribute of that name is the user's own business

        def __init__(self):
            super().__init__()
            self.steps = 0

        def forward(self, model, global_relations, batch_relations, batch, device):
            self.steps += 1
            return (model(batch["main"].to(device)).square().sum(dim=1) - self.steps).square().mean()

    def trained(**settings):
        routine = ParametricDR(losses=Growing(), random_state=0)
        routine.add_training_phase(epochs=3, batch_size=100)
        routine.train(X[:300], **settings)
        return routine

    watched = trained(validation_data=X[300:])
    assert_equal_weights(weights_of(trained()), weights_of(watched))
    assert watched.losses["loss"].steps == 9


@pytest.mark.parametrize("preset", PRESETS[:3], ids=lambda preset: type(preset).__name__)
def test_held_out_rows_take_no_part_in_relations_centers_and_training(preset, digits):
    from sklearn.base import clone

    X, y = digits
    split = clone(preset).set_params(validation_fraction=0.2).fit(X, y)
    kept = np.setdiff1d(np.arange(len(X)), split.validation_indices_)
    alone = clone(preset).fit(X[kept], y[kept])
    # scaling, centres and initial positions are part of the state
    assert_equal_weights(weights_of(alone), weights_of(split))
    assert split.global_relation_data["rel"].n_points == len(kept) == 320


def test_each_class_is_held_out_in_its_share():
    X, y = load_iris(return_X_y=True)
    few = np.r_[0:50, 50:70, 100:102]  # 50, 20 and 2 of a class
    routine = ParametricMDS(epochs=1, batch_size=50, random_state=0, validation_fraction=0.5).fit(X[few], y[few])
    counts = np.bincount(y[few][routine.validation_indices_], minlength=3)
    assert abs(counts - np.array([25, 10, 1])).max() <= 1
    assert counts[2] < 2
    again = ParametricMDS(epochs=1, batch_size=50, random_state=0, validation_fraction=0.5).fit(X[few], y[few])
    assert np.array_equal(routine.validation_indices_, again.validation_indices_)
    other = ParametricMDS(epochs=1, batch_size=50, random_state=1, validation_fraction=0.5).fit(X[few], y[few])
    assert not np.array_equal(routine.validation_indices_, other.validation_indices_)


def test_held_out_reconstruction_is_the_mean_squared_error_of_what_is_decoded(digits):
    X, _ = digits
    routine = ParametricAutoencoder(epochs=3, batch_size=100, random_state=0, initialization=None)
    routine.fit(X[:300], validation_data=X[300:])
    scale = routine.model.decoder.scaling.scale.numpy()
    decoded = routine.inverse_transform(routine.transform(X[300:]))
    # columns weigh alike, and those of one value do not count
    error = np.mean(((decoded - X[300:]) / np.where(scale > 0, scale, np.inf)) ** 2)
    # in the unit of the loss, a sum over the batches of an epoch
    assert routine.history_[-1]["validation_loss"] == pytest.approx(3 * error, rel=1e-5)


def test_held_out_quality_is_the_share_of_nearest_training_rows_that_stay_nearest(digits):
    X, _ = digits
    # pixels are whole numbers, of which several rows may be equally near
    X = X + np.random.default_rng(0).normal(scale=1e-2, size=X.shape).astype(np.float32)
    routine = ParametricUMAP(**FAST).fit(X[:300], validation_data=X[300:])

    def near(rows, points):
        return NearestNeighbors(n_neighbors=15).fit(rows).kneighbors(points, return_distance=False)

    wanted, found = near(X[:300], X[300:]), near(routine.transform(X[:300]), routine.transform(X[300:]))
    kept = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(wanted, found, strict=True)])
    # rounding may change the order of two rows that are nearly as near: in two of 1,500 cases at most
    assert routine.history_[-1]["validation_quality"] == pytest.approx(kept, abs=2.1 / 1500)


def test_quality_rises_well_above_chance_while_a_map_is_learned(digits, outcome):
    X, _ = digits

    def measure(seed):
        routine = ParametricContrastive(epochs=10, batch_size=64, random_state=seed, initialization=None)
        routine.fit(X[:300], validation_data=X[300:])
        qualities = [record["validation_quality"] for record in routine.history_]
        return {"quality": qualities[-1], "gain": qualities[-1] - qualities[0]}

    # by chance it is 15 of 300, 0.05
    outcome(measure, at_least={"quality": 0.4, "gain": 0.1})


def test_positions_of_held_out_rows_follow_from_their_nearest_training_rows(digits, outcome):
    X, _ = digits
    # positions that were derived anew would be mirrored here, and the loss would be large
    mirrored = DerivedData(lambda rows: rows[:, 10:12] * (1 if len(rows) == 300 else -1))
    made = []

    def measure(seed):
        routine = ParametricDR(
            derived_data={"goal": mirrored}, losses=loss.PositionLoss(position_key="goal"), random_state=seed
        )
        routine.add_training_phase(epochs=30, batch_size=100)
        routine.train(X[:300], validation_data=X[300:])
        made.append(routine)
        anew = 3 * np.mean((routine.apply(X[300:]).numpy() + X[300:, 10:12]) ** 2)
        return {"beside positions derived anew": routine.history_[-1]["validation_loss"] / anew}

    outcome(measure, at_most={"beside positions derived anew": 0.3})
    # what is given is taken
    made[0].train({"main": X[:300]}, validation_data={"main": X[300:], "goal": X[300:, 10:12] + 100})
    assert made[0].history_[-1]["validation_loss"] > 1e4


def test_a_component_without_its_entry_is_left_out_and_said_so(digits):
    X, y = digits
    tsne = ParametricTSNE(refine=False, **FAST, classifier=True, perplexity=10)
    with pytest.warns(
        UserWarning, match=r"phase 'embedding': the held-out loss leaves out 'labels'.*100 held-out"
    ):
        tsne.fit(X[:300], y[:300], validation_data=X[300:])
    assert set(tsne.history_[-1]["validation_losses"]) == {"embedding"}


def test_relations_that_refuse_so_few_rows_leave_the_quality(digits):
    X, _ = digits
    tsne = ParametricTSNE(refine=False, **FAST, perplexity=30)
    with pytest.warns(UserWarning, match="leaves out 'embedding'.*10 held-out rows.*Relations 'rel': perplexity"):
        tsne.fit(X[:300], validation_data=X[300:310])
    assert tsne.history_[-1]["validation_loss"] is None
    assert 0 < tsne.history_[-1]["validation_quality"] < 1


def test_measurements_every_few_epochs_and_after_the_last(digits):
    X, _ = digits
    routine = ParametricMDS(
        epochs=6, batch_size=100, random_state=0, validation_fraction=0.25, validation_every=4, initialization=None
    ).fit(X)
    measured = [record["epoch"] for record in routine.history_ if record["validation_loss"] is not None]
    assert measured == [0, 4, 5]


def test_rows_stay_held_out_when_training_goes_on(digits):
    X, _ = digits
    routine = ParametricMDS(epochs=1, batch_size=100, random_state=0, validation_fraction=0.25).fit(X)
    rows = routine.validation_indices_
    routine.train()
    assert routine.validation_indices_ is rows
    assert len(routine.dataset) == 300
    assert len(routine.history_) == 2 * len({(r["phase"], r["epoch"]) for r in routine.history_})
    routine.train(X[:200])
    assert len(routine.dataset) == 150


def test_state_shows_callbacks_what_was_measured(digits):
    X, _ = digits
    seen = []

    class Look(Callback):
        def on_epoch_end(self, state):
            seen.append(state.validation.quality)
            assert state.model.training

    routine = ParametricMDS(epochs=2, batch_size=100, random_state=0)
    routine.fit(X[:300], validation_data=X[300:], callbacks=[Look()])
    assert seen == [record["validation_quality"] for record in routine.history_]


def test_targets_of_held_out_rows_are_numbered_as_those_of_the_training(digits):
    X, y = digits
    names = np.array([f"digit {number}" for number in y])
    keep = y[300:] >= 5  # whose own numbers would start at 0
    routine = ParametricTSNE(refine=False, epochs=3, batch_size=64, random_state=0, classifier=True, perplexity=10)
    routine.fit(X[:300], names[:300], validation_data=(X[300:][keep], names[300:][keep]))
    scores = torch.log(torch.from_numpy(routine.predict_proba(X[300:][keep])))
    expected = torch.nn.functional.nll_loss(scores, torch.from_numpy(y[300:][keep]))
    record = routine.history_[-1]
    n_batches = -(-300 // 64)
    assert record["validation_losses"]["labels"] / record["weights"]["labels"] == pytest.approx(
        n_batches * float(expected), rel=1e-3
    )


def test_numbers_of_held_out_rows_are_standardised_as_those_of_the_training(digits):
    X, _ = digits
    target = X[:, 20] * 100 + 1000
    routine = ParametricMDS(epochs=5, batch_size=100, random_state=0, classifier=True)
    routine.fit(X[:300], target[:300], validation_data=(X[300:], target[300:]))
    error = np.mean(((routine.predict(X[300:]) - target[300:]) / target[:300].std()) ** 2)
    record = routine.history_[-1]
    assert record["validation_losses"]["labels"] / record["weights"]["labels"] == pytest.approx(
        3 * error, rel=1e-3
    )


# -- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [-0.1, 0.6, "0.1", None, True, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction, digits):
    with pytest.raises(ValueError, match=r"validation_fraction must lie in \[0, 0\.5\], got"):
        ParametricMDS(validation_fraction=fraction).fit(digits[0])


def test_a_fraction_that_holds_out_a_single_row_is_refused_and_what_was_learned_stays(digits):
    X, _ = digits
    routine = ParametricMDS(epochs=1, batch_size=100, random_state=0).fit(X)
    before = routine.transform(X)
    routine.set_params(validation_fraction=0.1)
    with pytest.raises(ValueError, match=r"0\.1 of 10 rows holds out 1 of them; at least 2 rows"):
        routine.fit(X[:10])
    assert np.array_equal(routine.transform(X), before)


def test_relations_that_are_given_cannot_be_split(digits):
    X = digits[0][:40]
    routine = ParametricDR(
        global_relations=relations.Precomputed(torch.cdist(torch.from_numpy(X), torch.from_numpy(X)).numpy()),
        batch_relations=relations.DifferentiablePDist(),
        losses=loss.RelationLoss(torch.nn.MSELoss()),
        training_phases=[TrainingPhase(epochs=1)],
        validation_fraction=0.2,
    )
    with pytest.raises(ValueError, match=r"global relations 'rel' are given for all\. Give them for the training"):
        routine.train(X)
    # rows of their own need no split; the loss of relations has none for them
    routine.set_params(validation_fraction=0.0)
    with pytest.warns(UserWarning, match="leaves out 'loss'.*are between 40 points"):
        routine.train(X, validation_data=digits[0][40:60])


def test_held_out_rows_of_other_features_are_refused(digits):
    X, y = digits
    routine = ParametricMDS(epochs=1, batch_size=100)
    with pytest.raises(
        ValueError, match=r"validation_data has rows of shape \(5,\), but the training data of \(61,\)|"
    ):
        routine.fit(X, validation_data=X[:50, :5])
    with pytest.raises(ValueError, match="validation_data has targets, but fit got none"):
        routine.fit(X, validation_data=(X, y))
    with pytest.raises(
        ValueError, match=r"y of validation_data has classes that the training did not have: \[9\]"
    ):
        routine.fit(X[y < 9], y[y < 9], validation_data=(X, y))
    with pytest.raises(ValueError, match="must be classes, as in the first training, got numbers"):
        routine.fit(X, y, validation_data=(X, y / 10))
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        routine.fit(X, validation_data=X[:1])
    with pytest.raises(ValueError, match="NaN"):
        routine.fit(X, validation_data=np.full_like(X[:5], np.nan))


@pytest.mark.parametrize("every", [0, 1.5, "2"])
def test_validation_every_out_of_range_is_refused(every, digits):
    with pytest.raises(ValueError, match="validation_every must be an integer"):
        ParametricMDS(epochs=1, batch_size=100, validation_every=every, validation_fraction=0.2).fit(digits[0])


def test_stopping_by_what_is_not_measured_is_refused_with_the_remedy(digits):
    routine = ParametricMDS(epochs=1, batch_size=100, early_stopping=EarlyStopping(monitor="validation_quality"))
    with pytest.raises(
        ValueError, match=r"monitors 'validation_quality', which is not measured.*validation_fraction"
    ):
        routine.fit(digits[0])


def test_a_model_that_embeds_images_is_measured(digits):
    X, _ = digits
    images = load_digits().images[:200].astype(np.float32)[:, None]
    routine = ParametricDR(
        torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 2)),
        losses=loss.PositionLoss(position_key="goal"),
        training_phases=[TrainingPhase(epochs=1)],
        validation_fraction=0.2,
        random_state=0,
    )
    routine.train({"main": images, "goal": X[:200, :2]})
    assert 0 < routine.history_[-1]["validation_quality"] < 1


def test_there_is_no_history_and_no_split_before_training():
    routine = ParametricMDS()
    assert not hasattr(routine, "history_")
    assert not hasattr(routine, "validation_indices_")
    with pytest.raises(AttributeError, match="no history_ before it is fitted"):
        routine.history_frame()


def test_nothing_is_left_of_a_loss_that_fails_on_held_out_rows(digits):
    X, _ = digits

    class OfTrainingRows(loss.Loss):
        """Looks up numbers that it keeps of the training rows."""

        def forward(self, model, global_relations, batch_relations, batch, device):
            if len(batch["main"]) == 7:
                raise UnsupportedConfigurationError("these rows are unknown")
            return model(batch["main"]).square().mean()

    routine = ParametricDR(losses={"known": OfTrainingRows()}, random_state=0)
    routine.add_training_phase(epochs=2, loss_keys=["known"], batch_size=50)
    with pytest.warns(UserWarning, match="leaves out 'known'.*these rows are unknown"):
        routine.train(X[:100], validation_data=X[100:107])
    assert [record["validation_losses"] for record in routine.history_] == [{}, {}]
    assert len(routine.losses["known"].history) == 2
