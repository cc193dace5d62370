"""How good an embedding is: of the rows it was fitted on, and of rows held out.

All neighbours are exact. Rows, pairs and triplets are sampled with a fixed seed, so that they are the same for all
methods. Neighbours in the data are cached in ``.envs/quality``.
"""

from __future__ import annotations

import hashlib
import math

import faiss
import numpy as np
import scipy.spatial
import scipy.stats
import torch
from quality_data import CACHE, Data

import paradime.metrics

__all__ = ["METRICS", "evaluate"]

# in the order of the tables; the value says whether higher is better
METRICS = {
    "knn_seen": True,
    "knn_held_out": True,
    "preserved_seen": True,
    "preserved_held_out": True,
    "fraction_seen": True,
    "fraction_held_out": True,
    "trust": True,
    "triplets": True,
    "distances": True,
    "centroids": True,
    "class_neighbors": True,
    "lost_rate": False,
}
VOTERS, PRESERVED, TRUSTED = 10, 30, 15
NEAREST, FRACTION = 10, 0.001  # neighbours that are searched in a share of all embedded rows
NEAR = 100  # a held-out row is lost if none of its embedded neighbours is among so many nearest rows
SAMPLED_VOTES, SAMPLED = 5_000, 2_000


def evaluate(data: Data, embedding: np.ndarray, test_embedding: np.ndarray) -> dict[str, float]:
    """Measures an embedding.

    Args:
        data: The data.
        embedding: Positions of the rows to fit on, shape (n, 2).
        test_embedding: Positions of the rows held out, shape (m, 2).

    Returns:
        Metrics by name:

        - ``knn_seen``, ``knn_held_out``: share of rows classified correctly by the majority of their 10 nearest
          embedded training rows, without the row itself.
        - ``preserved_seen``, ``preserved_held_out``: mean share of a row's 30 nearest training rows in the data
          that are among its 30 nearest in the embedding.
        - ``fraction_seen``, ``fraction_held_out``: mean share of a row's 10 nearest training rows in the data that
          are among the nearest 0.1 % of the training rows in the embedding (FFR).
        - ``trust``: trustworthiness of 15 neighbours; 1 if no row that is distant in the data is embedded nearby.
        - ``triplets``: share of 100,000 random triplets with the same order of distances in data and embedding.
        - ``distances``: Spearman's correlation of the distances of 100,000 random pairs (CPD).
        - ``centroids``: correlation of the distances between centres of classes, in the data and in the embedding.
        - ``class_neighbors``: share of nearest class means preserved (KNC); 4 of 10 classes, 10 of many.
        - ``lost_rate``: share of held-out rows none of whose 10 nearest embedded rows is among their 100 nearest
          rows in the data.

    Raises:
        ValueError: If positions are not finite.
    """
    if not (np.isfinite(embedding).all() and np.isfinite(test_embedding).all()):
        raise ValueError("positions must be finite, got NaN or infinity.")
    embedding, test_embedding = (np.asarray(rows, dtype=np.float64) for rows in (embedding, test_embedding))
    rows, test_rows = sampled(len(data.train), SAMPLED_VOTES), sampled(len(data.test), SAMPLED)
    near, near_test = data_neighbors(data, rows[:SAMPLED])
    tree = scipy.spatial.cKDTree(embedding)
    shown = without_self(np.asarray(tree.query(embedding[rows], PRESERVED + 1, workers=-1)[1]), rows)
    shown_test = np.asarray(tree.query(test_embedding, PRESERVED, workers=-1)[1])
    lost = overlaps(shown_test[:, :VOTERS], near_test) == 0
    n_searched = max(NEAREST, math.ceil(round(FRACTION * len(embedding), 9)))
    region = np.asarray(tree.query(embedding[rows[:SAMPLED]], n_searched + 1, workers=-1)[1])
    region_test = np.asarray(tree.query(test_embedding[test_rows], n_searched, workers=-1)[1])
    return {
        "knn_seen": accuracy(data.train_labels, shown, data.train_labels[rows]),
        "knn_held_out": accuracy(data.train_labels, shown_test, data.test_labels),
        "preserved_seen": float(overlaps(shown[:SAMPLED], near).mean()) / PRESERVED,
        "preserved_held_out": float(overlaps(shown_test[test_rows], near_test[test_rows, :PRESERVED]).mean())
        / PRESERVED,
        "fraction_seen": found(near, without_self(region, rows[:SAMPLED])),
        "fraction_held_out": found(near_test[test_rows], region_test),
        "trust": trustworthiness(data.train, shown[:SAMPLED, :TRUSTED], rows[:SAMPLED]),
        "triplets": float(paradime.metrics.random_triplet_accuracy(data.train, embedding)),
        "distances": float(paradime.metrics.shepard_correlation(data.train, embedding, n_pairs=100_000)),
        "centroids": centroid_correlation(data.train, embedding, data.train_labels),
        "class_neighbors": paradime.metrics.class_mean_neighbors(data.train, embedding, data.train_labels),
        "lost_rate": float(lost.mean()),
    }


