import functools
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import ParametricContrastive, ParametricMDS, ParametricUMAP
from paradime.exceptions import NotTrainedError
from paradime.explain import feature_importance

pytestmark = pytest.mark.usefixtures("few_first_steps")

METHODS = ["integrated_gradients", "gradient_x_input", "permutation"]


def linear_model(n_features=5, out_dim=2, seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(n_features, out_dim)


class Images(torch.nn.Module):
    """Places images of 8 × 8 by what a convolution sees in their upper half."""

    def __init__(self):
        super().__init__()
        self.convolution, self.last = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Linear(3 * 32, 2)

    def forward(self, X):
        seen = torch.relu(self.convolution(X[:, None]))[:, :, :4]
        return self.last(seen.flatten(1))


@functools.cache
def noisy_cancer():
    X = load_breast_cancer(as_frame=True).data
    X = (X - X.mean()) / X.std()
    rng = np.random.default_rng(0)
    X.insert(0, "noise", rng.normal(size=len(X)))
    return X


@pytest.fixture
def cancer():
    return noisy_cancer().copy()


@functools.cache
def fitted(seed):
    return ParametricContrastive(epochs=2, random_state=seed).fit(noisy_cancer())


@pytest.fixture(scope="module")
def routine():
    return fitted(0)


@pytest.mark.parametrize("method", METHODS[:2])
def test_attributions_of_a_linear_model_are_its_weights(method):
    model, X = linear_model(), np.random.default_rng(0).normal(size=(50, 5))
    found = feature_importance(model, X, method=method)
    weights = model.weight.detach().numpy().T
    change = (X - X.mean(0))[:, :, None]
    np.testing.assert_allclose(found.attributions, change * weights, atol=1e-5)
    np.testing.assert_allclose(found.values, np.abs(change * weights).mean(0), atol=1e-5)
    np.testing.assert_allclose(found.overall, np.linalg.norm(change * weights, axis=2).mean(0), atol=1e-5)
    np.testing.assert_allclose(found.shares.sum(0), 1)


def test_permutation_of_a_linear_model_moves_by_weight_and_difference():
    model, X = linear_model(), np.random.default_rng(0).normal(size=(400, 5))
    found = feature_importance(model, X, method="permutation", n_samples=None, n_repeats=10)
    weights = model.weight.detach().numpy().T
    spread = np.abs(X[:, None] - X).mean((0, 1))[:, None]
    np.testing.assert_allclose(found.values, np.abs(weights) * spread, rtol=0.06)
    # the other values of a row add up to nothing on the average
    np.testing.assert_allclose(found.signed, 0, atol=0.05)


@pytest.mark.filterwarnings("ignore:collinear features:UserWarning")  # as those of the data are
def test_integrated_gradients_add_up_to_the_way_of_each_row_with_as_many_steps_as_the_map_needs(cancer, outcome):
    def measure(seed):
        routine = fitted(seed)
        few, many = (feature_importance(routine, cancer, n_samples=30, n_steps=n) for n in (24, None))
        ways = routine.transform(cancer.iloc[many.rows]) - routine.transform(cancer.mean().to_frame().T)
        gap = np.abs(many.attributions.sum(1) - ways).mean() / np.abs(ways).mean()
        assert many.completeness_error == pytest.approx(gap, abs=1e-3)
        return {"gap": gap, "ratio": gap / few.completeness_error}

    outcome(measure, seeds=2, at_most={"gap": 0.1, "ratio": 0.8})


def test_contributions_that_do_not_add_up_are_told():
    class Cliff(torch.nn.Module):
        def forward(self, X):
            return torch.sigmoid(1e4 * (X[:, :2] - 0.123))

    X = np.random.default_rng(0).uniform(0.2, 1, size=(10, 3))
    with pytest.warns(UserWarning, match=r"with 4 steps miss \d+% of the displacement .* Raise n_steps") as warned:
        feature_importance(Cliff(), X, baseline="zeros", n_steps=4)
    assert warned[0].filename == __file__


@pytest.mark.parametrize("method", METHODS)
def test_feature_that_the_model_ignores_has_no_importance(method):
    model = linear_model()
    model.weight.data[:, 3] = 0
    model = torch.nn.Sequential(model, torch.nn.Tanh())
    X = np.random.default_rng(0).normal(size=(80, 5))
    found = feature_importance(model, X, method=method)
    assert found.values[3].max() < 1e-6
    assert np.delete(found.overall, 3).min() > 0.01


def test_column_of_noise_counts_less_than_what_the_map_follows(cancer, outcome):
    def measure(seed):
        routine = ParametricMDS(epochs=10, random_state=seed).fit(cancer)
        found = feature_importance(routine, cancer, method="permutation", n_samples=200)
        assert found.names[0] == "noise"
        return {"rank": [name for name, _ in found.top(31)].index("noise")}

    outcome(measure, at_least={"rank": 10})


@pytest.mark.filterwarnings("ignore:collinear features:UserWarning")  # as those of the data are
@pytest.mark.parametrize("method", METHODS)
def test_single_axis_is_that_of_all(routine, cancer, method):
    both = feature_importance(routine, cancer, method=method, n_samples=20, n_steps=64)
    second = feature_importance(routine, cancer, method=method, n_samples=20, n_steps=64, axis=1)
    assert second.axes == (1,)
    assert second.values.shape == (31, 1)
    np.testing.assert_allclose(second.values[:, 0], both.values[:, 1], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"among the explained ones, \(1,\), got 0"):
        second.top(3, axis=0)


@pytest.mark.parametrize("method", METHODS)
def test_images_have_one_importance_a_pixel(method):
    torch.manual_seed(0)
    X = load_digits().images[:60]
    found = feature_importance(Images(), X, method=method, n_samples=10, n_steps=8)
    picture = found.overall.reshape(found.row_shape)
    assert found.row_shape == (8, 8)
    assert found.names[9] == "(1, 1)"
    assert picture[:4].sum() > 0
    assert picture[5:].max() == 0  # a convolution looks one pixel further


@pytest.mark.filterwarnings("ignore:collinear features:UserWarning")  # as those of the data are
def test_names_come_from_frame_routine_or_caller(routine, cancer):
    settings = {"method": "gradient_x_input", "n_samples": 5}
    assert feature_importance(routine, cancer, **settings).names == list(cancer.columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns that the array has no names
        assert feature_importance(routine, cancer.to_numpy(), **settings).names == list(cancer.columns)
    given = [f"column {i}" for i in range(31)]
    assert feature_importance(routine, cancer, feature_names=given, **settings).names == given
    assert feature_importance(linear_model(), np.eye(5), **settings).names == ["x0", "x1", "x2", "x3", "x4"]


def test_single_row_is_explained_against_the_background(routine, cancer):
    found = feature_importance(routine, cancer.iloc[[7]], background=cancer, n_steps=128)
    way = routine.transform(cancer.iloc[[7]]) - routine.transform(cancer.mean().to_frame().T)
    np.testing.assert_allclose(found.signed.sum(0), way[0], atol=0.1 * np.abs(way).max())
    for method in METHODS:
        with pytest.raises(ValueError, match=r"background=X_train"):
            feature_importance(routine, cancer.iloc[[7]], method=method)


@pytest.mark.parametrize("method", METHODS)
def test_seed_decides_and_the_model_is_left_as_it_was(method):
    model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)).train()
    X = np.random.default_rng(0).normal(size=(100, 5))
    a, b, c = (feature_importance(model, X, method=method, n_samples=30, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.values, b.values)
    assert (a.rows != c.rows).any()
    assert model.training
    assert model[1].training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_standard_errors_are_the_spread_of_samples():
    model, X = linear_model(), np.random.default_rng(0).exponential(size=(5000, 5))
    found = [
        feature_importance(model, X, method="gradient_x_input", n_samples=100, random_state=s) for s in range(30)
    ]
    spread = np.std([part.values for part in found], axis=0)
    told = np.mean([part.standard_errors for part in found], axis=0)
    # the spread of 30 samples is known to 13 %
    assert 0.5 < np.median(spread / told) < 1.6


def test_baselines_are_what_they_are_called(cancer):
    model, X = linear_model(31), cancer.to_numpy()
    weights = model.weight.detach().numpy().T
    row = np.arange(31.0)
    for baseline, start in (("zeros", 0 * row), ("median", np.median(X, axis=0)), ("mean", X.mean(0)), (row, row)):
        found = feature_importance(model, X, method="gradient_x_input", baseline=baseline, n_samples=None)
        np.testing.assert_allclose(found.signed, (X - start).mean(0)[:, None] * weights, atol=1e-4)


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_large_offsets_and_double_precision_do_not_matter():
    X = load_wine().data
    routine = ParametricUMAP(epochs=2, batch_size=100, random_state=0).fit(X)
    a = feature_importance(routine, X.astype(np.float64), n_samples=20, n_steps=64)
    b = feature_importance(routine, X.astype(np.float32), n_samples=20, n_steps=64)
    np.testing.assert_allclose(a.values, b.values, rtol=1e-4, atol=1e-5)
    assert feature_importance(linear_model().double(), np.eye(5)).completeness_error < 1e-6


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_rows_are_explained_as_dense_ones(form):
    X = np.random.default_rng(0).poisson(0.5, size=(40, 5)).astype(float)
    dense, sparse = (feature_importance(linear_model(), rows, n_samples=10) for rows in (X, form(X)))
    np.testing.assert_allclose(sparse.values, dense.values, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "shap"}, "method must be one of .* got 'shap'"),
        ({"axis": 2}, r"axis must be an integer in \[0, 1\], got 2"),
        ({"baseline": "black"}, "baseline must be .* got 'black'"),
        ({"baseline": np.zeros(4)}, r"finite row of shape \(5,\), got shape \(4,\)"),
        ({"background": np.zeros((3, 4))}, r"background must have rows of shape \(5,\), got \(4,\)"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_steps": 0}, "n_steps must be an integer of at least 1, got 0"),
        ({"n_repeats": 2.5}, "n_repeats must be an integer of at least 1, got 2.5"),
        ({"feature_names": ["a"]}, "must be 5 names, one per feature, got 1"),
        ({"X": np.full((3, 5), np.nan)}, "contains NaN, first at row 0"),
        ({"X": np.zeros((3, 4))}, r"cannot embed rows of shape \(4,\)"),
        ({"X": np.zeros((0, 5))}, r"0 sample\(s\)"),
    ],
)
def test_what_does_not_fit_is_told(settings, message):
    with pytest.raises(ValueError, match=message):
        feature_importance(linear_model(), **{"X": np.eye(5), **settings})


