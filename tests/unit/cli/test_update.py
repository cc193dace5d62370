"""The command ``update``: edits of a map, and new rows."""

import json

import numpy as np
import pandas as pd
import pytest


def edits_file(path, **changes):
    told = {"format": "paradime edits", "version": 1, **changes}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path.name


def test_edits_by_name_and_number_reach_the_model_and_its_page(run, tmp_path, made):
    cells = pd.read_csv(made / "forest.csv", dtype={"Cell": str})["Cell"]
    name = edits_file(
        tmp_path / "edits.json",
        rows=400,
        pins=[{"row": cells[3], "position": [9, 9]}],
        pairs=[{"rows": [5, 7], "together": True}],
    )
    outputs = ["--out", "m.paradime", "--embedding", "map.csv", "--explore", "map.html"]
    code, _, messages = run(
        "update", "{made}/forest.paradime", "{made}/forest.csv", "--constraints", name, *outputs, "--epochs", "1"
    )
    assert code == 0, messages
    assert "adherence to the constraint pin" in messages
    assert "moved by less than" in messages
    assert run("transform", "m.paradime", "{made}/forest.csv", "--out", "again.csv", "--quiet")[0] == 0
    assert np.allclose(pd.read_csv("map.csv")[["x", "y"]], pd.read_csv("again.csv")[["x", "y"]], atol=1e-3)
    assert '"former":{' in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_new_rows_are_added_beside_old_ones(run):
    words = ["--old", "{made}/forest.csv", "--out", "grown.paradime", "--epochs", "1"]
    code, _, messages = run("update", "{made}/forest.paradime", "{made}/new.csv", *words)
    assert code == 0, messages
    assert "the known rows moved by" in messages


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "the format of edits must be 'paradime edits', got 'other'"),
        ({"version": 2}, "the version of edits must be 1, got 2"),
        ({"rows": 7, "pins": [{"row": 0, "position": [0, 0]}]}, "which has 7 rows, got 400 rows"),
        ({"pins": [{"row": "nobody", "position": [0, 0]}]}, "there is no row 'nobody'"),
        ({"pins": [{"row": 400, "position": [0, 0]}]}, "indices from 0 to 399, got 400"),
        ({"pins": [{"row": 0, "position": ["far", 0]}]}, "pins[0].position must be a list of finite numbers"),
        ({"pairs": [{"rows": [1], "together": True}]}, "pairs[0].rows must be a list of two rows"),
        ({"pairs": [{"rows": [1, 2]}]}, "pairs[0].together must be true or false"),
        ({"pins": {}}, "pins must be a list"),
        ({}, "edits must have pins or pairs, got none"),
    ],
)
def test_a_wrong_file_gets_one_line(run, tmp_path, changes, message):
    name = edits_file(tmp_path / "edits.json", **changes)
    words = ["--constraints", name, "--out", "m.paradime"]
    code, _, messages = run("update", "{made}/forest.paradime", "{made}/forest.csv", *words)
    assert code == 2
    assert message in messages
    assert len(messages.strip().splitlines()) == 1


def test_what_lacks_is_said_before_the_model_is_read(run):
    assert "--old: new rows need" in run("update", "no.paradime", "no.csv", "--out", "m.paradime")[2]
    assert "nothing to write" in run("update", "no.paradime", "no.csv", "--constraints", "e.json")[2]
    words = ["--constraints", "e.json", "--out", "m.paradime"]
    assert "there is no file 'e.json'" in run("update", "no.paradime", "no.csv", *words)[2]
