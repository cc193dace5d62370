"""A map of digits that is good, and reports on it, made once."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import paradime
from paradime import ParametricContrastive
from paradime.reporting import pictures


@pytest.fixture(scope="session", autouse=True)
def _no_windows():
    """Draws without windows; tests of reports are skipped where matplotlib is missing."""
    import matplotlib

    matplotlib.use("Agg")


class Lookup(torch.nn.Module):
    """A map that puts each known row where it is told, and rows that it does not know where the nearest one is."""

    def __init__(self, rows, places):
        super().__init__()
        self.register_buffer("rows", torch.as_tensor(np.asarray(rows), dtype=torch.float32))
        self.register_buffer("places", torch.as_tensor(np.asarray(places), dtype=torch.float32))

    def forward(self, rows):
        return self.places[torch.cdist(rows, self.rows).argmin(dim=1)] + 0 * rows.flatten(1)[:, :1]


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X[:900], y[:900], test_size=200, random_state=0)


def contrastive(X, seed):
    return ParametricContrastive(epochs=15, init_epochs=2, random_state=seed).fit(X)


@pytest.fixture(scope="session")
def routine(digits):
    return contrastive(digits[0], 0)


@pytest.fixture(scope="session")
def good(digits, routine):
    X, X_new, y, y_new = digits
    return paradime.report(routine, X, y, X_new, y_new, title="Digits")


@pytest.fixture
def judged(digits, routine, no_pictures):
    """Reports, without pictures, on maps that were learned from other seeds."""
    X, X_new, y, y_new = digits
    return lambda seed: paradime.report(routine if seed == 0 else contrastive(X, seed), X, y, X_new, y_new)


@pytest.fixture
def no_pictures(monkeypatch):
    """Leaves out the pictures, which take most of the time."""
    monkeypatch.setattr("paradime.reporting.writing.draw_pictures", lambda *args: ([], []))


@pytest.fixture
def blank_pictures(monkeypatch):
    """Makes pictures with title and caption, and does not draw them."""
    monkeypatch.setattr("paradime.reporting.pictures._image", lambda *args: "")


@pytest.fixture
def light_pictures(monkeypatch):
    """Draws pictures for the light theme only, and takes them for the dark one too."""
    draw, drawn = pictures._image, []

    def image(drawing, theme, size):
        if theme == "light":
            drawn.append(draw(drawing, theme, size))
        return drawn[-1]

    monkeypatch.setattr("paradime.reporting.pictures._image", image)


@pytest.fixture(scope="session")
def plane(digits):
    """The places of the rows in the plane of principal components."""
    return PCA(2, svd_solver="full").fit_transform(digits[0])


@pytest.fixture
def garbage(digits, plane, no_pictures):
    """The report on places that are dealt out to other rows."""
    X, X_new, y, y_new = digits
    places = plane[np.random.default_rng(0).permutation(len(X))]
    return paradime.report(Lookup(X, places), X, y, X_new, y_new)


@pytest.fixture
def linear(digits, no_pictures):
    """The report on a linear map."""
    X, X_new, y, y_new = digits
    return paradime.report(projection(PCA(2, svd_solver="full").fit(X)), X, y, X_new, y_new)


def projection(pca):
    layer = torch.nn.Linear(pca.n_features_in_, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(pca.components_))
        layer.bias.copy_(torch.from_numpy(-pca.mean_ @ pca.components_.T))
    return layer


@pytest.fixture(scope="session")
def bent(digits):
    """A map that is neither linear nor learned, so that scores of it are the same on every machine."""
    layer = projection(PCA(2, svd_solver="full").fit(digits[0]))
    with torch.no_grad():
        layer.weight *= 0.1
        layer.bias *= 0.1
    return torch.nn.Sequential(layer, torch.nn.Tanh())
