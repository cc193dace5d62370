"""Legends, colour bars, and names of classes among the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from paradime._registry import did_you_mean
from paradime.plot._labels import Classes, Values
from paradime.plot._points import Look, markers_of
from paradime.types import AnyArray, FloatArray
from paradime.utils._drawing import draw_as_written, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

__all__ = ["LegendPlace", "check_legend", "class_handles", "draw_colorbar", "draw_legend", "draw_names"]

LegendPlace: TypeAlias = Literal["auto", "beside", "inside", "direct", "none"]

_PLACES = ("auto", "beside", "inside", "direct", "none")
_MAX_ENTRIES = 60
_MAX_TEXT = 30
_UNLABELED = "unlabelled"


def check_legend(place: str) -> None:
    """Raises ValueError if the place of a legend is unknown."""
    if place not in _PLACES:
        places = ", ".join(map(repr, _PLACES))
        raise ValueError(f"legend must be one of {places}, got {place!r}. {did_you_mean(str(place), _PLACES)}")


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


def class_handles(classes: Classes, look: Look, n_points: int) -> list[Line2D]:
    """Returns the entries of a legend: classes with points in order, and unlabelled points at the end.

    Of more than sixty classes, it lists the largest, and the number of the others.
    """
    from matplotlib.lines import Line2D

    present = classes.present()
    if len(present) > _MAX_ENTRIES:
        sizes = np.bincount(classes.codes[~classes.missing], minlength=len(classes.keys))
        listed = sorted(np.argsort(-sizes, kind="stable")[: _MAX_ENTRIES - 1].tolist())
    else:
        listed = present
    colors, markers = look.colors_of(classes), markers_of(len(classes.keys), n_points)
    entries = [(shortened(classes.texts[code]), colors[code], markers[code]) for code in listed]
    if len(listed) < len(present):
        entries.append((f"… and {len(present) - len(listed)} more", "none", "none"))
    if classes.missing.any():
        entries.append((_UNLABELED, look.theme.muted, "o"))
    # opaque and of one size, since the points themselves may be faint and tiny
    return [
        Line2D([], [], linestyle="none", marker=marker, markersize=6.5, color=color, label=text, markeredgewidth=0)
        for text, color, marker in entries
    ]


def draw_legend(
    target: Axes | Figure | SubFigure,
    handles: Sequence[Any],
    look: Look,
    *,
    place: str,
    title: str | None = None,
    height: float,
) -> Legend:
    """Draws a legend in as many columns as its entries need.

    Args:
        target: Axes, or a figure whose panels share the legend.
        handles: Its entries.
        look: The look, for the colours of the texts.
        place: ``"beside"`` or ``"inside"``.
        title: The title of the legend.
        height: The available height in points.
    """
    font_size = 9 if height > 220 else 8
    # a line takes 1.55 times the font size; padding and title take two
    rows = max(4, int(height / (1.55 * font_size)) - 2)
    options: dict[str, Any] = {
        "handles": list(handles),
        "title": title,
        "fontsize": font_size,
        "title_fontsize": font_size,
        "labelcolor": look.theme.ink,
        "ncols": max(1, math.ceil(len(handles) / rows)),
        "handletextpad": 0.2,
        "columnspacing": 1.0,
        "labelspacing": 0.5,
        "alignment": "left",
        "edgecolor": "none",
        "facecolor": look.theme.background,
    }
    if place == "inside":
        # finding the best location takes long with many points
        options |= {"loc": "upper right", "framealpha": 0.75}
    elif hasattr(target, "get_xlim"):
        options |= {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
    else:
        options |= {"loc": "outside right center", "frameon": False}
    legend = target.legend(**options)
    legend.get_title().set_color(look.theme.ink)
    draw_as_written(legend.get_title(), *legend.get_texts())
    return legend


def draw_colorbar(axes: Any, values: Values, look: Look, *, title: str | None) -> Colorbar:
    """Draws a colour bar for one or several axes, with arrows for numbers beyond its ends."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    first = axes if hasattr(axes, "get_xlim") else next(iter(axes))
    # from the scale instead of the points, whose colours are translucent
    scale = ScalarMappable(Normalize(values.low, values.high), look.colormap())
    bar: Colorbar = first.figure.colorbar(scale, ax=axes, extend=values.extend(), shrink=0.7, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=look.theme.ink, labelsize=9, length=2)
    if title is not None:
        bar.set_label(shortened(title, 60), color=look.theme.ink, fontsize=10)
        draw_as_written(bar.ax.yaxis.label)
    return bar


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
