"""The benchmark of quality: its figures of embeddings whose quality is known, and how runs are recorded."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import sklearn.decomposition
import sklearn.manifold
import sklearn.neighbors
from scipy.spatial.distance import pdist

pytest.importorskip("faiss")

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def quality(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("quality_metrics")
    monkeypatch.setattr(module, "CACHE", tmp_path)
    return module


@pytest.fixture
def tables(quality, monkeypatch, tmp_path):
    module = importlib.import_module("quality_tables")
    monkeypatch.setattr(module, "CACHE", tmp_path)
    monkeypatch.setattr(module, "PATH", tmp_path / "results" / "records.json")
    return module


@pytest.fixture
def digits(quality):
    return importlib.import_module("quality_data").digits()


@pytest.fixture
def plane(digits):
    """Two principal components: neither perfect nor random."""
    pca = sklearn.decomposition.PCA(2, random_state=0).fit(digits.train)
    return pca.transform(digits.train), pca.transform(digits.test)


def test_data_themselves_are_a_perfect_embedding(quality, digits):
    metrics = quality.evaluate(digits, digits.train, digits.test)
    # pixels are whole numbers of sixteenths, so that the 30th neighbour is not always one alone
    assert metrics["preserved_seen"] > 0.995
    assert metrics["preserved_held_out"] > 0.995
    assert metrics["trust"] == pytest.approx(1.0, abs=1e-6)
    assert metrics["centroids"] == pytest.approx(1.0)
    assert metrics["lost_rate"] == 0.0
    assert metrics["knn_held_out"] > 0.95


def test_random_positions_preserve_as_many_neighbors_as_chance(quality, digits):
    rng = np.random.default_rng(0)
    metrics = quality.evaluate(digits, *(rng.standard_normal((len(X), 2)) for X in (digits.train, digits.test)))
    assert metrics["preserved_seen"] == pytest.approx(30 / len(digits.train), abs=0.004)
    assert metrics["trust"] == pytest.approx(0.5, abs=0.02)
    assert metrics["knn_seen"] < 0.2
    assert metrics["knn_held_out"] < 0.2
    # one of 10 by chance among 100 of 1,497
    assert metrics["lost_rate"] == pytest.approx((1 - 100 / 1497) ** 10, abs=0.1)


def test_figures_agree_with_scikit_learn(quality, digits, plane):
    metrics = quality.evaluate(digits, *plane)
    train, test = plane
    classifier = sklearn.neighbors.KNeighborsClassifier(10).fit(train, digits.train_labels)
    assert metrics["knn_held_out"] == pytest.approx(classifier.score(test, digits.test_labels), abs=0.01)
    # ties of whole-numbered pixels are ranked in another order there
    expected = sklearn.manifold.trustworthiness(digits.train, train, n_neighbors=15)
    assert metrics["trust"] == pytest.approx(expected, abs=5e-4)
    centers = [
        np.stack([X[digits.train_labels == label].mean(0) for label in range(10)]) for X in (digits.train, train)
    ]
    assert metrics["centroids"] == pytest.approx(np.corrcoef(*map(pdist, centers))[0, 1], abs=1e-5)


def test_preserved_neighbors_and_lost_rate_agree_with_sets_of_neighbors(quality, digits, plane):
    metrics = quality.evaluate(digits, *plane)
    search = sklearn.neighbors.NearestNeighbors(n_neighbors=100)
    data, shown = (
        search.fit(a).kneighbors(b, return_distance=False)
        for a, b in zip((digits.train, plane[0]), (digits.test, plane[1]), strict=True)
    )
    preserved = np.mean([len({*a[:30]} & {*b[:30]}) / 30 for a, b in zip(data, shown, strict=True)])
    lost = np.mean([not {*a} & {*b[:10]} for a, b in zip(data, shown, strict=True)])
    assert metrics["preserved_held_out"] == pytest.approx(preserved, abs=2e-3)
    assert metrics["lost_rate"] == pytest.approx(lost, abs=2e-3)


def test_held_out_rows_that_lie_elsewhere_are_lost(quality, digits):
    shifted = digits.train[np.argmax(digits.train_labels == 0)] + np.zeros_like(digits.test)
    metrics = quality.evaluate(digits, digits.train, shifted)
    assert metrics["lost_rate"] > 0.8
    assert metrics["preserved_held_out"] < 0.1
    assert metrics["preserved_seen"] > 0.995


def test_positions_far_from_the_origin_lose_no_neighbors(quality, digits, plane):
    near = quality.evaluate(digits, *plane)
    far = quality.evaluate(digits, *(positions.astype(np.float64) + 1e4 for positions in plane))
    assert far["preserved_seen"] == pytest.approx(near["preserved_seen"], abs=1e-6)


def test_collapsed_positions_have_figures_and_those_that_are_not_finite_are_refused(quality, digits):
    one_point = np.zeros((len(digits.train), 2)), np.zeros((len(digits.test), 2))
    metrics = quality.evaluate(digits, *one_point)
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["centroids"] == 0.0
    with pytest.raises(ValueError, match="positions must be finite"):
        quality.evaluate(digits, np.full((len(digits.train), 2), np.nan), one_point[1])


def test_a_row_is_no_neighbor_of_its_own_even_among_duplicates(quality):
    neighbors = np.array([[0, 5, 6], [5, 1, 6], [7, 8, 9]])
    assert quality.without_self(neighbors, np.array([0, 1, 2])).tolist() == [[5, 6], [5, 6], [7, 8]]


def test_leaves_of_the_hierarchy_lie_nearer_than_what_is_above_them(quality):
    data = importlib.import_module("quality_data").hierarchy()
    centers = np.stack([data.train[data.train_labels == leaf].mean(0) for leaf in range(60)])
    between = np.linalg.norm(centers[:, None] - centers[None], axis=2)
    leaf = np.arange(60)
    same = [leaf[:, None] // size == leaf[None] // size for size in (1, 3, 12)]
    near, middle, far = (
        between[inner & ~outer].mean()
        for inner, outer in ((same[1], same[0]), (same[2], same[1]), (np.ones_like(same[0]), same[2]))
    )
    assert 2.5 < middle / near < 4.5
    assert 2.5 < far / middle < 4.5
    assert data.train.shape == (12_000, 30)
    assert data.test.shape == (2_000, 30)


def record(method, seed, **figures):
    return {"method": method, "dataset": "digits", "seed": seed, **figures}


def test_records_replace_those_of_the_same_run_and_stay_in_order(tables):
    for entry in (
        record("paradime_umap", 0, lost_rate=0.3),
        record("umap_learn", 1, lost_rate=0.2, load=1.5),
        record("umap_learn", 0, lost_rate=0.1),
        record("umap_learn", 1, lost_rate=0.4),
    ):
        tables.write_record(entry, {"cores": 2})
    records = tables.read_records()
    assert [(r["method"], r["seed"], r["lost_rate"]) for r in records] == [
        ("umap_learn", 0, 0.1),
        ("umap_learn", 1, 0.4),
        ("paradime_umap", 0, 0.3),
    ]
    tables.forget_records(["paradime_umap"], {"cores": 2})
    assert len(tables.read_records()) == 2
    assert json.loads(tables.PATH.read_text(encoding="utf-8"))["machine"] == {"cores": 2}


def test_records_under_earlier_names_of_metrics_are_read_under_the_new_ones(tables):
    tables.write_record(record("umap_learn", 0, kept_seen=0.6, kept_held_out=0.5, fog=0.1), {"cores": 2})
    (read,) = tables.read_records()
    assert read == record("umap_learn", 0, preserved_seen=0.6, preserved_held_out=0.5, lost_rate=0.1)


def test_table_shows_means_spreads_ratios_and_why_there_is_no_figure(tables):
    text = tables.markdown(
        [
            record("umap_learn", 0, seconds=1.0, knn_held_out=0.5, preserved_seen=0.2, lost_rate=0.02),
            record("umap_learn", 1, seconds=3.0, knn_held_out=0.7, preserved_seen=0.2, lost_rate=0.04),
            record("opentsne", 0, note="failed | twice"),
            record("pacmap", 0, knn_held_out=0.8, preserved_seen=0.4, lost_rate=0.05),
            record("short", 0, knn_held_out=0.4, preserved_seen=0.1, lost_rate=0.5),
        ]
    )
    assert "| umap-learn 0.5.12 | 2.0 ± 2.0 | 0.600 ± 0.200 |" in text
    assert "| openTSNE 1.0.4 | failed \\| twice |" in text
    assert (
        "- short: knn held out / best peer 0.500; preserved seen / umap-learn 0.500; "
        "lost rate 0.500, lowest peer 0.030" in text
    )
