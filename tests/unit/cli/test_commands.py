"""What commands make of tables: maps, models, pictures, pages, figures."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances

import paradime
from paradime.cli import main
from paradime.persistence import load

FAST = ["--set", "epochs=2", "--set", "batch_size=200", "--quiet"]


def table(text):
    return pd.read_csv(io.StringIO(text), dtype={"Cell": str})


def test_fit_writes_a_model_positions_a_picture_and_a_page(made, forest):
    found = pd.read_csv(made / "map.csv", dtype={"Cell": str})
    assert list(found) == ["Cell", "Cover", "x", "y"]
    assert found["Cell"].tolist() == forest["Cell"][:400].tolist()
    assert (made / "map.png").read_bytes().startswith(b"\x89PNG")
    page = (made / "map.html").read_text(encoding="utf-8")
    assert "Elevation" in page
    assert "Cottonwood/Willow" in page


def test_saved_model_takes_columns_as_they_are_and_gives_the_positions_of_fit(made, forest):
    routine = load(made / "forest.paradime")
    raw = forest[routine.feature_names_in_.tolist()][:400]
    expected = pd.read_csv(made / "map.csv")[["x", "y"]].to_numpy()
    np.testing.assert_allclose(routine.transform(raw), expected, atol=1e-3 * np.ptp(expected))
    assert "mean" in routine.metadata_["table"]


def test_transform_to_standard_output_agrees_with_python_and_carries_other_columns(run, made, forest):
    code, out, err = run("transform", "{made}/forest.paradime", "{made}/new.csv", "--out", "-", "--quiet")
    assert (code, err) == (0, "")
    found = table(out)
    assert list(found) == ["Cell", "Cover", "x", "y"]
    assert found["Cell"].tolist() == forest["Cell"][400:500].tolist()  # with their zeros
    routine = load(made / "forest.paradime")
    expected = routine.transform(forest[400:500][routine.feature_names_in_.tolist()])
    np.testing.assert_allclose(found[["x", "y"]], expected, atol=1e-4)


def test_transform_finds_columns_by_name_in_any_order(run, forest, made):
    forest[400:500].iloc[:, ::-1].to_parquet("turned.parquet")
    assert run("transform", "{made}/forest.paradime", "turned.parquet", "--out", "turned.csv")[0] == 0
    code, out, _ = run("transform", "{made}/forest.paradime", "{made}/new.csv")
    assert code == 0
    np.testing.assert_allclose(pd.read_csv("turned.csv")[["x", "y"]], table(out)[["x", "y"]], atol=1e-5)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "parquet", "feather", "npz", "h5ad"])
def test_transform_writes_every_format_and_plot_reads_it_again(run, suffix):
    assert run("transform", "{made}/forest.paradime", "{made}/new.csv", "--out", f"map.{suffix}")[0] == 0
    if suffix not in ("npz", "h5ad"):  # whose positions stand in a matrix of their own
        assert run("plot", f"map.{suffix}", "--color", "Cover", "--out", "map.svg")[0] == 0


def test_h5ad_that_is_written_is_what_scanpy_expects(run):
    anndata = pytest.importorskip("anndata")
    assert run("transform", "{made}/forest.paradime", "{made}/new.csv", "--out", "map.h5ad")[0] == 0
    found = anndata.read_h5ad("map.h5ad")
    _, out, _ = run("transform", "{made}/forest.paradime", "{made}/new.csv")
    np.testing.assert_allclose(found.obsm["X_paradime"], table(out)[["x", "y"]], atol=1e-5)
    assert found.obs["Cover"].astype(str).tolist() == table(out)["Cover"].tolist()


def test_large_tables_are_placed_by_chunks_that_agree_with_the_whole(run, made, forest, monkeypatch):
    _, whole, _ = run("transform", "{made}/forest.paradime", "{made}/forest.csv")
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", 37)
    seen = []
    from paradime.cli import models

    embed = models.Model.embed
    monkeypatch.setattr(models.Model, "embed", lambda self, X: seen.append(len(X)) or embed(self, X))
    _, parts, _ = run("transform", "{made}/forest.paradime", "{made}/forest.csv")
    assert max(seen) == 37
    assert len(seen) == 11
    assert list(table(parts)["Cell"]) == list(table(whole)["Cell"])
    np.testing.assert_allclose(table(parts)[["x", "y"]], table(whole)[["x", "y"]], atol=1e-4)


def test_tables_come_from_standard_input(run, made, monkeypatch):
    _, expected, _ = run("transform", "{made}/forest.paradime", "{made}/new.csv")
    stream = io.BufferedReader(io.BytesIO((made / "new.csv").read_bytes()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    code, out, _ = run("transform", "{made}/forest.paradime", "-")
    assert code == 0
    assert out == expected


def test_evaluate_compares_rows_as_training_did(run, made, forest):
    code, out, _ = run("evaluate", "{made}/forest.paradime", "{made}/new.csv", "--target", "Cover", "--json")
    found = json.loads(out)
    assert code == 0
    routine = load(made / "forest.paradime")
    names = routine.feature_names_in_.tolist()
    learned = forest[:400][names].to_numpy()
    scaled = (forest[400:500][names].to_numpy() - learned.mean(axis=0)) / learned.std(axis=0)
    Y = routine.transform(forest[400:500][names])
    expected = trustworthiness(scaled, Y, n_neighbors=15)
    assert found["trustworthiness (15 neighbours)"]["value"] == pytest.approx(expected, abs=1e-6)
    distances = pairwise_distances(Y)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :15]
    kinds, codes = np.unique(forest["Cover"][400:500], return_inverse=True)
    voted = [np.bincount(votes, minlength=len(kinds)).argmax() for votes in codes[near]]
    accuracy = found["accuracy of 15 nearest neighbours"]["value"]
    assert accuracy == pytest.approx(np.mean(voted == codes), abs=0.011)  # but for ties of distances


def test_explain_lists_features_by_their_importance(run):
    code, out, _ = run(
        *("explain", "{made}/forest.paradime", "{made}/new.csv", "--method", "permutation", "--out", "i.csv"),
        *("--plot", "i.png"),
    )
    found = pd.read_csv("i.csv")
    assert (code, out) == (0, "")
    assert found["overall"].is_monotonic_decreasing
    assert len(found) == 10


def test_info_tells_columns_and_parameters(run):
    code, out, _ = run("info", "{made}/forest.paradime", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["features"][0] == "Elevation"
    assert "epochs=2" in facts["routine"]
    assert facts["id"] == "Cell"


def test_onnx_that_is_exported_takes_columns_as_they_are(run, made, forest):
    onnxruntime = pytest.importorskip("onnxruntime")
    assert run("export", "{made}/forest.paradime", "--onnx", "forest.onnx")[0] == 0
    session = onnxruntime.InferenceSession("forest.onnx")
    routine = load(made / "forest.paradime")
    rows = forest[400:500][routine.feature_names_in_.tolist()]
    (found,) = session.run(None, {session.get_inputs()[0].name: rows.to_numpy(np.float32)})
    np.testing.assert_allclose(found, routine.transform(rows), atol=1e-3)


def test_explain_groups_columns_that_go_together(run, made, forest):
    frame = forest[["Elevation", "Slope"]].assign(feet=forest["Elevation"] / 0.3048)
    frame.to_csv("feet.csv", index=False)
    assert run("fit", "feet.csv", "--out", "feet.paradime", *FAST)[0] == 0
    words = ["explain", "feet.paradime", "feet.csv", "--method", "gradient_x_input"]
    code, out, err = run(*words)
    assert code == 0
    assert "Elevation + feet" in out
    assert "'Elevation + feet' are correlated columns, which count as one: Elevation, feet" in " ".join(
        err.split()
    )
    _, out, err = run(*words, "--each")
    assert "Elevation + feet" not in out
    assert "count as one" not in err


@pytest.mark.parametrize(("scale", "told"), [("none", False), ("auto", True), ("standard", False)])
def test_columns_that_outweigh_others_are_standardised_or_left_as_was_asked(run, scale, told):
    frame = load_wine(as_frame=True).data
    frame.to_csv("wine.csv", index=False)
    code, _, err = run("fit", "wine.csv", "--embedding", "map.csv", "--scale", scale, *FAST[:4])
    assert code == 0
    assert ("columns are standardised" in err) == told
    assert "warning" not in err


def test_texts_that_are_encoded_are_encoded_alike_by_transform(run, made, forest):
    columns = ["--columns", "Elevation,Slope,Cover"]
    fitted = run("fit", "{made}/forest.csv", "--encode", *columns, "--out", "c", "--embedding", "c.csv", *FAST)
    assert fitted[0] == 0
    assert "Cover=Aspen" in load("c").feature_names_in_
    _, out, _ = run("transform", "c", "{made}/forest.csv")
    expected = pd.read_csv("c.csv")[["x", "y"]].to_numpy()
    np.testing.assert_allclose(table(out)[["x", "y"]], expected, atol=2e-3 * np.ptp(expected))


def test_targets_draw_classes_together(run, outcome):
    frame = load_wine(as_frame=True).frame
    frame.to_csv("wine.csv", index=False)
    kind = frame["target"].to_numpy()
    target = ["--target", "target", "--set", 'loss_shares={"labels": 0.6}']

    def measure(seed):
        common = ["--columns", "ash,magnesium,hue,malic_acid", "--embedding", "map.csv", "--seed", seed]
        common += ["--set", "epochs=20", "-q"]
        found = []
        for words in ([], target):
            assert run("fit", "wine.csv", *words, *common)[0] == 0
            found.append(_separation(pd.read_csv("map.csv")[["x", "y"]].to_numpy(), kind))
        return {"gain": found[1] - found[0]}

    outcome(measure, at_least={"gain": 0.05})


def _separation(Y, kind):
    """The share of nearest neighbours that are of the same kind."""
    distances = pairwise_distances(Y)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :5]
    return float((kind[near] == kind[:, None]).mean())


def test_guided_axis_follows_a_column_that_is_no_feature(run, forest, outcome):
    frame = forest[:300].copy()
    frame.to_csv("forest.csv", index=False)
    words = ["--columns", "Slope,Aspect,Hillshade_Noon", "--guide", "Slope:x:0.6", "--set", "epochs=20"]

    def measure(seed):
        assert run("fit", "forest.csv", *words, "--seed", seed, "--embedding", "map.csv", "--quiet")[0] == 0
        return {"correlation": abs(np.corrcoef(pd.read_csv("map.csv")["x"], frame["Slope"])[0, 1])}

    outcome(measure, seeds=2, at_least={"correlation": 0.8})


def test_labels_beside_a_matrix_are_no_features(run):
    digits = load_digits()
    np.savez("digits.npz", data=digits.data[:300], target=digits.target[:300])
    code, _, err = run("fit", "digits.npz", "--embedding", "map.csv", *FAST[:4])
    assert code == 0
    assert "64 features" in err
    assert pd.read_csv("map.csv")["target"].tolist() == digits.target[:300].tolist()


def test_inverse_leads_back_to_rows(run, made, forest, outcome):
    words = ["--columns", "Elevation,Slope", "--method", "autoencoder", "--set", "epochs=60"]
    elevation = forest["Elevation"][:400]

    def measure(seed):
        fitted = ["--seed", seed, "--out", "a.paradime", "--embedding", "a.csv", "--quiet"]
        assert run("fit", "{made}/forest.csv", *words, *fitted)[0] == 0
        assert run("inverse", "a.paradime", "a.csv", "--out", "back.parquet")[0] == 0
        back = pd.read_parquet("back.parquet")["Elevation"]
        return {"correlation": np.corrcoef(back, elevation)[0, 1], "mean": back.mean() / elevation.mean()}

    # two columns fit into two dimensions; in units of the table
    at_least = {"correlation": 0.9, "mean": 0.95}
    outcome(measure, seeds=2, at_least=at_least, at_most={"mean": 1.05})


def test_specifications_are_begun_checked_and_fitted(run, made):
    assert run("spec", "init", "mds", "--out", "mine.yaml")[0] == 0
    assert run("spec", "validate", "mine.yaml")[0] == 0
    assert run("fit", "{made}/forest.csv", "--spec", "mine.yaml", "--out", "m.paradime", "-q")[0] == 0
    code, out, _ = run("spec", "show", "m.paradime")
    assert code == 0
    assert paradime.spec.validate_spec(out)["losses"]
    code, out, _ = run("spec", "schema")
    assert json.loads(out)["$defs"]


def test_explore_works_with_a_model_and_with_positions_alone(run):
    assert (
        run("explore", "{made}/forest.paradime", "{made}/new.csv", "--color", "Cover", "--out", "a.html")[0] == 0
    )
    assert run("explore", "{made}/map.csv", "--color", "Cover", "--out", "b.html")[0] == 0
    with open("a.html", encoding="utf-8") as a, open("b.html", encoding="utf-8") as b:
        assert '"network": null' not in a.read().replace('"network":null', '"network": null')
        assert "Krummholz" in b.read()


def test_demo_shows_the_commands_that_it_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 50)
    assert main(["demo", "--out", str(tmp_path / "demo"), "--rows", "300"]) == 0
    shown = capsys.readouterr().err
    assert "$ paradime fit" in shown
    assert len(pd.read_csv(tmp_path / "demo" / "new_map.csv")) == 500
    assert (tmp_path / "demo" / "forest.html").exists()
