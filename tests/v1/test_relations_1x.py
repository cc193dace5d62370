"""Relations as scripts of version 1 compute, subclass and read them, with the values that 1.1.0 gave."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.relationdata import (
    NeighborRelationTuple,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    relation_factory,
)
from paradime.relations import DifferentiablePDist, DistsFromTo, NeighborBasedPDist, PDist, Precomputed, Relations
from paradime.transforms import (
    ConnectivityBasedRescale,
    Functional,
    Normalize,
    NormalizeRows,
    PerplexityBasedRescale,
    RelationTransform,
    StudentTTransform,
    ToSquareTensor,
    ToTriangularTensor,
    ZeroDiagonal,
)


def points(n=60):
    i = np.arange(n)
    return np.stack((np.sin(i), np.cos(2 * i), np.sin(3 * i + 1)), 1).astype(np.float32)


X = points()


class TestRelationsAfterComputing:
    """``relations`` returns what was computed last."""

    @pytest.mark.parametrize(
        ("relations", "given"),
        [
            (PDist(), X),
            (PDist(transform=ToSquareTensor()), X),
            (NeighborBasedPDist(5), X),
            (Precomputed(np.eye(4)), None),
            (DifferentiablePDist(), torch.tensor(X)),
            (DistsFromTo(), torch.tensor(np.stack((X, X[::-1].copy())))),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_they_are_what_was_returned(self, relations, given):
        assert not hasattr(relations, "relations")
        computed = relations.compute_relations(given)
        assert relations.relations is computed

    def test_before_that_the_error_says_what_to_call(self):
        with pytest.raises(AttributeError, match=r"PDist has computed no relations yet\. Call compute_relations"):
            _ = PDist().relations

    def test_they_are_not_part_of_copies_and_files(self):
        relations = DifferentiablePDist(p=1)
        relations.compute_relations(torch.tensor(X, requires_grad=True))
        for made in (copy.copy(relations), copy.deepcopy(relations), pickle.loads(pickle.dumps(relations))):
            assert made.p == 1
            assert not hasattr(made, "relations")
        assert hasattr(relations, "relations")


class TestSubclasses:
    def test_one_that_transforms_by_the_inherited_method(self):
        class Steps(Relations):
            def compute_relations(self, X=None, **kwargs):
                first = np.asarray(X)[:, 0]
                self._relations = self._transform(relation_factory(np.abs(first[:, None] - first)))
                return self._relations

        steps = Steps(transform=[Functional(np.sqrt), ToSquareTensor()])
        found = steps.compute_relations(X)
        expected = np.sqrt(np.abs(X[:, None, 0] - X[:, 0]))
        np.testing.assert_allclose(found.data, expected, rtol=1e-6)
        assert steps.relations is found

    def test_one_that_sets_its_relations(self):
        class Given(Relations):
            def __init__(self):
                super().__init__()
                self.relations = None

            def compute_relations(self, X=None, **kwargs):
                self.relations = np.asarray(X) @ np.asarray(X).T
                return self.relations

        given = Given()
        assert not hasattr(given, "relations")
        np.testing.assert_array_equal(given.compute_relations(X).data, X @ X.T)
        assert isinstance(given.relations, SquareRelationArray)

    def test_one_that_goes_on_from_the_distances_of_its_base(self):
        class Squares(PDist):
            def compute_relations(self, X=None, **kwargs):
                distances = super().compute_relations(X)
                assert isinstance(self.relations, TriangularRelationArray)
                return self._transform(relation_factory(distances.to_square_array().data ** 2))

        squares = Squares()
        np.testing.assert_allclose(squares.compute_relations(X).data, squareform(pdist(X)) ** 2, rtol=1e-5)
        np.testing.assert_allclose(squares.relations.data, squareform(pdist(X)) ** 2, rtol=1e-5)


class TestMetricOfDifferentiableDistances:
    """A function as metric compares all points with all points."""

    def test_it_gets_two_tensors_with_the_first_point_along_the_rows(self):
        seen = []

        def difference(a, b):
            seen.append((a.shape, b.shape))
            return a[..., 0] - 2 * b[..., 0]

        found = DifferentiablePDist(metric=difference).compute_relations(torch.tensor([[0.0], [1.0], [2.0]]))
        assert seen == [((3, 3, 1), (3, 3, 1))]
        assert type(found) is SquareRelationTensor
        assert found.data.tolist() == [[0, -2, -4], [1, -1, -3], [2, 0, -2]]

    def test_its_result_is_transformed_like_any_square_relations(self):
        kernel = [StudentTTransform(1.0), Normalize()]
        line = torch.tensor([[0.0], [1.0], [2.0]])

        def manhattan(a, b):
            return (a - b).abs().sum(-1)

        square = DifferentiablePDist(metric=manhattan, transform=kernel).compute_relations(line)
        expected = [[0.1852, 0.0926, 0.0370], [0.0926, 0.1852, 0.0926], [0.0370, 0.0926, 0.1852]]
        np.testing.assert_allclose(square.data, expected, atol=5e-5)
        upper = DifferentiablePDist(metric=manhattan, transform=[*kernel, ToTriangularTensor()])
        np.testing.assert_allclose(upper.compute_relations(line).data, [0.0926, 0.0370, 0.0926], atol=5e-5)

    @pytest.mark.parametrize(
        "metric",
        [torch.nn.functional.pairwise_distance, lambda a, b: torch.linalg.vector_norm(a - b, dim=-1)],
    )
    def test_gradients_flow_through_it(self, metric):
        embedded = torch.tensor(X[:6], requires_grad=True)
        DifferentiablePDist(metric=metric).compute_relations(embedded).data.triu(1).sum().backward()
        assert embedded.grad.isfinite().all()
        assert bool((embedded.grad != 0).any())

    def test_order_of_the_minkowski_distance_is_called_metric_p(self):
        distances = DifferentiablePDist(p=1)
        assert distances.metric_p == 1
        distances.metric_p = 3
        np.testing.assert_allclose(
            distances.compute_relations(torch.tensor(X)).data, pdist(X, "minkowski", p=3), rtol=1e-4
        )


class Seen(RelationTransform):
    """Keeps what it is given."""

    def transform(self, reldata):
        self.data = reldata.data
        return reldata


class TestNeighbourTuples:
    """Rows of neighbours begin with the point itself, at the distance 0."""

    def test_they_have_one_column_more_than_neighbours(self):
        found = NeighborBasedPDist(5).compute_relations(X)
        assert type(found) is NeighborRelationTuple
        indices, values = found.data
        assert indices[:3].tolist() == [
            [0, 44, 19, 25, 38, 13],
            [1, 45, 20, 26, 39, 14],
            [2, 46, 21, 27, 40, 52],
        ]
        expected = [
            [0.0, 0.03270649, 0.21772467, 0.30752125, 0.3598644, 0.5572173],
            [0.0, 0.04732144, 0.33439156, 0.40998793, 0.5106035, 0.5713843],
            [0.0, 0.04821292, 0.37257096, 0.3889016, 0.6625185, 0.7965203],
        ]
        np.testing.assert_allclose(values[:3], expected, rtol=1e-5)
        np.testing.assert_array_equal(indices[:, 0], np.arange(60))

    def test_so_do_those_of_points_that_have_a_duplicate(self):
        indices, values = NeighborBasedPDist(3).compute_relations(np.repeat(X[:10], 3, axis=0)).data
        np.testing.assert_array_equal(indices[:, 0], np.arange(30))
        np.testing.assert_allclose(values[:, :3], 0, atol=1e-6)
        assert (values[:, 3] > 0).all()

    @pytest.mark.parametrize("n_neighbors", [1, 5, None])
    def test_a_script_that_leaves_out_the_first_column_keeps_the_nearest_neighbour(self, n_neighbors):
        drop = Functional(lambda data: (data[0][:, 1:], data[1][:, 1:]))
        indices, values = NeighborBasedPDist(n_neighbors, transform=drop).compute_relations(X).data
        distances = squareform(pdist(X)) + np.diag(np.full(60, np.inf))
        k = n_neighbors or 3
        np.testing.assert_allclose(values, np.sort(distances, axis=1)[:, :k], rtol=1e-4)
        assert (indices != np.arange(60)[:, None]).all()

    def test_transforms_of_the_users_own_see_the_same(self):
        look = Seen()
        found = NeighborBasedPDist(5, transform=look).compute_relations(X)
        for seen, returned in zip(look.data, found.data, strict=True):
            np.testing.assert_array_equal(seen, returned)
        np.testing.assert_array_equal(look.data[0][:, 0], np.arange(60))

    @pytest.mark.parametrize("transform", [Normalize(), NormalizeRows(), StudentTTransform(1.0)])
    def test_the_column_stays_in_transforms_of_single_values(self, transform):
        indices, values = NeighborBasedPDist(5, transform=transform).compute_relations(X).data
        assert indices.shape == values.shape == (60, 6)
        np.testing.assert_array_equal(indices[:, 0], np.arange(60))

    @pytest.mark.parametrize("transform", [PerplexityBasedRescale(3), ConnectivityBasedRescale(4), ZeroDiagonal()])
    def test_the_column_goes_where_points_are_compared_with_others(self, transform):
        raw = NeighborBasedPDist(5).compute_relations(X)
        indices, values = NeighborBasedPDist(5, transform=transform).compute_relations(X).data
        np.testing.assert_array_equal(indices, raw.data[0][:, 1:])
        assert values.shape == (60, 5)
        assert (values > 0).all()

    def test_data_changed_in_place_by_a_transform_reach_the_result_and_nothing_else(self):
        raw = NeighborBasedPDist(5).compute_relations(X)
        before = raw.data[1].copy()

        def double(data):
            data[1][:] *= 2

        doubled = Functional(double)(ZeroDiagonal()(raw))
        np.testing.assert_array_equal(doubled.data[1], 2 * before[:, 1:])
        ZeroDiagonal()(raw).data[1][:] = 7
        np.testing.assert_array_equal(raw.data[1], before)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_the_point_itself_is_left_out_wherever_it_stands(self, place):
        others = [[1, 2], [0, 2], [1, 0]]
        indices = [[*row[:place], i, *row[place:]] for i, row in enumerate(others)]
        values = [[*row[:place], 0.0, *row[place:]] for row in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])]
        found = ConnectivityBasedRescale(3)((indices, values)).data
        assert found[0].tolist() == others
        np.testing.assert_allclose(found[1], [[1, np.log2(3) - 1]] * 3, rtol=1e-5)


class TestSortedNeighbours:
    """Rows of a tuple that is made by hand may be brought in order."""

    INDICES, VALUES = [[2, 1], [2, 0], [0, 1]], [[3.0, 1.0], [1.0, 2.0], [5.0, 5.0]]

    @pytest.mark.parametrize(
        ("sort", "indices", "values"),
        [
            (None, INDICES, VALUES),
            ("ascending", [[1, 2], [2, 0], [0, 1]], [[1, 3], [1, 2], [5, 5]]),
            ("descending", [[2, 1], [0, 2], [0, 1]], [[3, 1], [2, 1], [5, 5]]),
        ],
    )
    def test_each_row_is_sorted_by_its_values(self, sort, indices, values):
        given = np.array(self.INDICES), np.array(self.VALUES)
        found = NeighborRelationTuple(given, sort=sort).data
        np.testing.assert_array_equal(found[0], indices)
        np.testing.assert_array_equal(found[1], values)
        np.testing.assert_array_equal(given[0], self.INDICES)

    def test_order_that_is_unknown_is_refused(self):
        with pytest.raises(ValueError, match="sort must be 'ascending', 'descending' or None, got True"):
            NeighborRelationTuple((self.INDICES, self.VALUES), sort=True)
