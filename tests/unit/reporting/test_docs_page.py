"""The page on reports runs as it stands."""

import re
from pathlib import Path

from pages import python_blocks

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "reporting.md").read_text(encoding="utf-8")


def test_blocks_of_the_page_write_the_report(tmp_path, monkeypatch, no_pictures, few_first_steps, fewer_digits):
    # few steps, which is quicker
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 20)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in python_blocks(TEXT):
        exec(block, names)
    assert "Handwritten digits" in (tmp_path / "digits_report.html").read_text(encoding="utf-8")
    assert all(f"report.{name}" in TEXT for name in ("frame", "scores", "verdicts", "concerns", "save"))


def test_links_of_the_page_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert targets
    assert all((ROOT / "docs" / target).exists() for target in targets)
