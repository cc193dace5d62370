"""The page: one HTML file of data, scripts and a library that draws, which asks for nothing from outside."""

from __future__ import annotations

import base64
import functools
import html
import os
import tempfile
import zlib
from importlib import resources
from pathlib import Path
from typing import Any

from paradime.explorer.packing import Blobs, json_for_html
from paradime.utils.optional import require

__all__ = ["ExplorerPage", "render_page", "write_page"]

_SCRIPTS = (
    "data",
    "columns",
    "network",
    "theme",
    "overlay",
    "map",
    "legend",
    "search",
    "selection",
    "what_if",
    "main",
)
_MOST_INLINE_BYTES = 40_000_000
_HEIGHT = 760


class ExplorerPage:
    """A page that was written; a notebook that is given it shows the page in a frame.

    Attributes:
        path: Where the page lies.
        n_points: Number of points on the map.
        n_bytes: Size of the file.
        what_if: Whether the page places new points by the model.
        notes: What was left out or made smaller, and why; the page says it, too.

    Example:
        >>> ExplorerPage("maps/digits.html", n_points=1797, n_bytes=2_400_000)
        ExplorerPage('maps/digits.html', 1797 points, 2.4 MB)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        n_points: int,
        n_bytes: int,
        what_if: bool = False,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path = Path(path)
        self.n_points = n_points
        self.n_bytes = n_bytes
        self.what_if = what_if
        self.notes = notes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, {self.n_points} points, {self.n_bytes / 1e6:.1f} MB)"

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        """The page in a frame of its own; a link if the file is too large for a notebook, or gone."""
        shown = html.escape(str(self.path), quote=True)
        link = f'<a href="{shown}" target="_blank">{shown}</a>'
        if self.n_bytes > _MOST_INLINE_BYTES:
            size = f"{self.n_bytes / 1e6:.0f} MB"
            return f"<p>The page has {size}, too much to be kept in a notebook. Open it in the browser: {link}</p>"
        try:
            content = self.path.read_text(encoding="utf-8")
        except OSError:
            return f"<p>There is no page at {shown} any more. Write it again.</p>"
        # a sandbox without the notebook's origin: whatever the page holds, it cannot reach the notebook
        return (
            f'<iframe srcdoc="{html.escape(content, quote=True)}" width="100%" height="{_HEIGHT}" '
            'sandbox="allow-scripts allow-downloads" allow="fullscreen" '
            'style="border:1px solid #8884;border-radius:8px"></iframe>'
        )


def render_page(described: dict[str, Any], blobs: Blobs, *, title: str) -> str:
    """Returns the page as HTML.

    Args:
        described: What the page shows, as JSON takes it.
        blobs: The arrays that it refers to.
        title: The page's title.

    Raises:
        ImportError: If plotly is missing.
    """
    scripts = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    parts = {
        "title": html.escape(title),
        "style": _asset("style.css"),
        "library": _plotly(),
        "described": json_for_html(described),
        "blobs": "\n".join(
            f'<script type="text/plain" id="blob-{i}">{text}</script>' for i, text in enumerate(blobs.texts)
        ),
        "script": f'"use strict";\n(() => {{\n{scripts}\n}})();',
    }
    # split, not replaced one after the other: data that look like a place must not be taken for one
    pieces = _asset("page.html").split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def write_page(content: str, path: Path) -> int:
    """Writes a page such that whatever happens, the old file or the new one is there; returns its size.

    Raises:
        OSError: If it cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"path must name a file, got the folder {str(path)!r}. Add a name: 'explore.html'."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} to write {path.name!r} to. Make it first."
        )
    data = content.encode("utf-8")
    # not mkstemp's mode, which would hide a page from others: the one that open gives
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".explore-") as folder:
        fresh = Path(folder) / path.name
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return len(data)


@functools.cache
def _asset(name: str) -> str:
    return resources.files("paradime.explorer").joinpath("assets", name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    """The library that draws, as base64 of deflated bytes: less than half of its size."""
    script: str = require("plotly.offline", "The explorer", extra="explore").get_plotlyjs()
    return base64.b64encode(zlib.compress(script.encode("utf-8"), 9)).decode("ascii")
