import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from paradime.metrics import axis_alignment


@pytest.fixture(scope="module")
def wine():
    X = load_wine(as_frame=True).data
    X = (X - X.mean()) / X.std()
    return PCA(n_components=2).fit_transform(X.to_numpy()), X


def test_correlations_and_strength_are_those_of_numpy_and_scikit_learn(wine):
    embedding, X = wine
    result = axis_alignment(embedding, X)
    assert result.names == list(X.columns)
    for i, name in enumerate(X.columns):
        expected = [np.corrcoef(axis, X[name])[0, 1] for axis in embedding.T]
        np.testing.assert_allclose(result.correlations[i], expected, atol=1e-12)
        fit = LinearRegression().fit(embedding, X[name])
        assert result.strength[i] ** 2 == pytest.approx(fit.score(embedding, X[name]), abs=1e-10)
        np.testing.assert_allclose(result.directions[i], fit.coef_ / np.linalg.norm(fit.coef_), atol=1e-9)


def test_rotation_changes_axes_but_not_strength(wine):
    embedding, X = wine
    turned = embedding @ np.array([[0.6, -0.8], [0.8, 0.6]])
    before, after = axis_alignment(embedding, X), axis_alignment(turned, X)
    np.testing.assert_allclose(before.strength, after.strength, atol=1e-10)
    assert np.abs(before.correlations - after.correlations).max() > 0.2


def test_ranks_do_not_see_monotone_changes(wine):
    embedding, X = wine
    result = axis_alignment(embedding, np.exp(3 * X["alcohol"]), kind="spearman")
    expected = [scipy.stats.spearmanr(axis, X["alcohol"]).statistic for axis in embedding.T]
    np.testing.assert_allclose(result.correlations[0], expected, atol=1e-12)


def test_directions_are_learned_from_training_rows_and_judged_on_others(wine):
    embedding, X = wine
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    train, test = order[:120], order[120:]
    values = np.column_stack([X["alcohol"], rng.normal(size=len(X))])
    held_out = {"test_embedding": embedding[test], "test_attributes": values[test]}
    result = axis_alignment(embedding[train], values[train], **held_out)
    prediction = LinearRegression().fit(embedding[train], values[train, 0]).predict(embedding[test])
    assert result.strength[0] == pytest.approx(np.corrcoef(prediction, values[test, 0])[0, 1], abs=1e-10)
    assert result.strength[0] > 0.6 > abs(result.strength[1])  # which varies by 0.13 around 0


def test_what_does_not_vary_aligns_with_nothing():
    flat = axis_alignment(np.ones((5, 2)), np.arange(5.0))
    assert not flat.correlations.any()
    assert not flat.strength.any()
    assert not flat.directions.any()
    assert not axis_alignment(np.random.default_rng(0).normal(size=(5, 2)), np.full(5, 0.1)).strength.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attributes": np.zeros((4, 2))}, "same number of rows, got 5 and 4"),
        ({"names": ["a", "b"]}, "one name per attribute, got 2 for 1"),
        ({"test_embedding": np.zeros((2, 2))}, "got no test_attributes"),
        ({"kind": "tau"}, "kind must be"),
        ({"attributes": np.full(5, np.nan)}, "attributes must be finite"),
    ],
)
def test_what_does_not_fit_is_told(settings, message):
    with pytest.raises(ValueError, match=message):
        axis_alignment(np.random.default_rng(0).normal(size=(5, 2)), **{"attributes": np.arange(5.0), **settings})


def test_columns_that_pandas_numbers_have_no_names():
    Y = np.random.default_rng(0).standard_normal((20, 2))
    assert axis_alignment(Y, pd.DataFrame(Y)).names == ["x0", "x1"]
    assert axis_alignment(Y, pd.DataFrame(Y, columns=["", "b"])).names == ["x0", "b"]
