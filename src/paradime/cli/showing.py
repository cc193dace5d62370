"""Pictures and pages of maps: of a model and a table, or of positions in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.columns import known_column, numbers
from paradime.cli.console import InputError, say
from paradime.cli.models import Model, open_model, read_all_rows
from paradime.utils.tables import TableError, file_format, read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explore_files", "plot_files"]

_PAIRS = (["x", "y"], ["map_x", "map_y"])  # as transform calls them


def plot_files(
    source: str, data: str | None, out: str, color: str | None, axes: list[str], title: str | None, theme: str
) -> None:
    """Draws a map."""
    outputs.check_picture("--out", out)
    if theme not in ("light", "dark"):
        raise InputError(f"--theme: must be light or dark, got {theme!r}.")
    _, frame, _, embedding = _map(source, data, axes)
    outputs.draw(out, embedding, _color(frame, color, data or source), title=title, theme=theme)
    say(f"wrote the picture {out}")


def explore_files(
    source: str, data: str | None, out: str, color: str | None, axes: list[str], title: str | None, theme: str
) -> None:
    """Writes a page in which to look around in a map."""
    from paradime.explorer import explore

    outputs.check_page("--out", out, "plotly")
    if theme not in ("auto", "light", "dark"):
        raise InputError(f"--theme: must be auto, light or dark, got {theme!r}.")
    model, frame, features, embedding = _map(source, data, axes)
    known = [] if features is None else list(features.columns)
    columns = {str(name): frame[name] for name in frame.columns if name not in {*known, *axes}}
    _color(frame, color, data or source)
    if color is not None:
        columns.setdefault(color, frame[color])
    chosen: Any = theme
    given: dict[str, Any] = (
        {"embedding": embedding} if model is None else {"routine": model.routine, "X": features}
    )
    explore(
        columns=columns or None,
        color=color,
        title=title or Path(data or source).name,
        path=out,
        theme=chosen,
        **given,
    )
    say(f"wrote the page {out}")


def _map(
    source: str, data: str | None, axes: list[str]
) -> tuple[Model | None, pd.DataFrame, pd.DataFrame | None, Any]:
    """Returns a model, the table, its features and the positions; without model the positions are in the table."""
    if data is not None:
        model = open_model(source)
        rows = read_all_rows(model, data)
        return model, rows.frame, rows.features, rows.embedding
    try:
        file_format(source)
    except TableError:
        raise InputError(
            f"{source}: a model needs rows to show. Name a table after it, or a table with positions."
        ) from None
    frame = read_table(source)
    names = axes or next((pair for pair in _PAIRS if all(name in frame.columns for name in pair)), [])
    if not axes and file_format(source) == "npy":
        names = list(frame.columns)
    if not names:
        raise InputError(
            f"{source}: has no columns x and y. Name others, --axes COL,COL, or a model before the table."
        )
    if len(names) != 2:
        raise InputError(
            f"--axes: a map has 2 axes, got columns {', '.join(names)}. Name two, such as --axes x,y."
        )
    for name in names:
        known_column(name, list(frame.columns), option="--axes", source=source)
    axes[:] = names
    return None, frame, None, np.column_stack([numbers(frame[name], source=source) for name in names])


def _color(frame: pd.DataFrame, color: str | None, source: str) -> pd.Series | None:
    if color is None:
        return None
    return frame[known_column(color, list(frame.columns), option="--color", source=source)]
