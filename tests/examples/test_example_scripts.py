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
    """Runs a script with arguments, and returns what its ``main`` does."""
    threads = torch.get_num_threads()

    def run(name, *args):
        script = EXAMPLES / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, args), "--out", str(tmp_path)])
        return runpy.run_path(str(script), run_name="example")["main"]()

    yield run
    torch.set_num_threads(threads)


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_batch_effect_is_gone_and_digits_of_both_instruments_lie_together(run_example, tmp_path):
    scores = run_example("batch_effect", "--epochs", 150)
    plain, independent = scores["plain"], scores["independent"]
    assert plain["instrument"] > 0.97
    assert independent["instrument"] < 0.65
    assert independent["digit_across"] > max(2 * plain["digit_across"], 0.5)
    assert is_png(tmp_path / "maps.png")


@pytest.mark.slow
def test_half_of_the_labels_make_held_out_digits_easier_to_tell_and_neighbours_no_less_true(run_example, tmp_path):
    scores = run_example("supervised_map", "--epochs", 60)
    assert scores["supervised"]["accuracy"] > scores["plain"]["accuracy"] + 0.01
    assert scores["supervised"]["trustworthiness"] > scores["plain"]["trustworthiness"] - 0.03
    assert is_png(tmp_path / "maps.png")


@pytest.mark.slow
def test_decoder_draws_the_digit_at_whose_middle_it_stands(run_example, tmp_path):
    scores = run_example("decoder_walk", "--epochs", 70)
    assert scores["explained"] > scores["explained_by_pca"] + 0.15
    assert scores["recognised"] >= 0.9
    assert is_png(tmp_path / "walk.png")


def test_guided_text_lets_the_attribute_become_the_x_axis(run_example, tmp_path):
    found = run_example("from_text", "--rows", 3000)
    assert found["color"] == "Hillshade_Noon"
    across, upwards = found["correlations"]
    assert across > 0.8
    assert upwards < 0.4
    assert is_png(tmp_path / "map.png")
    assert np.loadtxt(tmp_path / "embedding.csv", delimiter=",", skiprows=1).shape == (3000, 2)


def test_a_text_can_be_trained_on_a_table_of_ones_own(run_example, tmp_path):
    rows = np.random.default_rng(0).normal(size=(80, 3))
    table, text = tmp_path / "mine.csv", tmp_path / "mine.yaml"
    np.savetxt(table, rows, delimiter=",", header="length,width,price", comments="")
    text.write_text(
        "losses: [{name: stress, type: stress}, {name: guide, type: correlation, keys: {data: [main, price]}}]\n"
        "training phases:\n"
        "- {epochs: 30, sampling: {type: item, options: {batch_size: 40}}, loss: {components: [stress, guide]}}\n",
        encoding="utf-8",
    )
    found = run_example("from_text", text, "--data", table, "--color", "price")
    assert found["color"] == "price"
    assert found["correlations"][0] > 0.7
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
