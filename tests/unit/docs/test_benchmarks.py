"""The table of benchmarks: ratios, directions, previous runs; and the page is what the results say."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKE_TABLE = ROOT / "benchmarks" / "make_table.py"


@pytest.fixture
def results_module(monkeypatch):
    monkeypatch.syspath_prepend(str(MAKE_TABLE.parent))
    return importlib.import_module("_results")


@pytest.fixture
def table(results_module):
    return importlib.import_module("make_table")


def stored(figures, product=0.1):
    machine = {"processor": "abacus", "cores": 2, "threads": 1, "python": "3.11"}
    return {"machine": {**machine, "seconds of a 2048 × 2048 float32 product": product}, "figures": figures}


def test_page_is_what_the_committed_results_say():
    done = subprocess.run([sys.executable, MAKE_TABLE, "--check"], check=False)
    assert done.returncode == 0, "run: python benchmarks/make_table.py"


def test_ratio_below_one_is_better_whichever_way_is_better(results_module):
    assert results_module.ratio(2.0, 4.0, "lower") == 0.5
    assert results_module.ratio(8.0, 4.0, "higher") == 0.5
    assert results_module.ratio(8.0, 4.0, "lower") == 2.0


@pytest.mark.parametrize(("value", "reference"), [(None, 1.0), (1.0, None), (-0.2, 1.0), (1.0, 0.0)])
def test_there_is_no_ratio_of_numbers_that_are_missing_or_not_positive(results_module, value, reference):
    assert results_module.ratio(value, reference, "lower") is None


@pytest.mark.parametrize(
    ("value", "target", "better", "expected"),
    [
        (1.0, 1.0, "lower", True),
        (1.1, 1.0, "lower", False),
        (-0.2, 1.0, "lower", True),
        (1.1, 1.0, "higher", True),
        (0.9, 1.0, "higher", False),
        (0.9, None, "higher", None),
        (None, 1.0, "higher", None),
    ],
)
def test_target_is_reached_from_the_better_side(results_module, value, target, better, expected):
    assert results_module.reached({"value": value, "target": target, "better": better}) is expected


def test_figure_refuses_other_directions_and_what_is_not_finite(results_module):
    with pytest.raises(ValueError, match="'lower' or 'higher', got 'smaller'"):
        results_module.Figure("a", 1.0, better="smaller")
    with pytest.raises(ValueError, match="must be finite, got nan"):
        results_module.Figure("a", float("nan"))


def test_figures_remember_the_previous_value_and_how_fast_the_machine_was(results_module):
    Figure = results_module.Figure
    first = stored(results_module.with_previous([Figure("a", 4.0), Figure("b", None)], 0.2, None))
    assert first["figures"][0]["previous"] is None
    a, b, c = results_module.with_previous([Figure("a", 3.0), Figure("b", 1.0), Figure("c", 1.0)], 0.1, first)
    assert a["previous"] == {"value": 4.0, "product seconds": 0.2}
    assert b["previous"] is None
    assert c["previous"] is None


def test_figures_that_were_not_measured_again_stay_where_they_are(results_module):
    old, new = [{"name": "a", "value": 1}, {"name": "b", "value": 1}], [{"name": "c"}, {"name": "a", "value": 2}]
    merged = results_module.merged(old, new)
    assert merged == [{"name": "a", "value": 2}, {"name": "b", "value": 1}, {"name": "c"}]


def test_plain_dicts_become_figures_that_are_named_by_their_levels(results_module):
    found = results_module.figures_of({"small": {"seconds": 2, "recall": 0.9, "times": [1, 2]}, "all": 1.5})
    shapes = [(figure.name, figure.value, figure.unit, figure.better) for figure in found]
    assert shapes == [
        ("small: seconds", 2.0, "s", "lower"),
        ("small: recall", 0.9, "", "higher"),
        ("all", 1.5, "", "lower"),
    ]


def test_previous_run_is_read_from_files_of_plain_dicts(results_module):
    old = stored([])
    old["results"] = {"seconds": 2.0}
    del old["figures"]
    read = results_module.read_results(json.dumps(old))
    (figure,) = results_module.with_previous([results_module.Figure("seconds", 1.0)], 0.1, read)
    assert figure["previous"] == {"value": 2.0, "product seconds": 0.1}


def test_outside_a_repository_the_previous_run_is_the_file(results_module, tmp_path):
    path = tmp_path / "step.json"
    assert results_module.committed(path) is None
    path.write_text(json.dumps(stored([])), encoding="utf-8")
    assert results_module.committed(path)["figures"] == []


def test_row_shows_target_ratios_and_verdict(results_module, table):
    figures = [results_module.Figure("fit", 30.0, "s", 60.0, note="cold"), results_module.Figure("kept", 0.5)]
    previous = stored(results_module.with_previous([results_module.Figure("fit", 20.0, "s")], 0.1, None))
    fit, kept = results_module.with_previous(figures, 0.1, previous)
    assert table.row(fit) == "| fit | 30 s | ≤ 60 s | 0.5 ✓ | 1.5 | cold |"
    assert table.row(kept) == "| kept | 0.5 | – | – | – | |"


def test_row_of_what_could_not_be_measured_says_why(results_module, table):
    figure = results_module.Figure("fit, peer", None, "s", note="not installed: no | wheel")
    (stored_figure,) = results_module.with_previous([figure], 0.1, None)
    assert table.row(stored_figure) == "| fit, peer | – | – | – | – | not installed: no \\| wheel |"


def test_page_has_known_topics_first_and_others_after(results_module, table, tmp_path):
    figures = results_module.with_previous([results_module.Figure("a", 1.0)], 0.1, None)
    for name in ("another", "memory", "step"):
        (tmp_path / f"{name}.json").write_text(json.dumps(stored(figures)), encoding="utf-8")
    page = table.page(tmp_path)
    assert page == table.page(tmp_path)
    assert page.index("## A training step") < page.index("## Memory") < page.index("## Another")
    assert "took 0.100 s." in page


def test_numbers_are_shown_with_three_digits(table):
    assert table.shown(1234567.8, "rows/s") == "1,230,000 rows/s"
    assert table.shown(0.98765) == "0.988"
    assert table.shown(0.0) == "0"
