"""What embeddings look like after training with guiding losses, on real data, judged on held-out rows."""

import functools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

from paradime.data import DerivedData, local_radius
from paradime.datasets import load_covertype
from paradime.dr import ParametricDR
from paradime.functional import kullback_leibler_div
from paradime.loss import (
    AnchorLoss,
    ClassificationLoss,
    CorrelationLoss,
    DensityLoss,
    GlobalStructureLoss,
    IndependenceLoss,
    RegressionLoss,
    RelationLoss,
    SmoothnessLoss,
    StressLoss,
    SupervisedContrastiveLoss,
    TripletLoss,
)
from paradime.metrics import knn_accuracy
from paradime.models import FullyConnectedEmbeddingModel
from paradime.relations import DifferentiablePDist, NeighborBasedPDist
from paradime.transforms import Normalize, PerplexityBasedRescale, StudentTTransform, Symmetrize

N_TRAIN = 1000


def shuffled(load, rows=slice(None)):
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[rows]
    return X[order].astype(np.float32), y[order]


@functools.cache
def digits():
    X, y = shuffled(load_digits)
    return X / 16, y


def fitted(data, *losses, epochs=10, hidden=(64,), relations=False, **settings):
    """Trains a small network by weighted losses: pairs, or losses of weight 1."""
    pairs = [loss if isinstance(loss, tuple) else (1.0, loss) for loss in losses]
    if relations:
        transform = [PerplexityBasedRescale(15), Symmetrize(), Normalize()]
        settings |= {
            "global_relations": NeighborBasedPDist(transform=transform),
            "batch_relations": DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize()]),
        }
    named = {str(i): loss for i, (_, loss) in enumerate(pairs)}
    routine = ParametricDR(hidden_dims=hidden, losses=named, random_state=0, device="cpu", **settings)
    weights = [weight for weight, _ in pairs]
    routine.add_training_phase(epochs=epochs, batch_size=100, loss_keys=list(named), loss_weights=weights)
    routine.train(data)
    return routine


def embedded(routine, X):
    return routine.transform(X)


def accuracy(routine, X, y):
    """Share of held-out rows whose class the ten nearest neighbours among the others say."""
    Z = embedded(routine, X)
    return knn_accuracy(
        Z[:N_TRAIN], y[:N_TRAIN], test_embedding=Z[N_TRAIN:], test_labels=y[N_TRAIN:], n_neighbors=10
    )


# -- attributes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pearson", "rank"])
def test_axis_follows_an_attribute_up_to_the_level_asked_for(kind):
    X, _ = digits()
    ink = X.sum(axis=1)

    def correlation(*losses):
        routine = fitted({"main": X[:N_TRAIN], "ink": ink[:N_TRAIN]}, StressLoss(), *losses)
        axis = embedded(routine, X[N_TRAIN:])[:, 1]
        return abs((pearsonr if kind == "pearson" else spearmanr)(axis, ink[N_TRAIN:])[0])

    assert correlation() < 0.6
    assert 0.75 < correlation(CorrelationLoss("ink", 1, kind, target=0.9)) < 0.97
    assert correlation(CorrelationLoss("ink", 1, kind)) > 0.98


@pytest.mark.parametrize(("sign", "wanted"), [("positive", 1), ("negative", -1)])
def test_axis_follows_an_attribute_in_the_direction_asked_for(sign, wanted):
    X, _ = shuffled(load_breast_cancer)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    routine = fitted(X[:400], StressLoss(), CorrelationLoss(0, sign=sign), epochs=20)
    assert wanted * pearsonr(embedded(routine, X[400:])[:, 0], X[400:, 0])[0] > 0.9


