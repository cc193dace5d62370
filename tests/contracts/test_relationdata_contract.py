"""What every relation container promises: it agrees with the dense matrix, and leaves its input alone."""

import copy
import operator

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.exceptions import UnsupportedConfigurationError
from paradime.relationdata import (
    FlatRelationArray,
    FlatRelationTensor,
    KernelRelationTensor,
    NeighborRelationTuple,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    TriangularRelationTensor,
)


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def neighbors_of(matrix):
    """Rows in no particular order, filled up with the point itself where it is no neighbour."""
    n = len(matrix)
    order = np.random.default_rng(n)
    chosen = [order.permutation(np.flatnonzero(row)) for row in matrix]
    k = max(1, *(len(c) for c in chosen))
    indices = np.repeat(np.arange(n)[:, None], k, axis=1)
    values = np.zeros((n, k), matrix.dtype)
    for i, cols in enumerate(chosen):
        indices[i, : len(cols)], values[i, : len(cols)] = cols, matrix[i, cols]
    return indices, values


class KernelOfGivenValues(KernelRelationTensor):
    """A kernel whose values between the points are the entries of a symmetric matrix; its diagonal is not used."""

    def __init__(self, square):
        square = torch.as_tensor(square)
        n = len(square)
        # no two pairs of powers of two are equally far apart
        points = 2.0 ** torch.arange(n, dtype=square.dtype)[:, None]
        rows, cols = torch.triu_indices(n, n, 1)
        sq_dists, order = (points[rows] - points[cols]).square().sum(dim=1).sort()
        values = square[rows, cols][order]
        super().__init__(points, lambda given: values[torch.searchsorted(sq_dists, given)])


OF_KERNEL = "triangular tensor of a kernel"

MAKE = {
    "square array": lambda m: SquareRelationArray(m.copy()),
    "square tensor": lambda m: SquareRelationTensor(torch.tensor(m)),
    "triangular array": lambda m: TriangularRelationArray(upper(m)),
    "triangular tensor": lambda m: TriangularRelationTensor(torch.tensor(upper(m))),
    OF_KERNEL: lambda m: KernelOfGivenValues(torch.tensor(m)),
    "neighbor tuple": lambda m: NeighborRelationTuple(neighbors_of(m)),
    "sparse array": lambda m: SparseRelationArray(scipy.sparse.csr_array(m)),
    "flat array": lambda m: FlatRelationArray(m.ravel().copy()),
    "flat tensor": lambda m: FlatRelationTensor(torch.tensor(m.ravel())),
}
DATA_TYPES = {name: torch.Tensor if "tensor" in name else np.ndarray for name in MAKE}
DATA_TYPES |= {"neighbor tuple": tuple, "sparse array": scipy.sparse.csr_matrix}
CLASSES = {name: type(make(np.zeros((3, 3)))) for name, make in MAKE.items()}
MATRICES = [name for name in MAKE if "flat" not in name]
FLAT = [name for name in MAKE if "flat" in name]
ANY_MATRIX = [name for name in MATRICES if "triangular" not in name]

CONVERSIONS = {
    "square array": "to_square_array",
    "square tensor": "to_square_tensor",
    "triangular array": "to_triangular_array",
    "triangular tensor": "to_triangular_tensor",
    "neighbor tuple": "to_neighbor_tuple",
    "sparse array": "to_sparse_array",
}
TARGETS = list(CONVERSIONS)
CONVERSIONS[OF_KERNEL] = "to_triangular_tensor"


def dense(reldata):
    return reldata.to_square().detach().numpy()


def random_matrix(seed, n, density, *, symmetric=False, hollow=False):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((n, n)) < density, rng.uniform(0.1, 2, (n, n)), 0.0)
    if symmetric:
        matrix = np.triu(matrix) + np.triu(matrix, 1).T
    if hollow:
        np.fill_diagonal(matrix, 0)
    return matrix


@st.composite
def matrices(draw, layout="", *, symmetric=False, hollow=False):
    """Matrices that a layout can hold: triangular ones hold symmetric matrices with a zero diagonal."""
    triangular = "triangular" in layout
    return random_matrix(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(2, 9)),
        draw(st.sampled_from([0.0, 0.2, 0.5, 1.0])),
        symmetric=triangular or symmetric or draw(st.booleans()),
        hollow=triangular or hollow or draw(st.booleans()),
    )


def check(max_examples=25):
    return settings(max_examples=max_examples, deadline=None)


