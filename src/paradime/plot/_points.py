"""Drawing of points: size, opacity, order and markers by their number."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.plot._labels import Classes, Values
from paradime.plot._palette import class_colors, value_colors
from paradime.plot._theme import THEMES, Theme
from paradime.types import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap

__all__ = [
    "Look",
    "area_of",
    "check_colors",
    "default_alpha",
    "default_size",
    "draw_points",
    "drawing_order",
    "fit_limits",
    "markers_of",
    "size_in_points",
]

_MARKERS = ("o", "s", "^", "D", "P", "v")
_N_COLORS_OF_A_MARKER = 10
# more points are too small for different markers
_MAX_SHAPED = 2_000
# vector files with more points are slow to open; the points are rasterised
_MAX_VECTORS = 10_000


@dataclasses.dataclass(frozen=True)
class Look:
    """The look of points.

    Args:
        theme: The theme of the axes.
        colors: The user's colours.
        size: Area of a point in points²; by rule for ``None``.
        alpha: Opacity in (0, 1]; by rule for ``None``.
        seed: Seed of the order of drawing.
    """

    theme: Theme
    colors: Any = None
    size: float | None = None
    alpha: float | None = None
    seed: int = 0

    def colors_of(self, classes: Classes) -> list[str]:
        """Returns one colour per class."""
        return class_colors(classes.keys, self.colors, self.theme.name)

    def colormap(self) -> Colormap:
        """Returns the colormap for numbers."""
        return value_colors(self.colors, self.theme.name)

    def plain_color(self) -> str:
        """Returns the colour of points without classes or numbers."""
        from matplotlib.colors import to_hex

        if self.colors is None or isinstance(self.colors, Mapping):
            return class_colors(["points"], None, self.theme.name)[0]
        return to_hex(self.colors if isinstance(self.colors, str) else next(iter(self.colors)))


def check_colors(colors: Any, coloring: Classes | Values | None) -> None:
    """Raises ValueError if colours do not fit classes or numbers, before anything is drawn."""
    look = Look(THEMES["light"], colors)
    if isinstance(coloring, Classes):
        look.colors_of(coloring)
    elif isinstance(coloring, Values):
        look.colormap()
    else:
        look.plain_color()


def default_size(n_points: int, area: float) -> float:
    """Returns the area of a point: the total area of all points is a quarter of the axes.

    Args:
        n_points: The number of points.
        area: The area of the axes in points² (1/72 inch squared).

    Returns:
        Points², between 1.5 (less is invisible) and 36.

    Example:
        >>> [round(default_size(n, 150_000), 1) for n in (150, 5_000, 60_000)]
        [36.0, 7.5, 1.5]
    """
    return float(np.clip(area / 4 / max(n_points, 1), 1.5, 36))


def default_alpha(n_points: int, *, numbers: bool = False) -> float:
    """Returns the opacity of a point: 0.9 up to 1,000 points, less by 0.2 for each factor of ten, at least 0.5.

    Args:
        n_points: The number of points.
        numbers: Whether colours are those of a scale; it is readable with an opacity of at least 0.8.

    Example:
        >>> [round(default_alpha(n), 2) for n in (100, 1_000, 10_000, 1_000_000)]
        [0.9, 0.9, 0.7, 0.5]
    """
    least = 0.8 if numbers else 0.5
    return float(np.clip(0.9 - 0.2 * np.log10(max(n_points, 1) / 1000), least, 0.9))


def drawing_order(coloring: Classes | Values | None, n_points: int, seed: int) -> IntArray:
    """Returns the rows in random order, so that no class covers another; rows without a colour come first."""
    order = np.random.default_rng(seed).permutation(n_points)
    if coloring is not None:
        order = order[np.argsort(~coloring.missing[order], kind="stable")]
    return order


def markers_of(n_classes: int, n_points: int) -> list[str]:
    """Returns one marker per class: more than ten classes also differ in shape, if points are large enough."""
    if n_points > _MAX_SHAPED:
        return ["o"] * n_classes
    return [_MARKERS[i // _N_COLORS_OF_A_MARKER % len(_MARKERS)] for i in range(n_classes)]


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Returns width and height of axes in points."""
    extent = ax.get_window_extent()
    figure = ax.get_figure(root=True)
    scale = 72 / (figure.dpi if figure is not None else 72)
    return extent.width * scale, extent.height * scale


def area_of(ax: Axes) -> float:
    """Returns the area of axes in points²."""
    width, height = size_in_points(ax)
    return width * height


def draw_points(ax: Axes, points: FloatArray, coloring: Classes | Values | None, look: Look) -> PathCollection:
    """Draws all points as one collection, in random order.

    Args:
        ax: Axes to draw into.
        points: Shape (n, 2).
        coloring: Their classes or numbers.
        look: Colours, sizes and the seed.

    Returns:
        The collection, with a colour scale for numbers.
    """
    n_points = len(points)
    order = drawing_order(coloring, n_points, look.seed)
    shown = points[order]
    options: dict[str, Any] = {
        "s": default_size(n_points, area_of(ax)) if look.size is None else look.size,
        "alpha": look.alpha or default_alpha(n_points, numbers=isinstance(coloring, Values)),
        "linewidths": 0,  # outlines would double the opacity at the edge
        "rasterized": n_points > _MAX_VECTORS,
    }
    if isinstance(coloring, Values):
        cmap = look.colormap().with_extremes(bad=look.theme.muted)
        drawn = ax.scatter(
            shown[:, 0],
            shown[:, 1],
            c=_within(coloring)[order],
            cmap=cmap,
            vmin=coloring.low,
            vmax=coloring.high,
            plotnonfinite=True,
            **options,
        )
    elif isinstance(coloring, Classes):
        codes = coloring.codes[order]
        drawn = ax.scatter(shown[:, 0], shown[:, 1], c=_rgb_of_codes(codes, coloring, look), **options)
        _shape(drawn, codes, markers_of(len(coloring.keys), n_points))
    else:
        drawn = ax.scatter(shown[:, 0], shown[:, 1], color=look.plain_color(), **options)
    return drawn


def fit_limits(ax: Axes, points: FloatArray, margin: float = 0.04) -> None:
    """Sets limits around points with a margin; coinciding points get limits of size 1."""
    if not len(points):
        return
    low, high = points.min(axis=0), points.max(axis=0)
    pad = margin * float((high - low).max()) or 0.5
    # with auto=True, equal scales may widen the limits without a warning
    ax.set_xlim(low[0] - pad, high[0] + pad, auto=True)
    ax.set_ylim(low[1] - pad, high[1] + pad, auto=True)


def _within(values: Values) -> FloatArray:
    # infinite numbers are drawn beyond the ends of the scale; only NaN is missing
    reach = values.high - values.low
    return np.clip(values.numbers, values.low - reach, values.high + reach)


def _rgb_of_codes(codes: IntArray, classes: Classes, look: Look) -> AnyArray:
    from matplotlib.colors import to_rgb

    # the last row is for code -1
    table = np.array([to_rgb(color) for color in (*look.colors_of(classes), look.theme.muted)])
    return np.asarray(table[codes])


def _shape(collection: PathCollection, codes: IntArray, markers: list[str]) -> None:
    if len(set(markers)) < 2:
        return
    from matplotlib.markers import MarkerStyle

    styles = {name: MarkerStyle(name) for name in dict.fromkeys((*markers, "o"))}
    paths = {name: style.get_path().transformed(style.get_transform()) for name, style in styles.items()}
    # one path per point keeps all points in a single collection in random order
    collection.set_paths([paths["o" if code < 0 else markers[code]] for code in codes])
