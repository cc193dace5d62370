"""The command ``demo``: an example with bundled data, which prints the commands that it runs."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from paradime.cli.console import InputError, say
from paradime.cli.fit_options import FitOptions
from paradime.cli.fitting import fit_table
from paradime.cli.using import transform_file
from paradime.preprocessing.table_writing import write_table
from paradime.utils.optional import check_installed

__all__ = ["run_demo"]

_N_NEW = 500


def run_demo(out: str, rows: int, seed: int) -> None:
    """Writes tables of forest cover data, a model and its outputs into a folder.

    Raises:
        InputError: If the folder cannot be created, or the number of rows is out of range.
        ImportError: If a library is missing that the tables and pictures need, before anything is written.
    """
    for library, extra in {
        "pandas": "files",
        "pyarrow": "files",
        "matplotlib": "plot",
        "plotly": "explore",
    }.items():
        check_installed("paradime demo", library, extra)
    import numpy as np
    import pandas as pd

    from paradime.datasets import load_covertype

    if not 200 <= rows <= 6_500:
        raise InputError(f"--rows: must lie between 200 and 6500, got {rows}. Try 2000, which take half a minute.")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out: must be a folder, got the file {out}. Name another one.")
    folder.mkdir(parents=True, exist_ok=True)
    forest = load_covertype()
    frame = pd.DataFrame(forest.data, columns=forest.feature_names)
    frame.insert(0, "Cell", [f"cell_{i:04}" for i in range(len(frame))])
    frame["Cover"] = np.array(forest.target_names)[forest.target - 1]
    table, new = str(folder / "forest.csv"), str(folder / "new.csv")
    write_table(frame.iloc[:rows], table)
    write_table(frame.iloc[-_N_NEW:], new)
    say(f"wrote the tables {table} and {new}: terrain of forest cells in Colorado, and their trees")
    outputs: dict[str, Any] = {name: str(folder / file) for name, file in _FILES.items()}
    options = " ".join(f"--{name} {shlex.quote(path)}" for name, path in outputs.items())
    say(f"\n$ paradime fit {shlex.quote(table)} --id Cell --color Cover {options}")
    fit_table(dataclasses.replace(FitOptions(table, id_column="Cell", color="Cover", seed=seed), **outputs))
    new_map = str(folder / "new_map.csv")
    say(f"\n$ paradime transform {shlex.quote(outputs['out'])} {shlex.quote(new)} --out {shlex.quote(new_map)}")
    transform_file(outputs["out"], new, new_map)
    say(f"\nopen {outputs['explore']} in a browser")


_FILES: dict[str, Any] = {
    "out": "forest.paradime",
    "embedding": "forest_map.csv",
    "plot": "forest.png",
    "explore": "forest.html",
}
