"""The page about plotting does what it says."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from pages import python_blocks
from paradime import plot

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plotting.md"


def test_page_runs_and_writes_its_files(tmp_path, monkeypatch, few_first_steps, fewer_digits):
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 20)
    monkeypatch.chdir(tmp_path)
    # writing of films is tested elsewhere
    monkeypatch.setattr(
        "paradime.plot.animate", lambda frames, path, *, labels: (len(frames.frames[0]), len(labels))
    )
    names: dict = {}
    for block in python_blocks(PAGE.read_text(encoding="utf-8")):
        exec(block, names)
        plt.close("all")
    assert (tmp_path / "digits.png").stat().st_size > 10_000
    assert names["film"] == (500, 500)
    assert len(names["figure"].axes) == 2


@pytest.mark.parametrize("name", plot.__all__)
def test_page_names_every_function(name):
    assert f"`{name}" in PAGE.read_text(encoding="utf-8")


def test_pictures_of_the_page_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert pictures
    assert all((PAGE.parent / picture).exists() for picture in pictures)