def close(got, expected):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=1e-14)


def snapshot(data):
    """The stored bits, in the order in which they are stored."""
    if isinstance(data, tuple):
        return [part.copy() for part in data]
    if scipy.sparse.issparse(data):
        return [data.data.copy(), data.indices.copy(), data.indptr.copy()]
    return [np.asarray(torch.as_tensor(data).detach()).copy()]


def assert_untouched(before, data):
    for old, new in zip(before, snapshot(data), strict=True):
        np.testing.assert_array_equal(old, new)


# -- agreement with the dense matrix ------------------------------------------------------------------


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_full_matrix_number_of_points_and_total_are_those_of_the_dense_matrix(layout, data):
    matrix = data.draw(matrices(layout))
    reldata = MAKE[layout](matrix)
    close(dense(reldata), matrix)
    assert reldata.n_points == len(matrix)
    assert float(reldata.total()) == pytest.approx(matrix.sum(), rel=1e-12)


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_rows_sum_to_one_after_row_normalisation_and_rows_of_zeros_stay_zero(layout, data):
    matrix = data.draw(matrices(layout))
    sums = matrix.sum(axis=1, keepdims=True)
    close(dense(MAKE[layout](matrix).row_normalized()), matrix / np.where(sums == 0, 1, sums))


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_total_is_one_after_normalisation_and_all_zeros_stay_zero(layout, data):
    matrix = data.draw(matrices(layout))
    reldata = MAKE[layout](matrix)
    normalized = reldata.normalized()
    assert isinstance(reldata, type(normalized))
    close(dense(normalized), matrix / (matrix.sum() or 1))


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_mean_and_fuzzy_union_with_the_transpose_are_those_of_the_dense_matrix(layout, data):
    matrix = data.draw(matrices(layout))
    reldata = MAKE[layout](matrix)
    close(dense(reldata.symmetrized()), (matrix + matrix.T) / 2)
    close(dense(reldata.symmetrized(subtract_product=True)), matrix + matrix.T - matrix * matrix.T)


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_without_diagonal_only_the_diagonal_becomes_zero(layout, data):
    matrix = data.draw(matrices(layout))
    close(dense(MAKE[layout](matrix).without_diagonal()), matrix * (1 - np.eye(len(matrix))))


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("kind", ["tensor", "array", "list"])
@check()
@given(data=st.data())
def test_block_at_any_indices_in_any_order_equals_dense_indexing(layout, kind, data):
    matrix = data.draw(matrices(layout))
    order = data.draw(st.permutations(range(len(matrix))))
    chosen = np.array(order[: data.draw(st.integers(1, len(order)))])
    given_as = {"tensor": torch.tensor(chosen), "array": chosen, "list": chosen.tolist()}[kind]
    block = MAKE[layout](matrix).sub(given_as)
    assert isinstance(block, torch.Tensor)
    close(block, matrix[np.ix_(chosen, chosen)])


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_edges_are_the_entries_that_are_not_zero(layout, data):
    matrix = data.draw(matrices(layout))
    rows, cols, values = MAKE[layout](matrix).edges()
    assert rows.dtype == cols.dtype == torch.int64
    assert len(rows) == np.count_nonzero(matrix)
    rebuilt = np.zeros_like(matrix)
    rebuilt[rows, cols] = values
    close(rebuilt, matrix)


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_elementwise_map_touches_stored_entries_only(layout, data):
    matrix = data.draw(matrices(layout, hollow=True))
    mapped = dense(MAKE[layout](matrix).map(lambda values: values.square() + 1))
    everywhere = matrix**2 + 1
    stored = np.ones_like(matrix) if layout.startswith("square") else matrix != 0
    if "triangular" in layout:
        stored = 1.0 - np.eye(len(matrix))
    close(mapped, np.where(stored, everywhere, 0))


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_elementwise_map_of_squares_gets_the_squares_of_stored_entries(layout, data):
    matrix = data.draw(matrices(layout, hollow=True))
    reldata = MAKE[layout](matrix)
    expected = dense(reldata.map(lambda values: 1 / (1 + values**2)))
    close(dense(reldata.map_squares(lambda squares: 1 / (1 + squares))), expected)


