import numpy as np
import pytest
import scipy.sparse
import torch

from draws import assert_drawn_by
from paradime.data import Dataset, NegSampledEdgeDataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.relationdata import SquareRelationArray, relation_factory

N = 12


def graph(kind="sparse"):
    """A symmetric graph whose weights differ."""
    rng = np.random.default_rng(0)
    matrix = np.triu(np.where(rng.random((N, N)) < 0.4, rng.uniform(0.1, 1, (N, N)), 0), 1)
    matrix += matrix.T
    return {
        "sparse": lambda: relation_factory(scipy.sparse.csr_array(matrix)),
        "square": lambda: relation_factory(matrix),
        "triangular": lambda: relation_factory(matrix).to_triangular_tensor(),
        "neighbor": lambda: relation_factory(matrix).to_neighbor_tuple(),
    }[kind]()


def points():
    return {"main": np.random.default_rng(1).normal(size=(N, 3)), "labels": np.arange(N) * 10}


def edges_of(rate=3, kind="sparse", seed=0):
    return NegSampledEdgeDataset(points(), graph(kind), neg_sampling_rate=rate, seed=seed)


@pytest.mark.parametrize("kind", ["sparse", "square", "triangular", "neighbor"])
def test_length_is_the_number_of_edges_whatever_the_layout(kind):
    assert len(edges_of(kind=kind)) == np.count_nonzero(graph().to_square())


@pytest.mark.parametrize("rate", [0, 1, 3])
def test_each_edge_is_followed_by_its_negatives_from_the_same_point(rate):
    edges = edges_of(rate)
    batch = edges[[4, 0, 7]]
    rel = batch["rel"].reshape(3, rate + 1)
    assert rel.dtype == torch.float32
    assert (rel[:, 0] == 1).all()
    assert (rel[:, 1:] == 0).all()
    row, col = (batch[key].reshape(3, rate + 1) for key in ("row", "col"))
    assert (row == row[:, :1]).all()
    positives = list(zip(row[:, 0].tolist(), col[:, 0].tolist(), strict=True))
    assert positives == [(int(edges.rows[i]), int(edges.cols[i])) for i in (4, 0, 7)]
    assert all(float(graph().to_square()[i, j]) > 0 for i, j in positives)
    assert (col[:, 1:] != row[:, 1:]).all()


def test_ends_of_pairs_are_the_data_at_row_and_col():
    edges = edges_of()
    batch = edges.sample(20, generator=torch.Generator().manual_seed(0))
    main = edges.dataset["main"]
    assert batch["from_to_data"].shape == (2, 80, 3)
    assert torch.equal(batch["from_to_data"][0], main[batch["row"]])
    assert torch.equal(batch["from_to_data"][1], main[batch["col"]])


def test_other_entries_belong_to_the_rows_that_occur_each_once():
    edges = edges_of()
    batch = edges.sample(20, generator=torch.Generator().manual_seed(1))
    expected = sorted(set(batch["row"].tolist()) | set(batch["col"].tolist()))
    assert batch["indices"].tolist() == expected
    assert batch["labels"].tolist() == [10 * i for i in expected]
    assert torch.equal(batch["main"], edges.dataset["main"][batch["indices"]])


def test_encoded_pairs_equal_the_encoded_data_of_the_pairs():
    model = torch.nn.Linear(3, 2)
    batch = edges_of().sample(15, generator=torch.Generator().manual_seed(2))
    pairs = batch.encode_pairs(model, "embed", "main", torch.device("cpu"))
    torch.testing.assert_close(pairs, model(batch["from_to_data"]))


def test_pairs_can_be_made_of_another_entry():
    data = points() | {"other": np.arange(N, dtype=float)[:, None]}
    edges = NegSampledEdgeDataset(data, graph(), data_key="other")
    batch = edges.sample(5)
    assert torch.equal(batch["from_to_data"][0, :, 0].long(), batch["row"])


def test_edges_are_drawn_in_proportion_to_their_weights():
    edges = edges_of(rate=0)
    batch = edges.sample(30_000, generator=torch.Generator().manual_seed(3))
    weights = graph().to_square().numpy()
    drawn = np.zeros_like(weights)
    np.add.at(drawn, (batch["row"].numpy(), batch["col"].numpy()), 1)
    assert_drawn_by(drawn, weights)