@pytest.mark.parametrize("kind", ["hsic", "correlation"])
def test_batch_effect_vanishes_from_the_embedding_and_classes_stay(kind):
    X, y = digits()
    rng = np.random.default_rng(1)
    of_batch = rng.integers(0, 2, len(X))
    direction = rng.normal(size=64)
    shift = 3 * direction / np.linalg.norm(direction)
    X = np.where(of_batch[:, None] == 1, 1.3 * X + shift, X).astype(np.float32)
    data = {"main": X[:N_TRAIN], "batch": of_batch[:N_TRAIN]}

    def outcome(*losses):
        routine = fitted(data, StressLoss(), *losses, epochs=15)
        Z = embedded(routine, X)
        linear = LogisticRegression().fit(Z[:N_TRAIN], of_batch[:N_TRAIN]).score(Z[N_TRAIN:], of_batch[N_TRAIN:])
        return accuracy(routine, X, of_batch), linear, accuracy(routine, X, y)

    near, linear, classes = outcome()
    assert min(near, linear) > 0.95
    near_without, linear_without, classes_without = outcome((2.0, IndependenceLoss("batch", kind)))
    # what is not linear is left by the loss that sees linear dependence only
    assert near_without < (0.65 if kind == "hsic" else 0.8)
    assert linear_without < 0.6
    assert classes_without > classes - 0.02


# -- labels -------------------------------------------------------------------------------------------


@functools.cache
def unguided_accuracy():
    X, y = digits()
    return accuracy(fitted(X[:N_TRAIN], StressLoss()), X, y)


@pytest.mark.parametrize("loss", [TripletLoss(), TripletLoss(mining="all"), SupervisedContrastiveLoss()])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_classes_of_held_out_rows_separate_also_with_half_of_the_labels(loss, share):
    X, y = digits()
    labels = np.where(np.arange(N_TRAIN) < share * N_TRAIN, y[:N_TRAIN], -1)
    routine = fitted({"main": X[:N_TRAIN], "labels": labels}, loss)
    assert accuracy(routine, X, y) > unguided_accuracy() + 0.15


def test_codes_of_many_dimensions_separate_by_cosine():
    X, y = digits()
    data = {"main": X[:N_TRAIN], "labels": y[:N_TRAIN]}
    before = accuracy(fitted(data, (0.0, SupervisedContrastiveLoss()), out_dim=16, epochs=1), X, y)
    after = accuracy(fitted(data, SupervisedContrastiveLoss(similarity="cosine"), out_dim=16), X, y)
    assert after > 0.95 > before


def test_embedding_is_organised_by_a_numeric_target():
    X, y = shuffled(load_diabetes)
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), y.astype(np.float32)

    def of_target(loss):
        routine = fitted({"main": X[:300], "labels": y[:300]}, loss, epochs=20, hidden=(32,))
        model = KNeighborsRegressor(15).fit(embedded(routine, X[:300]), y[:300])
        return spearmanr(model.predict(embedded(routine, X[300:])), y[300:])[0]

    assert of_target(SupervisedContrastiveLoss()) > of_target(StressLoss()) + 0.03


def test_classification_learns_from_the_rows_that_have_a_label():
    X, y = digits()
    labels = np.where(np.arange(N_TRAIN) % 2 == 0, y[:N_TRAIN], -1)

    class Classifier(FullyConnectedEmbeddingModel):
        def classify(self, X):
            return self(X)

    torch.manual_seed(0)
    model = Classifier(64, 10, [64])
    routine = fitted({"main": X[:N_TRAIN], "labels": labels}, ClassificationLoss(), model=model)
    assert (routine.classify(X[N_TRAIN:]).argmax(dim=1).numpy() == y[N_TRAIN:]).mean() > 0.9


def test_regression_explains_held_out_targets():
    X, y = shuffled(load_diabetes)
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), ((y - y.mean()) / y.std()).astype(np.float32)
    loss = RegressionLoss(regression_method="embed")
    routine = fitted({"main": X[:300], "labels": y[:300]}, loss, hidden=(), out_dim=1, epochs=40)
    predicted = embedded(routine, X[300:])[:, 0]
    assert 1 - ((predicted - y[300:]) ** 2).mean() / y[300:].var() > 0.35


# -- structure ----------------------------------------------------------------------------------------


def test_noisy_path_becomes_smooth_without_collapsing():
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, 800)
    waves = np.stack([np.cos(2 * np.pi * k * time + k) for k in (1, 2, 3)], axis=1)
    X = (waves @ rng.normal(size=(3, 10)) + 1.5 * rng.normal(size=(800, 10))).astype(np.float32)
    order = rng.permutation(800)
    data = {"main": X[order], "time": time[order]}

    def step_and_spread(*losses):
        Z = embedded(fitted(data, StressLoss(), *losses, epochs=15), X)
        return (np.diff(Z, axis=0) ** 2).sum(axis=1).mean() / (2 * Z.var(axis=0).sum()), Z.std()

    rough, spread = step_and_spread()
    smooth, spread_of_smooth = step_and_spread((2.0, SmoothnessLoss("time")))
    assert smooth < 0.7 * rough
    assert spread_of_smooth > 0.5 * spread


