"""The function ``explore``: writes the page of an embedding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from paradime._registry import did_you_mean
from paradime.data.validation import checked_rows
from paradime.explain._rows import count_of
from paradime.explorer.columns import check_no_feature_is_hidden, named_columns, pack_column, pack_targets
from paradime.explorer.features import pack_features, pack_network
from paradime.explorer.packing import Blobs, as_images, pack_images
from paradime.explorer.page import ExplorerPage, render_page, write_page
from paradime.plot import palette
from paradime.types import AnyArray
from paradime.utils.columns import ColumnValues
from paradime.utils.convert import to_numpy
from paradime.utils.frames import check_distinct_names, is_frame
from paradime.utils.frames import feature_names as names_of
from paradime.utils.rows import Rows, rows_of
from paradime.utils.targets import read_targets

__all__ = ["explore"]

_MOST_FEATURE_COLUMNS = 200  # in lists of columns


def explore(
    routine: Any = None,
    X: Any = None,
    *,
    y: Any = None,
    columns: Any = None,
    images: Any = None,
    embedding: Any = None,
    moved_from: Any = None,
    row_names: Any = None,
    feature_names: Sequence[str] | None = None,
    color: str | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] = "explore.html",
    what_if: bool = True,
    theme: Literal["auto", "light", "dark"] = "auto",
) -> ExplorerPage:
    """Writes one self-contained HTML file to explore an embedding.

    The map pans and zooms. Hovering over a point shows its row, and its image if available. Points can be coloured
    by any column, searched by text, selected by a lasso or a box, compared with all others, and downloaded as
    CSV. Points can be dragged to other places, and pairs be drawn: ``update`` takes the file of these edits. If
    the network of the routine is supported, the page contains it: sliders change features of a point, and
    the model moves the point as ``transform`` would.

    Args:
        routine: A fitted routine, or a pipeline that ends with one; ``None`` if only ``embedding`` is given.
        X: The rows for ``routine.transform``, shape (n, …); a data frame names the features. Sparse rows are
            included up to the limit of size.
        y: A label or a number per point, shape (n,); integers are classes here.
        columns: A data frame, or a dict of sequences, with further columns: numbers, dates, categories and texts,
            with missing values. Integers with at most 30 values are classes. A column may only have the name of a
            feature if it holds that feature.
        images: An image per point: an array of shape (n, h, w), (n, h, w, 3) or (n, 3, h, w); or the shape of
            the images, such as ``(8, 8)``, if the rows of ``X`` are pixels.
        embedding: Positions, shape (n, 2), in place of ``routine.transform(X)``.
        moved_from: The positions of the points in an earlier map, shape (n, 2): the page shows what moved.
        row_names: A unique name per point, shape (n,), by which a file of edits names it; by default its index.
        feature_names: Names of the columns of ``X``; by default those of the data frame or the routine, or
            ``"x0"``, ``"x1"``, ….
        color: The column that initially colours the points; by default ``y``, or the first column of classes.
        title: Title of the page.
        path: The file to write.
        what_if: Whether the page contains the network.
        theme: ``"light"``, ``"dark"``, or ``"auto"`` for the setting of the reader's system.

    Returns:
        The page: ``page.path`` is its file, and a notebook shows it in a frame.

    Raises:
        ImportError: If plotly is missing.
        NotTrainedError: If the routine is not trained.
        TypeError: If an argument has a wrong type.
        ValueError: If numbers of rows differ, the embedding does not have 2 finite columns, a name is unknown, or
            a column has the name of a feature with other values.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from paradime import ParametricUMAP
        >>> X, y = np.random.rand(200, 3), ["low", "high"] * 100
        >>> umap = ParametricUMAP(epochs=1, random_state=0).fit(X)
        >>> page = explore(umap, X, y=y, path=tempfile.mkdtemp() + "/map.html")
        >>> page.what_if
        True
    """
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"theme must be 'auto', 'light' or 'dark', got {theme!r}.")
    positions = _positions(routine, X, embedding)
    n, blobs = len(positions), Blobs()
    notes: list[str] = []
    rows = None if X is None else _rows(X, n)
    names = [] if rows is None else names_of(X, routine, row_shape=rows.shape[1:], given=feature_names)
    flat = None if rows is None else rows.flat()
    described = _described(routine, title, theme, positions, blobs)
    described["former"] = None if moved_from is None else _former(moved_from, n, blobs)
    described["rowNames"] = None if row_names is None else _unique_names(row_names, n)
    if X is not None and rows is None:
        # the page still shows the columns of a data frame
        if columns is None and is_frame(X):
            check_distinct_names(X, what="X")
            columns = X
        notes.append("new points cannot be embedded here: X must hold finite numbers")
    arrays = {} if columns is None else named_columns(columns, n)
    if flat is not None:
        check_no_feature_is_hidden(arrays, names, flat)
    described["columns"], column_notes = _pack_columns(y, arrays, {*arrays, *names}, blobs, n)
    notes += column_notes
    if flat is not None:
        _add_features(described, routine if what_if else None, flat, names, positions, blobs, notes)
    if images is not None:
        described["images"], note = pack_images(as_images(images, rows, n), blobs)
        notes += [note] if note else []
    described["color"] = _first_color(color, described["columns"])
    described["notes"] = notes
    content = render_page(described, blobs, title=described["title"])
    size = write_page(content, Path(path))
    has_network = described["network"] is not None
    return ExplorerPage(path, n_points=n, n_bytes=size, what_if=has_network, notes=tuple(notes))


def _described(routine: Any, title: str | None, theme: str, positions: AnyArray, blobs: Blobs) -> dict[str, Any]:
    """Returns what a page without columns, features and images has."""
    return {
        "title": str(title) if title else ("Map" if routine is None else type(_last_step(routine)).__name__),
        "n": len(positions),
        "x": blobs.add(positions[:, 0]),
        "y": blobs.add(positions[:, 1]),
        "theme": theme,
        "palette": palette(),
        "features": None,
        "network": None,
        "images": None,
        "hasRoutine": routine is not None,
    }


def _positions(routine: Any, X: Any, embedding: Any) -> AnyArray:
    """Returns positions in single precision, shape (n, 2)."""
    if embedding is None:
        if routine is None or X is None:
            raise TypeError(
                "explore needs a routine and its rows, explore(routine, X), or positions, explore(embedding=Y), "
                f"got routine={type(routine).__name__}, X={type(X).__name__}."
            )
        if not hasattr(routine, "transform"):
            raise TypeError(
                f"routine must have a method transform, got {type(routine).__name__}. "
                "For positions from elsewhere: explore(embedding=Y)."
            )
        Y = to_numpy(routine.transform(X))
    else:
        Y = to_numpy(checked_rows("embedding", embedding))
    if Y.ndim != 2 or Y.shape[1] != 2:
        parameter = "n_components" if hasattr(routine, "n_components") else "out_dim"
        remedy = f"Train it with {parameter}=2" if embedding is None else "Choose two columns: embedding=Y[:, :2]"
        raise ValueError(f"explore draws maps of 2 dimensions, got an embedding of shape {Y.shape}. {remedy}.")
    with np.errstate(over="ignore"):
        positions = Y.astype(np.float32)
    if not np.isfinite(positions).all():
        raise ValueError("embedding must not have values beyond single precision. Rescale it: Y / abs(Y).max().")
    return positions


def _former(moved_from: Any, n: int, blobs: Blobs) -> dict[str, Any]:
    """Packs earlier positions."""
    Y = to_numpy(checked_rows("moved_from", moved_from))
    if Y.shape != (n, 2):
        raise ValueError(
            f"moved_from must have the earlier position of each point, shape ({n}, 2), got {Y.shape}. Pass "
            "routine.transform(X) of the time before."
        )
    x, y = Y.astype(np.float32).T
    return {"x": blobs.add(x), "y": blobs.add(y)}


def _unique_names(row_names: Any, n: int) -> list[str]:
    """Returns the names of points as strings."""
    names = [str(name) for name in row_names]
    if len(names) != n or len(set(names)) < n:
        raise ValueError(
            f"row_names must be one name per point, {n} different ones, got {len(names)} names, "
            f"{len(set(names))} of them different. Leave them out to use the indices of the rows."
        )
    return names


def _rows(X: Any, n: int) -> Rows | None:
    """Returns the rows as finite numbers; ``None`` if they are not, which some routines accept."""
    try:
        rows = rows_of(checked_rows("X", X))
    except (TypeError, ValueError):
        rows = None
    n_rows = count_of(X) if rows is None else len(rows)
    if n_rows != n:
        raise ValueError(f"X must have one row per point, got {n_rows} rows for {n} points. Select the same rows.")
    return rows


def _pack_columns(
    y: Any, arrays: dict[str, ColumnValues], taken: set[str], blobs: Blobs, n: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Packs the columns of a page, the labels first with a unique name."""
    packed: list[dict[str, Any]] = []
    notes: list[str] = []
    if y is not None:
        own_name = getattr(y, "name", None)
        name = own_name if isinstance(own_name, str) and own_name else "label"
        name = name if name not in taken else f"{name} (y)"
        packed.append(pack_targets(name, read_targets(y, n=n), blobs))
    for name, values in arrays.items():
        column, note = pack_column(name, values, blobs)
        packed += [column] if column["kind"] != "none" else []
        notes += [note] if note else []
    return packed, notes


