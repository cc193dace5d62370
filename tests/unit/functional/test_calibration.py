import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.functional import calibration, connectivity_weights, perplexity_weights

EXPONENTS = st.integers(-6, 6)
SEEDS = st.integers(0, 2**32 - 1)


def random_dists(seed, n=5, k=12):
    """Rows like those of a neighbour search, with various scales and concentrations."""
    rng = np.random.default_rng(seed)
    return rng.gamma(rng.uniform(0.5, 5, (n, 1)), size=(n, k)) * 10 ** rng.uniform(-2, 2, (n, 1)) + 1e-6


def perplexity_of(weights):
    weights = np.asarray(weights, np.float64)
    logs = np.log(np.where(weights > 0, weights, 1))
    return np.exp(-(weights * logs).sum(axis=1))


def beta_by_brentq(sq_dists, perplexity):
    """Solves the problem for one row with SciPy, in log β."""
    shifted = sq_dists - sq_dists.min()

    def entropy_above(log_beta):
        weights = np.exp(-np.exp(log_beta) * shifted)
        weights /= weights.sum()
        return -(weights * np.log(np.where(weights > 0, weights, 1))).sum() - np.log(perplexity)

    middle = -np.log(shifted.mean())
    return np.exp(scipy.optimize.brentq(entropy_above, middle - 30, middle + 30, xtol=1e-14))


def sigma_by_brentq(dists, n_neighbors):
    shifted = dists - dists.min()

    def sum_above(log_sigma):
        return np.exp(-shifted / np.exp(log_sigma)).sum() - np.log2(n_neighbors)

    middle = np.log(shifted.mean())
    return np.exp(scipy.optimize.brentq(sum_above, middle - 30, middle + 30, xtol=1e-14))


# -- perplexity ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(1.5, 10))
def test_betas_agree_with_a_scalar_solver(seed, perplexity):
    sq_dists = random_dists(seed) ** 2
    weights, betas = perplexity_weights(torch.tensor(sq_dists), perplexity)
    expected = np.array([beta_by_brentq(row, perplexity) for row in sq_dists])
    np.testing.assert_allclose(betas, expected, rtol=1e-5)
    kernel = np.exp(-expected[:, None] * (sq_dists - sq_dists.min(axis=1, keepdims=True)))
    np.testing.assert_allclose(weights, kernel / kernel.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(1.5, 10), EXPONENTS, st.sampled_from([torch.float32, torch.float64]))
def test_every_row_hits_the_perplexity_at_any_scale_of_the_data(seed, perplexity, exponent, dtype):
    sq_dists = torch.tensor(random_dists(seed) * 10.0**exponent).to(dtype).square()
    weights, betas = perplexity_weights(sq_dists, perplexity)
    assert weights.dtype == betas.dtype == dtype
    np.testing.assert_allclose(weights.sum(dim=1), 1, rtol=1e-5)
    np.testing.assert_allclose(perplexity_of(weights), perplexity, rtol=1e-4)
    assert (betas > 0).all()


@settings(max_examples=20, deadline=None)
@given(SEEDS, EXPONENTS)
def test_weights_do_not_depend_on_the_scale_and_betas_go_with_its_inverse_square(seed, exponent):
    sq_dists = torch.tensor(random_dists(seed)).square()
    weights, betas = perplexity_weights(sq_dists, 4)
    scaled_weights, scaled_betas = perplexity_weights(sq_dists * 100.0**exponent, 4)
    np.testing.assert_allclose(scaled_weights, weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(scaled_betas * 100.0**exponent, betas, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30, 1e37])