@pytest.mark.parametrize("layout", MATRICES)
@check()
@given(data=st.data())
def test_rowwise_map_sees_each_points_relations_to_the_others(layout, data):
    """A function of whole rows: every stored entry's rank in its row, the least of which is 1."""
    matrix = data.draw(matrices(layout))

    def ranks(rows):
        return (rows[:, None, :] <= rows[:, :, None]).sum(dim=2).to(rows)

    off_diagonal = matrix * (1 - np.eye(len(matrix)))
    others = ~np.eye(len(matrix), dtype=bool)
    seen = others if layout.startswith(("square", "triangular")) else off_diagonal != 0
    expected = np.zeros_like(matrix)
    for i, row in enumerate(off_diagonal):
        expected[i, seen[i]] = [(row[seen[i]] <= value).sum() for value in row[seen[i]]]
    close(dense(MAKE[layout](matrix).map_rows(ranks)), expected)


# -- conversions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", MATRICES)
@pytest.mark.parametrize("target", TARGETS)
@check(15)
@given(data=st.data())
def test_conversion_there_and_back_keeps_the_matrix(source, target, data):
    matrix = data.draw(matrices(source + target))
    converted = getattr(MAKE[source](matrix), CONVERSIONS[target])()
    assert isinstance(converted, CLASSES[target])
    close(dense(converted), matrix)
    back = getattr(converted, CONVERSIONS[source])()
    assert isinstance(back, CLASSES[source.removesuffix(" of a kernel")])
    close(dense(back), matrix)


@pytest.mark.parametrize("layout", ANY_MATRIX)
@pytest.mark.parametrize("method", ["to_triangular_array", "to_triangular_tensor"])
def test_asymmetric_relations_have_no_triangular_layout(layout, method):
    matrix = random_matrix(0, 5, 1.0)
    with pytest.raises(UnsupportedConfigurationError, match=r"Apply Symmetrize\(\) first"):
        getattr(MAKE[layout](matrix), method)()


@pytest.mark.parametrize("layout", MAKE)
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_flat_conversion_lists_the_stored_values(layout, kind):
    reldata = MAKE[layout](random_matrix(3, 5, 0.6, symmetric=True, hollow=True))
    flat = getattr(reldata, f"to_flat_{kind}")()
    assert type(flat) is CLASSES[f"flat {kind}"]
    close(flat.data, reldata.values.reshape(-1))


@pytest.mark.parametrize("layout", MATRICES)
def test_conversion_to_sparse_stores_no_zeros(layout):
    matrix = random_matrix(4, 8, 0.3, symmetric=True, hollow=True)
    zeroed = MAKE[layout](matrix).map(lambda values: torch.where(values > 1, values, 0))
    sparse = zeroed.to_sparse_array().data
    assert sparse.nnz == np.count_nonzero(matrix > 1) > 0
    assert (sparse.data != 0).all()


# -- nothing changes what it is given ------------------------------------------------------------------

METHODS = {
    "total": lambda r: r.total(),
    "row_normalized": lambda r: r.row_normalized(),
    "symmetrized": lambda r: r.symmetrized(),
    "fuzzy union": lambda r: r.symmetrized(subtract_product=True),
    "without_diagonal": lambda r: r.without_diagonal(),
    "normalized": lambda r: r.normalized(),
    "to_square": lambda r: r.to_square(),
    "sub": lambda r: r.sub([1, 0]),
    "edges": lambda r: r.edges(),
    "map": lambda r: r.map(torch.sqrt),
    "map_squares": lambda r: r.map_squares(torch.sqrt),
    "map_rows": lambda r: r.map_rows(lambda rows: rows * 2),
    "with_values": lambda r: r.with_values(r.values + 1),
    **{name: operator.methodcaller(name) for name in CONVERSIONS.values()},
    "to_flat_array": lambda r: r.to_flat_array(),
    "to_flat_tensor": lambda r: r.to_flat_tensor(),
    "repr": repr,
}


def given_data(layout, matrix):
    """What a user would pass; unsorted, and with stored zeros where the layout allows it."""
    if layout == "neighbor tuple":
        return neighbors_of(matrix)
    if layout == "sparse array":
        return scipy.sparse.csr_array((upper(matrix), (np.triu_indices(len(matrix), 1))), shape=matrix.shape)
    data = upper(matrix) if "triangular" in layout and layout != OF_KERNEL else matrix.copy()
    return torch.tensor(data) if "tensor" in layout else data


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("method", METHODS)
def test_no_method_changes_the_container_or_what_it_was_made_of(layout, method):
    matrix = random_matrix(5, 6, 0.6, symmetric=True, hollow=True)
    user_data = given_data(layout, matrix)
    before_user, reldata = snapshot(user_data), CLASSES[layout](user_data)
    before = snapshot(reldata.data)
    try:
        METHODS[method](reldata)
    except UnsupportedConfigurationError:
        # the sparse matrix given here is an upper triangle
        assert (layout, "triangular" in method) == ("sparse array", True)
    assert_untouched(before, reldata.data)
    assert_untouched(before_user, user_data)


