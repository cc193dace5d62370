"""Neighbours that are stored in a folder: what is read again, and what is not."""

import logging
import os

import numpy as np
import pytest
import torch

from paradime import ParametricDR, ParametricTSNE, ParametricUMAP, load
from paradime.neighbors import NeighborCache, files, nearest_neighbors
from paradime.neighbors.exact import ExactBackend

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def searches(monkeypatch):
    calls, search = [], ExactBackend.search

    def counted(self, X, k, **options):
        calls.append(k)
        return search(self, X, k, **options)

    monkeypatch.setattr(ExactBackend, "search", counted)
    return calls


def neighbors(folder, points=X, k=4, **options):
    """Searches with a cache that has nothing in memory, as another process would."""
    with NeighborCache(folder=folder).active():
        return nearest_neighbors(points, k, **options)


def same(result, other):
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(result, other, strict=True))


def test_another_process_searches_nothing_again_and_gets_the_same(searches, tmp_path):
    expected = nearest_neighbors(X, 4)
    for k in (7, 4, 7):
        result = neighbors(tmp_path / "new" / "folder", X.clone(), k)
    assert same(neighbors(tmp_path / "new" / "folder"), expected)
    assert result[0].shape == (50, 7)
    assert searches == [4, 7]


def test_more_neighbours_replace_fewer(searches, tmp_path):
    for k in (3, 8, 8, 3):
        neighbors(tmp_path, k=k)
    assert searches == [3, 8]
    assert len(list(tmp_path.iterdir())) == 1


def test_other_rows_metric_type_or_seed_is_another_file(searches, tmp_path):
    changed = X.clone()
    changed[7, 1] += 1e-6
    for _ in range(2):
        for points in (X, changed, X.double()):
            neighbors(tmp_path, points)
        neighbors(tmp_path, metric="cosine")
        neighbors(tmp_path, random_state=1)
    assert len(searches) == len(list(tmp_path.iterdir())) == 5


def test_metrics_that_are_functions_and_other_versions_are_searched_again(searches, tmp_path, monkeypatch):
    for _ in range(2):
        neighbors(tmp_path, metric=lambda a, b: float(abs(a - b).sum()))
    assert list(tmp_path.iterdir()) == []
    neighbors(tmp_path)
    monkeypatch.setattr(files, "__version__", "1.9")
    neighbors(tmp_path)
    assert len(searches) == 4


def test_results_larger_than_the_memory_of_the_cache_are_stored(searches, tmp_path):
    for _ in range(2):
        with NeighborCache(0, tmp_path).active():
            nearest_neighbors(X, 3)
    assert searches == [3]


def test_any_changed_byte_is_noticed_and_the_file_replaced(searches, tmp_path, caplog):
    expected = neighbors(tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for place in (0, 30, 200, 600, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        caplog.clear()
        assert same(neighbors(tmp_path), expected)
        assert f"{path} is not used, since" in caplog.text
        assert path.read_bytes() == whole
    assert len(searches) == 7


@pytest.mark.parametrize("content", [b"", b"no such file", b"paradime neighbors 1\n", b"paradime neighbors 1\n[]"])
def test_truncated_and_foreign_files_are_not_used(searches, tmp_path, caplog, content):
    neighbors(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    neighbors(tmp_path)
    assert len(searches) == 2
    assert "is not used, since" in caplog.text


@pytest.mark.parametrize("shape", [[10**9, 10**6], [50, -4], [0, 0], [50], "no", None])
def test_sizes_that_a_file_claims_are_compared_with_its_length(tmp_path, caplog, shape):
    import json

    neighbors(tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    header = json.loads(content[21 : 21 + 512])
    header["shape"] = shape
    path.write_bytes(content[:21] + json.dumps(header).encode().ljust(512) + content[533:])
    assert neighbors(tmp_path)[0].shape == (50, 4)
    assert "is not used, since" in caplog.text


def test_folder_that_cannot_be_written_is_a_message(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert neighbors(tmp_path / "file")[0].shape == (50, 4)
    assert "neighbours are not stored in cache_dir" in caplog.text
    assert (tmp_path / "file").read_text() == ""


def test_another_method_finds_the_neighbors_of_the_first(searches, tmp_path):
    common = {"epochs": 1, "random_state": 0, "cache_dir": tmp_path}
    points = X.numpy()
    first = ParametricUMAP(n_neighbors=12, **common).fit_transform(points)
    ParametricTSNE(perplexity=3, **common).fit(points)
    again = ParametricUMAP(n_neighbors=12, **common).fit_transform(points)
    assert len(searches) == 1
    assert np.array_equal(first, again)
    plain = ParametricUMAP(n_neighbors=12, epochs=1, random_state=0).fit_transform(points)
    assert np.array_equal(first, plain)


def test_composed_routines_have_it_and_saved_models_do_not_name_it(tmp_path):
    assert ParametricDR(cache_dir=tmp_path).get_params()["cache_dir"] == tmp_path
    routine = ParametricUMAP(epochs=1, random_state=0, cache_dir=tmp_path / "cache").fit(X.numpy())
    routine.save(tmp_path / "model.paradime")
    loaded = load(tmp_path / "model.paradime")
    assert loaded.cache_dir is None
    assert os.listdir(tmp_path / "cache")


def test_a_cache_dir_of_another_type_is_refused():
    with pytest.raises(TypeError, match="cache_dir must be the path of a folder, or None, got 3"):
        ParametricUMAP(cache_dir=3).fit(X.numpy())


def test_written_files_are_reported(tmp_path, caplog):
    caplog.set_level(logging.INFO, "paradime")
    ParametricUMAP(epochs=1, random_state=0, cache_dir=tmp_path, verbose=True).fit(X.numpy())
    ParametricUMAP(epochs=1, random_state=0, cache_dir=tmp_path, verbose=True).fit(X.numpy())
    assert "Neighbors written to" in caplog.text
    assert "found before" in caplog.text
