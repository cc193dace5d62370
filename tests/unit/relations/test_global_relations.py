import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.neighbors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from paradime.exceptions import UnsupportedConfigurationError
from paradime.relationdata import (
    NeighborRelationTuple,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    TriangularRelationTensor,
)
from paradime.relations import (
    DifferentiablePDist,
    DistsFromTo,
    NeighborBasedPDist,
    PDist,
    Precomputed,
    Relations,
)
from paradime.transforms import (
    ConnectivityBasedRescale,
    Functional,
    LocalScaling,
    Normalize,
    PerplexityBasedRescale,
    StudentTTransform,
    Symmetrize,
    ToSquareArray,
)


def points(seed=0, n=40, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))


# -- PDist --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [None, "cityblock", "cosine", lambda a, b: np.abs(a - b).max()])
def test_pdist_gives_scipys_distances(metric):
    found = PDist(metric=metric).compute_relations(points())
    assert isinstance(found, TriangularRelationArray)
    np.testing.assert_allclose(found.data, pdist(points(), metric or "euclidean"), rtol=1e-6)


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_pdist_of_data_far_from_the_origin_keeps_its_precision(offset):
    found = PDist().compute_relations(points() + offset)
    np.testing.assert_allclose(found.data, pdist(points()), rtol=1e-5)


@pytest.fixture
def counted(monkeypatch):
    """Counts how often distances are computed."""
    calls = []

    def counting(rows, metric):
        calls.append(len(rows))
        return pdist(rows, metric)

    monkeypatch.setattr("scipy.spatial.distance.pdist", counting)
    return calls


def test_pdist_computes_anew_for_new_data_and_reuses_distances_of_equal_data(counted):
    relations = PDist()
    first = relations.compute_relations(points(0))
    again = relations.compute_relations(torch.tensor(points(0)))
    assert len(counted) == 1
    np.testing.assert_array_equal(first.data, again.data)
    np.testing.assert_allclose(relations.compute_relations(points(1)).data, pdist(points(1)), rtol=1e-6)
    assert len(counted) == 2


def test_pdist_sees_that_an_array_was_changed_in_place(counted):
    X, relations = points(), PDist()
    relations.compute_relations(X)
    X[3] += 1
    np.testing.assert_allclose(relations.compute_relations(X).data, pdist(X), rtol=1e-6)


def test_pdist_tells_the_same_numbers_in_another_shape_apart():
    relations = PDist()
    relations.compute_relations(points(n=6, d=4))
    found = relations.compute_relations(points(n=6, d=4).reshape(8, 3))
    np.testing.assert_allclose(found.data, pdist(points(n=6, d=4).reshape(8, 3)), rtol=1e-6)


def test_pdist_that_keeps_nothing_computes_each_time(counted):
    relations = PDist(keep_result=False)
    for _ in range(2):
        np.testing.assert_allclose(relations.compute_relations(points()).data, pdist(points()), rtol=1e-6)
    assert len(counted) == 2


def test_transforms_do_not_change_the_distances_that_pdist_keeps():
    relations = PDist(transform=[Functional(np.square), Normalize()])
    first = relations.compute_relations(points()).data.copy()
    np.testing.assert_array_equal(relations.compute_relations(points()).data, first)


def test_changing_a_result_in_place_does_not_change_the_distances_that_pdist_keeps():
    relations = PDist()
    relations.compute_relations(points()).data[:] = 0
    np.testing.assert_allclose(relations.compute_relations(points()).data, pdist(points()), rtol=1e-6)


def test_pdist_flattens_data_of_higher_dimension():
    X = points(n=10, d=12)
    found = PDist().compute_relations(X.reshape(10, 3, 4))
    np.testing.assert_array_equal(found.data, PDist().compute_relations(X).data)


# -- neighbours ---------------------------------------------------------------------------------------


