"""The quality benchmark measures what the metrics of the library measure, and reads WordNet's texts."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from paradime.metrics import centroid_correlation, fixed_fraction_recall, knn_recall, trustworthiness

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_metrics_are_those_of_the_library(benchmark, monkeypatch, tmp_path):
    data, metrics = benchmark("quality_data"), benchmark("quality_metrics")
    monkeypatch.setattr(metrics, "CACHE", tmp_path)
    monkeypatch.setattr(metrics, "FRACTION", 0.05)
    rng = np.random.default_rng(0)
    y = rng.integers(5, size=700)
    X = (rng.normal(size=(700, 6)) + 2 * np.eye(6)[y]).astype(np.float32)
    Y = X[:, :2] + 0.1 * rng.normal(size=(700, 2))
    found = metrics.evaluate(data.Data("made", X[:500], X[500:], y[:500], y[500:]), Y[:500], Y[500:])
    assert list(found) == list(metrics.METRICS)
    rows, new = (X[:500], Y[:500]), {"test_X": X[500:], "test_embedding": Y[500:]}
    expected = {
        "preserved_seen": knn_recall(*rows),
        "preserved_held_out": knn_recall(*rows, **new),
        "fraction_seen": fixed_fraction_recall(*rows, fraction=0.05),
        "fraction_held_out": fixed_fraction_recall(*rows, fraction=0.05, **new),
        "trust": trustworthiness(*rows, n_neighbors=15),
        "centroids": centroid_correlation(*rows, y[:500]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_columns_that_no_run_was_measured_with_are_omitted(benchmark):
    tables = benchmark("quality_tables")
    record = {"dataset": "digits", "method": "opentsne", "seed": 0, "seconds": 1.0, "trust": 0.5}
    head = tables.markdown([record]).splitlines()[2]
    assert head == "| | seconds | trust |"
    assert (
        tables.markdown([{**record, "triplets": 0.75}]).splitlines()[4]
        == "| openTSNE 1.0.4 | 1.0 | 0.500 | 0.750 |"
    )


def test_glosses_are_read_with_their_lexicographer_files(benchmark, tmp_path):
    text_data = benchmark("make_text_data")
    line = '00001740 {:02d} {} 01 word 0 000 | a {}; "as in | this"  \n'
    for number, part in enumerate(text_data.PARTS):
        lines = ["  1 This software is licensed | by others\n", line.format(number + 7, part[0], part)]
        (tmp_path / f"data.{part}").write_text("".join(lines), encoding="utf-8")
    texts, classes = text_data.glosses(tmp_path)
    assert texts == [f'a {part}; "as in | this"' for part in text_data.PARTS]
    assert classes.tolist() == [7, 8, 9, 10]
    with pytest.raises(SystemExit, match=r"data\.noun must be in the folder of --wordnet.*wordnet-base"):
        text_data.glosses(tmp_path / "elsewhere")


def test_batches_hold_every_text_once_with_its_padding(benchmark):
    text_data = benchmark("make_text_data")
    lengths = np.random.default_rng(0).integers(1, 9, size=150)
    texts = [np.full(length, row + 1, dtype=np.int32) for row, length in enumerate(lengths)]
    seen = []
    for rows, tokens, is_padding in text_data.batches(texts):
        seen += rows.tolist()
        assert ((tokens == 0) == is_padding).all()
        assert (~is_padding).sum(dim=1).tolist() == lengths[rows].tolist()
        assert tokens[:, 0].tolist() == (rows + 1).tolist()
    assert sorted(seen) == list(range(150))
