"""The metrics are those of ZADU (Jeon et al., 2023) where both compute the same."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from zadu.measures import (
    local_continuity_meta_criteria,
    pearson_r,
    scale_normalized_stress,
    spearman_rho,
    trustworthiness_continuity,
)
from zadu.measures import stress as zadu_stress

from paradime import explain
from paradime.metrics import (
    continuity,
    coranking_curve,
    knn_recall,
    shepard_correlation,
    stress,
    trustworthiness,
)


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:400]
    # a little noise: ZADU orders points at equal distance in its own way
    X = X + 1e-3 * np.random.default_rng(0).normal(size=X.shape)
    return X, PCA(n_components=2).fit_transform(X)


# both sum in double precision, in another order
EQUAL = {"rel": 1e-9, "abs": 1e-9}


@pytest.mark.parametrize("k", [5, 30])
def test_trustworthiness_and_continuity_and_their_parts(digits, k):
    expected, local = trustworthiness_continuity.measure(*digits, k=k, return_local=True)
    assert trustworthiness(*digits, n_neighbors=k) == pytest.approx(expected["trustworthiness"], **EQUAL)
    assert continuity(*digits, n_neighbors=k) == pytest.approx(expected["continuity"], **EQUAL)
    errors = explain.neighborhood_error(*digits, n_neighbors=k)
    np.testing.assert_allclose(errors.false, 1 - local["local_trustworthiness"], atol=1e-9)
    np.testing.assert_allclose(errors.missing, 1 - local["local_continuity"], atol=1e-9)


def test_knn_recall_and_the_curve(digits):
    curve = coranking_curve(*digits)
    for k in (5, 15, 50):
        expected = local_continuity_meta_criteria.measure(*digits, k=k)["lcmc"] + k / 399
        assert knn_recall(*digits, n_neighbors=k) == pytest.approx(expected, **EQUAL)
        assert curve.preserved[k - 1] == pytest.approx(expected, **EQUAL)


def test_stresses(digits):
    assert stress(*digits) == pytest.approx(zadu_stress.measure(*digits)["stress"], **EQUAL)
    expected = scale_normalized_stress.measure(*digits)["scale_normalized_stress"]
    assert stress(*digits, rescale=True) == pytest.approx(expected, **EQUAL)


def test_shepard_correlations(digits):
    assert shepard_correlation(*digits) == pytest.approx(spearman_rho.measure(*digits)["spearman_rho"], **EQUAL)
    pearson = shepard_correlation(*digits, kind="pearson")
    assert pearson == pytest.approx(pearson_r.measure(*digits)["pearson_r"], **EQUAL)
