"""Transforms as scripts of version 1 call and subclass them, with the values that 1.1.0 gave."""

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.spatial.distance import squareform

from paradime.relationdata import (
    NeighborRelationTuple,
    RelationData,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    relation_factory,
)
from paradime.relations import NeighborBasedPDist
from paradime.transforms import (
    AdaptiveNeighborhoodRescale,
    ConnectivityBasedRescale,
    Functional,
    PerplexityBasedRescale,
    RelationTransform,
)

STEPS = np.arange(6.0) ** 1.5
SQUARE = np.abs(np.subtract.outer(STEPS, STEPS))
LAYOUTS = {
    "square array": SQUARE,
    "square tensor": torch.tensor(SQUARE),
    "triangular array": squareform(SQUARE),
    "triangular tensor": torch.tensor(squareform(SQUARE)),
}
OTHERS = [[j for j in range(6) if j != i] for i in range(6)]


class TestFunctional:
    """``in_place`` decides whether a function is given data or relations."""

    @pytest.mark.parametrize(
        ("given", "kind"),
        [
            (np.ones((4, 4)), SquareRelationArray),
            (np.ones(6), TriangularRelationArray),
            (([[1], [0]], [[2.0], [3.0]]), NeighborRelationTuple),
            (scipy.sparse.csr_matrix(np.eye(3)), SparseRelationArray),
        ],
    )
    def test_relations_are_given_unless_in_place(self, given, kind):
        seen = []
        found = Functional(lambda reldata: seen.append(reldata) or reldata, in_place=False)(given)
        assert [type(reldata) for reldata in seen] == [kind]
        assert type(found) is kind

    @pytest.mark.parametrize("wrap", [relation_factory, np.asarray], ids=["relations", "data"])
    def test_relations_and_data_are_both_taken_as_the_result(self, wrap):
        found = Functional(lambda reldata: wrap(reldata.to_square_array().data * 2), in_place=False)(np.ones(3))
        assert type(found) is SquareRelationArray
        np.testing.assert_array_equal(found.data, 2 - 2 * np.eye(3))

    def test_data_are_given_in_place(self):
        seen = []
        Functional(lambda data: seen.append(data) or data)(np.ones((4, 4)))
        assert type(seen[0]) is np.ndarray

    def test_what_the_function_does_to_the_relations_does_not_reach_the_caller(self):
        def change(reldata):
            reldata.data[:] = 7
            reldata.data = reldata.data + 1

        given = SquareRelationArray(np.ones((3, 3)))
        found = Functional(change, in_place=False)(given)
        np.testing.assert_array_equal(found.data, np.full((3, 3), 8))
        np.testing.assert_array_equal(given.data, np.ones((3, 3)))