def test_what_is_no_trained_map_is_told(routine, cancer):
    with pytest.raises(NotTrainedError, match="not trained yet"):
        feature_importance(ParametricUMAP(), cancer)
    with pytest.raises(TypeError, match=r"got Pipeline.*pipeline\[:-1\].transform"):
        feature_importance(make_pipeline(StandardScaler(), routine), cancer)
    with pytest.raises(ValueError, match="feature names"):
        feature_importance(routine, cancer.iloc[:, :5])
    with pytest.raises(ValueError, match="same order"):
        feature_importance(routine, pd.DataFrame(cancer[cancer.columns[::-1]]))
    with pytest.raises(ValueError, match=r"shape \(1, out_dim\), got \(1, 2, 1\)"):
        feature_importance(torch.nn.Sequential(linear_model(), torch.nn.Unflatten(1, (2, 1))), np.eye(5))


def test_missing_captum_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"pip install captum\. Or pass method="):
        feature_importance(linear_model(), np.eye(5))
    assert feature_importance(linear_model(), np.eye(5), method="gradient_x_input").values.any()


# -- features that go together ------------------------------------------------------------------------


def collinear_rows(n=200):
    """Columns 0, 2 and 4 are one quantity in three units; 1 and 3 stand alone."""
    rng = np.random.default_rng(0)
    base, others = rng.standard_normal(n), rng.standard_normal((n, 2))
    return np.stack([base, others[:, 0], 1 - base, others[:, 1], base + 0.01 * rng.standard_normal(n)], axis=1)


