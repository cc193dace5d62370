"""Saved routines: selection of their columns in tables, and embedding of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.cli.columns import Selection, encode, framed, known_column
from paradime.cli.console import InputError
from paradime.types import AnyArray
from paradime.utils.frames import default_names
from paradime.utils.tables import Table, read_chunks, read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Model", "Rows", "column_of", "coordinate_names", "open_model", "read_all_rows", "read_rows"]

_MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a table with their embedding.

    Attributes:
        table: The table.
        features: The features for the model, shape (n, d).
        embedding: Positions, shape (n, out_dim).
        carried: Names of the columns that are not features.
    """

    table: Table
    features: pd.DataFrame
    embedding: AnyArray
    carried: list[str]


@dataclasses.dataclass(frozen=True)
class Model:
    """A saved routine.

    Attributes:
        routine: The routine.
        path: Its path.
        table: The description of the table that it was fitted to; empty if it was not saved by the command line.
    """

    routine: Any
    path: str
    table: dict[str, Any]

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns that the network takes; ``None`` if they are unknown."""
        names = getattr(self.routine, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    @property
    def columns(self) -> list[str] | None:
        """Names of the numeric columns that are its features; ``None`` if they are unknown."""
        names: list[str] | None = self.table.get("features", self.feature_names)
        return names

    def selection(self, table: Table, source: str) -> Selection:
        """Returns the features among the columns of a table.

        Args:
            table: The table.
            source: The name of the table in messages.

        Raises:
            InputError: If a feature is missing.
        """
        categories: dict[str, list[str]] = self.table.get("categories", {})
        names, columns = self.columns, table.names
        if names is None:
            names = list(table.frame.select_dtypes(["number", "bool"]).columns)
            expected = getattr(self.routine, "n_features_in_", len(names))
            if len(names) != expected:
                raise InputError(
                    f"{source}: must have {expected} numeric columns, got {len(names)}; the model has no names of "
                    "columns to select them by. Remove the others."
                )
        missing = [name for name in [*names, *categories] if name not in columns]
        if missing:
            shown = ", ".join(map(repr, missing[:_MOST_NAMED])) + (", …" if len(missing) > _MOST_NAMED else "")
            hint = did_you_mean(missing[0], columns)
            hint = hint if hint.startswith("Did") else "Rename the columns as in the training table."
            raise InputError(f"{source}: lacks column(s) of the model: {shown}. {hint}")
        used = {*names, *categories}
        offsets = self.table.get("offsets", {})
        return Selection(list(names), categories, [name for name in columns if name not in used], offsets=offsets)

    def restored(self, decoded: AnyArray) -> pd.DataFrame:
        """Returns decoded rows as columns of the table, with their offsets added, shape (m, d)."""
        import pandas as pd

        names = self.feature_names or default_names(decoded.shape[1])
        frame = pd.DataFrame(decoded, columns=names)
        selection = Selection(self.table.get("features", []), {}, [], offsets=self.table.get("offsets", {}))
        for column, offset in selection.offsets.items():
            frame[selection.name_of(column)] = frame[selection.name_of(column)].astype(np.float64) + offset
        return frame.rename(columns={selection.name_of(column): column for column in selection.offsets})

    def embed(self, features: pd.DataFrame) -> AnyArray:
        """Returns the positions of rows, shape (n, out_dim)."""
        rows = features if self.feature_names else features.to_numpy()
        positions: AnyArray = self.routine.apply(rows, "embed").numpy()
        return positions

    def scaled(self, features: pd.DataFrame) -> AnyArray:
        """Returns the rows with the scaling of the training, shape (n, d)."""
        values: AnyArray = features.to_numpy()
        if "mean" not in self.table:
            return values
        standardized: AnyArray = (values - np.array(self.table["mean"])) / np.array(self.table["scale"])
        return standardized


def open_model(path: str) -> Model:
    """Loads a saved routine.

    Raises:
        InputError: If it does not exist.
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


def read_rows(model: Model, path: str, *, header: bool | None = None, typed: bool = False) -> Iterator[Rows]:
    """Reads a table in chunks and embeds them.

    Args:
        model: The model.
        path: The table.
        header: Whether the first line of CSV holds column names; by default as in the training table.
        typed: Whether copied columns of CSV get types by their values.

    Yields:
        The chunks.

    Raises:
        InputError: If columns are missing, or values are not numbers; with row and column.
        TableError: If the file is not a table.
    """
    chunks = read_chunks(path, header=_header(model, header), typed=typed, numbers=model.columns or ())
    selection: Selection | None = None
    start = 0
    for table in chunks:
        selection = model.selection(table, path) if selection is None else selection
        features = framed(encode(table, selection, source=path, first_row=start), selection)
        yield Rows(table, features, model.embed(features), selection.carried)
        start += len(table)


def read_all_rows(model: Model, path: str, *, header: bool | None = None) -> Rows:
    """Reads a whole table and embeds it; see :func:`read_rows`."""
    table = read_table(path, header=_header(model, header))
    selection = model.selection(table, path)
    features = framed(encode(table, selection, source=path), selection)
    return Rows(table, features, model.embed(features), selection.carried)


def _header(model: Model, header: bool | None) -> bool | None:
    return False if header is None and model.table.get("header") is False else header


def column_of(table: Table, name: str, option: str, source: str) -> pd.Series:
    """Returns a column of a table.

    Raises:
        InputError: If there is no such column.
    """
    return table.frame[known_column(name, table.names, option=option, source=source)]


def coordinate_names(n: int, taken: Sequence[str]) -> list[str]:
    """Returns names for the axes of an embedding that differ from the names of copied columns.

    Example:
        >>> coordinate_names(2, []), coordinate_names(2, ["x"])
        (['x', 'y'], ['map_x', 'map_y'])
    """
    names = ["x", "y", "z"][:n] if n <= 3 else [f"e{i}" for i in range(n)]
    while any(name in taken for name in names):
        names = [f"map_{name}" for name in names]
    return names
