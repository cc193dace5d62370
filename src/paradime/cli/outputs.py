"""Outputs of commands: checks before the work, and writing of pictures and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli.console import InputError
from paradime.preprocessing.table_writing import write_table
from paradime.preprocessing.tables import file_format
from paradime.types import AnyArray
from paradime.utils.optional import check_installed

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_distinct",
    "check_file",
    "check_model",
    "check_page",
    "check_picture",
    "check_table",
    "draw",
    "joined",
    "print_table",
    "save_figure",
]

_PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
_FEW_CLASSES = 30
# the library that writes a format, and the extra that installs it
_WRITERS = {"parquet": ("pyarrow", "files"), "feather": ("pyarrow", "files"), "h5ad": ("anndata", "anndata")}


def check_distinct(inputs: Mapping[str, str | None], outputs: Mapping[str, str | None]) -> None:
    """Refuses outputs that would overwrite an input or another output.

    Args:
        inputs: Paths of inputs by description, such as ``"the table"``; ``None`` and ``"-"`` are not files.
        outputs: Paths of outputs by option.

    Raises:
        InputError: If a file has two roles, even with different spellings of its path, or lies in the folder of a
            model.
    """
    files = {what: path for what, path in inputs.items() if path not in (None, "-")}
    written: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None or path == "-":
            continue
        for what, other in files.items():
            if other is not None and _are_one(path, other):
                raise InputError(
                    f"{option}: must not overwrite {what} that is read, got {path}. Name another file."
                )
            if other is not None and os.path.isdir(other) and _lies_in(path, other):
                raise InputError(
                    f"{option}: must not lie in the folder of {what} that is read, got {path}. Name another path."
                )
        for earlier, other in written.items():
            if _are_one(path, other):
                raise InputError(
                    f"{earlier} and {option} must be different files, got {path} for both. Name two files."
                )
            if earlier == "--out" and _lies_in(path, other):
                raise InputError(
                    f"{option}: must not lie in the folder of the model {other}, got {path}. Name another path."
                )
        written[option] = path


def _are_one(path: str, other: str) -> bool:
    if os.path.exists(path) and os.path.exists(other):
        return os.path.samefile(path, other)
    return os.path.realpath(path) == os.path.realpath(other)


def _lies_in(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ""))


def check_file(option: str, path: str) -> None:
    """Refuses an output file that cannot be written.

    Raises:
        InputError: If its folder is missing or not writable, or the path is a folder.
    """
    if path == "-":
        return
    # follow links, since their target is replaced
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(f"{option}: must be a file, got the folder {path}. Add the name of a file.")
    _check_folder(option, target)


def _check_folder(option: str, target: Path) -> None:
    folder = target.parent
    shown = str(Path(os.path.relpath(folder))) if not folder.is_dir() else str(folder)
    if not folder.is_dir():
        raise InputError(f"{option}: there is no folder {shown!r}. Create it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{option}: the folder {shown!r} is not writable. Choose another one.")


def check_table(option: str, path: str) -> None:
    """Refuses an output table that cannot be written.

    Raises:
        TableError: If the suffix is not that of a table.
        InputError: If the file cannot be written.
        ImportError: If the library of the format is missing.
    """
    form = file_format(path)
    check_file(option, path)
    if form in _WRITERS:
        check_installed(option, *_WRITERS[form])


def check_model(option: str, path: str) -> None:
    """Refuses an output model that cannot be saved.

    Raises:
        ValueError: If the suffix belongs to another kind of file.
        InputError: If it cannot be written.
    """
    from paradime.persistence.bundle import checked_target

    target = Path(os.path.realpath(checked_target(path)))
    _check_folder(option, target)
    if target.is_dir() and not os.access(target, os.W_OK):
        raise InputError(f"{option}: the folder {path!r} is not writable. Choose another one.")


def check_picture(option: str, path: str, n_axes: int | None = 2) -> None:
    """Refuses an output picture that cannot be drawn.

    Raises:
        InputError: If the suffix is not that of a picture, or the map does not have 2 dimensions.
        ImportError: If matplotlib is missing.
    """
    if Path(path).suffix.lower() not in _PICTURES:
        raise InputError(f"{option}: a picture must end in one of {', '.join(_PICTURES)}, got {path!r}.")
    _check_axes(option, n_axes)
    check_file(option, path)
    check_installed(option, "matplotlib", "plot")


def check_page(option: str, path: str, needs: tuple[str, str], n_axes: int | None = 2) -> None:
    """Refuses an output page that cannot be written.

    Raises:
        InputError: If it does not end in ``.html``, or the map does not have 2 dimensions.
        ImportError: If the library for the page is missing.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{option}: a page must end in .html, got {path!r}.")
    _check_axes(option, n_axes)
    check_file(option, path)
    check_installed(option, *needs)


def _check_axes(option: str, n_axes: int | None) -> None:
    if n_axes not in (None, 2):
        raise InputError(
            f"{option}: a map must have 2 dimensions, got {n_axes}. Leave it out; --embedding and --report take "
            "any number."
        )


def joined(carried: pd.DataFrame, embedding: AnyArray, names: list[str]) -> pd.DataFrame:
    """Returns the copied columns followed by the positions."""
    import pandas as pd

    positions = pd.DataFrame(embedding, columns=names, index=carried.index)
    return pd.concat([carried, positions], axis=1)


def draw(path: str, embedding: AnyArray, color: pd.Series | None, *, title: str | None, theme: str) -> None:
    """Draws a map into a file, coloured by a column: its classes, or its numbers.

    Raises:
        ValueError: If the embedding does not have 2 dimensions.
        OSError: If the file cannot be written.
    """
    from paradime import plot

    coloring: dict[str, Any] = {} if color is None else _coloring(color)
    chosen: Any = theme
    save_figure(plot.embedding(embedding, title=title, theme=chosen, **coloring), path)


def save_figure(axes: Any, path: str) -> None:
    """Writes the figure of axes into a file, in the format of its suffix.

    Raises:
        OSError: If the file cannot be written.
    """
    from paradime.utils.files import atomic_write

    with atomic_write(path) as temporary:
        axes.figure.savefig(temporary, format=Path(path).suffix.lower()[1:], dpi=200, bbox_inches="tight")


def _coloring(color: pd.Series) -> dict[str, Any]:
    name = str(color.name)
    kind = color.dtype.kind
    if kind in "mM" and bool(color.notna().any()):
        times = color - color.min() if kind == "M" else color
        unit = f"days since {color.min():%Y-%m-%d}" if kind == "M" else "days"
        days = times.dt.total_seconds().to_numpy(dtype=np.float64) / 86_400
        return {"values": days, "legend_title": f"{name} ({unit})"}
    if kind == "f" or (kind in "iu" and color.nunique() > _FEW_CLASSES):
        return {"values": color.to_numpy(dtype=np.float64, na_value=np.nan), "legend_title": name}
    if kind in "iub" and not bool(color.isna().any()):
        return {"labels": color.to_numpy(), "legend_title": name}
    return {"labels": color.astype(object).where(color.notna(), None).to_numpy(), "legend_title": name}


def print_table(frame: pd.DataFrame, out: str | None) -> None:
    """Writes a table to a file, or as aligned text without empty columns to standard output."""
    if out is None:
        shown = frame.dropna(axis=1, how="all")
        print(shown.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep=""))
    else:
        write_table(frame, out)
