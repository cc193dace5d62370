"""Which columns are features, and what is said of them; tables without names, and columns far from zero."""

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from paradime import ParametricMDS
from paradime.cli.console import folded
from paradime.cli.methods import METHODS
from paradime.cli.suspicions import suspicions
from paradime.models import ModelRecipe
from paradime.persistence import load

N = 60


def test_all_features_are_named(run, numbers, short):
    wide = pd.DataFrame(
        np.random.default_rng(0).normal(size=(N, 30)), columns=[f"gene_{chr(97 + i)}{i * 7}" for i in range(30)]
    )
    wide.to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--out", "m", *short)
    assert code == 0
    assert all(name in err for name in wide)
    assert max(map(len, err.splitlines())) <= 100


def test_names_that_only_count_are_told_by_their_ends():
    assert folded([f"pixel{i}" for i in range(784)]) == ["pixel0 … pixel783"]
    assert folded(["x1", "x2", "y1", "y2"]) == ["x1", "x2", "y1", "y2"]
    assert folded(["a1", "a2", "a3", "a5", "a6", "a7", "a8"]) == ["a1", "a2", "a3", "a5 … a8"]
    assert folded([f"g{i}h" for i in range(501)])[-1] == "and 1 more, which paradime info lists"


RNG = np.random.default_rng(0)
LOOKS = {
    "years": RNG.integers(1990, 2020, 100),
    "dates: year, month, day": 20240100 + RNG.integers(1, 29, 100),
    "dates: seconds since 1970": 1_700_000_000 + RNG.integers(0, 10**6, 100),
    "dates: milliseconds since 1970": 1_700_000_000_000 + RNG.integers(0, 10**9, 100),
    "serial numbers: a constant step from row to row": 1000 + 5 * np.arange(100),
    "identifiers: a different whole number in each row": 9000 + RNG.permutation(200)[:100],
    "codes: 3 different whole numbers": RNG.integers(0, 3, 100),
}


@pytest.mark.parametrize("looks", LOOKS)
def test_columns_that_look_like_no_quantities_are_told_of(looks):
    frame = pd.DataFrame({"size": RNG.normal(size=100), "it is": LOOKS[looks], "n": RNG.poisson(40, 100)})
    (note,) = suspicions(frame, ["size", "it is", "n"])
    assert note == f"features that may not be quantities: 'it is' ({looks}); --drop 'it is' leaves them out"


def test_quantities_counts_and_pixels_are_not_told_of():
    frame = pd.DataFrame(RNG.integers(0, 8, (300, 64))).rename(columns=str)
    frame = frame.assign(yes=RNG.integers(0, 2, 300), income=RNG.lognormal(10, 1, 300), one=7)
    assert suspicions(frame, list(frame)) == []


def test_option_that_leaves_columns_out_works_as_it_is_written(run, numbers, short):
    frame = numbers.assign(year=2000 + np.arange(N) % 7, **{"a code, or so": np.arange(N) % 3 + 5})
    frame.to_csv("t.csv", index=False)
    _, _, err = run("fit", "t.csv", "--out", "m", *short)
    note = next(line for line in err.splitlines() if "may not be quantities" in line)
    assert note.endswith("--drop year --drop 'a code, or so' leaves them out")
    dropping = ["--drop", "year", "--drop", "a code, or so"]
    code, _, err = run("fit", "t.csv", "--out", "m2", *dropping, *short)
    assert code == 0
    assert "may not be quantities" not in err
    assert load("m2").feature_names_in_.tolist() == ["a", "b", "c"]


def test_columns_that_are_named_are_taken_without_a_word(run, numbers, short):
    numbers.assign(year=2000 + np.arange(N) % 7).to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--columns", "a,year", "--out", "m", *short)
    assert code == 0
    assert "note:" not in err


def test_columns_written_like_codes_and_empty_ones_are_no_features(run, numbers, short):
    numbers.assign(month=[f"{i % 12 + 1:02}" for i in range(N)], hollow="").to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--out", "m", *short)
    assert code == 0
    assert "'month' is written like codes, such as 01, and is not a feature (--columns overrides this)" in err
    assert "'hollow' is empty and is not a feature" in err
    assert load("m").feature_names_in_.tolist() == ["a", "b", "c"]
    assert run("fit", "t.csv", "--columns", "a,month", "--out", "m", *short)[0] == 0
    assert load("m").feature_names_in_.tolist() == ["a", "month"]


def test_decimals_are_features(run, numbers, short):
    table = pyarrow.Table.from_pandas(numbers)
    table = table.set_column(1, "b", table["b"].cast(pyarrow.decimal128(10, 4)))
    parquet.write_table(table, "t.parquet")
    assert run("fit", "t.parquet", "--out", "m", "--embedding", "a.csv", *short)[0] == 0
    numbers.to_csv("t.csv", index=False)
    assert run("fit", "t.csv", "--out", "m2", "--embedding", "b.csv", *short)[0] == 0
    assert load("m").feature_names_in_.tolist() == ["a", "b", "c"]
    pd.testing.assert_frame_equal(pd.read_csv("a.csv"), pd.read_csv("b.csv"))