def test_neighbor_relations_are_the_distances_to_the_nearest_neighbours():
    found = NeighborBasedPDist(6).compute_relations(points())
    dists, indices = sklearn.neighbors.NearestNeighbors().fit(points()).kneighbors(n_neighbors=6)
    np.testing.assert_array_equal(found.data[0], np.c_[np.arange(40), indices])
    np.testing.assert_allclose(found.data[1], np.c_[np.zeros(40), dists], rtol=1e-6)


def test_neighbours_without_the_point_itself_are_the_same_from_the_second_column_on():
    found = NeighborBasedPDist(6).compute_relations(points()).data
    alone = NeighborBasedPDist(6, include_self=False).compute_relations(points()).data
    for first, second in zip(found, alone, strict=True):
        np.testing.assert_array_equal(first[:, 1:], second)


@pytest.mark.parametrize("calibrate", [PerplexityBasedRescale(3), ConnectivityBasedRescale(5)])
def test_calibrations_do_not_see_whether_rows_begin_with_the_point_itself(calibrate):
    found, alone = (
        NeighborBasedPDist(10, transform=calibrate, include_self=include).compute_relations(points()).data
        for include in (True, False)
    )
    for first, second in zip(found, alone, strict=True):
        np.testing.assert_array_equal(first, second)


def test_point_itself_adds_nothing_to_the_matrix_whatever_kernel_is_applied():
    kernel = [StudentTTransform(1.0), Normalize()]
    found, alone = (
        NeighborBasedPDist(4, transform=kernel, include_self=include).compute_relations(points())
        for include in (True, False)
    )
    assert found.data[0].shape == (40, 5)
    assert (found.data[1][:, 0] == 0).all()
    np.testing.assert_array_equal(found.to_square(), alone.to_square())


def neighbours_searched(transform, n):
    """The number of neighbours that the first transform gets, without the point itself."""
    seen = []
    look = Functional(lambda data: seen.append(data[0].shape[1] - 1))
    NeighborBasedPDist(transform=[look, *transform]).compute_relations(points(n=n))
    return seen[0]


@pytest.mark.parametrize(
    ("transform", "n", "expected"),
    [
        ([PerplexityBasedRescale(7)], 100, 21),
        ([PerplexityBasedRescale(7.5)], 100, 22),
        ([ConnectivityBasedRescale(12)], 100, 12),
        ([Functional(lambda data: data), ConnectivityBasedRescale(12), PerplexityBasedRescale(3)], 100, 12),
        ([], 100, 5),
        ([], 300, 15),
        ([Symmetrize()], 40, 2),
        ([], 5, 1),
    ],
)
def test_number_of_neighbours_follows_the_transforms_or_is_5_percent(transform, n, expected):
    assert neighbours_searched(transform, n) == expected


def test_number_of_neighbours_that_is_given_wins_over_what_transforms_ask_for():
    found = NeighborBasedPDist(9, transform=PerplexityBasedRescale(4)).compute_relations(points())
    assert found.data[0].shape[1] == 9


@pytest.mark.parametrize("n", [30, 20])
def test_perplexity_of_at_least_n_is_refused_with_both_numbers_before_the_search(n, monkeypatch):
    monkeypatch.setattr("paradime.relations.neighbor.nearest_neighbors", None)
    with pytest.raises(ValueError, match=rf"perplexity 30 for {n} points"):
        NeighborBasedPDist(transform=PerplexityBasedRescale(30)).compute_relations(points(n=n))


@pytest.mark.parametrize("perplexity", [8, "auto"])
def test_of_few_points_a_perplexity_takes_all_others_as_neighbours(perplexity):
    rescale = PerplexityBasedRescale(perplexity)
    found = NeighborBasedPDist(transform=rescale).compute_relations(points(n=10))
    assert found.data[0].shape == (10, 9)
    dense = PDist(transform=PerplexityBasedRescale(perplexity)).compute_relations(points(n=10))
    np.testing.assert_allclose(found.to_square().numpy(), dense.to_square().numpy(), atol=1e-5)


