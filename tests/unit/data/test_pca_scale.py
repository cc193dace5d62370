"""The scale of the PCA coordinates on which a model is pre-trained."""

import numpy as np
import pytest

from paradime.data.derived import pca

X = np.random.default_rng(0).normal(size=(50, 4)) * [9.0, 3.0, 1.0, 1.0]


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_first_component_gets_the_scale_and_the_others_stay_in_proportion(factor):
    result = pca(factor * X, scale=2.0)
    assert result[:, 0].std() == pytest.approx(2.0)
    np.testing.assert_allclose(result, pca(X) * (2.0 / pca(X)[:, 0].std()), rtol=1e-6, atol=1e-9)


def test_scale_of_the_data_is_kept_if_none_is_given():
    np.testing.assert_allclose(pca(3 * X), 3 * pca(X), atol=1e-9)


def test_rows_that_are_all_the_same_stay_at_the_origin():
    assert (pca(np.ones((5, 3)), scale=1.0) == 0).all()


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be a positive number"):
        pca(X, scale=scale)
