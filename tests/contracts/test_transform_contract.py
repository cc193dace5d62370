"""What every transform promises: it agrees with the dense matrix in every layout, and changes no input."""

import copy

import numpy as np
import pytest
import scipy.sparse
import torch

import paradime.transforms
from paradime._registry import TRANSFORMS
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import connectivity_weights, find_ab, perplexity_weights
from paradime.relationdata import (
    EuclideanRelationTensor,
    FlatRelationArray,
    FlatRelationTensor,
    NeighborRelationTuple,
    RelationData,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    TriangularRelationTensor,
    relation_factory,
)
from paradime.transforms import (
    AdaptiveNeighborhoodRescale,
    ConnectivityBasedRescale,
    Functional,
    Identity,
    ModifiedCauchyTransform,
    PerplexityBasedRescale,
    RelationTransform,
    StudentTTransform,
    Symmetrize,
)

N = 9


def distances(seed=0, dtype=np.float64):
    """Distances between random points; none off the diagonal is zero."""
    points = np.random.default_rng(seed).normal(size=(N, 3))
    return np.linalg.norm(points[:, None] - points, axis=2).astype(dtype)


def sparse_part(matrix, k=4):
    """A matrix of which each row keeps its k smallest entries, as neighbours are."""
    kept = np.zeros_like(matrix)
    order = np.argsort(matrix + np.diag([np.inf] * len(matrix)), axis=1)[:, :k]
    np.put_along_axis(kept, order, np.take_along_axis(matrix, order, axis=1), axis=1)
    return kept


def neighbors_of(matrix):
    """The entries that are not zero, the same number in each row, in an order of no meaning."""
    rng = np.random.default_rng(0)
    indices = np.stack([rng.permutation(np.flatnonzero(row)) for row in matrix])
    return indices, np.take_along_axis(matrix, indices, axis=1)


