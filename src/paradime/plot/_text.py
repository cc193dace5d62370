"""Texts of users in plots: drawn as they are written, shortened, and placed among the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.plot._labels import Classes
from paradime.plot._points import Look
from paradime.types import AnyArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["draw_as_written", "draw_names", "draw_title", "printable", "shortened"]

_MAX_TEXT = 30


def draw_as_written(*texts: Text) -> None:
    """Makes matplotlib draw texts literally, without mathematics between dollar signs and without TeX commands.

    Characters without a glyph, such as tabs, are drawn as spaces.

    Args:
        texts: Titles, labels, entries of a legend.

    Example:
        >>> from matplotlib.figure import Figure
        >>> title = Figure().subplots().set_title("from $5 to $10")
        >>> draw_as_written(title)
        >>> title.get_text(), title.get_parse_math()
        ('from $5 to $10', False)
    """
    for text in texts:
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(printable(text.get_text()))


def draw_title(ax: Axes, title: str | None, ink: str, *, fontsize: float = 12, **options: Any) -> Text:
    """Sets the title of axes, unless it is ``None``; returns its text.

    Args:
        ax: The axes.
        title: The title.
        ink: The colour of the title.
        fontsize: The size of the title in points.
        **options: Options of ``Axes.set_title``.
    """
    if title is None:
        return ax.title
    text = ax.set_title(title, color=ink, fontsize=fontsize, **options)
    draw_as_written(text)
    return text


def printable(text: str) -> str:
    r"""Replaces characters without a glyph, except line breaks, by spaces.

    Example:
        >>> printable("a\tb\x07")
        'a b '
    """
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def shortened(text: str, length: int = _MAX_TEXT) -> str:
    """Shortens a text in the middle, since its end is often as informative as its beginning.

    Example:
        >>> shortened("Cathedral family - Rock outcrop complex, extremely stony", 20)
        'Cathedral…emely stony'
    """
    text = " ".join(printable(text).split())
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half].rstrip()}…{text[-(length - half) :].lstrip()}"


def draw_names(ax: Axes, points: FloatArray, classes: Classes, look: Look) -> None:
    """Writes the name of each class among its points, so that names do not overlap.

    A name is at the point of the class that is nearest to the median of the class, so that it lies on the
    class even if the class consists of several clusters.
    """
    from matplotlib.patheffects import withStroke

    present = classes.present()
    if not present:
        return
    anchors = np.array([_middle(points[classes.codes == code]) for code in present])
    texts = [shortened(classes.texts[code], 22) for code in present]
    font_size = 9 if len(present) > 12 else 10
    scale = 72 / ax.figure.dpi if ax.figure is not None else 1.0
    centers = ax.transData.transform(anchors) * scale
    sizes = np.array([(0.58 * font_size * len(text) + 4, 1.25 * font_size) for text in texts])
    shifts = spread_boxes(centers, sizes) - centers
    halo = [withStroke(linewidth=2.5, foreground=look.theme.background)]
    for text, anchor, shift in zip(texts, anchors, shifts, strict=True):
        name = ax.annotate(
            text,
            anchor,
            xytext=tuple(shift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=font_size,
            fontweight="bold",
            color=look.theme.ink,
            path_effects=halo,
            zorder=5,
        )
        draw_as_written(name)


def spread_boxes(centers: FloatArray, sizes: FloatArray, n_rounds: int = 300) -> FloatArray:
    """Moves boxes apart as little as necessary, until they do not overlap or the rounds are used up.

    Args:
        centers: Shape (n, 2).
        sizes: Widths and heights, shape (n, 2).
        n_rounds: Largest number of rounds in which overlapping pairs are moved.

    Returns:
        The new centres, shape (n, 2).

    Example:
        >>> moved = spread_boxes(np.array([[0.0, 0.0], [0.0, 4.0]]), np.array([[30.0, 10.0], [30.0, 10.0]]))
        >>> float(moved[1, 1] - moved[0, 1]) >= 10
        True
    """
    centers = centers.copy()
    # break ties of equal centres
    centers[:, 1] += 1e-3 * np.arange(len(centers))
    reach = (sizes[:, None] + sizes[None]) / 2
    for _ in range(n_rounds):
        difference = centers[:, None] - centers[None]
        overlap = reach - np.abs(difference)
        hit = np.asarray((overlap > 0).all(axis=2)) & ~np.eye(len(centers), dtype=bool)
        if not hit.any():
            break
        vertical = overlap[..., 1] <= overlap[..., 0]
        axis_weight = np.stack((hit & ~vertical, hit & vertical), axis=2)
        centers += (axis_weight * np.sign(difference) * (overlap / 2 + 0.1)).sum(axis=1) / np.maximum(
            axis_weight.sum(axis=1), 1
        )
    return centers


def _middle(points: FloatArray) -> AnyArray:
    distance = ((points - np.median(points, axis=0)) ** 2).sum(axis=1)
    middle: AnyArray = points[int(distance.argmin())]
    return middle
