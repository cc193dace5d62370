"""Components that all presets take: what they gain on held-out rows."""

import functools

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)

pytestmark = pytest.mark.usefixtures("few_first_steps")

several = pytest.mark.parametrize(
    "preset", [ParametricTSNE, ParametricUMAP, ParametricContrastive], ids=lambda preset: preset.__name__
)


def radii(X):
    """Logarithms of the mean squared distances to 15 neighbours."""
    near = NearestNeighbors(n_neighbors=16).fit(X).kneighbors(X)[0][:, 1:]
    return np.log((near**2).mean(axis=1))


def of_density(X, embedded):
    return np.corrcoef(radii(X), radii(embedded))[0, 1]


def of_distances(X, embedded):
    return np.corrcoef(pdist(X), pdist(embedded))[0, 1]


def squared_error(routine, X):
    return np.mean((routine.inverse_transform(routine.transform(X)) - X) ** 2)


@pytest.fixture(scope="module")
def error_of_principal_components(few_digits):
    X, X_new, *_ = few_digits
    principal = PCA(2).fit(X)
    return np.mean((principal.inverse_transform(principal.transform(X_new)) - X_new) ** 2)


@pytest.fixture(scope="module")
def plain_contrastive(few_digits):
    """What contrastive embeddings make of held-out digits by default, once for each seed."""
    return functools.cache(lambda seed: contrastive(few_digits[0], seed).transform(few_digits[1]))


def contrastive(X, seed, **settings):
    return ParametricContrastive(random_state=seed, **{"epochs": 15, "init_epochs": 2, **settings}).fit(X)


@pytest.fixture(scope="module")
def diabetes():
    """Standardised rows and a number for each: 300 to learn from, and 142 held out."""
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X[:300], X[300:], y[:300], y[300:]


def test_every_preset_learns_the_way_back_and_classes(preset, short, iris, outcome):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]

    def measure(seed):
        held_out = X + np.random.default_rng(seed).normal(scale=0.1, size=X.shape)
        routine = short(preset, decoder=True, classifier=True, epochs=25, random_state=seed).fit(X, names)
        return {
            "error": squared_error(routine, held_out) / held_out.var(axis=0).mean(),
            "accuracy": (routine.predict(held_out) == names).mean(),
        }

    outcome(measure, seeds=2, at_most={"error": 0.5}, at_least={"accuracy": 0.65})


def test_way_back_is_as_good_as_that_of_principal_components(few_digits, error_of_principal_components, outcome):
    X, X_new, *_ = few_digits

    def measure(seed):
        routine = contrastive(X, seed, decoder=True, epochs=20)
        return {"error": squared_error(routine, X_new) / error_of_principal_components}

    outcome(measure, seeds=2, at_most={"error": 0.95})


@several
def test_half_of_the_labels_suffice_to_predict_the_classes_of_held_out_digits(preset, few_digits, enough, outcome):
    X, X_new, y, y_new = few_digits
    partly = np.where(np.arange(len(y)) % 2, y, -1)
    made = []

    def measure(seed):
        made.append(enough(preset, seed, classifier=True).fit(X, partly))
        return {"accuracy": (made[-1].predict(X_new) == y_new).mean()}

    outcome(measure, seeds=2, at_least={"accuracy": 0.65})
    assert made[0].classes_.tolist() == list(range(10))
    probabilities = made[0].predict_proba(X_new)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(made[0].classes_[probabilities.argmax(axis=1)], made[0].predict(X_new))


def test_every_preset_predicts_numbers(preset, short, iris, outcome):
    X, _ = iris
    petal = X[:, 3] * 100 + 7
    others = np.delete(X, 3, axis=1)

    def measure(seed):
        routine = short(preset, classifier=True, epochs=20, random_state=seed).fit(others, petal)
        predicted = routine.predict(others + 0.05)
        # in their own units; the mean of all is wrong by 0.85
        return {
            "correlation": np.corrcoef(predicted, petal)[0, 1],
            "error": np.abs(predicted - petal).mean() / petal.std(),
        }

    outcome(measure, seeds=2, at_least={"correlation": 0.7}, at_most={"error": 0.78})


