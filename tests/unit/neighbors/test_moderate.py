"""Neighbours of rows in very large and very small units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.neighbors import measured_recall, nearest_neighbors

ROWS = np.random.default_rng(0).normal(size=(300, 40))


@pytest.mark.parametrize("scale", [2.0**-110, 2.0**-40, 2.0**40, 2.0**110])
@pytest.mark.parametrize("backend", ["exact", "blocks", "faiss", "sparse"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_unit_of_the_rows_changes_no_neighbour(backend: str, metric: str, scale: float) -> None:
    if backend == "faiss":
        pytest.importorskip("faiss")

    def result(rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if backend == "sparse":
            return nearest_neighbors(scipy.sparse.csr_array(rows), 5, metric=metric)
        return nearest_neighbors(rows, 5, metric=metric, backend=backend)

    indices, dists = result(ROWS)
    scaled_indices, scaled_dists = result(ROWS * scale)
    assert (indices == scaled_indices).float().mean() > 0.99
    unit = scale if metric == "euclidean" else 1.0
    assert torch.allclose(scaled_dists, dists * unit, rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", [2.0**-110, 2.0**110])
def test_recall_is_measured_in_any_unit(scale: float) -> None:
    indices, _ = nearest_neighbors(ROWS, 5)
    assert measured_recall(torch.from_numpy(ROWS * scale), indices) == 1


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_distances_beyond_single_precision_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"must lie within single precision.*Rescale the columns"):
        nearest_neighbors(ROWS * scale, 5, metric="sqeuclidean")
