"""Scatterplots of embeddings, and the house colours.

matplotlib is an optional dependency: it is imported when a function needs it, never at import of this module.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from paradime.types import AnyArray, TensorLike
from paradime.utils._drawing import (
    RGBA,
    as_colormap,
    color_labels,
    draw_as_written,
    get_color_palette,
    get_colormap,
    require_matplotlib,
    suggest,
)
from paradime.utils.convert import as_tensor, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["get_color_palette", "get_colormap", "scatterplot"]

_DARK_INK, _LIGHT_INK = "#22313a", "#f2f2f2"
_COLOR_KEYWORDS = ("c", "color", "facecolor", "facecolors", "cmap")


def scatterplot(
    coords: TensorLike,
    labels: Iterable[Hashable] | None = None,
    colormap: str | Colormap | Sequence[Any] | None = None,
    labels_to_index: Mapping[Any, int] | None = None,
    figsize: tuple[float, float] = (10, 10),
    bgcolor: str | None = "#fcfcfc",
    legend: bool = True,
    legend_options: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
    **scatter_kwargs: Any,
) -> Axes:
    """Draws points in the plane, coloured by label or by whatever ``scatter_kwargs`` say.

    All points form one collection in the order of the rows, so that no label covers the others.

    Args:
        coords: Point coordinates, shape (n, 2), finite; a tensor may live on any device.
        labels: One hashable label a point, shape (n,). Each distinct label gets a colour and a legend entry,
            in sorted order, or in order of appearance where labels cannot be compared. NaN is a label too.
        colormap: Colours of the labels: the name of a colormap, a ``Colormap``, or a list of colours. By
            default the house palette, from the eleventh label on in lighter and darker shades. Without
            labels, the colormap of the numbers given as ``c``, unless ``cmap`` is given.
        labels_to_index: Index of the colour of each label, which also orders the legend; makes colours agree
            between plots that show different labels. By default the position among the distinct labels.
        figsize: Width and height of a new figure in inches.
        bgcolor: Background colour; None leaves it as it is.
        legend: Whether to draw a legend of the labels.
        legend_options: Options of ``matplotlib.legend.Legend``, such as ``loc``, ``title``, ``ncols``.
        ax: Axes to draw into; by default those of a new figure.
        **scatter_kwargs: Options of ``Axes.scatter``, such as ``c``, ``cmap``, ``s``, ``alpha``. Size and
            opacity are chosen by the number of points where not given.

    Returns:
        The axes drawn into; the points are ``ax.collections[-1]``.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If labels are not hashable, or ``ax`` is not an ``Axes``.
        ValueError: If ``coords`` are not of shape (n, 2) or not finite; if labels are of another length, or
            come with ``c`` or its like; if ``labels_to_index`` lacks a label; if ``colormap`` is unknown or
            has too few colours; if ``legend`` or ``legend_options`` are not known.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = scatterplot([[0, 0], [1, 2], [2, 1]], labels=["oak", "fir", "oak"], ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['fir', 'oak']
    """
    require_matplotlib()
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    points = _check_coords(coords)
    _check_legend(legend, legend_options)
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be a matplotlib Axes, got {type(ax).__name__}. Pass a single one, as in axes[0]."
        )
    options: dict[str, Any] = {
        k: to_numpy(v) if isinstance(v, torch.Tensor) else v for k, v in scatter_kwargs.items()
    }

    label_colors: dict[Hashable, RGBA] = {}
    if labels is not None:
        given = [key for key in _COLOR_KEYWORDS if key in options]
        if given:
            raise ValueError(
                f"labels decide the colours, got labels and {given[0]}=. Leave one of them out; "
                "colormap= sets the colours of labels."
            )
        values = _check_labels(labels, len(points))
        label_colors = color_labels(_index_labels(values, labels_to_index), colormap)
        options["c"] = [label_colors[value] for value in values]
    elif _is_numbers(options.get("c"), len(points)):
        options.setdefault("cmap", get_colormap() if colormap is None else as_colormap(colormap))
    elif not any(key in options for key in _COLOR_KEYWORDS):
        options["c"] = get_color_palette()["petrol"]

    own_figure = ax is None
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, facecolor=bgcolor, layout="constrained")
    _clear_frame(ax, bgcolor)
    _set_marker_defaults(options, ax, len(points))
    ax.scatter(points[:, 0], points[:, 1], **options)
    if label_colors and legend:
        _draw_legend(ax, label_colors, options.get("marker"), legend_options or {}, beside=own_figure)
    return ax


def _check_coords(coords: TensorLike) -> AnyArray:
    # double precision, for matplotlib knows no bfloat16; on the CPU first, for some devices know no float64
    points = to_numpy(as_tensor(coords).detach().cpu().to(torch.float64))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"coords must have shape (n, 2), got {points.shape}. Choose two columns, as in coords[:, :2]."
        )
    n_bad = int((~np.isfinite(points)).any(axis=1).sum())
    if n_bad:
        raise ValueError(
            f"coords must be finite, got NaN or infinity in {n_bad} of {len(points)} rows. "
            "Drop them, as in coords[np.isfinite(coords).all(axis=1)]."
        )
    return points


def _check_labels(labels: Any, n_points: int) -> list[Hashable]:
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu()
    is_dates = isinstance(labels, np.ndarray) and labels.dtype.kind in "mM"
    # tolist makes Python objects of NumPy's, but mere integers of its dates
    values = labels.tolist() if hasattr(labels, "tolist") and not is_dates else list(labels)
    n_labels = len(values) if isinstance(values, list) else 1
    if not isinstance(values, list) or n_labels != n_points:
        raise ValueError(
            f"labels must hold one label a point, got {n_labels} for {n_points} points. "
            "Select the same rows of both."
        )
    unhashable = next((value for value in values if not isinstance(value, Hashable)), None)
    if unhashable is not None:
        raise TypeError(
            f"labels must be hashable, got {unhashable!r} of type {type(unhashable).__name__}. "
            "Pass a flat sequence of strings, numbers or tuples."
        )
    # a NaN differs from itself: one object stands for all of them
    return [math.nan if isinstance(value, float) and math.isnan(value) else value for value in values]


def _index_labels(values: list[Hashable], labels_to_index: Mapping[Any, int] | None) -> dict[Hashable, int]:
    distinct = list(dict.fromkeys(values))
    if labels_to_index is None:
        return {label: index for index, label in enumerate(_sorted_if_possible(distinct))}
    missing = [label for label in distinct if label not in labels_to_index]
    if missing:
        raise ValueError(
            f"labels_to_index must give an index for every label, got none for {missing[0]!r} "
            f"({len(missing)} in all). Add it, or leave labels_to_index out."
        )
    for label in distinct:
        index = labels_to_index[label]
        if not isinstance(index, (int, np.integer)) or index < 0:
            raise ValueError(
                f"labels_to_index must map to integers >= 0, got {index!r} for {label!r}. Count colours from 0."
            )
    indices = {label: int(labels_to_index[label]) for label in distinct}
    return dict(sorted(indices.items(), key=lambda item: item[1]))


def _sorted_if_possible(labels: list[Any]) -> list[Any]:
    # NaN compares with nothing and goes last
    known = [label for label in labels if label is not math.nan]
    try:
        return sorted(known) + [math.nan] * (len(labels) - len(known))
    except TypeError:
        return labels


def _is_numbers(c: Any, n_points: int) -> bool:
    """Says whether ``c`` holds one number a point, which matplotlib maps to colours."""
    if c is None or isinstance(c, str):
        return False
    try:
        numbers = np.asarray(c)
    except ValueError:  # a ragged list, such as a mix of names and tuples
        return False
    return numbers.shape == (n_points,) and numbers.dtype.kind in "iuf"


def _clear_frame(ax: Axes, bgcolor: str | None) -> None:
    if bgcolor is not None:
        ax.set_facecolor(bgcolor)
    # distances mean the same in both directions; axes that share both limits can only shrink their box
    shared = len(ax.get_shared_x_axes().get_siblings(ax)) > 1 and len(ax.get_shared_y_axes().get_siblings(ax)) > 1
    ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    ax.tick_params(which="both", bottom=False, left=False, labelbottom=False, labelleft=False)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _set_marker_defaults(options: dict[str, Any], ax: Axes, n_points: int) -> None:
    width, height = _size_in_points(ax)
    # points cover about a fifth of the axes whatever their number, within sizes that can be seen
    options.setdefault("s", float(np.clip(0.2 * width * height / max(n_points, 1), 1.5, 60)))
    options.setdefault("alpha", float(np.clip(0.9 - 0.2 * np.log10(max(n_points, 1) / 1000), 0.35, 0.9)))
    if not {"marker", "linewidths", "linewidth", "lw", "edgecolors", "edgecolor", "ec"} & options.keys():
        # outlines would double the opacity at the rim; markers such as "x" are nothing but outline
        options["linewidths"] = 0


def _size_in_points(ax: Axes) -> tuple[float, float]:
    extent = ax.get_window_extent()
    figure = ax.get_figure(root=True)
    scale = 72 / (figure.dpi if figure is not None else 72)
    return extent.width * scale, extent.height * scale


def _check_legend(legend: Any, legend_options: Mapping[str, Any] | None) -> None:
    from matplotlib.legend import Legend

    if not isinstance(legend, (bool, np.bool_)):
        raise ValueError(
            f'legend must be True or False, got {legend!r}. Place it with legend_options={{"loc": "upper right"}}.'
        )
    known = set(inspect.signature(Legend.__init__).parameters) - {"self", "parent", "handles", "labels"}
    for name in legend_options or {}:
        if name not in known:
            raise ValueError(
                f"legend_options must be options of matplotlib's Legend, got {name!r}."
                f"{suggest(name, known)} Known are {', '.join(sorted(known))}."
            )


def _draw_legend(
    ax: Axes,
    label_colors: Mapping[Hashable, RGBA],
    marker: Any,
    legend_options: Mapping[str, Any],
    *,
    beside: bool,
) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D

    # full opacity and one size, for the points themselves may be faint and tiny
    handles = [
        Line2D([], [], linestyle="none", marker=marker or "o", markersize=7, color=color, label=str(label))
        for label, color in label_colors.items()
    ]
    luminance = float(np.dot(to_rgb(ax.get_facecolor()), (0.2126, 0.7152, 0.0722)))
    ink = _DARK_INK if luminance > 0.4 else _LIGHT_INK
    height = _size_in_points(ax)[1]
    font_size = 11 if height > 350 else 9
    options: dict[str, Any] = {
        "labelcolor": ink,
        "fontsize": font_size,
        "title_fontsize": font_size,
        "alignment": "left",
        "handletextpad": 0.2,
        "labelspacing": 0.6,
        "facecolor": ax.get_facecolor(),
        "edgecolor": "none",
        "framealpha": 0.8,
    }
    if "ncol" not in legend_options:
        # a line takes 1.6 times the font size; the padding and the title take about two lines
        rows = max(3, int(height / (1.6 * font_size)) - 2)
        options["ncols"] = max(1, math.ceil(len(handles) / rows))
    if not {"loc", "bbox_to_anchor"} & legend_options.keys():
        # the layout of a figure of our own makes room at the side; in given axes nothing would
        options |= {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if beside else {"loc": "best"}
    drawn = ax.legend(handles=handles, **(options | dict(legend_options)))
    draw_as_written(*drawn.get_texts())
    drawn.get_title().set_color(legend_options.get("labelcolor", ink))