def test_converting_unsorted_neighbours_with_zeros_leaves_their_arrays_as_they_are():
    indices, values = np.array([[2, 1], [2, 0], [1, 0]]), np.array([[1.0, 2.0], [0.0, 4.0], [5.0, 6.0]])
    reldata = NeighborRelationTuple((indices, values))
    reldata.symmetrized()
    np.testing.assert_array_equal(indices, [[2, 1], [2, 0], [1, 0]])
    np.testing.assert_array_equal(values, [[1, 2], [0, 4], [5, 6]])
    close(dense(reldata), [[0, 2, 1], [4, 0, 0], [6, 5, 0]])


def test_sparse_matrix_with_entries_in_parts_is_read_as_their_sum_and_left_as_it_is():
    parts, cols, starts = np.array([5.0, 1.0, 2.0]), np.array([2, 1, 1]), np.array([0, 3, 3, 3])
    matrix = scipy.sparse.csr_array((parts, cols, starts), shape=(3, 3))
    squared = SparseRelationArray(matrix).map(torch.square)
    close(dense(squared), [[0, 9, 25], [0, 0, 0], [0, 0, 0]])
    assert_untouched([np.array([5.0, 1, 2]), np.array([2, 1, 1]), np.array([0, 3, 3, 3])], matrix)


# -- data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", MAKE)
def test_data_have_the_type_that_the_name_promises(layout):
    matrix = random_matrix(6, 5, 0.6, symmetric=True, hollow=True)
    reldata = MAKE[layout](matrix)
    assert isinstance(reldata.data, DATA_TYPES[layout])
    if layout == "neighbor tuple":
        assert [type(part) for part in reldata.data] == [np.ndarray, np.ndarray]
        assert reldata.data[0].dtype == np.int64


@pytest.mark.parametrize("layout", [name for name in MAKE if name != OF_KERNEL])
def test_data_put_back_into_the_class_make_equal_relations(layout):
    reldata = MAKE[layout](random_matrix(7, 6, 0.5, symmetric=True, hollow=True))
    assert_untouched(snapshot(reldata.data), type(reldata)(reldata.data).data)


@pytest.mark.parametrize("layout", MAKE)
def test_assigning_data_affects_this_object_only(layout):
    matrix = random_matrix(8, 5, 0.7, symmetric=True, hollow=True)
    reldata = MAKE[layout](matrix)
    before, other = snapshot(reldata.data), copy.copy(reldata)
    other.data = MAKE[layout](2 * matrix).data
    assert float(other.total()) == pytest.approx(2 * float(reldata.total()))
    assert_untouched(before, reldata.data)


@pytest.mark.parametrize(
    ("layout", "wrong"),
    [
        ("square array", np.ones((2, 3))),
        ("square tensor", torch.ones(3)),
        ("triangular array", np.ones(4)),
        ("triangular tensor", torch.ones(3, 3)),
        ("neighbor tuple", (np.zeros((3, 2), int), np.ones((3, 1)))),
        ("neighbor tuple", (np.zeros((3, 2)), np.ones((3, 2)))),
        ("sparse array", scipy.sparse.csr_array((2, 3))),
        ("flat array", np.ones((3, 3))),
        ("flat tensor", torch.ones(3, 1)),
    ],
)
def test_data_of_another_shape_or_kind_are_refused_when_made_and_when_assigned(layout, wrong):
    reldata = MAKE[layout](random_matrix(9, 3, 1.0, symmetric=True, hollow=True))
    before = snapshot(reldata.data)
    with pytest.raises(ValueError, match=r"relations must have shape|neighbour indices"):
        CLASSES[layout](wrong)
    with pytest.raises(ValueError, match=r"relations must have shape|neighbour indices"):
        reldata.data = wrong
    assert_untouched(before, reldata.data)


@pytest.mark.parametrize("layout", MATRICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("repr", "edges")])
def test_results_keep_the_precision_of_the_input(layout, dtype, method):
    reldata = MAKE[layout](random_matrix(10, 5, 1.0, symmetric=True, hollow=True).astype(dtype))
    result = METHODS[method](reldata)
    values = result if isinstance(result, torch.Tensor) else result.values
    assert values.dtype == torch.from_numpy(np.zeros(1, dtype)).dtype


