"""Legends and colour bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from paradime._registry import did_you_mean
from paradime.plot._labels import Classes, Values
from paradime.plot._points import Look, markers_of
from paradime.plot._text import draw_as_written, shortened
from paradime.plot._theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

__all__ = [
    "LegendPlace",
    "check_legend",
    "class_handles",
    "draw_colorbar",
    "draw_legend",
    "draw_line_legend",
    "legend_handle",
]

LegendPlace: TypeAlias = Literal["auto", "beside", "inside", "direct", "none"]

_PLACES = ("auto", "beside", "inside", "direct", "none")
_MAX_ENTRIES = 60
_UNLABELED = "unlabelled"


def check_legend(place: str) -> None:
    """Raises ValueError if the place of a legend is unknown."""
    if place not in _PLACES:
        places = ", ".join(map(repr, _PLACES))
        raise ValueError(f"legend must be one of {places}, got {place!r}. {did_you_mean(str(place), _PLACES)}")


def legend_handle(text: str, color: Any, marker: Any = "o", *, size: float = 6.5, edge: Any = None) -> Line2D:
    """Returns an entry of a legend, opaque and of one size, since the points themselves may be faint and tiny."""
    from matplotlib.lines import Line2D
    from matplotlib.markers import MarkerStyle

    # markers such as "x" consist of edges only
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        markersize=size,
        color=color,
        label=text,
        markeredgewidth=0 if edge is None and MarkerStyle(marker).is_filled() else None,
        markeredgecolor=edge,
    )


def class_handles(classes: Classes, look: Look, n_points: int) -> list[Line2D]:
    """Returns the entries of a legend: classes with points in order, and unlabelled points at the end.

    Of more than sixty classes, it lists the largest, and the number of the others.
    """
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
    return [legend_handle(*entry) for entry in entries]


def draw_legend(
    target: Axes | Figure | SubFigure,
    handles: Sequence[Any],
    theme: Theme,
    *,
    place: str,
    title: str | None = None,
    height: float,
    overrides: Mapping[str, Any] | None = None,
) -> Legend:
    """Draws a legend in as many columns as its entries need.

    Args:
        target: Axes, or a figure whose panels share the legend.
        handles: Its entries.
        theme: The theme, for the colours of the texts and the background.
        place: ``"beside"`` or ``"inside"``.
        title: The title of the legend.
        height: The available height in points.
        overrides: Further options of ``matplotlib.legend.Legend``, in place of the ones chosen here.
    """
    font_size = 9 if height > 220 else 8
    # a line takes 1.55 times the font size; padding and title take two
    rows = max(4, int(height / (1.55 * font_size)) - 2)
    options: dict[str, Any] = {
        "handles": list(handles),
        "title": title,
        "fontsize": font_size,
        "title_fontsize": font_size,
        "labelcolor": theme.ink,
        "ncols": max(1, math.ceil(len(handles) / rows)),
        "handletextpad": 0.2,
        "columnspacing": 1.0,
        "labelspacing": 0.5,
        "alignment": "left",
        "edgecolor": "none",
        "facecolor": theme.background,
    }
    if place == "inside":
        # finding the best location takes long with many points
        options |= {"loc": "upper right", "framealpha": 0.75}
    elif hasattr(target, "get_xlim"):
        options |= {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
    else:
        options |= {"loc": "outside right center", "frameon": False}
    overrides = overrides or {}
    if "ncol" in overrides:  # matplotlib's older name
        del options["ncols"]
    if {"loc", "bbox_to_anchor"} & overrides.keys():
        options.pop("loc")
        options.pop("bbox_to_anchor", None)
    options |= overrides
    legend = target.legend(**options)
    legend.get_title().set_color(options["labelcolor"])
    draw_as_written(legend.get_title(), *legend.get_texts())
    return legend


def draw_line_legend(ax: Axes, handles: Sequence[Any], theme: Theme, **place: Any) -> None:
    """Draws a legend of lines or bars without a frame.

    Args:
        ax: The axes.
        handles: The labelled lines or bars. If matplotlib collected them itself, it would omit labels that begin
            with an underscore.
        theme: The theme, for the colour of the texts.
        **place: The location, as options of ``Axes.legend``.
    """
    legend = ax.legend(handles=handles, frameon=False, fontsize=9, labelcolor=theme.ink, **place)
    draw_as_written(*legend.get_texts())


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