def test_rows_that_follow_each_other_in_an_attribute_are_neighbours_held_out():
    """Forest cover by elevation, which the network itself does not see."""
    raw, _ = load_covertype(return_X_y=True)
    rows = ((raw - raw.mean(axis=0)) / raw.std(axis=0))[np.random.default_rng(0).permutation(len(raw))]
    elevation, X = rows[:4000, 0], rows[:4000, 1:10].astype(np.float32)

    def roughness(*losses):
        routine = fitted({"main": X[:2000], "elevation": elevation[:2000]}, StressLoss(), *losses)
        Z = embedded(routine, X[2000:])[np.argsort(elevation[2000:])]
        return (np.diff(Z, axis=0) ** 2).sum(axis=1).mean() / (2 * Z.var(axis=0).sum())

    assert roughness(SmoothnessLoss("elevation")) < 0.7 * roughness()


def test_smoothness_along_a_graph_of_neighbours_keeps_classes_together():
    X, y = digits()

    def held_out(*losses):
        return accuracy(fitted(X[:N_TRAIN], StressLoss(), *losses, epochs=20, relations=True), X, y)

    assert held_out((5.0, SmoothnessLoss(relation_key="rel"))) > held_out() + 0.04


@pytest.mark.filterwarnings("ignore:.* are constant:UserWarning")  # margins of the images, which are not zero here
def test_landmarks_stay_when_a_map_is_learned_anew_on_other_data():
    X, _ = digits()
    first = fitted(X[:600], StressLoss())
    landmarks, spread = X[:100], embedded(first, X[:600]).std()
    positions = embedded(first, landmarks)

    def moved(*losses):
        Z = embedded(fitted(X[600:1200] + 0.3, StressLoss(), *losses, hidden=(50,)), landmarks)
        return np.sqrt(((Z - positions) ** 2).sum(axis=1).mean()) / spread

    assert moved() > 0.7
    assert moved(AnchorLoss(landmarks, positions, max_rows=40)) < 0.25


@pytest.mark.parametrize("weighting", ["none", "sammon", "elastic"])
def test_stress_falls_and_near_pairs_count_as_weighted(weighting):
    X, _ = digits()
    routine = fitted(X[:N_TRAIN], StressLoss(weighting=weighting))
    history = routine.training_phases[0].loss.history
    assert history[-1] < 0.3 * history[0]
    # distances of held-out rows, without any scaling
    ratio = pdist(embedded(routine, X[N_TRAIN:])) / pdist(X[N_TRAIN:])
    assert 0.6 < np.median(ratio) < 1.2


def test_densities_of_clusters_show_in_the_embedding():
    rng = np.random.default_rng(0)
    spreads = np.repeat(np.geomspace(0.2, 3, 8), 100)[:, None]
    X = np.repeat(8 * rng.normal(size=(8, 10)), 100, axis=0) + spreads * rng.normal(size=(800, 10))
    X = (X / X.std()).astype(np.float32)
    radius = {"radius": DerivedData(local_radius, [("rels", "rel"), ("data", "main")])}

    def radii(Z):
        return np.log((NearestNeighbors(n_neighbors=15).fit(Z).kneighbors()[0] ** 2).mean(axis=1))

    def correlation(*losses):
        routine = fitted(
            X, RelationLoss(kullback_leibler_div), *losses, epochs=30, relations=True, derived_data=radius
        )
        return pearsonr(radii(X), radii(embedded(routine, X)))[0]

    plain = correlation()
    assert correlation((0.1, DensityLoss())) > max(0.85, plain + 0.05)


def test_neighbourhood_embedding_keeps_the_large_arrangement():
    X, _ = digits()

    def correlation(*losses):
        routine = fitted(X[:800], RelationLoss(kullback_leibler_div), *losses, relations=True)
        return pearsonr(pdist(X[800:1300]), pdist(embedded(routine, X[800:1300])))[0]

    assert correlation((0.1, GlobalStructureLoss())) > correlation() + 0.04