class TestSparseData:
    """Sparse data are a ``csr_matrix``, of which operators mean what they mean for matrices."""

    DENSE = np.array([[0.0, 1, 3], [2, 0, 2], [4, 0, 0]])

    @pytest.fixture(
        params=[scipy.sparse.csr_matrix, scipy.sparse.csr_array, scipy.sparse.coo_matrix, scipy.sparse.csc_array],
        ids=lambda make: make.__name__,
    )
    def relations(self, request):
        return relation_factory(request.param(self.DENSE))

    def test_dividing_by_the_sums_of_rows_makes_each_row_sum_to_one(self, relations):
        found = Functional(lambda m: m / m.sum(axis=1))(relations)
        assert type(found) is SparseRelationArray
        np.testing.assert_allclose(found.data.toarray(), [[0, 0.25, 0.75], [0.5, 0, 0.5], [1, 0, 0]])

    def test_a_star_is_the_product_of_matrices(self, relations):
        found = Functional(lambda m: m * m)(relations)
        np.testing.assert_array_equal(found.data.toarray(), [[14, 0, 2], [8, 2, 6], [0, 4, 12]])

    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (lambda m: m.multiply(2), 2 * DENSE),
            (lambda m: m.power(2), DENSE**2),
            (lambda m: m**2, DENSE @ DENSE),
            (lambda m: 0.5 * (m + m.T), (DENSE + DENSE.T) / 2),
            (lambda m: m.todense(), DENSE),
            (lambda m: m[:, [1, 0, 2]], DENSE[:, [1, 0, 2]]),
        ],
        ids=["multiply", "power", "**", "mean with transpose", "todense", "columns"],
    )
    def test_other_operations_are_those_of_matrices_too(self, relations, function, expected):
        np.testing.assert_allclose(Functional(function)(relations).data.toarray(), expected)

    @pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
    def test_changes_of_the_structure_in_place_reach_the_result_and_not_the_caller(self, relations):
        class Sparser(RelationTransform):
            def transform(self, reldata):
                reldata.data.data[reldata.data.data < 3] = 0
                reldata.data.eliminate_zeros()
                reldata.data.setdiag(5)
                return reldata

        found = Sparser()(relations)
        np.testing.assert_array_equal(found.to_square(), [[5, 0, 3], [0, 5, 0], [4, 0, 5]])
        assert found.data.nnz == 5
        np.testing.assert_array_equal(relations.to_square(), self.DENSE)

    def test_relations_that_became_sparse_on_the_way_are_matrices(self):
        X = np.random.default_rng(0).normal(size=(30, 3))
        for found in (
            NeighborBasedPDist(4).compute_relations(X).to_sparse_array(),
            relation_factory(SQUARE).to_sparse_array(),
            relation_factory(([[1], [2], [0]], [[1.0], [2.0], [3.0]])).symmetrized(),
        ):
            assert isinstance(found.data, scipy.sparse.csr_matrix)
            assert isinstance(found.row_normalized().data, scipy.sparse.csr_matrix)
            np.testing.assert_allclose(found.row_normalized().data.sum(axis=1), 1, rtol=1e-6)