def condensed(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


MAKE = {
    "square array": lambda m: SquareRelationArray(m.copy()),
    "square tensor": lambda m: SquareRelationTensor(torch.tensor(m)),
    "triangular array": lambda m: TriangularRelationArray(condensed(m)),
    "triangular tensor": lambda m: TriangularRelationTensor(torch.tensor(condensed(m))),
    "neighbor tuple": lambda m: NeighborRelationTuple(neighbors_of(m)),
    "sparse array": lambda m: SparseRelationArray(scipy.sparse.csr_array(m)),
    "flat array": lambda m: FlatRelationArray(m.ravel().copy()),
    "flat tensor": lambda m: FlatRelationTensor(torch.tensor(m.ravel())),
}
LAYOUTS = {type(make(distances())): name for name, make in MAKE.items()}
MATRICES = [name for name in MAKE if "flat" not in name]
STORED_ONLY = ["neighbor tuple", "sparse array"]

CONVERSIONS = {
    name: getattr(paradime.transforms, name) for name in paradime.transforms.__all__ if name[:2] == "To"
}
SETTINGS = {PerplexityBasedRescale: {"perplexity": 3}, ConnectivityBasedRescale: {"n_neighbors": 4}}
OTHERS = {
    "identity": Identity,
    "union": lambda: Symmetrize(subtract_product=True),
    "functional": lambda: Functional(lambda data: data),
    "adaptive": lambda: AdaptiveNeighborhoodRescale(lambda d, scale: d / scale, lambda d, _: d.mean()),
}
BUILD = {name: (lambda kind=kind: kind(**SETTINGS.get(kind, {}))) for name, kind in TRANSFORMS.items()}
BUILD |= CONVERSIONS | OTHERS
WITHOUT_MATRIX = {
    "normalize",
    "t-dist",
    "modified cauchy",
    "identity",
    "functional",
    "ToFlatArray",
    "ToFlatTensor",
}
A, B = find_ab(1.0, 0.1)
ELEMENTWISE = {
    "t-dist": lambda d: 1 / (1 + d**2),
    "modified cauchy": lambda d: 1 / (1 + A * d ** (2 * B)),
}
WHOLE_MATRIX = {
    "symmetrize": lambda m: (m + m.T) / 2,
    "union": lambda m: m + m.T - m * m.T,
    "normalize": lambda m: m / m.sum(),
    "normalize rows": lambda m: m / m.sum(axis=1, keepdims=True),
    "zero diagonal": lambda m: m * (1 - np.eye(len(m))),
    "identity": lambda m: m,
    "functional": lambda m: m,
}


def dense(reldata):
    return reldata.to_square().detach().numpy()


def snapshot(data):
    if isinstance(data, tuple):
        return [part.copy() for part in data]
    if scipy.sparse.issparse(data):
        return [data.data.copy(), data.indices.copy(), data.indptr.copy()]
    return [np.asarray(torch.as_tensor(data).detach()).copy()]


def assert_untouched(before, data):
    for old, new in zip(before, snapshot(data), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_transform_of_the_grammar_is_tested_against_a_formula():
    """A transform that is new in the registry fails here until this suite knows what it should do."""
    calibrations = {"perplexity", "connect", "local scaling"}
    known = set(ELEMENTWISE) | set(WHOLE_MATRIX) | calibrations
    # a doctest may have registered a class of its own, in the name of the module that it stands in
    own = {name for name, kind in TRANSFORMS.items() if getattr(paradime.transforms, kind.__name__, None) is kind}
    assert len(own) > 5
    assert own <= known


@pytest.mark.parametrize("layout", MAKE)
@pytest.mark.parametrize("name", BUILD)
def test_input_is_never_changed(name, layout):
    reldata = MAKE[layout](distances())
    before = snapshot(reldata.data)
    transform = BUILD[name]()
    if layout.startswith("flat") and name not in WITHOUT_MATRIX:
        with pytest.raises(UnsupportedConfigurationError, match="flat relations"):
            transform(reldata)
    else:
        result = transform(reldata)
        assert isinstance(result, RelationData)
        assert result is not reldata
    assert_untouched(before, reldata.data)


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("name", BUILD)
def test_second_use_gives_the_same_result(name, layout):
    transform, reldata = BUILD[name](), MAKE[layout](distances())
    first = snapshot(transform(reldata).data)
    transform(MAKE[layout](distances(seed=1)))
    assert_untouched(first, transform(reldata).data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("name", BUILD)
def test_precision_is_kept(name, layout, dtype):
    result = BUILD[name]()(MAKE[layout](distances(dtype=dtype)))
    assert result.values.dtype == torch.from_numpy(np.zeros(1, dtype)).dtype


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions_change_the_layout_only(name, layout):
    matrix = distances()
    result = CONVERSIONS[name]()(MAKE[layout](matrix))
    assert LAYOUTS[type(result)].replace(" ", "") == name.removeprefix("To").lower()
    if "Flat" in name:
        np.testing.assert_allclose(np.sort(np.unique(result.data)), np.unique(MAKE[layout](matrix).values))
    else:
        np.testing.assert_allclose(dense(result), matrix)


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("name", WHOLE_MATRIX)
def test_whole_matrix_transforms_agree_with_the_dense_formula(name, layout):
    matrix = distances() if "triangular" in layout else sparse_part(distances())
    result = BUILD[name]()(MAKE[layout](matrix))
    np.testing.assert_allclose(dense(result), WHOLE_MATRIX[name](matrix), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_agree_with_the_formula_and_entries_not_stored_stay_zero(name, layout):
    matrix = sparse_part(distances()) if layout in STORED_ONLY else distances()
    expected = ELEMENTWISE[name](matrix)
    if not layout.startswith("square"):
        expected = np.where(matrix > 0, expected, 0)
    np.testing.assert_allclose(dense(BUILD[name]()(MAKE[layout](matrix))), expected, rtol=1e-12)


@pytest.mark.parametrize("layout", MATRICES)
def test_perplexity_calibration_agrees_in_all_layouts(layout):
    matrix, others = distances(), ~np.eye(N, dtype=bool)
    transform = PerplexityBasedRescale(3)
    result = dense(transform(MAKE[layout](matrix)))
    weights, betas = perplexity_weights(torch.tensor(matrix[others].reshape(N, N - 1) ** 2), 3)
    expected = np.zeros((N, N))
    expected[others] = weights.numpy().ravel()
    np.testing.assert_allclose(result, expected, rtol=1e-7)
    np.testing.assert_allclose(transform.betas, betas, rtol=1e-7)
    np.testing.assert_array_equal(transform.betas, transform.param_values)


@pytest.mark.parametrize("layout", MATRICES)
def test_connectivity_calibration_agrees_in_all_layouts(layout):
    matrix, others = distances(), ~np.eye(N, dtype=bool)
    transform = ConnectivityBasedRescale(4)
    result = dense(transform(MAKE[layout](matrix)))
    weights, sigmas = connectivity_weights(torch.tensor(matrix[others].reshape(N, N - 1)), 4)
    expected = np.zeros((N, N))
    expected[others] = weights.numpy().ravel()
    np.testing.assert_allclose(result, expected, rtol=1e-7)
    np.testing.assert_allclose(transform.sigmas, sigmas, rtol=1e-7)
    np.testing.assert_array_equal(transform.sigmas, transform.param_values)


@pytest.mark.parametrize("name", ["perplexity", "connect", "adaptive"])
def test_calibration_of_partly_stored_relations_sees_the_stored_entries_only(name):
    matrix = sparse_part(distances(), k=5)
    by_neighbors = BUILD[name]()(MAKE["neighbor tuple"](matrix))
    by_sparse = BUILD[name]()(MAKE["sparse array"](matrix))
    np.testing.assert_allclose(dense(by_neighbors), dense(by_sparse), rtol=1e-12)
    np.testing.assert_array_equal(dense(by_neighbors) != 0, matrix != 0)


@pytest.mark.parametrize("name", ["perplexity", "connect"])
def test_diagonal_takes_no_part_in_calibration(name):
    """Neighbour searches elsewhere list each point first, at distance zero."""
    matrix = sparse_part(distances(), k=5)
    indices, values = neighbors_of(matrix)
    with_self = np.c_[np.arange(N), indices], np.c_[np.zeros(N), values]
    expected = dense(BUILD[name]()((indices, values)))
    np.testing.assert_allclose(dense(BUILD[name]()(with_self)), expected, rtol=1e-12)
    on_diagonal = SparseRelationArray(scipy.sparse.csr_array(matrix + np.eye(N)))
    np.testing.assert_allclose(dense(BUILD[name]()(on_diagonal)), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["perplexity", "connect"])
def test_rows_that_store_too_few_entries_for_a_solution_share_their_weight(name):
    matrix = sparse_part(distances(), k=6)
    matrix[0] = matrix[1] = 0
    matrix[1, 2], matrix[1, 3] = 1.0, 2.0
    result = dense(BUILD[name]()(SparseRelationArray(matrix)))
    share = 0.5 if name == "perplexity" else 1.0
    assert np.isfinite(result).all()
    assert (result[0] == 0).all()
    np.testing.assert_allclose(result[1], np.where(matrix[1] > 0, share, 0), rtol=1e-4)


@pytest.mark.parametrize("exponent", [-30, -12, -6, 6, 12, 30])
@pytest.mark.parametrize("name", ["perplexity", "connect"])
def test_calibrated_weights_do_not_depend_on_the_scale_of_the_data_in_single_precision(name, exponent):
    matrix = distances()
    unit, scaled = BUILD[name](), BUILD[name]()
    expected = dense(unit(matrix.astype(np.float32)))
    result = dense(scaled((matrix * 10.0**exponent).astype(np.float32)))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5)
    power = -2 * exponent if name == "perplexity" else exponent
    np.testing.assert_allclose(scaled.param_values / 10.0**power, unit.param_values, rtol=1e-3)


# -- transforms that users write ----------------------------------------------------------------------


class Doubled(RelationTransform):
    def transform(self, reldata):
        reldata.data = MAKE[LAYOUTS[type(reldata)]](2 * distances()).data
        return reldata


@pytest.mark.parametrize("layout", MAKE)
def test_assigning_data_within_a_transform_does_not_reach_the_caller(layout):
    reldata = MAKE[layout](distances())
    before = snapshot(reldata.data)
    result = Doubled()(reldata)
    assert float(result.total()) == pytest.approx(2 * float(reldata.total()))
    assert_untouched(before, reldata.data)


@pytest.mark.parametrize("layout", MAKE)
def test_function_that_works_in_place_gets_a_copy(layout):
    def double(data):
        values = data[1] if isinstance(data, tuple) else data
        values *= 2

    reldata = MAKE[layout](distances())
    before = snapshot(reldata.data)
    result = Functional(double)(reldata)
    assert float(result.total()) == pytest.approx(2 * float(reldata.total()))
    assert type(result) is type(reldata)
    assert_untouched(before, reldata.data)


@pytest.mark.parametrize("layout", MAKE)
def test_transform_takes_whatever_the_factory_takes(layout):
    data = MAKE[layout](distances()).data
    np.testing.assert_allclose(Identity()(data).values, relation_factory(data).values)


def test_transform_may_return_plain_data():
    class Ones(RelationTransform):
        def transform(self, reldata):
            return np.ones((reldata.n_points, reldata.n_points))

    assert isinstance(Ones()([1.0, 2.0, 3.0]), SquareRelationArray)


def test_transform_without_a_transform_method_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"has no transform\(\). Write it"):
        RelationTransform()(np.eye(3))


def test_gradients_flow_through_kernels_to_points_and_parameters():
    alpha = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.5, 0.9))
    dists = torch.tensor(condensed(distances()), requires_grad=True)

    def relations(dists, alpha, a, b):
        chained = Functional(lambda data: data + 0)(StudentTTransform(alpha)(TriangularRelationTensor(dists)))
        cauchy = ModifiedCauchyTransform(a=a, b=b)(TriangularRelationTensor(dists))
        return (*(BUILD["normalize"]()(part).to_square() for part in (chained, cauchy)),)

    assert torch.autograd.gradcheck(relations, (dists, alpha, a, b))


