"""What commands write: checked before the work begins, written when it is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli.console import InputError
from paradime.types import AnyArray
from paradime.utils.table_writing import write_table
from paradime.utils.tables import file_format

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_folder",
    "check_model",
    "check_page",
    "check_picture",
    "check_table",
    "draw",
    "joined",
    "print_table",
]

_PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
_FEW_CLASSES = 30


def check_folder(option: str, path: str) -> None:
    """Refuses a file that could not be written.

    Raises:
        InputError: If its folder is missing, or may not be written to, or it is a folder itself.
    """
    if path == "-":
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise InputError(f"{option}: there is no folder {str(folder)!r}. Make it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{option}: the folder {str(folder)!r} may not be written to. Choose another one.")


def check_table(option: str, path: str) -> None:
    """Refuses a table that could not be written."""
    file_format(path)
    check_folder(option, path)


def check_model(option: str, path: str) -> None:
    """Refuses a model that could not be saved."""
    from paradime.persistence.bundle import checked_target

    check_folder(option, path)
    checked_target(path)


def check_picture(option: str, path: str) -> None:
    """Refuses a picture that could not be drawn.

    Raises:
        InputError: If the suffix is none of a picture.
        ImportError: If matplotlib is missing.
    """
    if Path(path).suffix.lower() not in _PICTURES:
        raise InputError(f"{option}: a picture ends in one of {', '.join(_PICTURES)}, got {path!r}.")
    check_folder(option, path)
    from paradime.utils._colors import require_matplotlib

    require_matplotlib()


def check_page(option: str, path: str, needs: str | None = None) -> None:
    """Refuses a page that could not be written.

    Raises:
        InputError: If it does not end in ``.html``.
        ImportError: If what makes it is missing.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{option}: a page ends in .html, got {path!r}.")
    check_folder(option, path)
    if needs is not None:
        import importlib.util

        if importlib.util.find_spec(needs) is None:
            raise ImportError(f'{option} needs {needs}: pip install "paradime[explore]"')


def joined(carried: pd.DataFrame, embedding: AnyArray, names: list[str]) -> pd.DataFrame:
    """Returns columns that go along, and positions beside them."""
    import pandas as pd

    positions = pd.DataFrame(embedding, columns=names, index=carried.index)
    return pd.concat([carried, positions], axis=1)


def draw(path: str, embedding: AnyArray, color: pd.Series | None, *, title: str | None, theme: str) -> None:
    """Draws a map into a file, coloured by a column: its classes, or its numbers.

    Raises:
        ValueError: If the embedding has not 2 dimensions.
        OSError: If the file cannot be written.
    """
    from paradime import plot
    from paradime.utils.files import atomic_write

    coloring: dict[str, Any] = {} if color is None else _coloring(color)
    chosen: Any = theme
    axes = plot.embedding(embedding, title=title, theme=chosen, **coloring)
    suffix = Path(path).suffix.lower().lstrip(".")
    with atomic_write(path) as temporary:
        axes.figure.savefig(temporary, format=suffix, dpi=200, bbox_inches="tight")  # type: ignore[union-attr]


def _coloring(color: pd.Series) -> dict[str, Any]:
    name = str(color.name)
    kind = color.dtype.kind
    if kind == "f" or (kind in "iu" and color.nunique() > _FEW_CLASSES):
        return {"values": color.to_numpy(dtype=np.float64), "legend_title": name}
    return {"labels": color.to_numpy() if kind in "iub" else color.astype(object).to_numpy(), "legend_title": name}


def print_table(frame: pd.DataFrame, out: str | None) -> None:
    """Writes a table to a file, or as aligned text to standard output."""
    if out is None:
        print(frame.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep=""))
    else:
        write_table(frame, out)
