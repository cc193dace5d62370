"""The guided example runs as a script and writes what it promises."""

import csv
import runpy
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "guided.py"


@pytest.mark.slow
def test_guided_example_writes_pictures_table_and_page(tmp_path, monkeypatch, capsys):
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--out", str(tmp_path)])
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["unguided", "weights 5000 : 1", "weights 1000 : 1", "weights 100 : 1"]
    correlations = [float(row[header.index("|r(x, attribute)|")]) for row in rows]
    assert correlations == sorted(correlations)
    assert correlations[-1] > 0.99
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "weights 1000 : 1" in capsys.readouterr().out
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("gallery.png", "importance.png"))