@pytest.mark.parametrize("layout", [name for name in MATRICES if name != OF_KERNEL])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_whole_numbers_give_the_results_of_floating_point_numbers(layout, dtype):
    matrix = np.round(2 * random_matrix(11, 6, 0.8, symmetric=True, hollow=True))
    whole, real = MAKE[layout](matrix.astype(dtype)), MAKE[layout](matrix)
    for method in ("row_normalized", "symmetrized", "normalized", "without_diagonal", "to_sparse_array"):
        np.testing.assert_allclose(dense(METHODS[method](whole)), dense(METHODS[method](real)), rtol=1e-6)
    halves = dense(whole.map_rows(lambda rows: rows / 2))
    np.testing.assert_allclose(halves, dense(real.map_rows(lambda rows: rows / 2)), rtol=1e-6)


@pytest.mark.parametrize("layout", [name for name in MAKE if name != OF_KERNEL])
def test_complex_relations_are_refused(layout):
    with pytest.raises(ValueError, match="must be real numbers"):
        MAKE[layout](np.ones((3, 3), complex))


# -- gradients ----------------------------------------------------------------------------------------

DIFFERENTIABLE = {
    "total": lambda r: r.total(),
    "row_normalized": lambda r: r.row_normalized().to_square(),
    "symmetrized": lambda r: r.symmetrized().to_square(),
    "fuzzy union": lambda r: r.symmetrized(subtract_product=True).to_square(),
    "without_diagonal": lambda r: r.without_diagonal().to_square(),
    "normalized": lambda r: r.normalized().to_square(),
    "to_square": lambda r: r.to_square(),
    "sub": lambda r: r.sub([2, 0, 3]),
    "map": lambda r: r.map(torch.exp).to_square(),
    "map_squares": lambda r: r.map_squares(lambda squares: 1 / (1 + squares)).to_square(),
    "map_rows": lambda r: r.map_rows(lambda rows: rows.softmax(dim=1)).to_square(),
    "edges": lambda r: r.edges()[2],
    "to_square_tensor": lambda r: r.to_square_tensor().values,
    "to_flat_tensor": lambda r: r.to_flat_tensor().values,
    "to_triangular_tensor": lambda r: r.symmetrized().to_triangular_tensor().values,
}


@pytest.mark.parametrize("layout", ["square tensor", "triangular tensor", OF_KERNEL])
@pytest.mark.parametrize("method", DIFFERENTIABLE)
def test_gradients_flow_through_tensor_layouts(layout, method):
    matrix = random_matrix(12, 4, 1.0, symmetric=True, hollow="triangular" in layout)
    values = torch.tensor(upper(matrix) if layout == "triangular tensor" else matrix, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: DIFFERENTIABLE[method](CLASSES[layout](v)), (values,))


@pytest.mark.parametrize("method", ["total", "normalized", "map"])
def test_gradients_flow_through_flat_tensors(method):
    values = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)

    def result(v):
        found = METHODS[method](FlatRelationTensor(v))
        return found if isinstance(found, torch.Tensor) else found.data

    assert torch.autograd.gradcheck(result, (values,))


# -- flat relations are no matrix ---------------------------------------------------------------------


@pytest.mark.parametrize("layout", FLAT)
@pytest.mark.parametrize(
    "method",
    [
        m
        for m in METHODS
        if m not in ("total", "normalized", "map", "map_squares", "with_values", "repr") and "flat" not in m
    ]
    + ["n_points"],
)
def test_flat_relations_refuse_what_needs_a_matrix(layout, method):
    reldata = MAKE[layout](random_matrix(13, 3, 1.0))
    with pytest.raises(UnsupportedConfigurationError, match="flat relations are a plain list of values"):
        METHODS.get(method, operator.attrgetter("n_points"))(reldata)


@pytest.mark.parametrize("layout", FLAT)
def test_flat_relations_know_their_total_and_elementwise_maps(layout):
    matrix = random_matrix(14, 3, 1.0)
    reldata = MAKE[layout](matrix)
    assert float(reldata.total()) == pytest.approx(matrix.sum())
    close(reldata.normalized().data, matrix.ravel() / matrix.sum())
    close(reldata.map(torch.square).data, matrix.ravel() ** 2)
