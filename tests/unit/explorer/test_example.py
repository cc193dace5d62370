"""The example writes a page that can place new points."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "examples" / "explore.py"


@pytest.mark.needs("plotly")
def test_example_writes_a_page_with_images_and_a_network(tmp_path, written):
    page = runpy.run_path(str(SCRIPT))["run"](tmp_path / "out", epochs=1, rows=200)
    assert page.what_if
    found = written(page.path)
    assert found.described["features"]["names"][10] == "pixel in row 1, column 2"
    assert found.described["images"]["width"] == 8
    assert found.values("label")[:3] == ["0", "1", "2"]