class TestRescaling:
    """Rescaled relations are those of each point to its neighbours, or to all other points."""

    PROBABILITIES = (
        [0.48299, 0.3478, 0.14264, 0.02514, 0.00144],
        [0.44426, 0.38213, 0.15272, 0.02029, 0.0006],
        [0.2146, 0.4583, 0.31697, 0.01012, 0.00001],
        [0.02986, 0.10218, 0.49223, 0.36631, 0.00941],
        [0.0077, 0.02298, 0.11644, 0.46138, 0.39149],
        [0.01949, 0.03657, 0.09923, 0.26972, 0.575],
    )
    BETAS = (0.04691164, 0.06429494, 0.16293746, 0.13099753, 0.07291061, 0.02945961)
    SIGMAS = (3.23672978, 2.19754155, 1.01510979, 1.12917968, 1.35787781, 3.75499218)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_perplexity_turns_dense_relations_into_those_to_all_others(self, layout):
        rescale = PerplexityBasedRescale(3, bracket=[1e-3, 10])
        found = rescale(relation_factory(LAYOUTS[layout]))
        assert type(found) is NeighborRelationTuple
        indices, values = found.data
        assert indices.tolist() == OTHERS
        np.testing.assert_allclose(values, self.PROBABILITIES, atol=1e-5)
        np.testing.assert_allclose(rescale.betas, self.BETAS, rtol=1e-5)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_connectivity_does_so_too(self, layout):
        rescale = ConnectivityBasedRescale(4)
        found = rescale(relation_factory(LAYOUTS[layout]))
        assert type(found) is NeighborRelationTuple
        assert found.data[0].tolist() == OTHERS
        np.testing.assert_allclose(found.data[1].sum(axis=1), 2, rtol=1e-5)
        np.testing.assert_allclose(rescale.sigmas, self.SIGMAS, rtol=1e-4)

    def test_sparse_relations_stay_sparse_and_entries_that_are_not_stored_are_no_neighbours(self):
        stored = np.where(SQUARE < 6, SQUARE, 0)
        found = ConnectivityBasedRescale(3)(scipy.sparse.csr_matrix(stored))
        assert type(found) is SparseRelationArray
        np.testing.assert_array_equal(found.to_square() != 0, stored != 0)

    @pytest.mark.parametrize("kind", [PerplexityBasedRescale, ConnectivityBasedRescale])
    def test_further_arguments_are_kept_under_kwargs(self, kind):
        assert kind(5).kwargs == {}
        assert kind(5, bracket=[0.01, 10]).kwargs == {"bracket": [0.01, 10]}

    @pytest.mark.parametrize("layout", [*LAYOUTS, "neighbours"])
    def test_find_param_gets_relations_and_value_and_the_kernel_relations_and_param(self, layout):
        given = (OTHERS, np.sort(SQUARE, axis=1)[:, 1:]) if layout == "neighbours" else LAYOUTS[layout]
        looked_for, applied = [], []

        def find_param(relations, value, **options):
            looked_for.append((relations, value, options))
            return relations.sum() / value

        def kernel(relations, param):
            applied.append((relations, param))
            return relations / param

        class Rescale(AdaptiveNeighborhoodRescale):
            def _get_comparison_constant(self):
                return 4.0

            def _set_root_scalar_defaults(self):
                self.kwargs.setdefault("bracket", [0, 1])

        rescale = Rescale(kernel, find_param, rtol=0.1)
        found = rescale(relation_factory(given))
        assert type(found) is NeighborRelationTuple
        np.testing.assert_allclose(found.data[1].sum(axis=1), 4)
        np.testing.assert_allclose(rescale.param_values, SQUARE.sum(axis=1) / 4)
        for (relations, value, options), (again, param), expected in zip(
            looked_for, applied, rescale.param_values, strict=True
        ):
            assert (type(relations), relations.shape) == (np.ndarray, (5,))
            assert (value, options) == (4.0, {"bracket": [0, 1], "rtol": 0.1})
            np.testing.assert_array_equal(again, relations)
            assert param == expected

    def test_find_param_of_no_subclass_gets_none(self):
        values = []
        rescale = AdaptiveNeighborhoodRescale(lambda d, p: d / p, lambda d, value: values.append(value) or d.max())
        rescale(SQUARE)
        assert values == [None] * 6

    @pytest.mark.parametrize("rescale", [PerplexityBasedRescale(3), ConnectivityBasedRescale(4)])
    def test_kernel_and_find_param_of_one_point_agree_with_the_transform(self, rescale):
        found = rescale(SQUARE)
        wanted = rescale._get_comparison_constant()
        for row, others, values, param in zip(SQUARE, OTHERS, found.data[1], rescale.param_values, strict=True):
            assert rescale.find_param(row[others], wanted, bracket=[0.01, 10]) == pytest.approx(param, rel=1e-6)
            np.testing.assert_allclose(rescale.kernel(row[others], param), values, rtol=1e-6)

    @pytest.mark.parametrize(
        "base", [PerplexityBasedRescale(3), ConnectivityBasedRescale(3)], ids=lambda base: type(base).__name__
    )
    def test_kernel_that_a_subclass_replaces_is_used(self, base):
        as_it_is = base(SQUARE).data[1]

        class Doubled(type(base)):
            def __init__(self):
                super().__init__(3)
                kernel = self.kernel
                self.kernel = lambda dists, param: 2 * kernel(dists, param)

        np.testing.assert_allclose(Doubled()(SQUARE).data[1], 2 * as_it_is, rtol=1e-5)

    @pytest.mark.parametrize("kind", [SquareRelationArray, SquareRelationTensor])
    def test_further_transforms_go_on_with_the_result(self, kind):
        found = PerplexityBasedRescale(3)(kind(SQUARE)).symmetrized().normalized()
        assert isinstance(found, RelationData)
        assert float(found.total()) == pytest.approx(1)
        np.testing.assert_allclose(found.to_square(), found.to_square().T)
