import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from paradime import (
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
def short(monkeypatch):
    """Makes a routine that trains for three epochs on little data."""
    for module in ("contrastive", "tsne", "umap"):
        monkeypatch.setattr(f"paradime.estimators.{module}.INIT_BATCHES", 3)  # and not 30 in an epoch

    def make(preset, **settings):
        return preset(**{"random_state": 0, "epochs": 3, "init_epochs": 1, **SMALL[preset], **settings})

    return make


@pytest.fixture(scope="session")
def iris():
    """Every third row is left out, so that there are 100 points of three classes."""
    X, y = load_iris(return_X_y=True)
    kept = np.arange(len(X)) % 3 != 0
    return X[kept], y[kept]


# enough steps for 400 rows
ENOUGH = {
    # not refined with or without losses beside its own, so that their effect can be measured
    ParametricTSNE: {"epochs": 15, "init_epochs": 2, "refine": False},
    ParametricUMAP: {"epochs": 150, "init_epochs": 3, "learning_rate": 0.02},
    ParametricContrastive: {"epochs": 15, "init_epochs": 2},
}


@pytest.fixture
def enough():
    """Makes a routine that trains for as long as 400 digits need."""

    def make(preset, seed, **settings):
        return preset(random_state=seed, **{**ENOUGH[preset], **settings})

    return make


@pytest.fixture(scope="session")
def few_digits():
    """Digits and classes, 400 to learn from and 360 held out."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, train_size=400, test_size=360, random_state=0, stratify=y)


@pytest.fixture(scope="session")
def held_out_accuracy(few_digits):
    """The share of held-out digits whose class the ten nearest embedded points tell."""
    X, X_new, y, y_new = few_digits

    def measure(routine):
        nearest = KNeighborsClassifier(10).fit(routine.transform(X), y)
        return nearest.score(routine.transform(X_new), y_new)

    return measure


@pytest.fixture(scope="session")
def plain_accuracy(few_digits, held_out_accuracy):
    """The same by preset and seed, each trained once, without labels."""

    @functools.cache
    def measure(preset, seed):
        return held_out_accuracy(preset(random_state=seed, **ENOUGH[preset]).fit(few_digits[0]))

    return measure
