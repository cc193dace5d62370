"""The search among rows that are read in blocks: its recall, its distances, and when it is chosen."""

import numpy as np
import pytest
import torch

from paradime.neighbors import measured_recall, nearest_neighbors, on_disk, search
from paradime.sources import open_rows

pytest.importorskip("faiss")


@pytest.fixture
def X():
    random = np.random.default_rng(0)
    centers = random.normal(size=(20, 5)) * 4
    return (centers[random.integers(0, 20, 3_000)] + random.normal(size=(3_000, 5)) + 50).astype(np.float32)


@pytest.fixture
def rows(X, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(on_disk, "_QUERY_ELEMENTS", 11 * 700)
    monkeypatch.setattr("paradime.neighbors.euclidean._CHUNK_ELEMENTS", 5 * 800)
    np.save(tmp_path / "rows.npy", X)
    return open_rows(tmp_path / "rows.npy")


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "correlation"])
@pytest.mark.parametrize("half", [False, True])
def test_neighbors_have_the_promised_recall_and_their_distances(X, rows, metric, half, monkeypatch):
    if half:
        monkeypatch.setattr(on_disk, "_STORED_BYTES", 0)
    monkeypatch.setattr(type(rows), "dense", None)  # nothing reads all rows at once
    indices, dists = nearest_neighbors(rows, 10, metric=metric)
    monkeypatch.undo()
    assert indices.shape == dists.shape == (3_000, 10)
    assert not bool((indices == torch.arange(3_000)[:, None]).any())
    # half precision rounds distances between directions, so that near ones may change their order
    assert measured_recall(X, indices, metric=metric, n_rows=3_000) >= (0.97 if half else 0.985)
    exact, true_dists = nearest_neighbors(X, 10, metric=metric, backend="exact")
    assert exact.shape == indices.shape
    torch.testing.assert_close(dists.mean(), true_dists.mean(), rtol=0.02, atol=1e-6)


def test_trial_has_the_exact_neighbors(X, rows):
    from paradime.neighbors.euclidean import EuclideanRows

    sample = torch.tensor([0, 799, 800, 2_999])
    trial = on_disk._trial(EuclideanRows(rows, "euclidean"), sample, 5)
    exact, dists = nearest_neighbors(X, 5, backend="exact")
    assert trial.neighbors.sort(dim=1).values.tolist() == exact[sample].sort(dim=1).values.tolist()
    torch.testing.assert_close(trial.farthest, dists[sample, -1])


def test_few_rows_and_other_searches_read_the_rows_into_memory(X, rows, monkeypatch):
    monkeypatch.setattr(search, "searched_on_disk", None)
    for given, kwargs in (
        (rows.take(slice(0, 900)), {}),
        (rows.take(slice(0, 1_200)), {"metric": "manhattan"}),
        (rows.take(slice(0, 1_200)), {"backend": "exact"}),
    ):
        expected = nearest_neighbors(X[: len(given)], 3, **kwargs)
        assert torch.equal(nearest_neighbors(given, 3, **kwargs)[0], expected[0])
