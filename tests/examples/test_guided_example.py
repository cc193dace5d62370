"""The guided example runs as a script and writes what it promises; its axis follows the attribute."""

import csv
import itertools
import runpy
import sys
from pathlib import Path

import pytest
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

import paradime
from paradime.utils.seed import seed_all

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "guided.py"
WEIGHTS = ((1, 0), (5000, 1), (1000, 1), (100, 1))


@pytest.fixture
def forest(monkeypatch):
    """A seventh of the sample, with as many rows of each class, in place of all of it."""
    whole = paradime.datasets.load_covertype()
    part = Bunch(**{**whole, "data": whole.data[:1000], "target": whole.target[:1000]})
    monkeypatch.setattr("paradime.datasets.load_covertype", lambda: part)
    return part


def test_guided_example_writes_pictures_table_and_page(forest, tmp_path, monkeypatch, capsys):
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--out", str(tmp_path)])
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["unguided", "weights 5000 : 1", "weights 1000 : 1", "weights 100 : 1"]
    assert all(0 <= float(row[header.index("|r(x, attribute)|")]) <= 1 for row in rows)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "weights 1000 : 1" in capsys.readouterr().out
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("gallery.png", "importance.png"))


@pytest.mark.slow
def test_axis_of_the_guided_example_follows_the_attribute_the_more_the_heavier_it_weighs(forest, outcome):
    names = runpy.run_path(str(SCRIPT), run_name="example")
    X = StandardScaler().fit_transform(forest.data)
    attribute = forest.feature_names.index(names["ATTRIBUTE"])

    def measure(seed):
        found = []
        for weights in WEIGHTS:
            seed_all(seed)
            routine = names["make_routine"](weights, attribute)
            routine.train(X)
            found.append(paradime.metrics.axis_correlation(routine.apply(X), X[:, attribute])[0])
        steps = {f"step {i}": later - earlier for i, (earlier, later) in enumerate(itertools.pairwise(found))}
        return {**steps, "in the end": found[-1]}

    steps = {f"step {i}": 0.01 for i in range(len(WEIGHTS) - 1)}
    outcome(measure, seeds=2, at_least={**steps, "in the end": 0.99})
