"""What is said of rows and of options: figures of new rows, hints on quotes, parameters by their names."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paradime import metrics
from paradime.cli.console import quoting_hint
from paradime.persistence import load

N = 60


def test_new_rows_are_compared_with_those_of_the_training(run, numbers, short):
    old, new = numbers[:40].assign(kind=["x", "y"] * 20), numbers[40:].assign(kind=["y", "x"] * 10)
    old.to_csv("old.csv", index=False)
    new.to_csv("new.csv", index=False)
    assert run("fit", "old.csv", "--out", "m", "--scale", "none", *short)[0] == 0
    words = ["evaluate", "m", "new.csv", "--target", "kind", "--json"]
    code, out, _ = run(*words, "--train", "old.csv")
    assert code == 0
    found, model = json.loads(out), load("m")
    X, X_new = old[["a", "b", "c"]].to_numpy(), new[["a", "b", "c"]].to_numpy()
    Y, Y_new = (model.transform(frame[["a", "b", "c"]]) for frame in (old, new))
    expected = metrics.trustworthiness(X, Y, n_neighbors=15, test_X=X_new, test_embedding=Y_new)
    assert found["trustworthiness (15 neighbours)"] == {
        "value": pytest.approx(float(expected)),
        "standard error": pytest.approx(expected.standard_error),
    }
    accuracy = metrics.knn_accuracy(Y, old["kind"], n_neighbors=15, test_embedding=Y_new, test_labels=new["kind"])
    assert found["accuracy of 15 nearest neighbours"]["value"] == pytest.approx(float(accuracy))
    triplets = metrics.random_triplet_accuracy(X, Y, test_X=X_new, test_embedding=Y_new)
    assert found["random triplets in order"]["value"] == pytest.approx(float(triplets))
    # all pairs and all triplets were measured
    all_measured = ["Shepard correlation", "random triplets in order"]
    assert [name for name, entry in found.items() if not entry["standard error"]] == all_measured


def test_rows_compared_with_each_other_have_no_standard_error_and_say_so(run, numbers, short):
    numbers[:40].to_csv("t.csv", index=False)  # few enough to measure all triplets
    assert run("fit", "t.csv", "--out", "m", "-q", *short)[0] == 0
    code, out, err = run("evaluate", "m", "t.csv", "--json", "--out", "a.csv")
    assert code == 0
    assert "--train TABLE" in err
    assert {entry["standard error"] for entry in json.loads(out).values()} == {None}
    assert pd.read_csv("a.csv")["standard error"].isna().all()
    _, out, _ = run("evaluate", "m", "t.csv")
    assert out.split("\n")[0].split() == ["measure", "value"]
    assert " 0\n" not in out


def test_rows_without_a_class_are_left_out_of_the_figures_of_classes(run, numbers, short):
    numbers.assign(kind=["x", "y", "NA", ""] * (N // 4)).to_csv("t.csv", index=False)
    assert run("fit", "t.csv", "--out", "m", "-q", "--target", "kind", *short)[0] == 0
    code, out, err = run("evaluate", "m", "t.csv", "--target", "kind", "--json")
    assert code == 0
    assert "15 rows have no class, since 'kind' is NA or similar" in err
    model = load("m")
    keep = np.arange(N) % 4 < 2
    Y = model.transform(numbers)[keep]
    expected = metrics.knn_accuracy(Y, np.array(["x", "y"] * (N // 4)), n_neighbors=15)
    assert json.loads(out)["accuracy of 15 nearest neighbours"]["value"] == pytest.approx(float(expected))


def test_centres_of_at_least_three_classes_are_compared(run, numbers, short):
    kinds = np.array(["x", "y", "z", "u", "v"] * (N // 5))
    numbers.assign(kind=kinds, number=np.arange(N) % 3 - 1).to_csv("t.csv", index=False)
    assert run("fit", "t.csv", "--out", "m", "-q", "--scale", "none", "--drop", "kind,number", *short)[0] == 0
    X, Y = numbers.to_numpy(), load("m").transform(numbers)
    expected = {
        "neighbours of class centres": metrics.class_mean_neighbors(X, Y, kinds),
        "distances of class centres": metrics.centroid_correlation(X, Y, kinds),
    }
    found = json.loads(run("evaluate", "m", "t.csv", "--target", "kind", "--json")[1])
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    # −1 is no class: two are left
    found = json.loads(run("evaluate", "m", "t.csv", "--target", "number", "--json")[1])
    assert "silhouette" in found
    assert expected.keys().isdisjoint(found)


def test_neighbours_within_a_share_of_the_map_are_measured_in_large_tables(run, numbers, short):
    numbers.to_csv("t.csv", index=False)
    large = pd.DataFrame(np.random.default_rng(1).normal(size=(15_001, 3)), columns=["a", "b", "c"]).round(4)
    large.to_csv("large.csv", index=False)
    assert run("fit", "t.csv", "--out", "m", "-q", "--scale", "none", *short)[0] == 0
    found = {name: json.loads(run("evaluate", "m", f"{name}.csv", "--json")[1]) for name in ("t", "large")}
    Y = load("m").transform(large)
    expected = metrics.fixed_fraction_recall(large.to_numpy(), Y, n_neighbors=15, n_samples=2_000)
    name = "neighbours (15) within 0.1% of the map"
    assert found["large"][name] == {
        "value": pytest.approx(float(expected), abs=0.002),
        "standard error": pytest.approx(expected.standard_error, rel=0.1),
    }
    assert name not in found["t"]


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("fit t.csv --color petal length --out m", "--color 'petal length'"),
        ("fit --color petal length in cm t.csv", "--color 'petal length in cm'"),
        ("plot t.csv --axes petal length,petal width", "--axes 'petal length,petal width'"),
        ("fit my table.csv --out m", "'my table.csv'"),
        ("transform m my table.csv", "'my table.csv'"),
        ("fit t.csv --color kind --out m", ""),
        ("fit --color kind t.csv", ""),
        ("fit t.csv --encode --color kind other.csv", ""),
    ],
)
def test_names_with_spaces_are_suggested_in_quotes(tmp_path, monkeypatch, words, quoted):
    monkeypatch.chdir(tmp_path)
    for name in ("t.csv", "my table.csv"):
        Path(name).touch()
    hint = quoting_hint(words.split())
    assert hint == (f"hint: put names with spaces in quotes: {quoted}" if quoted else "")


def test_hint_on_quotes_follows_the_error(run, numbers):
    numbers.assign(**{"petal length": 1}).to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--color", "petal", "length", "--out", "m")
    assert code == 2
    assert err.splitlines()[-1].endswith("--color 'petal length'")
    code, _, err = run("fit", "t.csv", "--color", "petal", "--out", "m")
    assert code == 2
    assert "Did you mean --color 'petal length'?" in err


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("n_neighbors=abc", "--set n_neighbors: must be an integer, got 'abc'"),
        ("epochs=-1", "--set epochs: must be an integer of at least 0, or 'auto', or 'short', got -1"),
        ("hidden_dims=abc", "--set hidden_dims: must be an integer or a list"),
        ("learning_rate=-1", "--set learning_rate: must be a positive number, got -1"),
        ("min_dist=-4", "--set min_dist: must lie in"),
        ("activation=foo", "--set activation: must be one of"),
        ("network=foo", "--set network: must be 'centers' or 'mlp', got 'foo'"),
        ("n_components=abc", "--set n_components: must be an integer, got 'abc'"),
        ("clip_norm=abc", "--set clip_norm: "),
        ("loss_shares=abc", "--set loss_shares: "),
        ("random_state=abc", "--set random_state: must be an integer"),
    ],
)
def test_parameters_that_are_refused_are_called_as_they_were_given(run, numbers, setting, told):
    numbers.to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--set", "init_epochs=1", "--set", setting, "--out", "m")
    assert code == 2
    assert err.startswith(f"error: {told}")
    assert len(err.splitlines()) == 1
    # no path of a specification
    assert not any(part in err for part in ("relations", "phases", "options.", "model."))


def test_a_list_without_brackets_is_told_how_lists_are_written(run, numbers):
    numbers.to_csv("t.csv", index=False)
    _, _, err = run("fit", "t.csv", "--set", "hidden_dims=20,10", "--out", "m")
    assert "got '20,10'" in err
    assert err.endswith(" Lists have brackets: --set 'hidden_dims=[20,10]'.\n")
    assert run("fit", "t.csv", "--set", "hidden_dims=[20,10]", "--set", "epochs=1", "--out", "m")[0] == 0


def test_rows_without_a_target_are_counted_and_part_of_the_map(run, numbers):
    numbers["depth"] = np.where(np.arange(len(numbers)) % 4 == 0, np.nan, np.arange(len(numbers)) / 7)
    numbers.to_csv("t.csv", index=False)
    words = ["--target", "depth", "--set", "epochs=1", "--embedding", "map.csv"]
    code, _, err = run("fit", "t.csv", *words)
    assert code == 0
    n_missing = numbers["depth"].isna().sum()
    assert (
        f"note: {n_missing} rows have no 'depth'; they are embedded, but ignored by the loss of the target" in err
    )
    assert pd.read_csv("map.csv")[["x", "y"]].notna().all(axis=None)
    assert len(pd.read_csv("map.csv")) == len(numbers)
