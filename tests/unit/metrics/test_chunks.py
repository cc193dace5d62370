import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.explain import neighborhood_error
from paradime.metrics import (
    axis_correlation,
    continuity,
    coranking_curve,
    fixed_fraction_recall,
    knn_accuracy,
    knn_recall,
    random_triplet_accuracy,
    sammon_stress,
    shepard_correlation,
    silhouette,
    stress,
    trustworthiness,
)
from paradime.metrics._chunks import distance_blocks

PAIR_METRICS = [trustworthiness, continuity, knn_recall, fixed_fraction_recall, stress]


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for output in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(output, torch.Tensor):
                self.numel = max(self.numel, output.numel())
        return result


def make_pair(n=80, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    return X, X[:, :2] + 0.3 * rng.normal(size=(n, 2))


def measure_all(X, embedding, values):
    return [
        *(metric(X, embedding) for metric in PAIR_METRICS),
        stress(X, embedding, rescale=True),
        knn_accuracy(embedding, np.arange(len(X)) % 3),
        *axis_correlation(embedding, values),
    ]


@pytest.mark.parametrize(
    "metric",
    [
        *PAIR_METRICS,
        sammon_stress,
        lambda X, e: knn_accuracy(e, X[:, 0] > 0),
        lambda X, e: silhouette(e, X[:, 0] > 0),
        lambda X, e: coranking_curve(X, e, n_samples=500),
        lambda X, e: shepard_correlation(X, e, n_pairs=20_000),
        lambda X, e: random_triplet_accuracy(X, e, n_triplets=20_000),
        lambda X, e: knn_recall(X, e, test_X=X, test_embedding=e),
        lambda X, e: neighborhood_error(X, e, n_neighbors=3),
    ],
)
def test_no_metric_holds_a_square_matrix_of_distances(metric, monkeypatch):
    # the block size is small compared with this number of points
    monkeypatch.setattr("paradime.metrics._chunks._CPU_BLOCK", 2**16)
    monkeypatch.setattr("paradime.metrics._chunks._PAIR_ELEMENTS", 2**16)
    n = 1500
    X, embedding = make_pair(n)
    with LargestTensor() as largest:
        metric(X, embedding)
    assert n * 2 <= largest.numel < n * n / 20


@pytest.mark.parametrize("chunk_size", [1, 7, 80, 1000, np.int64(33)])
@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_chunk_size_does_not_change_the_result(metric, chunk_size):
    X, embedding = make_pair()
    assert metric(X, embedding, chunk_size=chunk_size) == pytest.approx(metric(X, embedding), abs=1e-14)


@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_many_columns_and_few_dimensions_go_through_the_same_rows(metric):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 40))
    assert metric(X, X[:, :2]) == pytest.approx(metric(X, X[:, :2], chunk_size=400), abs=1e-12)


@pytest.mark.parametrize("dim", [3, 25, 26, 100])
def test_distances_are_exact_far_from_the_origin(dim):
    # in single precision these points coincide; the expansion |a|² + |b|² - 2ab fails even in double
    points = np.random.default_rng(0).normal(size=(40, dim))
    blocks = distance_blocks(torch.from_numpy(points + 1e8), chunk_size=9)
    distances = torch.cat([block for _, block in blocks]).numpy()
    expected = np.linalg.norm(points[:, None] - points, axis=2)
    # 1e8 leaves eight digits of the coordinates
    np.testing.assert_allclose(distances, expected, atol=1e-6)


def test_blocks_measure_from_queries():
    points, queries = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[1.0], [5.0], [0.0]]).double()
    blocks = list(distance_blocks(points, queries=queries, self_distance=math.inf, chunk_size=2))
    assert [rows for rows, _ in blocks] == [slice(0, 2), slice(2, 3)]
    assert torch.cat([block for _, block in blocks]).tolist() == [[1, 0], [5, 4], [0, 1]]


@pytest.mark.parametrize(
    "convert",
    [
        torch.from_numpy,
        lambda array: torch.from_numpy(array).requires_grad_(),
        lambda array: np.flip(np.flip(array).copy()),
        np.asfortranarray,
        lambda array: array.tolist(),
    ],
    ids=["tensor", "gradient", "negative strides", "column order", "lists"],
)
def test_all_containers_give_the_same_result(convert):
    X, embedding = make_pair()
    expected = measure_all(X, embedding, X[:, 0])
    assert measure_all(convert(X), convert(embedding), convert(X[:, 0])) == pytest.approx(expected, abs=1e-12)


def test_inputs_are_left_alone():
    X, embedding = make_pair()
    before = X.copy(), embedding.copy()
    measure_all(X, embedding, X[:, 0])
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(embedding, before[1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_values_that_are_not_finite_name_the_input_and_count_the_rows(metric, bad):
    X, embedding = make_pair()
    broken = embedding.copy()
    broken[[3, 3, 5], [0, 1, 1]] = bad
    with pytest.raises(ValueError, match=r"embedding must be finite.* in 2 of 80 rows"):
        metric(X, broken)
    broken = X.copy()
    broken[7] = bad
    with pytest.raises(ValueError, match=r"X must be finite.* in 1 of 80 rows"):
        metric(broken, embedding)


@pytest.mark.parametrize("metric", PAIR_METRICS)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X, e: (X[:-1], e), ValueError, "same number of rows, got 79 and 80"),
        (lambda X, e: (X[:, 0], e), ValueError, r"X must have shape \(n, dim\).* got \(80,\)"),
        (lambda X, e: (X, e[None]), ValueError, r"embedding must have shape \(n, dim\).* got \(1, 80, 2\)"),
        (lambda X, e: (X[:0], e[:0]), ValueError, r"at least one row and column, got \(0, 6\)"),
        (lambda X, e: (X, e * 1j), TypeError, "embedding must be real"),
        (lambda X, e: (X.astype(str), e), TypeError, "expected numbers"),
    ],
    ids=["length", "flat", "3-d", "empty", "complex", "text"],
)
def test_wrong_inputs_say_what_was_given(metric, change, error, message):
    with pytest.raises(error, match=message):
        metric(*change(*make_pair()))


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5, "many", True])
def test_chunk_size_must_be_a_positive_integer(chunk_size):
    with pytest.raises(ValueError, match=f"got {chunk_size!r}"):
        trustworthiness(*make_pair(), chunk_size=chunk_size)


@pytest.mark.parametrize("metric", PAIR_METRICS[:3])
@pytest.mark.parametrize("n_neighbors", [2.0, "5", True, None])
def test_n_neighbors_must_be_an_integer(metric, n_neighbors):
    with pytest.raises(TypeError, match="n_neighbors must be an integer, got"):
        metric(*make_pair(), n_neighbors=n_neighbors)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_results_on_the_gpu_are_those_on_the_cpu():
    X, embedding = make_pair(500)
    X_gpu, embedding_gpu = torch.from_numpy(X).cuda(), torch.from_numpy(embedding).cuda()
    for metric in PAIR_METRICS:
        expected = metric(X, embedding)
        assert metric(X_gpu, embedding_gpu) == pytest.approx(expected, abs=1e-12)
        assert metric(X_gpu, embedding) == pytest.approx(expected, abs=1e-12)
        assert metric(X, embedding_gpu) == pytest.approx(expected, abs=1e-12)
    labels = (X[:, 0] > 0).astype(int)
    assert knn_accuracy(embedding_gpu, torch.from_numpy(labels).cuda()) == knn_accuracy(embedding, labels)
    np.testing.assert_allclose(axis_correlation(embedding_gpu, X_gpu[:, 0]), axis_correlation(embedding, X[:, 0]))
