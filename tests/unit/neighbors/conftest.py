import importlib.machinery
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import scipy.spatial
import torch


@pytest.fixture
def pynndescent_stub(monkeypatch):
    """An exact search with the interface of PyNNDescent, whose import compiles for seconds."""
    calls = []

    class NNDescent:
        def __init__(self, data, metric, n_neighbors, random_state, n_jobs):
            calls.append({"metric": metric, "n_neighbors": n_neighbors, "random_state": random_state})
            assert data.dtype == np.float32
            assert 1 <= n_jobs <= torch.get_num_threads()
            rows = data.toarray() if scipy.sparse.issparse(data) else data
            dists = scipy.spatial.distance.cdist(rows, rows, {"manhattan": "cityblock"}.get(metric, metric))
            order = dists.argsort(axis=1, kind="stable")[:, :n_neighbors]
            self.neighbor_graph = order.astype(np.int32), np.take_along_axis(dists, order, 1).astype(np.float32)

    module, distances = types.ModuleType("pynndescent"), types.ModuleType("pynndescent.distances")
    sparse = types.ModuleType("pynndescent.sparse")
    sparse.sparse_named_distances = dict.fromkeys(["euclidean", "manhattan", "cosine"])
    module.NNDescent, module.distances, module.sparse = NNDescent, distances, sparse
    module.__spec__ = importlib.machinery.ModuleSpec("pynndescent", None)
    monkeypatch.setitem(sys.modules, "pynndescent", module)
    monkeypatch.setitem(sys.modules, "pynndescent.distances", distances)
    monkeypatch.setitem(sys.modules, "pynndescent.sparse", sparse)
    return calls