def test_texts_that_are_all_different_are_not_encoded(run, numbers, short):
    named = numbers.assign(name=[f"row {i}" for i in range(N)], kind=["x", "y"] * (N // 2))
    named.to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--encode", "--out", "m", *short)
    assert code == 0
    assert load("m").feature_names_in_.tolist() == ["a", "b", "c", "kind=x", "kind=y"]
    assert "'name' holds a different string in each row, names rather than categories, and is not a feature" in err
    code, _, err = run("fit", "t.csv", "--encode", "--columns", "a,name", "--out", "m2", *short)
    assert code == 2
    assert "strings of a column must recur, got 60 different ones in 'name'" in err
    assert "--id" in err


def test_indexes_and_levels_of_parquet_are_columns(run, numbers, short):
    frame = numbers.set_axis(pd.Index(range(500, 500 + 3 * N, 3), name="cell"))
    frame.columns = pd.MultiIndex.from_product([["size"], ["a", "b", "c"]])
    frame.to_parquet("t.parquet")
    assert run("fit", "t.parquet", "--out", "m", "--embedding", "a.csv", *short)[0] == 0
    assert load("m").feature_names_in_.tolist() == ["size_a", "size_b", "size_c"]
    assert pd.read_csv("a.csv")["cell"].tolist() == frame.index.tolist()
    assert run("transform", "m", "t.parquet", "--out", "b.parquet")[0] == 0
    assert parquet.read_table("b.parquet").column_names == ["cell", "x", "y"]


def test_tables_without_names_lose_no_row(run, numbers, short):
    numbers.to_csv("t.csv", index=False, header=False)
    code, _, err = run("fit", "t.csv", "--out", "m", *short)
    assert code == 2
    assert "the first line must hold names of columns, got what looks like data" in err
    assert "--no-header" in err
    assert run("fit", "t.csv", "--no-header", "--out", "m", "--embedding", "a.csv", *short)[0] == 0
    assert len(pd.read_csv("a.csv")) == N
    # what the model was fitted to tells how further tables are read
    for words in (
        ["transform", "m", "t.csv", "--out", "b.csv"],
        ["evaluate", "m", "t.csv", "--out", "c.csv"],
        ["explain", "m", "t.csv", "--method", "permutation", "--out", "d.csv"],
        ["plot", "m", "t.csv", "--out", "e.png"],
        ["explore", "m", "t.csv", "--out", "f.html"],
    ):
        assert run(*words)[0] == 0
    assert len(pd.read_csv("b.csv")) == N
    np.testing.assert_allclose(pd.read_csv("a.csv"), pd.read_csv("b.csv"), atol=1e-5)


@pytest.mark.parametrize("command", ["transform", "evaluate", "explain", "plot", "explore", "inverse"])
def test_first_line_that_looks_like_data_is_noticed_by_every_command(run, codes, numbers, command, short):
    numbers.to_csv("n.csv", index=False, header=False)
    outputs = {"plot": ["--out", "a.png"], "explore": ["--out", "a.html"]}
    model = "m.paradime"
    if command == "inverse":
        model = "d.paradime"
        words = ["--columns", "a,b,c", "--set", "decoder=true", "--out", model]
        assert run("fit", "t.csv", *words, *short)[0] == 0
    words = [command, model, "n.csv", *outputs.get(command, [])]
    code, _, err = run(*words)
    assert code == 2
    assert "--no-header" in err
    # and both options are there
    for option in ("--header", "--no-header"):
        _, _, err = run(*words, option)
        assert "No such option" not in err
        assert "looks like data" not in err


@pytest.mark.parametrize("scale", ["auto", "none"])
def test_columns_far_from_zero_are_told_apart(run, numbers, scale, short):
    """Unix seconds and UTM metres: what they are relative to must not matter."""
    offsets = {"a": 1_700_000_000, "b": 5_500_000, "c": 0}
    words = ["--scale", scale]
    for name, frame in {"near": numbers, "far": numbers + pd.Series(offsets)}.items():
        frame.to_csv(f"{name}.csv", index=False)
        code, _, err = run(
            *("fit", f"{name}.csv", "--out", name, "--embedding", f"{name}_map.csv", "--explore", f"{name}.html"),
            *("--set", "decoder=true", *words, *short),
        )
        assert code == 0
    assert "single precision" not in err
    near, far = pd.read_csv("near_map.csv"), pd.read_csv("far_map.csv")
    np.testing.assert_allclose(far, near, atol=1e-3 * np.ptp(near.to_numpy()))
    assert run("transform", "far", "far.csv", "--out", "placed.csv")[0] == 0
    np.testing.assert_allclose(pd.read_csv("placed.csv"), far, atol=1e-3 * np.ptp(near.to_numpy()))
    assert run("inverse", "far", "far_map.csv", "--out", "back.csv")[0] == 0
    back = pd.read_csv("back.csv")
    assert list(back) == ["a", "b", "c"]
    assert (back - pd.Series(offsets)).abs().to_numpy().max() < 20
    for words in (["evaluate", "far", "far.csv"], ["explain", "far", "far.csv", "--method", "permutation"]):
        assert run(*words)[0] == 0


@pytest.mark.parametrize("scale", [1e-40, 1e38])
def test_columns_beyond_single_precision_are_refused_before_the_training(run, numbers, short, monkeypatch, scale):
    monkeypatch.setattr("paradime.dr.ParametricDR.fit", None)
    numbers.assign(b=numbers["b"] * scale).to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--out", "m", *short)
    assert code == 2
    assert "column 'b' must span" in err
    assert "Rescale it" in err


def test_a_specification_that_loses_far_columns_is_refused_before_the_training(run, numbers, short, monkeypatch):
    (numbers + 1e9).to_csv("far.csv", index=False)
    numbers.to_csv("near.csv", index=False)
    with open("s.yaml", "w", encoding="utf-8") as file:
        file.write(ParametricMDS(model=ModelRecipe(options={"standardize": False}), epochs=2).to_spec())
    words = ["--spec", "s.yaml", "--scale", "standard", "--out", "m"]
    assert run("fit", "near.csv", *words)[0] == 0
    monkeypatch.setattr("paradime.dr.ParametricDR.fit", None)
    code, _, err = run("fit", "far.csv", *words)
    assert code == 2
    assert "standard deviations of zero for a model that does not centre them" in err
    assert "Leave out standardize: false" in err


@pytest.mark.parametrize("scale", ["auto", "none"])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_saved_models_take_columns_far_from_zero_as_they_are_in_the_table(run, numbers, method, scale):
    frame = numbers * [100, 0.1, 1] + [1.7e9, 5.5e6, 0]
    frame.to_csv("t.csv", index=False)
    words = ["--method", method, "--scale", scale, "--set", "epochs=3", "--set", "batch_size=50"]
    assert run("fit", "t.csv", "--out", "m", "--embedding", "a.csv", *words)[0] == 0
    assert run("transform", "m", "t.csv", "--out", "b.csv")[0] == 0
    model = load("m")
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    placed, seen = pd.read_csv("b.csv").to_numpy(), pd.read_csv("a.csv")
    extent = np.ptp(placed)
    np.testing.assert_allclose(model.transform(frame), placed, atol=1e-5 * extent)
    np.testing.assert_allclose(seen, placed, atol=1e-5 * extent)
    assert len(np.unique(placed, axis=0)) == N


@pytest.mark.parametrize("method", ["permutation", "integrated_gradients"])
def test_explanations_of_columns_far_from_zero_are_those_near_zero(run, numbers, short, method):
    found = {}
    for name, offset in {"near": 0, "far": 1e9}.items():
        (numbers + offset).to_csv(f"{name}.csv", index=False)
        assert run("fit", f"{name}.csv", "--out", name, *short)[0] == 0
        assert run("explain", name, f"{name}.csv", "--method", method, "--out", "x.csv", "--each")[0] == 0
        found[name] = pd.read_csv("x.csv").set_index("feature")
    pd.testing.assert_frame_equal(found["far"], found["near"], atol=1e-3, rtol=1e-2)


def test_models_that_were_saved_with_offsets_take_columns_of_the_table(run, numbers):
    """As versions did that subtracted offsets before the model."""
    numbers.assign(a=numbers["a"] + 1e9).to_csv("t.csv", index=False)
    shifted = numbers.rename(columns={"a": "a - 1000000000"})
    model = ParametricMDS(epochs=1, decoder=True, random_state=0).fit(shifted)
    model.save("m", metadata={"table": {"features": list("abc"), "categories": {}, "offsets": {"a": 1e9}}})
    assert run("transform", "m", "t.csv", "--out", "b.csv")[0] == 0
    np.testing.assert_allclose(pd.read_csv("b.csv"), model.transform(shifted), atol=1e-5)
    assert run("inverse", "m", "b.csv", "--out", "back.csv")[0] == 0
    back = pd.read_csv("back.csv")
    assert list(back) == ["a", "b", "c"]
    assert abs(back["a"] - 1e9).max() < 20


def test_guides_far_from_zero_keep_what_tells_their_values_apart(run, numbers, monkeypatch):
    (numbers + pd.Series({"a": 1_700_000_000, "b": 0, "c": 0})).to_csv("t.csv", index=False)
    seen = []

    def fit(routine, X, *_, **__):
        seen.append((X, routine.losses["guide 1"].attribute))
        raise ValueError("no training here")

    monkeypatch.setattr("paradime.dr.ParametricDR.fit", fit)
    for columns in ("b,c", "a,b,c"):
        run("fit", "t.csv", "--columns", columns, "--guide", "a:x", "--out", "m")
    (beside, name), (within, feature) = seen
    np.testing.assert_allclose(beside[name], numbers["a"] - numbers["a"].mean(), atol=1e-6)
    assert feature == "a"
    assert feature in within.columns
