"""Saved routines: selection of their columns in tables, and embedding of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.cli.columns import known_column, typed_columns
from paradime.cli.console import InputError
from paradime.preprocessing import TabularEncoder
from paradime.preprocessing.pipeline import encoder_of_numbers, saved_encoder, table_of
from paradime.preprocessing.tables import Table, read_chunks, read_table
from paradime.types import AnyArray
from paradime.utils.frames import default_names

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
        encoder: What encodes tables as features; ``None`` if the model has no names of columns.
    """

    routine: Any
    path: str
    table: dict[str, Any]
    encoder: TabularEncoder | None

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the features that the network takes; ``None`` if they are unknown."""
        return None if self.encoder is None else self.encoder.get_feature_names_out().tolist()

    @property
    def numeric_columns(self) -> list[str]:
        """Names of the numeric columns that are features; empty if they are unknown."""
        kinds = {} if self.encoder is None else self.encoder.kinds
        return [name for name, kind in kinds.items() if kind == "numbers"]

    def encoder_of(self, table: Table, source: str) -> TabularEncoder:
        """Returns the encoder of the model; of its numeric columns if the model has no names of columns.

        Args:
            table: The table.
            source: The name of the table in messages.

        Raises:
            InputError: If a column is missing.
        """
        if self.encoder is None:
            names = list(table.frame.select_dtypes(["number", "bool"]).columns)
            expected = getattr(self.routine, "n_features_in_", len(names))
            if len(names) != expected:
                raise InputError(
                    f"{source}: must have {expected} numeric columns, got {len(names)}; the model has no names of "
                    "columns to select them by. Remove the others."
                )
            return encoder_of_numbers(names)
        missing = [name for name in self.encoder.feature_names_in_ if name not in table.names]
        if missing:
            shown = ", ".join(map(repr, missing[:_MOST_NAMED])) + (", …" if len(missing) > _MOST_NAMED else "")
            hint = did_you_mean(missing[0], table.names)
            hint = hint if hint.startswith("Did") else "Rename the columns as in the training table."
            raise InputError(f"{source}: lacks column(s) of the model: {shown}. {hint}")
        return self.encoder

    def rows(self, table: Table, encoder: TabularEncoder, *, source: str, first_row: int = 0) -> Rows:
        """Embeds the rows of a table.

        Args:
            table: The table.
            encoder: The encoder for it.
            source: The name of the table in messages.
            first_row: The number of its first row, from 0.

        Raises:
            InputError: If values are not numbers; with row and column.
        """
        import pandas as pd

        columns = typed_columns(table, encoder.kinds, source=source, first_row=first_row)
        features = pd.DataFrame(encoder.transform(columns), columns=encoder.get_feature_names_out())
        used = set(encoder.feature_names_in_)
        carried = [name for name in table.names if name not in used]
        return Rows(table, features, self.embed(features), carried)

    def restored(self, decoded: AnyArray) -> pd.DataFrame:
        """Returns decoded rows as columns of the table, shape (m, d)."""
        encoder = self.encoder or encoder_of_numbers(default_names(decoded.shape[1]))
        return encoder.inverse_transform(decoded)

    def embed(self, features: pd.DataFrame) -> AnyArray:
        """Returns the positions of rows, shape (n, out_dim)."""
        positions: AnyArray = self.routine.apply(self.inputs(features), "embed").numpy()
        return positions

    def inputs(self, features: pd.DataFrame) -> pd.DataFrame | AnyArray:
        """Returns features for the routine: with names if it was fitted to names, shape (n, d)."""
        return features if hasattr(self.routine, "feature_names_in_") else features.to_numpy()

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
    try:
        encoder = saved_encoder(routine)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return Model(routine, path, table_of(routine), encoder)


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
    chunks = read_chunks(path, header=_header(model, header), typed=typed, numbers=model.numeric_columns)
    encoder: TabularEncoder | None = None
    start = 0
    for table in chunks:
        encoder = encoder or model.encoder_of(table, path)
        yield model.rows(table, encoder, source=path, first_row=start)
        start += len(table)


def read_all_rows(model: Model, path: str, *, header: bool | None = None) -> Rows:
    """Reads a whole table and embeds it; see :func:`read_rows`."""
    table = read_table(path, header=_header(model, header))
    return model.rows(table, model.encoder_of(table, path), source=path)


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