def sampled(n: int, size: int) -> np.ndarray:
    """Returns distinct rows of n, at random by a fixed seed; a larger sample begins with the smaller one."""
    return np.random.default_rng(0).permutation(n)[:size]


def data_neighbors(data: Data, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 30 nearest rows of sampled rows and the 100 nearest of all held-out rows, from the cache."""
    key = hashlib.blake2b(data.train.tobytes() + data.test.tobytes() + rows.tobytes(), digest_size=8).hexdigest()
    path = CACHE / "neighbors" / f"{data.name}-{key}.npz"
    if not path.exists():
        near = without_self(search(data.train, data.train[rows], PRESERVED + 1), rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, near=near, near_test=search(data.train, data.test, NEAR))
    with np.load(path) as archive:
        return archive["near"], archive["near_test"]


def search(X: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Returns the indices of the k nearest rows, exactly, nearest first, shape (m, k)."""
    threshold = faiss.cvar.distance_compute_blas_threshold
    # compute distances from differences: products lose precision for close rows far from the origin
    faiss.cvar.distance_compute_blas_threshold = len(queries) + 1
    try:
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(np.ascontiguousarray(X, dtype=np.float32))
        return np.asarray(index.search(np.ascontiguousarray(queries, dtype=np.float32), k)[1])
    finally:
        faiss.cvar.distance_compute_blas_threshold = threshold


def without_self(neighbors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Removes each row from its own k + 1 neighbours, or the last one if duplicates displace it, shape (m, k)."""
    own = neighbors == rows[:, None]
    own[~own.any(1), -1] = True
    others: np.ndarray = neighbors[~own].reshape(len(rows), -1)
    return others


def overlaps(a: np.ndarray, b: np.ndarray, chunk: int = 500) -> np.ndarray:
    """Returns how many indices of a row of ``a`` are in that row of ``b``, shape (m,)."""
    counts = [
        (a[i : i + chunk, :, None] == b[i : i + chunk, None, :]).any(2).sum(1) for i in range(0, len(a), chunk)
    ]
    return np.concatenate(counts)


def found(near: np.ndarray, region: np.ndarray) -> float:
    """Returns the mean share of the 10 nearest rows in the data that are in a region of the embedding."""
    return float(overlaps(near[:, :NEAREST], region).mean()) / NEAREST


def accuracy(labels: np.ndarray, neighbors: np.ndarray, truth: np.ndarray) -> float:
    """Returns the share of rows that the majority of 10 neighbours classifies correctly; ties: the first class."""
    classes, codes = np.unique(labels, return_inverse=True)
    votes = codes[neighbors[:, :VOTERS]]
    counts = np.zeros((len(votes), len(classes)), dtype=np.int64)
    np.add.at(counts, (np.arange(len(votes))[:, None], votes), 1)
    return float((classes[counts.argmax(1)] == truth).mean())


def trustworthiness(X: np.ndarray, shown: np.ndarray, rows: np.ndarray, chunk_entries: int = 10_000_000) -> float:
    """Returns the trustworthiness of sampled rows, ranked among all others.

    Args:
        X: All rows, shape (n, d).
        shown: Their k nearest embedded neighbours, shape (m, k).
        rows: The sampled rows, shape (m,).
        chunk_entries: Largest number of distances in memory.

    Source: Venna & Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.
    """
    points, (m, k), n = torch.from_numpy(X), shown.shape, len(X)
    step, excess = max(1, chunk_entries // n), 0
    for i in range(0, m, step):
        own, candidates = torch.from_numpy(rows[i : i + step]), torch.from_numpy(shown[i : i + step])
        distances = torch.cdist(points[own], points, compute_mode="donot_use_mm_for_euclid_dist")
        distances[torch.arange(len(own)), own] = torch.inf
        for distance in distances.gather(1, candidates).T:
            ranks = 1 + torch.count_nonzero(distances < distance[:, None], dim=1)
            excess += int((ranks - k).clamp_(min=0).sum())
    return float(1.0 - 2.0 * excess / (m * k * (2 * n - 3 * k - 1)))


def centroid_correlation(X: np.ndarray, embedding: np.ndarray, labels: np.ndarray) -> float:
    """Returns Pearson's correlation of the distances between centres of classes, in the data and embedded."""
    classes = np.unique(labels)
    if len(np.ptp(embedding, axis=0).nonzero()[0]) == 0:
        return 0.0  # all positions coincide
    original, embedded = (
        scipy.spatial.distance.pdist(np.stack([rows[labels == c].mean(0, dtype=np.float64) for c in classes]))
        for rows in (X, embedding)
    )
    return float(scipy.stats.pearsonr(original, embedded)[0])
