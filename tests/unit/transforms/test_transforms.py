import logging

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import find_ab
from paradime.relationdata import SquareRelationArray, TriangularRelationArray, relation_factory
from paradime.relations import NeighborBasedPDist
from paradime.transforms import (
    AdaptiveNeighborhoodRescale,
    ConnectivityBasedRescale,
    Functional,
    ModifiedCauchyTransform,
    PerplexityBasedRescale,
    StudentTTransform,
    Symmetrize,
)


def distances(n=12):
    return squareform(pdist(np.random.default_rng(0).normal(size=(n, 3))))


# -- calibration --------------------------------------------------------------------------------------


def test_adaptive_rescale_finds_and_applies_a_parameter_for_each_point():
    rescale = AdaptiveNeighborhoodRescale(
        lambda d, width: np.exp(-d / width), lambda d, _, bracket: np.sort(d)[bracket[0]], bracket=[2]
    )
    found, others = rescale(distances()), ~np.eye(12, dtype=bool)
    rows = distances()[others].reshape(12, 11)
    third = np.sort(rows, axis=1)[:, 2]
    np.testing.assert_allclose(rescale.param_values, third)
    np.testing.assert_allclose(found.data[1], np.exp(-rows / third[:, None]))
    assert (found.to_square().diagonal() == 0).all()


def test_adaptive_rescale_works_with_tensors_and_keeps_their_precision():
    rescale = AdaptiveNeighborhoodRescale(lambda d, scale: d / scale, lambda d, _: d.mean())
    found = rescale(torch.tensor(distances(), dtype=torch.float32)).values
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.sum(dim=1), 11, rtol=1e-5)


def test_parameters_are_not_there_before_use():
    assert PerplexityBasedRescale().betas is None
    assert ConnectivityBasedRescale().sigmas is None


@pytest.mark.parametrize("perplexity", [1, 0, -3, float("nan"), "Auto"])
def test_perplexity_that_no_data_could_have_is_refused_at_once(perplexity):
    with pytest.raises(ValueError, match=f"must be greater than 1 and finite, or 'auto', got {perplexity!r}"):
        PerplexityBasedRescale(perplexity)


@pytest.mark.parametrize(("n_points", "expected"), [(3, 4 / 3), (21, 22 / 3), (89, 30), (200, 30)])
def test_perplexity_by_rule_is_a_third_of_few_points(n_points, expected):
    X = np.random.default_rng(0).normal(size=(n_points, 3))
    found = NeighborBasedPDist(transform=PerplexityBasedRescale("auto")).compute_relations(X).to_square_array()
    shares = found.data
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    np.testing.assert_allclose(2**entropy, expected, rtol=1e-3)


def test_perplexity_needs_three_points():
    with pytest.raises(ValueError, match=r"at least 3 points, got 2 sample\(s\)"):
        NeighborBasedPDist(transform=PerplexityBasedRescale("auto")).compute_relations(np.eye(2))


@pytest.mark.parametrize("n_neighbors", [2, 0, float("nan")])
def test_connectivity_that_no_data_could_have_is_refused_at_once(n_neighbors):
    with pytest.raises(ValueError, match=f"n_neighbors must be greater than 2 and finite, got {n_neighbors}"):
        ConnectivityBasedRescale(n_neighbors)


def test_perplexity_above_k_names_the_limit():
    with pytest.raises(ValueError, match=r"\(1, 11\) for 11 neighbours, got 11.*to 33 neighbours"):
        PerplexityBasedRescale(11)(distances())


@pytest.mark.parametrize(
    ("transform", "expected"),
    [(PerplexityBasedRescale(10), 30), (PerplexityBasedRescale(2.9), 8), (ConnectivityBasedRescale(7.2), 8)],
)
def test_calibrations_say_how_many_neighbours_they_want(transform, expected):
    assert transform.neighbors_wanted() == expected


def test_bracket_of_a_root_search_has_no_influence():
    plain = PerplexityBasedRescale(4)(distances()).values
    np.testing.assert_array_equal(PerplexityBasedRescale(4, bracket=[0.001, 1000])(distances()).values, plain)


def test_verbose_calibration_says_so(caplog):
    with caplog.at_level(logging.INFO, logger="paradime"):
        PerplexityBasedRescale(3, verbose=True)(distances())
        PerplexityBasedRescale(3)(distances())
    assert [record.message for record in caplog.records] == ["Calculating probabilities."]


