"""What ``fit`` makes of data by its own defaults, but for fewer epochs."""

import functools

import numpy as np
import pytest
from sklearn.datasets import load_wine

from paradime import ParametricContrastive, ParametricTSNE, ParametricUMAP
from paradime.metrics import knn_recall


# in the plane of principal components it is 0.67
@pytest.mark.parametrize("preset", [ParametricUMAP, ParametricContrastive, ParametricTSNE])
def test_neighbours_of_held_out_digits_tell_their_class(preset, plain_accuracy, outcome):
    outcome(lambda seed: {"accuracy": plain_accuracy(preset, seed)}, seeds=2, at_least={"accuracy": 0.74})


@pytest.fixture(scope="module")
def wine():
    X = load_wine().data
    return X / X.std(axis=0)


@pytest.fixture(scope="module")
def kept(wine):
    """Measures which share of the neighbours that all rows but the seventh have they have in an embedding."""
    others = np.arange(len(wine)) != 7

    def measure(data, seed):
        routine = ParametricContrastive(random_state=seed, epochs=20, init_epochs=2)
        return knn_recall(wine[others], routine.fit_transform(data)[others], n_neighbors=10)

    return measure


@pytest.fixture(scope="module")
def kept_plainly(kept, wine):
    return functools.cache(lambda seed: kept(wine, seed))


def test_rows_near_each_other_stay_near(kept_plainly, outcome):
    # in the plane of principal components it is 0.37
    outcome(lambda seed: {"kept": kept_plainly(seed)}, at_least={"kept": 0.45})


@pytest.mark.parametrize("change", ["scale", "offset and scale", "outlier"])
def test_scale_offset_and_an_outlier_hardly_change_which_rows_are_near(change, wine, kept, kept_plainly, outcome):
    data = {"scale": 1e-3 * wine, "offset and scale": 1e3 * wine + 5e4, "outlier": wine.copy()}[change]
    if change == "outlier":
        data[7, 2] = 1e6
    outcome(lambda seed: {"gain": kept(data, seed) - kept_plainly(seed)}, at_least={"gain": -0.04})