@pytest.mark.parametrize(("transform", "n"), [(ConnectivityBasedRescale(12), 10), (LocalScaling(10), 10)])
def test_few_points_reduce_the_neighbours_with_a_warning_and_give_finite_relations(transform, n):
    with pytest.warns(UserWarning, match=r"reduced to n-1 = 9"):
        found = NeighborBasedPDist(transform=transform).compute_relations(points(n=n))
    assert found.values.isfinite().all()


def test_neighbours_beyond_what_is_needed_are_not_missed():
    found = NeighborBasedPDist(transform=LocalScaling(5)).compute_relations(points(n=10))
    assert found.data[0].shape == (10, 5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-30, -6, 0, 6, 30]))
def test_probabilities_do_not_depend_on_the_scale_of_the_data(seed, exponent):
    def probabilities(X):
        transform = [PerplexityBasedRescale(5), Symmetrize(), Normalize()]
        return NeighborBasedPDist(transform=transform).compute_relations(X).to_square()

    X = points(seed, n=25)
    np.testing.assert_allclose(probabilities(X * 10.0**exponent), probabilities(X), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("calibrate", [PerplexityBasedRescale(5), ConnectivityBasedRescale(8)])
@pytest.mark.parametrize("kind", ["equal", "half duplicates", "outlier", "constant columns"])
def test_degenerate_data_give_finite_relations(kind, calibrate):
    X = points(n=60)
    if kind == "equal":
        X[:] = 0.1
    elif kind == "half duplicates":
        X[:30] = X[0]
    elif kind == "outlier":
        X[4] = 1e8
    else:
        X[:, 1:] = 7
    found = NeighborBasedPDist(transform=[calibrate, Symmetrize()]).compute_relations(X)
    assert found.values.isfinite().all()
    assert float(found.total()) > 0


@pytest.mark.parametrize("n_neighbors", [0, -3])
def test_number_of_neighbours_below_one_is_refused_at_once(n_neighbors):
    with pytest.raises(ValueError, match=f"n_neighbors must be an integer of at least 1, got {n_neighbors}"):
        NeighborBasedPDist(n_neighbors)


def test_neighbours_do_not_change_the_data():
    X = points()
    NeighborBasedPDist(5, transform=PerplexityBasedRescale(3)).compute_relations(X)
    np.testing.assert_array_equal(X, points())


# -- precomputed --------------------------------------------------------------------------------------

SQUARE = squareform(pdist(points(n=6)))
NEIGHBORS = SQUARE.argsort(axis=1)[:, 1:3]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (SQUARE, SquareRelationArray),
        (SQUARE.tolist(), SquareRelationArray),
        (torch.tensor(SQUARE), SquareRelationTensor),
        (pdist(points(n=6)), TriangularRelationArray),
        (torch.tensor(pdist(points(n=6))), TriangularRelationTensor),
        (scipy.sparse.csr_array(SQUARE), SparseRelationArray),
        (scipy.sparse.coo_matrix(SQUARE), SparseRelationArray),
        (TriangularRelationArray(pdist(points(n=6))), TriangularRelationArray),
    ],
)
def test_precomputed_relations_of_every_kind_are_taken_as_they_are(given, kind):
    found = Precomputed(given).compute_relations()
    assert type(found) is kind
    np.testing.assert_allclose(found.to_square(), SQUARE)
    np.testing.assert_allclose(Precomputed(given, transform=Normalize()).compute_relations().total(), 1)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_precomputed_neighbours_are_taken_as_pair_of_indices_and_values(make):
    values = np.take_along_axis(SQUARE, NEIGHBORS, axis=1)
    found = Precomputed((make(NEIGHBORS), make(values))).compute_relations()
    assert type(found) is NeighborRelationTuple
    expected = np.zeros_like(SQUARE)
    np.put_along_axis(expected, NEIGHBORS, values, axis=1)
    np.testing.assert_allclose(found.to_square(), expected)


def test_precomputed_without_relations_takes_the_entry_of_the_data_set():
    found = Precomputed(transform=Symmetrize()).compute_relations(np.triu(SQUARE))
    np.testing.assert_allclose(found.data, SQUARE / 2)


