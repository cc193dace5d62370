import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.refinement import ReferenceRows
from paradime.refinement.reference import checks_of, factors_of_checks
from paradime.utils.sparse import SparseRows


def rows(n=400, d=8, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def nearest_by_all(X, Q, k):
    return torch.cdist(Q.to(torch.float64), X.to(torch.float64)).sort(dim=1).indices[:, :k]


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (1e4, 1), (0, 1e30), (0, 1e-30)])
def test_the_nearest_rows_are_found_in_any_unit(shift, scale):
    X, Q = (rows() + shift) * scale, (rows(20, seed=1) + shift) * scale
    found, squares = ReferenceRows.of(X).nearest(Q, 5)
    unit = torch.tensor(scale, dtype=torch.float64)
    expected = nearest_by_all(X.to(torch.float64) / unit, Q.to(torch.float64) / unit, 5)
    # rows are stored in half precision: neighbours at nearly the same distance may change places
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found.tolist(), expected.tolist(), strict=True)])
    assert shared > 0.95
    assert bool((squares.diff(dim=1) >= 0).all())


def test_many_columns_are_reduced_and_neighbours_kept():
    hidden, mixing = rows(500, 10), rows(10, 400, seed=2)
    X, Q = hidden @ mixing, rows(10, 10, seed=3) @ mixing
    reference = ReferenceRows.of(X)
    assert reference.rows.shape == (500, 100)
    expected = nearest_by_all(X, Q, 5)
    found, _ = reference.nearest(Q, 5)
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found.tolist(), expected.tolist(), strict=True)])
    assert shared > 0.95


@pytest.mark.parametrize(("metric", "same"), [("cosine", lambda X: 7 * X), ("correlation", lambda X: 7 * X + 3)])
def test_directions_are_compared_where_the_metric_compares_them(metric, same):
    X = rows()
    found, squares = ReferenceRows.of(X, metric).nearest(same(X[:10]), 1)
    assert found.squeeze(1).tolist() == list(range(10))
    assert float(squares.max()) < 2


def test_equal_rows_are_recognised_and_no_others():
    X = rows(50)
    X[30] = X[7]
    X[5, 0] = -0.0
    reference = ReferenceRows.of(X)
    asked = X.clone()
    asked[5, 0] = 0.0
    assert reference.find(asked).tolist() == [*range(30), 7, *range(31, 50)]
    assert reference.find(torch.nextafter(X, X + 1)).tolist() == [-1] * 50
    assert reference.first_equal().tolist() == [*range(30), 7, *range(31, 50)]


def test_rows_can_be_images_and_sparse():
    X = rows(30, 12)
    X[X < 0] = 0
    images = ReferenceRows.of(X.view(30, 3, 4))
    assert images.find(X.view(30, 3, 4)).tolist() == list(range(30))
    sparse = ReferenceRows.of(SparseRows(scipy.sparse.csr_array(X.numpy())))
    assert torch.equal(sparse.rows, ReferenceRows.of(X).rows)
    assert sparse.find(X).tolist() == list(range(30))


def test_rows_that_are_added_are_found_too():
    X = rows(60)
    grown = ReferenceRows.of(X[:40]).with_rows(X[40:])
    assert grown.find(X).tolist() == list(range(60))
    assert grown.nearest(X + 1e-4, 1)[0].squeeze(1).tolist() == list(range(60))


def test_distances_are_differentiable():
    X = rows(50).to(torch.float64)
    query = X[:1].clone().requires_grad_()
    _, squares = ReferenceRows.of(X[1:]).nearest(query, 3)
    (gradient,) = torch.autograd.grad(squares.sum(), query)
    assert float(gradient.norm()) > 0


def test_the_state_is_read_again_and_a_damaged_one_refused():
    reference = ReferenceRows.of(rows(20))
    again = ReferenceRows.from_state(reference.state())
    assert again.find(rows(20)).tolist() == list(range(20))
    for name, value in (
        ("keys", reference.keys[:3]),
        ("checks", reference.checks[:5]),
        ("axes", torch.ones(2, 3)),
    ):
        with pytest.raises(ValueError, match="do not fit together"):
            ReferenceRows.from_state({**reference.state(), name: value})


def test_a_subset_knows_its_rows_and_no_others():
    X = rows(40)
    reference = ReferenceRows.of(X).subset(torch.arange(0, 40, 2))
    assert reference.find(X).tolist() == [i // 2 if i % 2 == 0 else -1 for i in range(40)]
    assert reference.nearest(X[::2], 1)[0].squeeze(1).tolist() == list(range(20))


def test_sums_of_equal_rows_agree_in_any_order_of_columns_and_those_of_others_do_not():
    X = rows(300, 30).to(torch.float64)
    factors = factors_of_checks(30)
    sums, rounding = checks_of(X, factors)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    again, _ = checks_of(X[:, order], factors[order])
    assert bool(((sums - again).abs() <= rounding).all())
    apart = (sums[:, None] - sums).abs() <= rounding[:, None]
    assert int(apart.sum()) == 300
    other, _ = checks_of(X.to(torch.float32).nextafter(torch.tensor(torch.inf)), factors)
    assert bool(((sums - other).abs() > rounding).all())


@pytest.mark.parametrize("n_rows", [1, 60, 1_700, 1_999])
def test_some_rows_cover_the_others_better_than_random_ones(n_rows):
    X = rows(2_000, 2)
    reference = ReferenceRows.of(X)
    chosen = reference.covering(n_rows)
    assert len(chosen.unique()) == n_rows
    assert torch.equal(chosen, reference.covering(n_rows))
    if n_rows < 1_000:  # above, nearly all are chosen

        def farness(some):
            return float(torch.cdist(X, X[some]).amin(dim=1).square().mean())

        drawn = torch.randperm(2_000, generator=torch.Generator().manual_seed(0))[:n_rows]
        assert farness(chosen) < 0.9 * farness(drawn)
