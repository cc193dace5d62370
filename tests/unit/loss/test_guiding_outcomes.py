"""What embeddings look like after training with guiding losses, on real data, judged on held-out rows."""

import functools

import numpy as np
import pytest
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
from paradime.utils.seed import seeded

N_TRAIN = 600


def shuffled(load):
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order].astype(np.float32), y[order]


@functools.cache
def digits():
    X, y = shuffled(load_digits)
    return X / 16, y


@functools.cache
def diabetes():
    X, y = shuffled(load_diabetes)
    return (X - X.mean(axis=0)) / X.std(axis=0), ((y - y.mean()) / y.std()).astype(np.float32)


def fitted(data, *losses, seed, epochs=12, hidden=(64,), relations=False, **settings):
    """Trains a small network by weighted losses: pairs, or losses of weight 1."""
    pairs = [loss if isinstance(loss, tuple) else (1.0, loss) for loss in losses]
    if relations:
        transform = [PerplexityBasedRescale(15), Symmetrize(), Normalize()]
        settings |= {
            "global_relations": NeighborBasedPDist(transform=transform),
            "batch_relations": DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize()]),
        }
    named = {str(i): loss for i, (_, loss) in enumerate(pairs)}
    routine = ParametricDR(hidden_dims=hidden, losses=named, random_state=seed, device="cpu", **settings)
    weights = [weight for weight, _ in pairs]
    routine.add_training_phase(epochs=epochs, batch_size=100, loss_keys=list(named), loss_weights=weights)
    routine.train(data)
    return routine


@functools.cache
def unguided(seed):
    return fitted(digits()[0][:N_TRAIN], StressLoss(), seed=seed)


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
def test_axis_follows_an_attribute_up_to_the_level_asked_for(kind, outcome):
    X, _ = digits()
    ink = X.sum(axis=1)

    def correlation(routine):
        axis = embedded(routine, X[N_TRAIN:])[:, 1]
        return abs((pearsonr if kind == "pearson" else spearmanr)(axis, ink[N_TRAIN:])[0])

    def measure(seed):
        data = {"main": X[:N_TRAIN], "ink": ink[:N_TRAIN]}
        level = fitted(data, StressLoss(), CorrelationLoss("ink", 1, kind, target=0.9), seed=seed)
        full = fitted(data, StressLoss(), CorrelationLoss("ink", 1, kind), seed=seed)
        return {"level": correlation(level), "full": correlation(full), "none": correlation(unguided(seed))}

    bounds = {"at_least": {"level": 0.75, "full": 0.96}, "at_most": {"level": 0.94, "none": 0.65}}
    outcome(measure, seeds=2, **bounds)


@pytest.mark.parametrize(("sign", "wanted"), [("positive", 1), ("negative", -1)])
def test_axis_follows_an_attribute_in_the_direction_asked_for(sign, wanted, outcome):
    X, _ = shuffled(load_breast_cancer)
    X = (X - X.mean(axis=0)) / X.std(axis=0)

    def measure(seed):
        routine = fitted(X[:400], StressLoss(), CorrelationLoss(0, sign=sign), epochs=20, seed=seed)
        return {"correlation": wanted * pearsonr(embedded(routine, X[400:])[:, 0], X[400:, 0])[0]}

    outcome(measure, seeds=2, at_least={"correlation": 0.9})


@functools.cache
def with_batch_effect():
    """Digits of which half are shifted and stretched, and which half each is of."""
    X, _ = digits()
    rng = np.random.default_rng(1)
    of_batch = rng.integers(0, 2, len(X))
    direction = rng.normal(size=64)
    shift = 3 * direction / np.linalg.norm(direction)
    return np.where(of_batch[:, None] == 1, 1.3 * X + shift, X).astype(np.float32), of_batch


@functools.cache
def accuracies(kind, seed):
    """How well neighbours and a linear rule tell the halves, and neighbours the classes, of held-out rows."""
    X, of_batch = with_batch_effect()
    losses = [] if kind is None else [(2.0, IndependenceLoss("batch", kind))]
    data = {"main": X[:N_TRAIN], "batch": of_batch[:N_TRAIN]}
    routine = fitted(data, StressLoss(), *losses, epochs=20, seed=seed)
    Z = embedded(routine, X)
    linear = LogisticRegression().fit(Z[:N_TRAIN], of_batch[:N_TRAIN]).score(Z[N_TRAIN:], of_batch[N_TRAIN:])
    return accuracy(routine, X, of_batch), linear, accuracy(routine, X, digits()[1])


# what is not linear is left by the loss that sees linear dependence only
@pytest.mark.parametrize(("kind", "near"), [("hsic", 0.66), ("correlation", 0.82)])
def test_batch_effect_vanishes_from_the_embedding_and_classes_stay(kind, near, outcome):
    def measure(seed):
        before, after = accuracies(None, seed), accuracies(kind, seed)
        return {
            "batch before": min(before[:2]),
            "batch by neighbours": after[0],
            "batch by a linear rule": after[1],
            "change of classes": after[2] - before[2],
        }

    most = {"batch by neighbours": near, "batch by a linear rule": 0.62}
    outcome(measure, at_least={"batch before": 0.95, "change of classes": -0.1}, at_most=most)


