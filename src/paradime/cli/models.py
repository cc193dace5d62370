"""Saved routines, and what their columns are in tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.cli.columns import Selection, encode, known_column
from paradime.cli.console import InputError
from paradime.types import AnyArray
from paradime.utils.tables import read_chunks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Model", "Rows", "column_of", "coordinate_names", "open_model", "read_all_rows", "read_rows"]

_MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a table, and what a model makes of them.

    Attributes:
        frame: The table.
        features: The features as the model takes them, shape (n, d).
        embedding: Positions, shape (n, out_dim).
        carried: The columns that are no features.
    """

    frame: pd.DataFrame
    features: pd.DataFrame
    embedding: AnyArray
    carried: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class Model:
    """A saved routine.

    Attributes:
        routine: The routine.
        path: Where it is from.
        table: What the command line said of the table that it was fitted to; empty if another program did.
    """

    routine: Any
    path: str
    table: dict[str, Any]

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns that the network takes; ``None`` if it knows none."""
        names = getattr(self.routine, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    def selection(self, columns: Sequence[str], numeric: Sequence[str], source: str) -> Selection:
        """Returns which columns of a table are features.

        Args:
            columns: Names of the columns.
            numeric: Those that hold numbers.
            source: What to call the table in messages.

        Raises:
            InputError: If some are missing.
        """
        categories: dict[str, list[str]] = self.table.get("categories", {})
        names = self.table.get("features", self.feature_names)
        if names is None:
            names = list(numeric)
            expected = getattr(self.routine, "n_features_in_", len(names))
            if len(names) != expected:
                raise InputError(
                    f"{source}: has {len(names)} columns of numbers, and the model takes {expected}, whose names "
                    "it does not know. Select them."
                )
        missing = [name for name in [*names, *categories] if name not in columns]
        if missing:
            shown = ", ".join(map(repr, missing[:_MOST_NAMED])) + (", …" if len(missing) > _MOST_NAMED else "")
            hint = did_you_mean(missing[0], columns)
            hint = hint if hint.startswith("Did") else "Rename the columns as in the table that it was fitted to."
            raise InputError(f"{source}: lacks column(s) that the model needs: {shown}. {hint}")
        used = {*names, *categories}
        return Selection(list(names), categories, [name for name in columns if name not in used], [])

    def embed(self, features: pd.DataFrame) -> AnyArray:
        """Returns the positions of rows, shape (n, out_dim)."""
        found: AnyArray = self.routine.embed(features if self.feature_names else features.to_numpy()).numpy()
        return found

    def scaled(self, features: pd.DataFrame) -> AnyArray:
        """Returns the rows as the method compared them in training, shape (n, d)."""
        values: AnyArray = features.to_numpy()
        if "mean" not in self.table:
            return values
        standardized: AnyArray = (values - np.array(self.table["mean"])) / np.array(self.table["scale"])
        return standardized


def open_model(path: str) -> Model:
    """Loads a saved routine.

    Raises:
        InputError: If there is none.
        ModelFileError: If it is damaged.
    """
    if not Path(path).exists():
        near = [entry.name for entry in Path(path).parent.iterdir()] if Path(path).parent.is_dir() else []
        hint = did_you_mean(Path(path).name, near)
        raise InputError(
            f"{path}: no such model. {hint if hint.startswith('Did') else 'paradime fit --out writes one.'}"
        )
    from paradime.persistence import load

    routine = load(path)
    table = (getattr(routine, "metadata_", None) or {}).get("table", {})
    return Model(routine, path, table if isinstance(table, dict) else {})


def read_rows(model: Model, path: str, *, whole_texts: bool = True) -> Iterator[Rows]:
    """Reads a table by chunks and embeds them.

    Args:
        model: The model.
        path: The table.
        whole_texts: Whether columns of CSV that are no features stay the texts they are.

    Yields:
        The chunks.

    Raises:
        InputError: If columns are missing, or values are no numbers; with row and column.
        TableError: If the file is no table.
    """
    known = model.table.get("features", model.feature_names)
    chunks = read_chunks(path, numbers=known if whole_texts else None)
    selection: Selection | None = None
    start = 0
    for frame in chunks:
        if selection is None:
            numeric = list(frame.select_dtypes(["number", "bool"]).columns)
            selection = model.selection(list(frame.columns), numeric, path)
        features = encode(frame, selection, source=path, first_row=start)
        yield Rows(frame, features, model.embed(features), frame[selection.carried])
        start += len(frame)


def read_all_rows(model: Model, path: str) -> Rows:
    """Reads a whole table and embeds it; see :func:`read_rows`."""
    import pandas as pd

    parts = list(read_rows(model, path, whole_texts=False))
    if len(parts) == 1:
        return parts[0]
    return Rows(
        pd.concat([part.frame for part in parts]),
        pd.concat([part.features for part in parts]),
        np.concatenate([part.embedding for part in parts]),
        pd.concat([part.carried for part in parts]),
    )


def column_of(rows: Rows, name: str, option: str, source: str) -> pd.Series:
    """Returns a column of a table.

    Raises:
        InputError: If there is none of that name.
    """
    return rows.frame[known_column(name, list(rows.frame.columns), option=option, source=source)]


def coordinate_names(n: int, taken: Sequence[str]) -> list[str]:
    """Returns what to call the axes of an embedding, other than columns that go along.

    Example:
        >>> coordinate_names(2, []), coordinate_names(2, ["x"])
        (['x', 'y'], ['map_x', 'map_y'])
    """
    names = ["x", "y", "z"][:n] if n <= 3 else [f"e{i}" for i in range(n)]
    while any(name in taken for name in names):
        names = [f"map_{name}" for name in names]
    return names
