"""The page: one self-contained HTML file with data, scripts and plotly."""

from __future__ import annotations

import base64
import functools
import html
import os
import zlib
from importlib import resources
from pathlib import Path
from typing import Any

from paradime.explorer.packing import Blobs, json_for_html
from paradime.utils.files import atomic_write, checked_path
from paradime.utils.optional import require

__all__ = ["ExplorerPage", "render_page", "write_page"]

_SCRIPTS = (
    "data",
    "columns",
    "refined",
    "conditions",
    "network",
    "theme",
    "overlay",
    "map",
    "legend",
    "search",
    "selection",
    "what_if",
    "edits",
    "moved",
    "main",
)
_MOST_INLINE_BYTES = 40_000_000
_HEIGHT = 760


class ExplorerPage:
    """A written page, which a notebook shows in a frame.

    Attributes:
        path: The file.
        n_points: Number of points on the map.
        n_bytes: Size of the file.
        what_if: Whether the page embeds new points with the model.
        notes: What was left out or reduced, with reasons; the page shows it, too.

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
        """Returns the page in a frame; a link if it is too large for a notebook; a note if it is missing."""
        shown = html.escape(str(self.path), quote=True)
        link = f'<a href="{shown}" target="_blank">{shown}</a>'
        if self.n_bytes > _MOST_INLINE_BYTES:
            size = f"{self.n_bytes / 1e6:.0f} MB"
            return f"<p>The page has {size}, too much for a notebook. Open it in the browser: {link}</p>"
        try:
            content = self.path.read_text(encoding="utf-8")
        except OSError:
            return f"<p>The page {shown} does not exist any more. Write it again.</p>"
        # the sandbox keeps code in the page from reaching the notebook
        return (
            f'<iframe srcdoc="{html.escape(content, quote=True)}" width="100%" height="{_HEIGHT}" '
            'sandbox="allow-scripts allow-downloads" allow="fullscreen" '
            'style="border:1px solid #8884;border-radius:8px"></iframe>'
        )


def render_page(described: dict[str, Any], blobs: Blobs, *, title: str) -> str:
    """Returns the page as HTML.

    Args:
        described: The description of the page for JSON.
        blobs: The arrays that it refers to.
        title: The title of the page.

    Raises:
        ImportError: If plotly is missing.
    """
    scripts = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    sections = {
        "title": html.escape(title),
        "style": _asset("style.css"),
        "library": _plotly(),
        "described": json_for_html(described),
        "blobs": "\n".join(
            f'<script type="text/plain" id="blob-{i}">{text}</script>' for i, text in enumerate(blobs.texts)
        ),
        "script": f'"use strict";\n(() => {{\n{scripts}\n}})();',
    }
    # split at the placeholders, since texts of the data might look like a placeholder
    pieces = _asset("page.html").split("@@")
    return "".join(sections[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def write_page(content: str, path: Path) -> int:
    """Writes a page atomically; returns its size.

    Raises:
        OSError: If it cannot be written.
    """
    data = content.encode("utf-8")
    with atomic_write(checked_path(path, example="explore.html")) as temporary:
        temporary.write_bytes(data)
    return len(data)


@functools.cache
def _asset(name: str) -> str:
    return resources.files("paradime.explorer").joinpath("assets", name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    """Returns plotly as base64 of deflated bytes, which is less than half of its size."""
    script: str = require("plotly.offline", "The explorer", extra="explore").get_plotlyjs()
    return base64.b64encode(zlib.compress(script.encode("utf-8"), 9)).decode("ascii")