def test_settings_of_a_transform_do_not_change_with_use():
    transform = PerplexityBasedRescale(3, bracket=[0.001, 1000])
    before = copy.copy(vars(transform))
    transform(distances())
    assert {k: v for k, v in vars(transform).items() if k != "param_values"} == {
        k: v for k, v in before.items() if k != "param_values"
    }
    assert transform.betas.shape == (N,)
    assert transform.neighbors_wanted() == 9


class _InPlace(RelationTransform):
    """Changes the data in place, as transforms written for version 1 may."""

    def transform(self, reldata):
        data = reldata.data
        values = data[1] if isinstance(data, tuple) else data.data if scipy.sparse.issparse(data) else data
        values *= 2
        return reldata


@pytest.mark.parametrize(
    "given",
    [
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        torch.tensor([[0.0, 1.0], [1.0, 0.0]]),
        np.array([1.0, 2.0, 3.0]),
        (np.array([[1], [0]]), np.array([[1.0], [2.0]])),
        scipy.sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])),
    ],
    ids=["square array", "square tensor", "triangular", "neighbor", "sparse"],
)
def test_transform_that_changes_data_in_place_does_not_reach_the_caller(given):
    held = relation_factory(given)
    before = held.to_square().clone()
    doubled = _InPlace()(held)
    np.testing.assert_array_equal(held.to_square(), before)
    np.testing.assert_array_equal(relation_factory(given).to_square(), before)
    np.testing.assert_array_equal(doubled.to_square(), 2 * before)


def test_changes_in_place_of_embedded_distances_reach_the_kernel():
    points = torch.tensor([[0.0], [1.0], [3.0]])
    found = StudentTTransform(1.0)(_InPlace()(EuclideanRelationTensor(points)))
    np.testing.assert_allclose(found.data, 1 / (1 + np.array([2.0, 6.0, 4.0]) ** 2), rtol=1e-6)
    assert EuclideanRelationTensor(points).data.tolist() == [1, 3, 2]