def test_scales_at_the_ends_of_single_precision_keep_the_perplexity(scale, dtype):
    sq_dists = torch.tensor(np.random.default_rng(0).uniform(0.5, 3, (4, 9)) * scale).to(dtype)
    weights, betas = perplexity_weights(sq_dists, 4)
    np.testing.assert_allclose(perplexity_of(weights), 4, rtol=1e-3)
    assert not betas.isnan().any()


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scales_at_the_ends_of_double_precision_keep_the_perplexity(scale):
    sq_dists = torch.tensor(np.random.default_rng(0).uniform(0.5, 3, (4, 9)) * scale)
    weights, betas = perplexity_weights(sq_dists, 4)
    np.testing.assert_allclose(perplexity_of(weights), 4, rtol=1e-6)
    assert betas.isfinite().all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1e-30, 1.0, 1.0 + 1e-7, 2.0, 1e8, 1e30, np.inf]), min_size=8, max_size=8),
    st.floats(1.1, 7),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_no_row_of_ties_duplicates_outliers_or_gaps_gives_nan(row, perplexity, dtype):
    sq_dists = torch.tensor([row], dtype=dtype)
    weights, betas = perplexity_weights(sq_dists, perplexity)
    assert weights.isfinite().all()
    assert not betas.isnan().any()
    assert float(weights.sum()) == pytest.approx(1, rel=1e-5)
    if np.isfinite(row).any():
        assert (weights[sq_dists.isinf()] == 0).all()


def test_more_ties_at_the_least_distance_than_the_perplexity_share_the_weight():
    weights, _ = perplexity_weights(torch.tensor([[1.0, 1.0, 1.0, 1.0, 9.0, 16.0]]), 2)
    np.testing.assert_allclose(weights, [[0.25, 0.25, 0.25, 0.25, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("distance", [0.0, 1e-30, 1.0, 1e30])
def test_equal_distances_get_equal_weights(distance):
    weights, betas = perplexity_weights(torch.full((2, 5), distance), 3)
    np.testing.assert_allclose(weights, 0.2, rtol=1e-6)
    assert betas.isfinite().all()


def test_infinite_entries_are_no_neighbours():
    sq_dists = torch.tensor(random_dists(0, n=3, k=8)).square()
    padded = torch.full((3, 12), torch.inf, dtype=torch.float64)
    columns = torch.tensor([0, 2, 3, 5, 6, 8, 9, 11])
    padded[:, columns] = sq_dists
    weights, betas = perplexity_weights(sq_dists, 4)
    padded_weights, padded_betas = perplexity_weights(padded, 4)
    np.testing.assert_allclose(padded_weights[:, columns], weights, rtol=1e-9)
    np.testing.assert_allclose(padded_betas, betas, rtol=1e-9)
    assert float(padded_weights.sum()) == pytest.approx(3)


def test_fewer_finite_entries_than_the_perplexity_share_the_weight():
    row = torch.tensor([[1.0, 2.0, 3.0] + [torch.inf] * 7])
    weights, _ = perplexity_weights(row, 5)
    np.testing.assert_allclose(weights, [[1 / 3] * 3 + [0] * 7], atol=1e-6)


def test_rows_do_not_influence_each_other(monkeypatch):
    sq_dists = torch.tensor(np.concatenate([random_dists(i) for i in range(8)])).square()
    together, betas = perplexity_weights(sq_dists, 3)
    monkeypatch.setattr(calibration, "_CHUNK_ELEMENTS", 3 * 12)
    in_chunks, chunk_betas = perplexity_weights(sq_dists, 3)
    np.testing.assert_allclose(in_chunks, together, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(chunk_betas, betas, rtol=1e-6)


@pytest.mark.parametrize("calibrate", [perplexity_weights, connectivity_weights])
def test_input_is_left_as_it_is(calibrate):
    dists = torch.tensor(random_dists(1))
    before = dists.clone()
    calibrate(dists, 3)
    assert torch.equal(dists, before)


@pytest.mark.parametrize("perplexity", [0.5, 1, 4, 9, float("inf"), float("nan")])
def test_perplexity_out_of_range_names_the_limit(perplexity):
    with pytest.raises(ValueError, match=rf"must lie in \(1, 4\) for 4 neighbours, got {perplexity}"):
        perplexity_weights(torch.ones(2, 4), perplexity)


def test_perplexity_above_k_names_the_number_of_neighbours_it_needs():
    with pytest.raises(ValueError, match=r"Set it to at most.*or pass relations to 27 neighbours"):
        perplexity_weights(torch.ones(2, 4), 9)


# -- connectivity -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(2.5, 500))
def test_sigmas_agree_with_a_scalar_solver(seed, n_neighbors):
    dists = random_dists(seed)
    weights, sigmas = connectivity_weights(torch.tensor(dists), n_neighbors)
    expected = np.array([sigma_by_brentq(row, n_neighbors) for row in dists])
    np.testing.assert_allclose(sigmas, expected, rtol=1e-5)
    kernel = np.exp(-(dists - dists.min(axis=1, keepdims=True)) / expected[:, None])
    np.testing.assert_allclose(weights, kernel, rtol=1e-4, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(2.5, 500), EXPONENTS, st.sampled_from([torch.float32, torch.float64]))
def test_every_row_sums_to_the_goal_at_any_scale_of_the_data(seed, n_neighbors, exponent, dtype):
    dists = torch.tensor(random_dists(seed) * 10.0**exponent).to(dtype)
    weights, sigmas = connectivity_weights(dists, n_neighbors)
    assert weights.dtype == sigmas.dtype == dtype
    np.testing.assert_allclose(weights.sum(dim=1), np.log2(n_neighbors), rtol=1e-4)
    assert (weights.amax(dim=1) == 1).all()
    assert (sigmas > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30, 1e37])
def test_connectivity_at_the_ends_of_single_precision_hits_the_goal(scale, dtype):
    dists = torch.tensor(np.random.default_rng(0).uniform(0.5, 3, (4, 9)) * scale).to(dtype)
    weights, sigmas = connectivity_weights(dists, 8)
    np.testing.assert_allclose(weights.sum(dim=1), 3, rtol=1e-3)
    assert not sigmas.isnan().any()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1e-30, 1.0, 1.0 + 1e-7, 2.0, 1e8, 1e30, np.inf]), min_size=8, max_size=8),
    st.floats(2.1, 250),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_no_row_of_ties_duplicates_outliers_or_gaps_gives_nan_memberships(row, n_neighbors, dtype):
    dists = torch.tensor([row], dtype=dtype)
    weights, sigmas = connectivity_weights(dists, n_neighbors)
    assert weights.isfinite().all()
    assert not sigmas.isnan().any()
    assert ((weights >= 0) & (weights <= 1)).all()
    if np.isfinite(row).any():
        assert (weights[dists.isinf()] == 0).all()
        assert (weights[dists == dists.min()] == 1).all()


