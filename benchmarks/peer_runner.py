"""Runs one library on one data set, in that library's own environment, and writes what came out.

    python peer_runner.py NAME FOLDER

``FOLDER`` holds ``train.npy`` and ``test.npy``; ``result.json`` with the seconds, ``embedding.npy`` and, where the
library places new points, ``test_embedding.npy`` are written there. Only the calls of the library's own interface
that fit are timed, without imports and without placing new points.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Embed = Callable[[np.ndarray], np.ndarray]
K = 15


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the seconds of a call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def umap_learn(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """UMAP without a network, with defaults."""
    import umap

    model = umap.UMAP()
    seconds, embedding = timed(lambda: model.fit_transform(X))
    return seconds, embedding, model.transform


def opentsne(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """t-SNE without a network, with defaults and both cores."""
    import openTSNE

    seconds, embedding = timed(lambda: openTSNE.TSNE(n_jobs=2, random_state=0).fit(X))
    return seconds, np.asarray(embedding), lambda rows: np.asarray(embedding.transform(rows))


def contrastive_ne(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """Parametric contrastive embedding with InfoNCE, 10 epochs."""
    import cne

    settings = {"loss_mode": "infonce", "n_epochs": 10, "optimizer": "adam", "batch_size": 1024}
    model = cne.CNE(parametric=True, seed=0, **settings)
    # init: only its length is used, but without any it fails
    seconds, _ = timed(lambda: model.fit(X, init=X))
    return seconds, model.transform(X), model.transform


def parametric_umap(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """Parametric UMAP with a network of 3 × 100, 2 epochs."""
    import torch
    from parametric_umap import ParametricUMAP

    torch.manual_seed(0)
    model = ParametricUMAP(hidden_dim=100, n_layers=3, n_epochs=2, batch_size=1024)
    seconds, _ = timed(lambda: model.fit(X, verbose=False))
    return seconds, model.transform(X), model.transform


def torchdr(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """UMAP with an encoder of 3 × 100, 200 iterations, each over all points."""
    import torch
    import torchdr as library

    torch.manual_seed(0)
    widths = [X.shape[1], 100, 100, 100]
    hidden = [m for a, b in itertools.pairwise(widths) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    encoder = torch.nn.Sequential(*hidden, torch.nn.Linear(100, 2))
    settings = {"n_neighbors": K, "max_iter": 200, "optimizer": "Adam", "lr": 1e-2, "random_state": 0}
    model = library.UMAP(encoder=encoder, device="cpu", **settings)
    rows = torch.from_numpy(X)
    seconds, _ = timed(lambda: model.fit_transform(rows))

    def embed(points: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return encoder(torch.from_numpy(points)).numpy()

    return seconds, embed(X), embed


def paradime_umap(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """Our parametric UMAP as ParaDime 1.x has it, with batches of 1,024."""
    from paradime import ParametricUMAP

    model = ParametricUMAP(batch_size=1024, random_state=0)
    seconds, _ = timed(lambda: model.train(X))
    return seconds, model.transform(X), model.transform


def paradime_tsne(X: np.ndarray) -> tuple[float, np.ndarray, Embed]:
    """Our parametric t-SNE as ParaDime 1.x has it, with batches of 1,024."""
    from paradime import ParametricTSNE

    model = ParametricTSNE(refine=False, batch_size=1024, random_state=0)
    seconds, _ = timed(lambda: model.train(X))
    return seconds, model.transform(X), model.transform


def pynndescent(X: np.ndarray) -> dict[str, float]:
    """Neighbours: the first search, which compiles, another in the same process, and recall."""
    from pynndescent import NNDescent

    fresh, _ = timed(lambda: NNDescent(X, n_neighbors=K + 1, random_state=0).neighbor_graph)
    warm, (indices, _) = timed(lambda: NNDescent(X, n_neighbors=K + 1, random_state=0).neighbor_graph)
    return {"fresh": fresh, "again": warm, "recall": recall(X, indices)}


def paradime_neighbors(X: np.ndarray) -> dict[str, float]:
    """Our neighbours: the first search, another in the same process, and recall."""
    import torch

    from paradime.neighbors import nearest_neighbors

    rows = torch.from_numpy(X)
    fresh, _ = timed(lambda: nearest_neighbors(rows, K))
    warm, (indices, _) = timed(lambda: nearest_neighbors(rows, K))
    return {"fresh": fresh, "again": warm, "recall": recall(X, indices.numpy())}


def recall(X: np.ndarray, indices: np.ndarray, n_sampled: int = 500) -> float:
    """Returns the share of true neighbours that were found of sampled rows, by the same means for everybody."""
    sampled = np.random.default_rng(0).choice(len(X), n_sampled, replace=False)
    found = 0
    for i in sampled:
        dists = ((X - X[i]).astype(np.float64) ** 2).sum(1)
        dists[i] = np.inf
        others = indices[i][indices[i] != i][:K]
        # as near as the k-th nearest is near enough: of duplicates, either will do
        found += int((dists[others] <= np.partition(dists, K - 1)[K - 1]).sum())
    return found / (K * n_sampled)


EMBEDDERS = {
    f.__name__: f
    for f in (umap_learn, opentsne, contrastive_ne, parametric_umap, torchdr, paradime_umap, paradime_tsne)
}
SEARCHES = {f.__name__: f for f in (pynndescent, paradime_neighbors)}


def main(name: str, folder: Path) -> None:
    """Runs a library and writes its results."""
    X = np.load(folder / "train.npy")
    if name in SEARCHES:
        result = SEARCHES[name](X)
    else:
        seconds, embedding, embed = EMBEDDERS[name](X)
        # before the embedding is saved: openTSNE centres it in place when it places new points
        placed = embed(np.load(folder / "test.npy"))
        np.save(folder / "embedding.npy", np.asarray(embedding, dtype=np.float32))
        np.save(folder / "test_embedding.npy", np.asarray(placed, dtype=np.float32))
        result = {"seconds": seconds}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
