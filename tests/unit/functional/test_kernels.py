import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.functional import find_ab, modified_cauchy, student_t

DISTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(DISTS, st.floats(0.1, 20))
def test_student_t_is_the_formula(dists, alpha):
    d = np.array(dists)
    as_tensor = torch.tensor(alpha, dtype=torch.float64)
    expected = (1 + d**2 / alpha) ** (-(alpha + 1) / 2)
    np.testing.assert_allclose(student_t(torch.tensor(d**2), alpha), expected, rtol=1e-12)
    np.testing.assert_allclose(student_t(torch.tensor(d**2), as_tensor), expected, rtol=1e-12)


def test_student_t_with_one_degree_of_freedom_is_the_same_as_number_and_as_tensor():
    d = torch.linspace(0, 50, 100, dtype=torch.float64)
    np.testing.assert_allclose(student_t(d**2, 1), student_t(d**2, torch.tensor(1.0)), rtol=1e-12)
    np.testing.assert_allclose(student_t(d**2, 1.0), 1 / (1 + d**2), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(DISTS, st.floats(0.01, 20), st.floats(0.05, 3))
def test_modified_cauchy_is_the_formula(dists, a, b):
    d = np.array(dists)
    expected = 1 / (1 + a * d ** (2 * b))
    np.testing.assert_allclose(modified_cauchy(torch.tensor(d**2), a, b), expected, rtol=1e-9)


@pytest.mark.parametrize("b", [0.05, 0.3, 0.5, 0.8, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_modified_cauchy_and_its_gradients_are_finite_at_zero(b, dtype):
    d = torch.tensor([0.0, 0.0, 1.0], dtype=dtype, requires_grad=True)
    a, b = (torch.tensor(v, dtype=dtype, requires_grad=True) for v in (1.5, b))
    similarities = modified_cauchy(d, a, b)
    similarities.sum().backward()
    assert similarities[:2].tolist() == [1, 1]
    assert d.grad[:2].tolist() == [0, 0]
    for gradient in (d.grad, a.grad, b.grad):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_student_t_and_its_gradients_are_finite_at_zero(alpha):
    for degrees in (alpha, torch.tensor(alpha, requires_grad=True)):
        sq_dists = torch.zeros(3, requires_grad=True)
        similarities = student_t(sq_dists, degrees)
        similarities.sum().backward()
        assert similarities.tolist() == [1, 1, 1]
        # the derivative of (1 + d²/α)^(−(α + 1)/2) with respect to d²
        np.testing.assert_allclose(sq_dists.grad, -(alpha + 1) / (2 * alpha), rtol=1e-6)
        assert not isinstance(degrees, torch.Tensor) or degrees.grad.isfinite()


def test_gradients_are_the_derivatives():
    d = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64, requires_grad=True)
    one, other = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.3, 0.4))
    assert torch.autograd.gradcheck(student_t, (d, one))
    assert torch.autograd.gradcheck(modified_cauchy, (d, one, other))


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e15])
def test_similarities_stay_within_zero_and_one_at_any_scale(scale):
    d = torch.linspace(0, 3, 50) * scale
    squares = d.square()
    for similarities in (student_t(squares, 1.0), student_t(squares, 2.5), modified_cauchy(squares, 1.6, 0.9)):
        assert ((similarities >= 0) & (similarities <= 1)).all()
        assert (similarities.diff() <= 0).all()


# -- the fit of a and b -------------------------------------------------------------------------------


def target_curve(d, spread, min_dist):
    return np.where(d < min_dist, 1.0, np.exp(-(d - min_dist) / spread))


def squared_error(a, b, spread, min_dist):
    d = np.linspace(0, 3 * spread, 300)
    with np.errstate(over="ignore"):
        return ((1 / (1 + a * d ** (2 * b)) - target_curve(d, spread, min_dist)) ** 2).sum()


@pytest.mark.parametrize(
    ("min_dist", "a", "b"),
    # results of umap-learn's find_ab_params at spread 1; its documentation quotes the first pair
    [(0.1, 1.5769, 0.8951), (0.01, 1.8956, 0.8006), (0.001, 1.9292, 0.7915), (0.5, 0.5830, 1.3342)],
)
def test_fit_gives_the_values_known_from_umap(min_dist, a, b):
    assert find_ab(1.0, min_dist) == pytest.approx((a, b), abs=2e-4)


@pytest.mark.parametrize("min_dist", [0.0, 0.001, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_fit_agrees_with_scipys_curve_fit_from_another_start(spread, min_dist):
    d = np.linspace(0, 3 * spread, 300)
    expected, _ = scipy.optimize.curve_fit(
        lambda d, log_a, b: 1 / (1 + np.exp(log_a) * d ** (2 * b)),
        d,
        target_curve(d, spread, min_dist),
        p0=(0.5, 0.7),
    )
    assert find_ab(spread, min_dist) == pytest.approx((np.exp(expected[0]), expected[1]), rel=1e-4)


@pytest.mark.parametrize("min_dist", [0.0, 0.01, 0.1, 0.9, 2.0])
def test_no_point_of_a_dense_grid_fits_better(min_dist):
    a, b = find_ab(1.0, min_dist)
    grid = [(a * factor, b * other) for factor in np.linspace(0.2, 5, 61) for other in np.linspace(0.4, 2.5, 43)]
    best = min(squared_error(one, other, 1.0, min_dist) for one, other in grid)
    assert squared_error(a, b, 1.0, min_dist) <= best + 1e-9


@settings(max_examples=25, deadline=None)
@given(st.floats(-6, 6), st.floats(0, 2.95))
def test_fit_is_the_same_curve_at_any_spread(exponent, relative_min_dist):
    spread = 10.0**exponent
    a, b = find_ab(spread, relative_min_dist * spread)
    unit_a, unit_b = find_ab(1.0, relative_min_dist)
    assert b == pytest.approx(unit_b, rel=1e-3)
    assert a * spread ** (2 * b) == pytest.approx(unit_a, rel=1e-2)


@pytest.mark.parametrize("spread", [0, -1])
def test_spread_that_is_not_positive_is_refused(spread):
    with pytest.raises(ValueError, match=f"spread must be a positive number, got {spread}"):
        find_ab(spread, 0.1)


@pytest.mark.parametrize("min_dist", [-0.1, 3.0, 10.0])
def test_min_dist_out_of_range_names_the_range(min_dist):
    with pytest.raises(ValueError, match=rf"min_dist must lie in \[0, 3 × spread\) = \[0, 3.0\), got {min_dist}"):
        find_ab(1.0, min_dist)
