import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from paradime.routines import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)

# settings that fit 100 points
SMALL = {
    ParametricAutoencoder: {"batch_size": 25},
    ParametricContrastive: {"n_neighbors": 10, "batch_size": 25},
    ParametricLargeVis: {"perplexity": 10, "batch_size": 10},
    ParametricMDS: {"batch_size": 25},
    ParametricPaCMAP: {"n_neighbors": 5, "batch_size": 25},
    ParametricTSNE: {"perplexity": 10, "batch_size": 25},
    # spectral positions have a sign that may differ between two computations
    ParametricUMAP: {"n_neighbors": 10, "initialization": "pca"},
}


@pytest.fixture(params=SMALL, ids=lambda preset: preset.__name__)
def preset(request):
    """Each preset."""
    return request.param


@pytest.fixture
def short():
    """Makes a routine that trains for three epochs on little data."""

    def make(preset, **settings):
        return preset(**{"random_state": 0, "epochs": 3, "init_epochs": 1, **SMALL[preset], **settings})

    return make


@pytest.fixture(scope="session")
def iris():
    """Every third row is left out, so that there are 100 points of three classes."""
    X, y = load_iris(return_X_y=True)
    kept = np.arange(len(X)) % 3 != 0
    return X[kept], y[kept]


@pytest.fixture(scope="session")
def digits():
    """Digits and classes, 1437 to learn from and 360 held out."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=360, random_state=0, stratify=y)


@pytest.fixture(scope="session")
def few_digits(digits):
    """The first 700 of those to learn from, and all that are held out."""
    X, X_new, y, y_new = digits
    return X[:700], X_new, y[:700], y_new


@pytest.fixture
def held_out_accuracy():
    """The share of held-out rows whose class the ten nearest embedded points tell."""

    def measure(routine, data):
        X, X_new, y, y_new = data
        nearest = KNeighborsClassifier(10).fit(routine.transform(X), y)
        return nearest.score(routine.transform(X_new), y_new)

    return measure
