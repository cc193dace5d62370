import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import condensed_of_square, data_distances, weighted_stress

POWERS = {"none": 0, "sammon": -1, "elastic": -2}


def rows(n=9, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("d", [3, 100])
@pytest.mark.parametrize(
    ("metric", "of_scipy"),
    [
        ("euclidean", "euclidean"),
        ("sqeuclidean", "sqeuclidean"),
        ("manhattan", "cityblock"),
        ("chebyshev", "chebyshev"),
        ("cosine", "cosine"),
        (lambda X, Y: (X - Y).abs().sum(dim=1), "cityblock"),
    ],
)
def test_distances_agree_with_scipy(metric, of_scipy, d):
    X = rows(d=d)
    np.testing.assert_allclose(data_distances(torch.tensor(X), metric), pdist(X, of_scipy), rtol=1e-9)


def test_distances_of_an_unknown_metric_suggest_a_known_one():
    with pytest.raises(ValueError, match="Did you mean 'euclidean'"):
        data_distances(torch.ones(2, 2), "euclidian")


def test_condensed_layout_of_a_square_is_that_of_scipy():
    D = squareform(pdist(rows()))
    np.testing.assert_array_equal(condensed_of_square(torch.tensor(D)), squareform(D))


@pytest.mark.parametrize("weighting", POWERS)
@pytest.mark.parametrize("normalize", [True, False])
def test_stress_agrees_with_the_formula(weighting, normalize):
    d, delta = pdist(rows(seed=1)), pdist(rows())
    w = delta ** POWERS[weighting]
    expected = (w * (d - delta) ** 2).sum() / ((w * delta**2).sum() if normalize else len(d))
    result = weighted_stress(torch.tensor(d), torch.tensor(delta), weighting=weighting, normalize=normalize)
    assert result.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("weighting", POWERS)
@pytest.mark.parametrize("wanted", [[0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [1e-6, 1e-6, 0.0], [1e6, 0.0, 1.0]])
def test_distances_of_zero_give_finite_stress_and_gradient(weighting, wanted):
    result = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    value = weighted_stress(result, torch.tensor(wanted), weighting=weighting)
    value.backward()
    assert value.isfinite()
    assert result.grad.isfinite().all()
    assert result.grad.abs().sum() > 0


def test_gradients_of_stress_are_right():
    d, delta = torch.tensor(pdist(rows(seed=1))), torch.tensor(pdist(rows()))
    for weighting in POWERS:
        check = torch.autograd.gradcheck(
            lambda x, weighting=weighting: weighted_stress(x, delta, weighting=weighting), d.requires_grad_()
        )
        assert check
