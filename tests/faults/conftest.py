import numpy as np
import pytest

from paradime import ParametricTSNE, estimators
from paradime.dr import ParametricDR
from paradime.loss import StressLoss
from paradime.training import TrainingPhase

PRESETS = sorted(set(estimators.__all__) - {"Preset"})


def composed(**settings):
    """A routine that is composed by hand: metric scaling by a loss of pairs of rows."""
    epochs = settings.pop("epochs", 1)
    phase = TrainingPhase(epochs=epochs, batch_size=30, learning_rate=settings.pop("learning_rate", 0.01))
    return ParametricDR(losses=StressLoss(), training_phases=[phase], **settings)


@pytest.fixture(params=[*PRESETS, "composed"])
def kind(request):
    """The name of each preset, and ``"composed"``."""
    return request.param


def maker(kind):
    """Returns what makes routines of a kind, with short trainings."""
    cls = composed if kind == "composed" else getattr(estimators, kind)
    # the training of PaCMAP has three stages, of an epoch at least
    epochs = 3 if kind == "ParametricPaCMAP" else 1
    return lambda **settings: cls(**{"epochs": epochs, "random_state": 0, **settings})


@pytest.fixture
def make(kind):
    """Makes each preset, and a composed routine, with short trainings."""
    return maker(kind)


FITTED = {}


def fitted_once(kind, X):
    if kind not in FITTED:
        FITTED[kind] = maker(kind)().fit(X)
    return FITTED[kind]


@pytest.fixture
def fitted(kind, X, few_first_steps):
    """A fitted routine of each kind, for tests that do not change it: it is fitted once."""
    return fitted_once(kind, X)


@pytest.fixture
def every_fitted(X, few_first_steps):
    """The fitted routines of all kinds, by name."""
    return {kind: fitted_once(kind, X) for kind in [*PRESETS, "composed"]}


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