def test_edges_of_weight_zero_are_no_edges():
    matrix = scipy.sparse.csr_array((np.array([0.0, 2.0]), ([0, 1], [1, 2])), shape=(N, N))
    edges = NegSampledEdgeDataset(points(), relation_factory(matrix))
    assert len(edges) == 1
    assert (edges.rows.tolist(), edges.cols.tolist()) == ([1], [2])


def test_equal_seeds_draw_equal_negatives():
    assert torch.equal(edges_of(seed=5)[0:9]["col"], edges_of(seed=5)[0:9]["col"])
    assert not torch.equal(edges_of(seed=5)[0:9]["col"], edges_of(seed=6)[0:9]["col"])


def test_edges_are_taken_by_number_slice_list_or_tensor():
    edges = edges_of(rate=0)
    for chosen in (2, [2], slice(2, 3), torch.tensor([2])):
        assert edges[chosen]["row"].tolist() == [int(edges.rows[2])]
    with pytest.raises(IndexError):
        edges[len(edges)]


def test_iteration_ends_after_the_last_edge():
    assert sum(1 for _ in edges_of(rate=1)) == len(edges_of())


def test_data_set_that_exists_is_shared():
    dataset = Dataset(points())
    assert NegSampledEdgeDataset(dataset, graph()).dataset is dataset


def test_relations_of_another_number_of_points_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match="same number of points, got 3 and 12"):
        NegSampledEdgeDataset(points(), SquareRelationArray(np.eye(3)))


@pytest.mark.parametrize("matrix", [np.zeros((N, N)), -np.eye(N)])
def test_graph_without_edges_or_with_negative_weights_is_refused(matrix):
    with pytest.raises(ValueError, match="finite, not negative, and not all zero"):
        NegSampledEdgeDataset(points(), relation_factory(matrix))


def test_negative_rate_is_refused():
    with pytest.raises(ValueError, match="neg_sampling_rate must be an integer of at least 0, got -1"):
        edges_of(rate=-1)


def test_flat_relations_have_no_edges():
    with pytest.raises(UnsupportedConfigurationError, match="flat relations"):
        NegSampledEdgeDataset(points(), relation_factory(np.ones(N), force_flat=True))


def test_negatives_of_the_batch_are_points_of_its_other_edges():
    edges = NegSampledEdgeDataset(points(), graph(), neg_sampling_rate=3, seed=0, negatives="batch")
    batch = edges[[0, 9, 14]]
    row, col = (batch[key].reshape(3, 4) for key in ("row", "col"))
    ends = set(row[:, 0].tolist()) | set(col[:, 0].tolist())
    assert set(col[:, 1:].flatten().tolist()) <= ends
    assert (col[:, 1:] != row[:, 1:]).all()
    assert batch["indices"].tolist() == sorted(ends)
    assert batch["rel"].tolist() == [1, 0, 0, 0] * 3


def test_unknown_negatives_are_refused_with_what_was_meant():
    with pytest.raises(ValueError, match=r"unknown negatives 'bacth'\. Did you mean 'batch'"):
        NegSampledEdgeDataset(points(), graph(), negatives="bacth")


def test_edges_share_the_memory_of_a_sparse_graph():
    relations = graph()
    edges = NegSampledEdgeDataset(points(), relations)
    assert edges._weights.data_ptr() == relations.values.data_ptr()
    assert np.shares_memory(edges._cols.numpy(), relations.data.indices)


@pytest.mark.parametrize("kind", ["sparse", "square", "triangular", "neighbor"])
def test_edges_are_numbered_row_by_row(kind):
    rows, cols = graph().to_square().nonzero(as_tuple=True)
    edges = edges_of(kind=kind)
    assert torch.equal(edges.rows, rows)
    assert torch.equal(edges.cols, cols)


@pytest.mark.parametrize("n", [50, 100_000])
def test_distinct_points_are_those_of_a_sort_however_many_points_there_are(n):
    from paradime.data.pairs import distinct_points

    points = torch.randint(50, (200,), generator=torch.Generator().manual_seed(0)) * (n // 50)
    expected = torch.unique(points, return_inverse=True)
    assert all(
        torch.equal(result, wanted) for result, wanted in zip(distinct_points(points, n), expected, strict=True)
    )
