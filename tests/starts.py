"""A quick start of trainings, for tests whose point is not where the rows come to lie."""

import pytest


@pytest.fixture
def few_first_steps(request, monkeypatch):
    """Lets presets teach initial positions for two batches an epoch: 30, as usual, are most of a short training.

    Tests of what is learned, which have the fixture ``outcome``, are left as they are.
    """
    if "outcome" not in request.fixturenames:
        for preset in ("contrastive", "tsne", "umap"):
            monkeypatch.setattr(f"paradime.estimators.{preset}.INIT_BATCHES", 2)