# -- labels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [TripletLoss(), TripletLoss(mining="all"), SupervisedContrastiveLoss()])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_classes_of_held_out_rows_separate_also_with_half_of_the_labels(loss, share, outcome):
    X, y = digits()
    labels = np.where(np.arange(N_TRAIN) < share * N_TRAIN, y[:N_TRAIN], -1)

    def measure(seed):
        routine = fitted({"main": X[:N_TRAIN], "labels": labels}, loss, seed=seed)
        return {"gain": accuracy(routine, X, y) - accuracy(unguided(seed), X, y)}

    outcome(measure, at_least={"gain": 0.06})


def test_codes_of_many_dimensions_separate_by_cosine(outcome):
    X, y = digits()
    data = {"main": X[:N_TRAIN], "labels": y[:N_TRAIN]}

    def measure(seed):
        before = fitted(data, (0.0, SupervisedContrastiveLoss()), out_dim=16, epochs=1, seed=seed)
        after = fitted(data, SupervisedContrastiveLoss(similarity="cosine"), out_dim=16, seed=seed)
        return {"before": accuracy(before, X, y), "after": accuracy(after, X, y)}

    outcome(measure, seeds=2, at_least={"after": 0.93}, at_most={"before": 0.93})


def test_embedding_is_organised_by_a_numeric_target(outcome):
    X, y = diabetes()

    def of_target(loss, seed):
        routine = fitted({"main": X[:300], "labels": y[:300]}, loss, epochs=20, hidden=(32,), seed=seed)
        model = KNeighborsRegressor(15).fit(embedded(routine, X[:300]), y[:300])
        return spearmanr(model.predict(embedded(routine, X[300:])), y[300:])[0]

    def measure(seed):
        return {"gain": of_target(SupervisedContrastiveLoss(), seed) - of_target(StressLoss(), seed)}

    outcome(measure, seeds=4, at_least={"gain": 0.01})


def test_classification_learns_from_the_rows_that_have_a_label(outcome):
    X, y = digits()
    labels = np.where(np.arange(N_TRAIN) % 2 == 0, y[:N_TRAIN], -1)

    class Classifier(FullyConnectedEmbeddingModel):
        def classify(self, X):
            return self(X)

    def measure(seed):
        with seeded(seed):
            model = Classifier(64, 10, [64])
        data = {"main": X[:N_TRAIN], "labels": labels}
        routine = fitted(data, ClassificationLoss(), model=model, seed=seed)
        return {"accuracy": (routine.classify(X[N_TRAIN:]).argmax(dim=1).numpy() == y[N_TRAIN:]).mean()}

    outcome(measure, seeds=2, at_least={"accuracy": 0.8})


def test_regression_explains_held_out_targets(outcome):
    X, y = diabetes()

    def measure(seed):
        loss = RegressionLoss(regression_method="embed")
        routine = fitted({"main": X[:300], "labels": y[:300]}, loss, hidden=(), out_dim=1, epochs=40, seed=seed)
        predicted = embedded(routine, X[300:])[:, 0]
        return {"explained": 1 - ((predicted - y[300:]) ** 2).mean() / y[300:].var()}

    outcome(measure, seeds=2, at_least={"explained": 0.3})


# -- structure ----------------------------------------------------------------------------------------


def step_and_spread(Z):
    """Returns the mean squared step from row to row, relative to that in a random order, and the deviation."""
    return (np.diff(Z, axis=0) ** 2).sum(axis=1).mean() / (2 * Z.var(axis=0).sum()), Z.std()


def test_noisy_path_becomes_smooth_without_collapsing(outcome):
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, 800)
    waves = np.stack([np.cos(2 * np.pi * k * time + k) for k in (1, 2, 3)], axis=1)
    X = (waves @ rng.normal(size=(3, 10)) + 1.5 * rng.normal(size=(800, 10))).astype(np.float32)
    order = rng.permutation(800)
    data = {"main": X[order], "time": time[order]}

    def measure(seed):
        rough, smooth = (
            step_and_spread(embedded(fitted(data, StressLoss(), *losses, epochs=15, seed=seed), X))
            for losses in ((), [(2.0, SmoothnessLoss("time"))])
        )
        return {"step": smooth[0] / rough[0], "spread": smooth[1] / rough[1]}

    outcome(measure, seeds=2, at_most={"step": 0.75}, at_least={"spread": 0.5})