def test_numbers_of_held_out_rows_are_predicted(diabetes, outcome):
    X, X_new, y, y_new = diabetes

    def measure(seed):
        routine = ParametricMDS(classifier=True, epochs=20, random_state=seed).fit(X, y)
        return {"correlation": np.corrcoef(routine.predict(X_new), y_new)[0, 1]}

    outcome(measure, seeds=2, at_least={"correlation": 0.6})


@several
def test_classes_without_a_classifier_lie_further_apart(
    preset, few_digits, enough, held_out_accuracy, plain_accuracy, outcome
):
    X, y = few_digits[0], few_digits[2]

    def measure(seed):
        guided = enough(preset, seed, loss_shares={"labels": 0.7}).fit(X, y)
        return {"gain": held_out_accuracy(guided) - plain_accuracy(preset, seed)}

    outcome(measure, at_least={"gain": 0.002})


def test_numbers_without_a_classifier_order_the_embedding(diabetes, outcome):
    X, X_new, y, y_new = diabetes

    def order(routine):
        nearest = KNeighborsRegressor(10).fit(routine.transform(X), y)
        return np.corrcoef(nearest.predict(routine.transform(X_new)), y_new)[0, 1]

    def measure(seed):
        plain = ParametricMDS(epochs=20, random_state=seed).fit(X)
        guided = ParametricMDS(epochs=20, loss_shares={"labels": 0.6}, random_state=seed).fit(X, y)
        return {"gain": order(guided) - order(plain)}

    outcome(measure, seeds=4, at_least={"gain": 0.01})


def test_density_is_preserved(few_digits, plain_contrastive, outcome):
    X, X_new, *_ = few_digits

    def measure(seed):
        embedded = contrastive(X, seed, density=True).transform(X_new)
        return {"gain": of_density(X_new, embedded) - of_density(X_new, plain_contrastive(seed))}

    outcome(measure, at_least={"gain": 0.03})


def test_structure_is_preserved(few_digits, plain_contrastive, outcome):
    X, X_new, *_ = few_digits

    def measure(seed):
        embedded = contrastive(X, seed, structure=True, loss_shares={"structure": 0.3}).transform(X_new)
        return {"gain": of_distances(X_new, embedded) - of_distances(X_new, plain_contrastive(seed))}

    outcome(measure, seeds=2, at_least={"gain": 0.02})


# between what is reached with these losses and without them
BETWEEN = {
    ParametricAutoencoder: (0.83, 0.98),
    ParametricContrastive: (0.5, 0.93),
    ParametricLargeVis: (0.4, 0.8),
    ParametricMDS: (0.78, 0.9925),
    ParametricPaCMAP: (0.65, 0.95),
    ParametricTSNE: (0.5, 0.93),
    ParametricUMAP: (0.4, 0.8),
}


def test_every_preset_takes_density_and_structure(preset, short, iris, outcome):
    X, _ = iris
    shares = {"density": 0.2, "structure": 0.3}
    density, structure = BETWEEN[preset]

    def measure(seed):
        routine = short(
            preset, epochs=12, density=True, structure=True, loss_shares=shares, random_state=seed
        ).fit(X)
        embedded = routine.transform(X)
        return {"density": of_density(X, embedded), "structure": of_distances(X, embedded)}

    # MDS has nearly all of the structure by itself, so that its bound is near
    seeds = 9 if preset is ParametricMDS else 3
    outcome(measure, seeds=seeds, at_least={"density": density, "structure": structure})


def test_larger_share_reconstructs_better(few_digits, outcome):
    X, X_new, *_ = few_digits

    def measure(seed):
        small, large = (
            squared_error(
                ParametricMDS(
                    decoder=True, loss_shares={"reconstruction": share}, epochs=20, random_state=seed
                ).fit(X),
                X_new,
            )
            for share in (0.02, 0.9)
        )
        return {"error": large / small}

    outcome(measure, seeds=2, at_most={"error": 0.99})
