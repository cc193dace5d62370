"""A quick start of trainings, and fewer rows, for tests whose point is not where the rows come to lie."""

import pytest
from sklearn.datasets import load_digits
from sklearn.utils import Bunch


@pytest.fixture
def few_first_steps(request, monkeypatch):
    """Lets presets teach initial positions for two batches an epoch: 30, as usual, are most of a short training.

    Tests of what is learned, which have the fixture ``outcome``, are left as they are.
    """
    if "outcome" not in request.fixturenames:
        for preset in ("contrastive", "tsne", "umap"):
            monkeypatch.setattr(f"paradime.estimators.{preset}.INIT_BATCHES", 2)


@pytest.fixture
def fewer_digits(monkeypatch):
    """Lets pages and examples load 700 of the digits in place of all 1,797."""
    whole = load_digits()
    part = {**whole, **{name: whole[name][:700] for name in ("data", "images", "target")}}

    def load(return_X_y=False):
        return (part["data"], part["target"]) if return_X_y else Bunch(**part)

    monkeypatch.setattr("sklearn.datasets.load_digits", load)