def test_rows_that_follow_each_other_in_an_attribute_are_neighbours_held_out(outcome):
    """Forest cover by elevation, which the network itself does not see."""
    raw, _ = load_covertype(return_X_y=True)
    rows = ((raw - raw.mean(axis=0)) / raw.std(axis=0))[np.random.default_rng(0).permutation(len(raw))]
    elevation, X = rows[:3000, 0], rows[:3000, 1:10].astype(np.float32)
    held_out = X[1000:][np.argsort(elevation[1000:])]

    def measure(seed):
        data = {"main": X[:1000], "elevation": elevation[:1000]}
        rough, smooth = (
            step_and_spread(embedded(fitted(data, StressLoss(), *losses, seed=seed), held_out))[0]
            for losses in ((), [SmoothnessLoss("elevation")])
        )
        return {"roughness": smooth / rough}

    outcome(measure, seeds=2, at_most={"roughness": 0.75})


def test_smoothness_along_a_graph_of_neighbours_draws_held_out_neighbours_together(outcome):
    X, _ = digits()
    held_out = X[N_TRAIN:]
    nearest = NearestNeighbors(n_neighbors=10).fit(held_out).kneighbors(return_distance=False)

    def distance(*losses, seed):
        Z = embedded(fitted(X[:N_TRAIN], StressLoss(), *losses, relations=True, seed=seed), held_out)
        return ((Z[:, None] - Z[nearest]) ** 2).sum(axis=2).mean() / (2 * Z.var(axis=0).sum())

    def measure(seed):
        return {"ratio": distance((5.0, SmoothnessLoss(relation_key="rel")), seed=seed) / distance(seed=seed)}

    outcome(measure, at_most={"ratio": 0.85})


@pytest.mark.filterwarnings("ignore:.* are constant:UserWarning")  # margins of the images, which are not zero here
def test_anchors_stay_when_a_map_is_learned_anew_on_other_data(outcome):
    X, _ = digits()
    anchors = X[:100]

    def measure(seed):
        first = unguided(seed)
        positions, spread = embedded(first, anchors), embedded(first, X[:N_TRAIN]).std()

        def moved(*losses):
            again = fitted(X[600:1200] + 0.3, StressLoss(), *losses, hidden=(50,), seed=seed + 100)
            return np.sqrt(((embedded(again, anchors) - positions) ** 2).sum(axis=1).mean()) / spread

        return {"free": moved(), "anchored": moved(AnchorLoss(anchors, positions, max_rows=40))}

    outcome(measure, seeds=2, at_least={"free": 0.6}, at_most={"anchored": 0.3})


@pytest.mark.parametrize("weighting", ["none", "sammon", "elastic"])
def test_stress_falls_and_near_pairs_count_as_weighted(weighting, outcome):
    X, _ = digits()
    wanted = pdist(X[N_TRAIN : N_TRAIN + 300])

    def measure(seed):
        routine = fitted(X[:N_TRAIN], StressLoss(weighting=weighting), seed=seed)
        history = routine.training_phases[0].loss.history
        # distances of held-out rows, without any scaling
        ratio = np.median(pdist(embedded(routine, X[N_TRAIN : N_TRAIN + 300])) / wanted)
        return {"stress": history[-1] / history[0], "ratio": ratio}

    outcome(measure, seeds=2, at_least={"ratio": 0.6}, at_most={"ratio": 1.2, "stress": 0.45})


def test_densities_of_clusters_show_in_the_embedding(outcome):
    rng = np.random.default_rng(0)
    spreads = np.repeat(np.geomspace(0.2, 3, 8), 60)[:, None]
    X = np.repeat(8 * rng.normal(size=(8, 10)), 60, axis=0) + spreads * rng.normal(size=(480, 10))
    X = (X / X.std()).astype(np.float32)
    radius = {"radius": DerivedData(local_radius, [("rels", "rel"), ("data", "main")])}

    def radii(Z):
        return np.log((NearestNeighbors(n_neighbors=15).fit(Z).kneighbors()[0] ** 2).mean(axis=1))

    def correlation(*losses, seed):
        routine = fitted(X, *losses, epochs=30, relations=True, derived_data=radius, seed=seed)
        return pearsonr(radii(X), radii(embedded(routine, X)))[0]

    def measure(seed):
        plain = correlation(RelationLoss(kullback_leibler_div), seed=seed)
        dense = correlation(RelationLoss(kullback_leibler_div), (0.1, DensityLoss()), seed=seed)
        return {"correlation": dense, "lacking": (1 - dense) / (1 - plain)}

    outcome(measure, seeds=2, at_least={"correlation": 0.9}, at_most={"lacking": 0.7})


def test_neighbourhood_embedding_keeps_the_large_arrangement(outcome):
    X, _ = digits()
    held_out = X[N_TRAIN : N_TRAIN + 500]

    def correlation(*losses, seed):
        routine = fitted(X[:N_TRAIN], RelationLoss(kullback_leibler_div), *losses, relations=True, seed=seed)
        return pearsonr(pdist(held_out), pdist(embedded(routine, held_out)))[0]

    def measure(seed):
        return {"gain": correlation((0.1, GlobalStructureLoss()), seed=seed) - correlation(seed=seed)}

    outcome(measure, seeds=5, at_least={"gain": 0.01})
