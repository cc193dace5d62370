"""A first map, made of bundled data by the commands that a user would type."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from paradime.cli.console import InputError, say
from paradime.cli.fitting import FitOptions, fit_table
from paradime.cli.using import transform_file
from paradime.utils.table_writing import write_table

__all__ = ["run_demo"]

_N_NEW = 500


def run_demo(out: str, rows: int, seed: int) -> None:
    """Writes tables of forest cover data, and what is made of them, into a folder.

    Raises:
        InputError: If the folder cannot be made, or the number of rows is out of range.
    """
    import numpy as np
    import pandas as pd

    from paradime.datasets import load_covertype

    if not 200 <= rows <= 6_500:
        raise InputError(f"--rows: must lie between 200 and 6500, got {rows}. 2000 take half a minute.")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out: {out} is a file, and a folder is expected.")
    folder.mkdir(parents=True, exist_ok=True)
    forest = load_covertype()
    frame = pd.DataFrame(forest.data, columns=forest.feature_names)
    frame.insert(0, "Cell", [f"cell_{i:04}" for i in range(len(frame))])
    frame["Cover"] = np.array(forest.target_names)[forest.target - 1]
    table, new = str(folder / "forest.csv"), str(folder / "new.csv")
    write_table(frame.iloc[:rows], table)
    write_table(frame.iloc[-_N_NEW:], new)
    say(f"wrote the tables {table} and {new}: terrain of forest cells in Colorado, and the trees that grow there")
    places: dict[str, Any] = {name: str(folder / file) for name, file in _FILES.items()}
    named = " ".join(f"--{name} {shlex.quote(place)}" for name, place in places.items())
    _told(f"fit {shlex.quote(table)} --id Cell --color Cover {named}")
    fit_table(dataclasses.replace(FitOptions(table, id="Cell", color="Cover", seed=seed), **places))
    placed = str(folder / "new_map.csv")
    _told(f"transform {shlex.quote(places['out'])} {shlex.quote(new)} --out {shlex.quote(placed)}")
    transform_file(places["out"], new, placed)
    say(f"\nopen {places['explore']} in a browser")


_FILES: dict[str, Any] = {
    "out": "forest.paradime",
    "embedding": "forest_map.csv",
    "plot": "forest.png",
    "explore": "forest.html",
}


def _told(command: str) -> None:
    say(f"\n$ paradime {command}")
