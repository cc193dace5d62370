"""The commands ``plot`` and ``explore``: maps from a model and a table, or from positions in a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paradime.cli import outputs
from paradime.cli.columns import known_column, numbers
from paradime.cli.console import InputError, check_choice, say
from paradime.cli.models import Model, column_of, open_model, read_all_rows
from paradime.preprocessing.tables import Table, TableError, file_format, read_table
from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explore_files", "id_names", "page_color", "page_columns", "plot_files"]

_FEW_CLASSES = 30
_PAIRS = (["x", "y"], ["map_x", "map_y"])  # the names that transform writes


def plot_files(
    source: str,
    data: str | None,
    out: str,
    color: str | None,
    axes: list[str],
    title: str | None,
    theme: str,
    *,
    header: bool | None = None,
) -> None:
    """Draws a map."""
    outputs.check_distinct({"the model" if data else "the table": source, "a table": data}, {"--out": out})
    outputs.check_picture("--out", out)
    check_choice("--theme", theme, ("light", "dark"))
    shown = _map(source, data, axes, header)
    outputs.draw(out, shown.embedding, _color(shown.table, color, data or source), title=title, theme=theme)
    say(f"wrote the picture {out}")


def explore_files(
    source: str,
    data: str | None,
    out: str,
    color: str | None,
    axes: list[str],
    title: str | None,
    theme: str,
    *,
    header: bool | None = None,
) -> None:
    """Writes a page to explore a map."""
    from paradime.explorer import explore

    outputs.check_distinct({"the model" if data else "the table": source, "a table": data}, {"--out": out})
    outputs.check_page("--out", out, ("plotly", "explore"))
    check_choice("--theme", theme, ("auto", "light", "dark"))
    shown = _map(source, data, axes, header)
    color = page_color(_color(shown.table, color, data or source))
    columns = page_columns(shown.table, [name for name in shown.table.names if name not in shown.used], color)
    chosen: Any = theme
    arguments: dict[str, Any] = {"embedding": shown.embedding}
    if shown.model is not None and shown.features is not None:
        features = shown.model.inputs(shown.features)
        names = id_names(shown.model.table.get("id"), shown.table)
        arguments = {"routine": shown.model.routine, "X": features, "feature_names": list(shown.features)}
        arguments["row_names"] = names
    explore(
        columns=columns or None,
        color=color,
        title=title or Path(data or source).name,
        path=out,
        theme=chosen,
        **arguments,
    )
    say(f"wrote the page {out}")


def id_names(column: str | None, table: Table) -> list[str] | None:
    """Returns the identifiers of rows as strings; ``None`` without a column of them, or if some occur twice."""
    if column is None or column not in table.names:
        return None
    names = [str(name) for name in table.frame[column]]
    return names if len(set(names)) == len(names) else None


def page_columns(table: Table, names: Sequence[str], color: str | None) -> dict[str, Any]:
    """Returns the columns for a page by name: typed values, and strings as written in the file."""
    chosen = [*names, color] if color is not None and color not in names else list(names)
    frame = table.part(chosen).frame
    return {name: frame[name] for name in chosen}


def page_color(column: pd.Series | None) -> str | None:
    """Returns the column that initially colours a page; prints a note if it has too many values."""
    if column is None:
        return None
    n_distinct = column.nunique()
    if column.dtype.kind not in "iufbM" and n_distinct > max(_FEW_CLASSES, len(column) // 2):
        say(f"note: {column.name!r} holds {n_distinct:,} different strings, too many for colours of the page")
        return None
    return str(column.name)


@dataclasses.dataclass(frozen=True)
class Shown:
    """A map to show.

    Attributes:
        table: The table.
        embedding: Positions, shape (n, out_dim).
        used: Names of the columns that are features, or positions.
        model: The model; ``None`` if the positions are in the table.
        features: The features for the model; ``None`` without model.
    """

    table: Table
    embedding: AnyArray
    used: list[str]
    model: Model | None = None
    features: pd.DataFrame | None = None


def _map(source: str, data: str | None, axes: list[str], header: bool | None) -> Shown:
    if data is not None:
        model = open_model(source)
        rows = read_all_rows(model, data, header=header)
        return Shown(rows.table, rows.embedding, list(rows.features.columns), model, rows.features)
    try:
        file_format(source)
    except TableError:
        raise InputError(
            f"{source}: a model needs rows to show. Add a table, or pass a table with positions instead."
        ) from None
    table = read_table(source, header=header)
    names = axes or next((pair for pair in _PAIRS if all(name in table.names for name in pair)), [])
    if not axes and file_format(source) == "npy":
        names = table.names
    if not names:
        raise InputError(
            f"{source}: has no columns x and y. Name others, --axes COL,COL, or pass a model before the table."
        )
    if len(names) != 2:
        raise InputError(
            f"--axes: a map has 2 axes, got columns {', '.join(names)}. Name two, such as --axes x,y."
        )
    for name in names:
        known_column(name, table.names, option="--axes", source=source)
    return Shown(table, numbers(table, names, source=source), list(names))


def _color(table: Table, color: str | None, source: str) -> pd.Series | None:
    return None if color is None else column_of(table, color, "--color", source)