class Cancelling(torch.nn.Module):
    """Adds a column three times, such that two take back each other: together they contribute what one would."""

    def forward(self, X):
        return torch.stack([10 * X[:, 0] + 10 * X[:, 2] + X[:, 4], 0.5 * X[:, 1]], dim=1)


@pytest.mark.parametrize("method", METHODS)
def test_collinear_features_have_the_importance_of_their_group(method):
    X = collinear_rows()
    found = feature_importance(Cancelling(), X, method=method, n_repeats=20, group_collinear=True)
    assert found.names == ["x0 + 2 alike", "x1", "x3"]
    assert found.groups == {"x0 + 2 alike": ["x0", "x2", "x4"]}
    alone = feature_importance(torch.nn.Linear(1, 1), X[:, [4]], method="gradient_x_input", baseline="mean")
    assert alone.groups == {}
    # as far as the single column would move points
    moved = np.abs(X[:, 4] - X[:, 4].mean()).mean()
    if method == "permutation":
        moved = np.abs(X[:, None, 4] - X[None, :, 4]).mean()
    assert found.values[0, 0] == pytest.approx(moved, rel=0.1)
    assert found.values[2].tolist() == [0, 0]


@pytest.mark.parametrize("method", METHODS)
def test_features_whose_contributions_cancel_are_told_with_figures_and_remedy(method):
    with pytest.warns(UserWarning, match=r"'x0' [\d.]+, 'x2' [\d.]+, 'x4' .* cancel: .* grouped\(\)") as warned:
        found = feature_importance(Cancelling(), collinear_rows(), method=method)
    assert found.names == ["x0", "x1", "x2", "x3", "x4"]
    grouped = found.grouped()
    assert grouped.names == ["x0 + 2 alike", "x1", "x3"]
    assert grouped.grouped() is grouped
    assert grouped.row_shape == (3,)
    assert warned[0].filename == __file__


def test_sums_of_groups_are_those_of_their_features():
    X = collinear_rows()
    module = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    found = feature_importance(module, X)
    grouped = found.grouped()
    np.testing.assert_allclose(grouped.signed[0], found.signed[[0, 2, 4]].sum(axis=0), atol=1e-5)
    np.testing.assert_allclose(grouped.attributions.sum(axis=1), found.attributions.sum(axis=1), atol=1e-5)
    assert grouped.completeness_error == found.completeness_error


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).standard_normal((100, 5)),
        collinear_rows()[:19],
        np.tile(np.arange(40.0)[:, None, None], (1, 3, 3)),
        np.ones((40, 5)),
    ],
    ids=["independent", "few rows", "pixels", "constant"],
)
def test_groups_are_sought_where_they_can_be_told(X):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(X.shape[1:])), 2))
    found = feature_importance(module, X, method="gradient_x_input")
    assert found.groups == {}
    assert found.grouped() is found


def test_the_background_tells_what_goes_together():
    X = collinear_rows()
    found = feature_importance(Cancelling(), X[:1], background=X, method="gradient_x_input", group_collinear=True)
    assert found.names == ["x0 + 2 alike", "x1", "x3"]
