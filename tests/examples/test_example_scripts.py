"""The examples run as scripts, write what they promise, and show what they claim."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def run_example(tmp_path, monkeypatch):
    """Runs a script with arguments and a seed, and returns what its ``main`` does; only the first seed draws."""
    threads = torch.get_num_threads()

    def run(name, *args, seed=0):
        script = EXAMPLES / f"{name}.py"
        words = [*args, "--seed", seed, "--out", tmp_path]
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, words)])
        main = runpy.run_path(str(script), run_name="example")["main"]
        if seed:
            monkeypatch.setitem(main.__globals__, "draw", lambda *arguments: None)
        return main()

    yield run
    torch.set_num_threads(threads)


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_batch_effect_is_gone_and_digits_of_both_instruments_lie_together(run_example, tmp_path, outcome):
    def measure(seed):
        scores = run_example("batch_effect", "--rows", 700, "--epochs", 60, seed=seed)
        plain, independent = scores["plain"], scores["independent"]
        return {
            "plain, instrument": plain["instrument"],
            "instrument": independent["instrument"],
            "digit across": independent["digit_across"],
            "digit across, gain": independent["digit_across"] - plain["digit_across"],
        }

    bounds = {"plain, instrument": 0.9, "digit across": 0.45, "digit across, gain": 0.15}
    outcome(measure, seeds=2, at_least=bounds, at_most={"instrument": 0.75})
    assert is_png(tmp_path / "maps.png")


@pytest.mark.slow
def test_half_of_the_labels_make_held_out_digits_easier_to_tell_and_neighbours_no_less_true(
    run_example, tmp_path, outcome
):
    def measure(seed):
        scores = run_example("supervised_map", "--rows", 700, "--epochs", 20, seed=seed)
        return {what: scores["supervised"][what] - value for what, value in scores["plain"].items()}

    # labels that were not heeded would change nothing
    outcome(measure, at_least={"accuracy": 0.002, "trustworthiness": -0.06})
    assert is_png(tmp_path / "maps.png")


@pytest.mark.slow
def test_decoder_draws_the_digit_at_whose_middle_it_stands(run_example, tmp_path, outcome):
    def measure(seed):
        scores = run_example("decoder_walk", "--rows", 700, "--epochs", 40, seed=seed)
        return {"explained": scores["explained"] - scores["explained_by_pca"], "recognised": scores["recognised"]}

    outcome(measure, seeds=2, at_least={"explained": 0.06, "recognised": 0.65})
    assert is_png(tmp_path / "walk.png")


def test_guided_specification_lets_the_attribute_become_the_x_axis(run_example, tmp_path, outcome):
    def measure(seed):
        found = run_example("from_spec", "--rows", 1000, seed=seed)
        assert found["color"] == "Hillshade_Noon"
        return dict(zip(("across", "upwards"), found["correlations"], strict=True))

    outcome(measure, seeds=2, at_least={"across": 0.85}, at_most={"upwards": 0.5})
    assert is_png(tmp_path / "map.png")
    assert np.loadtxt(tmp_path / "embedding.csv", delimiter=",", skiprows=1).shape == (1000, 2)


def test_a_specification_can_be_trained_on_a_table_of_ones_own(run_example, tmp_path, outcome):
    rows = np.random.default_rng(0).normal(size=(80, 3))
    table, text = tmp_path / "mine.csv", tmp_path / "mine.yaml"
    np.savetxt(table, rows, delimiter=",", header="length,width,price", comments="")
    text.write_text(
        "losses: [{name: stress, type: stress}, {name: guide, type: correlation, keys: {data: [main, price]}}]\n"
        "training phases:\n"
        "- {epochs: 30, sampling: {type: item, options: {batch_size: 40}}, loss: {components: [stress, guide]}}\n",
        encoding="utf-8",
    )

    def measure(seed):
        found = run_example("from_spec", text, "--data", table, "--color", "price", seed=seed)
        assert found["color"] == "price"
        return {"correlation": found["correlations"][0]}

    outcome(measure, at_least={"correlation": 0.7})
    assert is_png(tmp_path / "map.png")


@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_say_what_one_sees_and_explain_their_arguments(name, monkeypatch, capsys):
    script = EXAMPLES / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(script), run_name="__main__")
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert f"python examples/{name}.py" in shown
    assert "--out" in shown