def test_more_ties_at_the_least_distance_than_the_goal_get_weight_one_and_no_other_any():
    weights, _ = connectivity_weights(torch.tensor([[1.0, 1.0, 1.0, 1.0, 9.0, 16.0]]), 4)
    np.testing.assert_allclose(weights, [[1, 1, 1, 1, 0, 0]], atol=1e-6)


def test_fewer_finite_entries_than_the_goal_get_weight_one_each():
    weights, _ = connectivity_weights(torch.tensor([[1.0, 2.0, 3.0] + [torch.inf] * 7]), 20)
    np.testing.assert_allclose(weights, [[1.0] * 3 + [0] * 7], atol=1e-6)


@pytest.mark.parametrize("n_neighbors", [2, 1, -3])
def test_connectivity_out_of_range_names_the_limit(n_neighbors):
    with pytest.raises(ValueError, match=f"must be greater than 2, got {n_neighbors}"):
        connectivity_weights(torch.ones(2, 4), n_neighbors)


@pytest.mark.parametrize("n_neighbors", [16, 100])
def test_connectivity_beyond_the_neighbours_there_are_gives_weight_one(n_neighbors):
    weights, sigmas = connectivity_weights(torch.tensor([[1.0, 2.0, 5.0, 9.0]]), n_neighbors)
    np.testing.assert_allclose(weights, 1, atol=1e-4)
    assert bool(sigmas.isfinite().all())