def test_precomputed_relations_win_over_the_data():
    np.testing.assert_allclose(Precomputed(SQUARE).compute_relations(points()).to_square(), SQUARE)


def test_precomputed_relations_are_not_changed_by_transforms():
    given = SQUARE.copy()
    relations = Precomputed(given, transform=[Functional(np.square), Normalize()])
    first = relations.compute_relations().data.copy()
    np.testing.assert_array_equal(relations.compute_relations().data, first)
    np.testing.assert_array_equal(given, SQUARE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_array, torch.tensor])
def test_precomputed_relations_that_are_not_finite_are_refused(value, make):
    matrix = SQUARE.copy()
    matrix[2, 3] = value
    with pytest.raises(ValueError, match="must be finite, got NaN or infinity"):
        Precomputed(make(matrix))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.ones((3, 4)), r"shape \(n, n\), got \(3, 4\)"),
        (np.ones((3, 3, 3)), r"got shape \(3, 3, 3\)"),
        (scipy.sparse.csr_array((3, 4)), r"shape \(n, n\), got \(3, 4\)"),
        (([[1], [7], [0]], [[1.0], [1.0], [1.0]]), r"\[0, 3\), got \[7\] in row 1"),
        (([[1], [2], [-1]], [[1.0], [1.0], [1.0]]), r"\[0, 3\), got \[-1\] in row 2"),
    ],
)
def test_precomputed_relations_that_fit_no_layout_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        Precomputed(given)


# -- all of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize("relations", [PDist(), NeighborBasedPDist(3), Precomputed()])
def test_relations_without_points_say_what_they_need(relations):
    with pytest.raises(ValueError, match=r"needs points: call compute_relations\(X\)"):
        relations.compute_relations()


def test_transforms_are_applied_in_order():
    relations = PDist(transform=[ToSquareArray(), Functional(lambda m: m + 1), Functional(np.square)])
    np.testing.assert_allclose(
        relations.compute_relations(points()).data, (squareform(pdist(points())) + 1) ** 2, rtol=1e-5
    )


def test_function_in_place_of_a_transform_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"must be a RelationTransform, got function.*Functional\(f\)"):
        PDist(transform=lambda x: x)


def test_relations_that_users_write_get_their_transforms_applied():
    class Constant(Relations):
        def compute_relations(self, X=None, **kwargs):
            return self.apply_transforms(np.ones((len(X), len(X))))

    found = Constant(Normalize()).compute_relations(points(n=4))
    np.testing.assert_allclose(found.data, 1 / 16)


def test_base_class_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"Relations has no compute_relations\(\)"):
        Relations().compute_relations(points())


def test_flat_relations_cannot_be_calibrated():
    with pytest.raises(UnsupportedConfigurationError, match="they have no rows"):
        Precomputed(np.ones(5), transform=PerplexityBasedRescale(2)).compute_relations()


def test_ordinary_data_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PDist().compute_relations(points())
        NeighborBasedPDist(transform=PerplexityBasedRescale(5)).compute_relations(points())


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (NeighborBasedPDist, {"metric": "euclidian"}, "unknown metric 'euclidian'"),
        (NeighborBasedPDist, {"backend": "fais"}, "unknown backend 'fais'.*Did you mean 'faiss'"),
        (PDist, {"metric": "euclidian"}, "unknown metric 'euclidian'"),
        (DifferentiablePDist, {"metric": "euclidian"}, "metric 'euclidian'.*Did you mean 'euclidean'"),
        (DistsFromTo, {"metric": "euclidian"}, "metric 'euclidian'.*Did you mean 'euclidean'"),
    ],
)
def test_mistyped_names_are_refused_when_relations_are_made(kind, options, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)  # whose import compiles
    with pytest.raises(ValueError, match=words):
        kind(**options)


@pytest.mark.parametrize("metric", ["mahalanobis", "seuclidean", "cosine", "cityblock", "hamming"])
def test_names_that_scipy_knows_are_taken(metric):
    assert PDist(metric).metric == NeighborBasedPDist(metric=metric).metric == metric
