"""The page on the explorer does what it says."""

import re
from pathlib import Path

import pytest

from pages import python_blocks
from paradime.explorer import columns, features, packing, page

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "exploring.md").read_text(encoding="utf-8")


def test_blocks_of_the_page_write_the_pages_that_they_name(tmp_path, monkeypatch):
    # few steps, which is quicker
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 60)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    first, second = python_blocks(TEXT)
    exec(first, names)
    assert names["page"].what_if
    exec(second, names)
    assert names["page"].n_points == 1797
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.html", "wines.html"]


@pytest.mark.parametrize(
    "told",
    [
        f"features: {features._MOST_FEATURE_BYTES // 10**6} MB",
        f"images: {packing._LONGEST_SIDE} pixels a side and {packing._MOST_BYTES // 10**6} MB",
        f"texts: {columns._LONGEST_TEXT} characters each, {columns._MOST_TEXT_BYTES // 10**6} MB",
        f"more than {page._MOST_INLINE_BYTES // 10**6} MB",
        f"tried on {features._CHECKED_ROWS} rows",
        f"{columns._FEW_INTEGERS} values become classes",
    ],
)
def test_limits_of_the_page_are_those_of_the_code(told):
    assert told in re.sub(r"\s+", " ", TEXT)


def test_links_of_the_page_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert targets
    assert all((ROOT / "docs" / target).exists() for target in targets)