def _add_features(
    described: dict[str, Any],
    routine: Any,
    flat: Rows,
    names: list[str],
    positions: AnyArray,
    blobs: Blobs,
    notes: list[str],
) -> None:
    """Adds the features, and the network if there is a routine, to the description."""
    features, note = pack_features(flat, names, blobs)
    notes += [note] if note else []
    described["features"] = features
    if routine is not None:
        network = pack_network(routine, flat, positions, blobs)
        described["network"] = network.described
        if network.described is None:
            notes.append(f"new points cannot be embedded here: {network.note}")
        else:
            features["order"] = network.order
            notes += [network.note] if network.note else []
    if features["rows"] is None:
        known = {column["name"] for column in described["columns"]}
        described["columns"] += [
            {"name": names[j], "kind": "number", "integer": features["integer"][j], "feature": j}
            for j in range(min(len(names), _MOST_FEATURE_COLUMNS))
            if names[j] not in known
        ]


def _first_color(color: str | None, columns: list[dict[str, Any]]) -> str | None:
    """Returns the column that initially colours the points."""
    names = [column["name"] for column in columns if column["kind"] in ("category", "number")]
    if color is not None:
        if color not in names:
            raise ValueError(
                f"color must name a column of classes or numbers, got {color!r}. {did_you_mean(color, names)}"
            )
        return color
    classes = [column["name"] for column in columns if column["kind"] == "category"]
    return next(iter(classes or names), None)


def _last_step(routine: Any) -> Any:
    steps = getattr(routine, "steps", None)
    return steps[-1][1] if steps else routine
