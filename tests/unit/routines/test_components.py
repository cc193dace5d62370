"""Components that all presets take: what they gain on held-out rows."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from paradime.routines import ParametricContrastive, ParametricMDS, ParametricTSNE, ParametricUMAP

# enough steps for 700 rows
ENOUGH = {
    ParametricTSNE: {"batch_size": 100, "epochs": 40},
    ParametricUMAP: {
        "batch_size": 60,
        "epochs": 200,
        "learning_rate": 0.01,
        "initialization": "pca",
        "activation": "silu",
    },
    ParametricContrastive: {"epochs": 30},
}
several = pytest.mark.parametrize("preset", ENOUGH, ids=lambda preset: preset.__name__)


def radii(X):
    """Logarithms of the mean squared distances to 15 neighbours."""
    near = NearestNeighbors(n_neighbors=16).fit(X).kneighbors(X)[0][:, 1:]
    return np.log((near**2).mean(axis=1))


def of_density(X, embedded):
    return np.corrcoef(radii(X), radii(embedded))[0, 1]


def of_distances(X, embedded):
    return np.corrcoef(pdist(X), pdist(embedded))[0, 1]


def test_every_preset_learns_the_way_back_and_classes(preset, short, iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    held_out = X + np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    routine = short(preset, decoder=True, classifier=True, epochs=60).fit(X, names)
    error = np.mean((routine.inverse_transform(routine.transform(held_out)) - held_out) ** 2)
    assert error < 0.4 * held_out.var(axis=0).mean()
    assert (routine.predict(held_out) == names).mean() > 0.85


def test_way_back_is_as_good_as_that_of_principal_components(few_digits):
    X, X_new, *_ = few_digits
    routine = ParametricContrastive(decoder=True, epochs=40, random_state=0).fit(X)
    principal = PCA(2).fit(X)
    error = np.mean((routine.inverse_transform(routine.transform(X_new)) - X_new) ** 2)
    assert error < np.mean((principal.inverse_transform(principal.transform(X_new)) - X_new) ** 2)


@several
def test_classes_of_held_out_digits_are_predicted(preset, few_digits):
    X, X_new, y, y_new = few_digits
    routine = preset(classifier=True, random_state=0, **ENOUGH[preset]).fit(X, y)
    assert (routine.predict(X_new) == y_new).mean() > 0.85
    probabilities = routine.predict_proba(X_new)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(routine.classes_[probabilities.argmax(axis=1)], routine.predict(X_new))


@several
def test_half_of_the_labels_suffice(preset, few_digits):
    X, X_new, y, y_new = few_digits
    partly = np.where(np.arange(len(y)) % 2, y, -1)
    routine = preset(classifier=True, random_state=0, **ENOUGH[preset]).fit(X, partly)
    assert (routine.predict(X_new) == y_new).mean() > 0.8
    assert -1 not in routine.classes_


def test_every_preset_predicts_numbers(preset, short, iris):
    X, _ = iris
    petal = X[:, 3] * 100 + 7
    routine = short(preset, classifier=True, epochs=30).fit(np.delete(X, 3, axis=1), petal)
    predicted = routine.predict(np.delete(X, 3, axis=1) + 0.05)
    assert np.corrcoef(predicted, petal)[0, 1] > 0.8
    # in their own units
    assert np.abs(predicted - petal).mean() < 0.6 * petal.std()


def test_numbers_of_held_out_rows_are_predicted():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    routine = ParametricMDS(classifier=True, epochs=60, random_state=0).fit(X[:300], y[:300])
    assert np.corrcoef(routine.predict(X[300:]), y[300:])[0, 1] > 0.5


@several
def test_classes_without_a_classifier_lie_further_apart(preset, few_digits, held_out_accuracy):
    X, y = few_digits[0], few_digits[2]
    settings = {**ENOUGH[preset], "loss_shares": {"labels": 0.5}}
    guided = preset(random_state=0, **settings).fit(X, y)
    plain = preset(random_state=0, **ENOUGH[preset]).fit(X)
    assert held_out_accuracy(guided, few_digits) > held_out_accuracy(plain, few_digits) + 0.005


def test_numbers_without_a_classifier_order_the_embedding():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)

    def order(routine):
        nearest = KNeighborsRegressor(10).fit(routine.transform(X[:300]), y[:300])
        return np.corrcoef(nearest.predict(routine.transform(X[300:])), y[300:])[0, 1]

    plain = ParametricMDS(epochs=60, random_state=0).fit(X[:300])
    guided = ParametricMDS(epochs=60, loss_shares={"labels": 0.6}, random_state=0).fit(X[:300], y[:300])
    assert order(guided) > order(plain) + 0.02


def test_density_is_preserved(few_digits):
    X, X_new, *_ = few_digits
    kept = [
        of_density(
            X_new, ParametricContrastive(density=density, epochs=30, random_state=0).fit(X).transform(X_new)
        )
        for density in (False, True)
    ]
    assert kept[1] > kept[0] + 0.05


def test_structure_is_preserved(few_digits):
    X, X_new, *_ = few_digits
    kept = [
        of_distances(X_new, ParametricContrastive(epochs=30, random_state=0, **given).fit(X).transform(X_new))
        for given in ({"structure": False}, {"structure": True, "loss_shares": {"structure": 0.3}})
    ]
    assert kept[1] > kept[0] + 0.05


def test_every_preset_takes_density_and_structure(preset, short, iris):
    X, _ = iris
    shares = {"density": 0.2, "structure": 0.3}
    plain = short(preset, epochs=15, structure=False).fit(X)
    both = short(preset, epochs=15, density=True, structure=True, loss_shares=shares).fit(X)
    for measure in (of_density, of_distances):
        assert measure(X, both.transform(X)) > measure(X, plain.transform(X)) - 0.05
    assert both.losses["density"].history[-1] < both.losses["density"].history[0]
    assert of_distances(X, both.transform(X)) > 0.85


def test_larger_share_reconstructs_better(few_digits):
    X, X_new, *_ = few_digits
    errors = []
    for share in (0.02, 0.9):
        routine = ParametricMDS(
            decoder=True, loss_shares={"reconstruction": share}, epochs=60, random_state=0
        ).fit(X)
        errors.append(np.mean((routine.inverse_transform(routine.transform(X_new)) - X_new) ** 2))
    assert errors[1] < 0.95 * errors[0]
