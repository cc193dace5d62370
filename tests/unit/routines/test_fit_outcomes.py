"""What ``fit`` makes of data by its own defaults, but for fewer epochs."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from paradime.metrics import neighbors_kept
from paradime.routines import ParametricContrastive, ParametricTSNE, ParametricUMAP


# in the plane of principal components it is 0.62
@pytest.mark.parametrize(
    ("preset", "epochs"), [(ParametricUMAP, 500), (ParametricContrastive, 20), (ParametricTSNE, 20)]
)
def test_neighbours_of_held_out_digits_tell_their_class(preset, epochs, digits, held_out_accuracy):
    routine = preset(epochs=epochs, init_epochs=3, random_state=0).fit(digits[0])
    assert held_out_accuracy(routine, digits) > 0.9


@pytest.fixture(scope="module")
def wine():
    X = load_wine().data
    return X / X.std(axis=0)


def kept(X, data, **settings):
    """Which share of the neighbours that all rows but the seventh have in X they have in the embedding of data."""
    routine = ParametricContrastive(random_state=0, epochs=30, init_epochs=3, **settings)
    embedded = routine.fit_transform(data)
    assert np.isfinite(embedded).all()
    others = np.arange(len(X)) != 7
    return neighbors_kept(X[others], embedded[others], n_neighbors=10)


@pytest.mark.parametrize("change", ["scale", "offset and scale", "outlier"])
def test_scale_offset_and_an_outlier_hardly_change_which_rows_are_near(change, wine):
    data = {"scale": 1e-3 * wine, "offset and scale": 1e3 * wine + 5e4, "outlier": wine.copy()}[change]
    if change == "outlier":
        data[7, 2] = 1e6
    assert kept(wine, data) > kept(wine, wine) - 0.05 > 0.45
