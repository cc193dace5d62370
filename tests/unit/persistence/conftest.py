import sys
import textwrap

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from paradime import ParametricContrastive, ParametricMDS

MINE = """
import torch

from paradime.loss import Loss
from paradime.models import Model
from paradime import ParametricMDS


class Net(Model):
    def __init__(self, in_dim, out_dim=2, width=8):
        super().__init__()
        self.in_dim, self.out_dim, self.width = in_dim, out_dim, width
        self.first, self.last = torch.nn.Linear(in_dim, width), torch.nn.Linear(width, out_dim)

    def forward(self, X):
        return self.last(torch.tanh(self.first(X)))


class Size(Loss):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale
        self.offset = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, model, global_relations, batch_relations, batch, device):
        return self.scale * (model.embed(batch["main"].to(device)) - self.offset).square().mean()


class MyMDS(ParametricMDS):
    pass
"""


@pytest.fixture
def mine(tmp_path_factory, monkeypatch):
    """A module of a user's, with a model, a loss with a parameter, and a routine."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "users_module.py").write_text(textwrap.dedent(MINE))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "users_module", raising=False)
    import users_module

    yield users_module
    sys.modules.pop("users_module", None)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="session")
def iris():
    return load_iris().data


@pytest.fixture(scope="session")
def fitted(digits):
    """A routine with all parts: centers, decoder, classifier."""
    X, y = digits
    names = np.array([f"class {label}" for label in range(10)])
    return ParametricContrastive(epochs=2, batch_size=100, random_state=0, decoder=True, classifier=True).fit(
        X, names[y]
    )


@pytest.fixture(scope="session")
def mds(iris):
    return ParametricMDS(epochs=2, batch_size=50, random_state=0).fit(iris)


@pytest.fixture(autouse=True)
def _quick_start(few_first_steps):
    """Where rows come to lie is not the point here."""
