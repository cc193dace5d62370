import numpy as np
import pytest

from paradime import ParametricTSNE


@pytest.fixture
def X():
    """Three clusters in five dimensions, 90 rows."""
    rng = np.random.default_rng(0)
    centers = rng.normal(scale=4, size=(3, 5))
    return np.repeat(centers, 30, axis=0) + rng.normal(size=(90, 5))


@pytest.fixture
def make_tsne():
    """Makes a short t-SNE whose results depend on nothing but its arguments."""

    def make(**settings):
        short = {
            "refine": False,
            "perplexity": 5,
            "epochs": 3,
            "init_epochs": 2,
            "batch_size": 30,
            "random_state": 0,
        }
        return ParametricTSNE(**{**short, **settings})

    return make