# -- kernels ------------------------------------------------------------------------------------------


def test_modified_cauchy_is_fitted_to_min_dist_and_spread():
    transform = ModifiedCauchyTransform(min_dist=0.3, spread=2.0)
    assert (transform.a, transform.b) == find_ab(2.0, 0.3)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_modified_cauchy_uses_the_a_and_b_it_is_given(make):
    found = ModifiedCauchyTransform(a=2.0, b=0.7)(make(np.array([0.5, 1.0, 3.0]))).data
    np.testing.assert_allclose(found, 1 / (1 + 2 * np.array([0.5, 1, 3]) ** 1.4), rtol=1e-12)


def test_modified_cauchy_fits_what_it_is_not_given():
    assert ModifiedCauchyTransform(a=3.0).a == 3.0
    assert ModifiedCauchyTransform(a=3.0).b == find_ab()[1]
    assert ModifiedCauchyTransform(b=3.0).a == find_ab()[0]


def test_parameter_of_a_model_is_read_at_each_use():
    alpha = torch.nn.Parameter(torch.tensor(1.0))
    transform, dists = StudentTTransform(alpha), torch.tensor([1.0, 2.0, 3.0])
    np.testing.assert_allclose(transform(dists).data.detach(), 1 / (1 + dists**2), rtol=1e-6)
    alpha.data.fill_(3)
    np.testing.assert_allclose(transform(dists).data.detach(), (1 + dists**2 / 3) ** -2, rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: StudentTTransform(0), "alpha must be a positive number, got 0"),
        (lambda: StudentTTransform(-1.5), "alpha must be a positive number, got -1.5"),
        (lambda: ModifiedCauchyTransform(a=0.0, b=1.0), "a must be a positive number, got 0.0"),
        (lambda: ModifiedCauchyTransform(a=1.0, b=-1.0), "b must be a positive number, got -1.0"),
        (lambda: ModifiedCauchyTransform(min_dist=-0.1), "min_dist must lie in"),
        (lambda: ModifiedCauchyTransform(spread=0), "spread must be a positive number"),
    ],
)
def test_parameters_out_of_range_are_refused_at_once(build, words):
    with pytest.raises(ValueError, match=words):
        build()


# -- functional ---------------------------------------------------------------------------------------


def test_functional_keeps_the_layout_in_place_and_chooses_it_otherwise():
    assert type(Functional(np.sqrt)(np.ones(3))) is TriangularRelationArray
    found = Functional(lambda reldata: squareform(reldata.data), in_place=False)(np.array([1.0, 2.0, 3.0]))
    assert type(found) is SquareRelationArray
    np.testing.assert_array_equal(found.data, [[0, 1, 2], [1, 0, 3], [2, 3, 0]])


def test_functional_of_neighbours_gets_indices_and_values():
    pair = np.array([[1], [0]]), np.array([[2.0], [3.0]])
    found = Functional(lambda data: (data[0], data[1] ** 2))(pair)
    np.testing.assert_array_equal(found.data[1], [[4], [9]])


def test_functional_keeps_gradients():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    Functional(torch.square)(x).total().backward()
    assert x.grad.tolist() == [4, 8, 12]


def test_functional_result_of_another_number_of_points_is_refused_when_checked():
    with pytest.raises(ValueError, match="must keep the number of points, 3, got data of 4"):
        Functional(lambda data: np.ones(6), check_valid=True)(np.ones(3))


def test_functional_result_that_does_not_fit_the_layout_is_refused():
    with pytest.raises(ValueError, match=r"square relations must have shape \(n, n\), got \(2, 3\)"):
        Functional(lambda data: np.ones((2, 3)))(np.eye(3))


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="f must be a function of relations, got int"):
        Functional(3)


def test_fuzzy_union_of_memberships_stays_within_zero_and_one():
    memberships = np.random.default_rng(1).random((8, 8))
    found = Symmetrize(subtract_product=True)(relation_factory(memberships)).data
    assert ((found >= memberships) & (found <= 1)).all()
    np.testing.assert_allclose(found, found.T)


def test_repr_shows_the_settings():
    assert repr(PerplexityBasedRescale(20)) == "PerplexityBasedRescale(verbose=False, perplexity=20)"
    assert repr(Symmetrize()) == "Symmetrize(subtract_product=False)"
