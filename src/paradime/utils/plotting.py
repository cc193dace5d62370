"""Scatterplots of embeddings with the parameters of ParaDime 1.x, and the default colours.

:mod:`paradime.plot` has more kinds of plots. matplotlib is an optional dependency, imported when a
function needs it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from paradime._registry import did_you_mean
from paradime.plot._labels import check_positions
from paradime.plot._legend import draw_legend, legend_handle
from paradime.plot._palette import class_colors, get_color_palette, get_colormap, value_colors
from paradime.plot._points import area_of, default_alpha, default_size, size_in_points
from paradime.plot._theme import check_axes, hide_scales, matching_theme, open_axes, require_matplotlib
from paradime.types import TensorLike
from paradime.utils.convert import to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["get_color_palette", "get_colormap", "scatterplot"]

_COLOR_KEYWORDS = ("c", "color", "facecolor", "facecolors", "cmap")
_OUTLINE_KEYWORDS = {"marker", "linewidths", "linewidth", "lw", "edgecolors", "edgecolor", "ec"}


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
    """Draws points in the plane, coloured by label or by the options of ``Axes.scatter``.

    All points form one collection in the order of the rows, so that no label covers the others.

    Args:
        coords: Positions of the points, shape (n, 2), finite; a tensor may be on any device.
        labels: One hashable label per point, shape (n,). Each distinct label gets a colour and a legend entry,
            in sorted order, or in order of appearance if labels cannot be compared. NaN is a label, too.
        colormap: Colours of the labels: the name of a colormap, a ``Colormap``, or a list of colours. By
            default those of :func:`paradime.plot.palette`. Without labels, the colormap of the numbers given as
            ``c``, unless ``cmap`` is given.
        labels_to_index: Index of the colour of each label, which also orders the legend. With it, colours agree
            between plots that show different labels. By default the position among the distinct labels.
        figsize: Width and height of a new figure in inches.
        bgcolor: Background colour; None does not change it.
        legend: Whether to draw a legend of the labels.
        legend_options: Options of ``matplotlib.legend.Legend``, such as ``loc``, ``title``, ``ncols``.
        ax: Axes to draw into; by default those of a new figure.
        **scatter_kwargs: Options of ``Axes.scatter``, such as ``c``, ``cmap``, ``s``, ``alpha``. By default, size
            and opacity follow from the number of points.

    Returns:
        The axes; the points are ``ax.collections[-1]``.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If coordinates are not numbers, labels are not hashable, or ``ax`` is not an ``Axes``.
        ValueError: If ``coords`` are not of shape (n, 2) or not finite; if labels are of another length, or
            are combined with ``c`` or another colour; if ``labels_to_index`` lacks a label; if ``colormap`` is
            unknown or has too few colours; if ``legend`` or ``legend_options`` are unknown.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = scatterplot([[0, 0], [1, 2], [2, 1]], labels=["oak", "fir", "oak"], ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['fir', 'oak']
    """
    require_matplotlib()
    points = check_positions(coords, "coords")
    _check_legend(legend, legend_options)
    check_axes(ax)
    options: dict[str, Any] = {
        k: to_numpy(v) if isinstance(v, torch.Tensor) else v for k, v in scatter_kwargs.items()
    }
    has_numbers = _is_numbers(options.get("c"), len(points))
    label_colors = _set_colors(options, labels, labels_to_index, colormap, len(points), has_numbers=has_numbers)
    is_new = ax is None
    ax, _ = open_axes(ax, None, figsize)
    hide_scales(ax)
    if bgcolor is not None:
        ax.set_facecolor(bgcolor)
        if is_new:
            ax.figure.set_facecolor(bgcolor)
    options.setdefault("s", default_size(len(points), area_of(ax)))
    options.setdefault("alpha", default_alpha(len(points), numbers=has_numbers))
    if not _OUTLINE_KEYWORDS & options.keys():
        # outlines would double the opacity at the edge; markers such as "x" consist of outlines only
        options["linewidths"] = 0
    ax.scatter(points[:, 0], points[:, 1], **options)
    if label_colors and legend:
        marker = options.get("marker") or "o"
        handles = [legend_handle(str(label), color, marker) for label, color in label_colors.items()]
        # the constrained layout of a new figure makes space beside the axes
        place, located = ("beside", {}) if is_new else ("inside", {"loc": "best"})
        overrides = {**located, **(legend_options or {})}
        draw_legend(
            ax, handles, matching_theme(ax), place=place, height=size_in_points(ax)[1], overrides=overrides
        )
    return ax


def _set_colors(
    options: dict[str, Any],
    labels: Iterable[Hashable] | None,
    labels_to_index: Mapping[Any, int] | None,
    colormap: Any,
    n_points: int,
    *,
    has_numbers: bool,
) -> dict[Hashable, Any]:
    """Sets the colours of the points in the options of ``scatter``; returns those of the labels."""
    given = [key for key in _COLOR_KEYWORDS if key in options]
    if labels is not None:
        if given:
            raise ValueError(
                f"labels set the colours, got labels and {given[0]}=. Leave one of them out; "
                "colormap= sets the colours of labels."
            )
        values = _read_labels(labels, n_points)
        label_colors = _color_labels(_index_labels(values, labels_to_index), colormap)
        options["c"] = [label_colors[value] for value in values]
        return label_colors
    if has_numbers:
        options.setdefault("cmap", get_colormap() if colormap is None else value_colors(colormap, "light"))
    elif not given:
        options["c"] = get_color_palette()["petrol"]
    return {}


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
                f"legend_options must be options of matplotlib's Legend, got {name!r}. {did_you_mean(name, known)}"
            )


def _read_labels(labels: Any, n_points: int) -> list[Hashable]:
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu()
    is_dates = isinstance(labels, np.ndarray) and labels.dtype.kind in "mM"
    # tolist converts NumPy's scalars to Python's, but dates to plain integers
    values = labels.tolist() if hasattr(labels, "tolist") and not is_dates else list(labels)
    n_labels = len(values) if isinstance(values, list) else 1
    if not isinstance(values, list) or n_labels != n_points:
        raise ValueError(
            f"labels must have one label per point, got {n_labels} for {n_points} points. "
            "Select the same rows of both."
        )
    unhashable = next((value for value in values if not isinstance(value, Hashable)), None)
    if unhashable is not None:
        raise TypeError(
            f"labels must be hashable, got {unhashable!r} of type {type(unhashable).__name__}. "
            "Pass a flat sequence of strings, numbers or tuples."
        )
    # a NaN is not equal to itself: one object represents all of them
    return [math.nan if isinstance(value, float) and math.isnan(value) else value for value in values]


def _index_labels(values: list[Hashable], labels_to_index: Mapping[Any, int] | None) -> dict[Hashable, int]:
    """Returns the index of the colour of each label, in the order of the legend."""
    distinct = list(dict.fromkeys(values))
    if labels_to_index is None:
        return {label: index for index, label in enumerate(_sorted_if_possible(distinct))}
    missing = [label for label in distinct if label not in labels_to_index]
    if missing:
        raise ValueError(
            f"labels_to_index must have an index for every label, got none for {missing[0]!r} "
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


def _color_labels(indices: Mapping[Hashable, int], colormap: Any) -> dict[Hashable, Any]:
    from matplotlib.colors import to_rgb

    keys: list[Hashable] = list(range(max(indices.values(), default=-1) + 1))
    for label, index in indices.items():
        keys[index] = label
    colors = [to_rgb(color) for color in class_colors(keys, colormap, "light", name="colormap")]
    return {label: colors[index] for label, index in indices.items()}


def _sorted_if_possible(labels: list[Any]) -> list[Any]:
    # NaN cannot be compared and is the last
    comparable = [label for label in labels if label is not math.nan]
    try:
        return sorted(comparable) + [math.nan] * (len(labels) - len(comparable))
    except TypeError:
        return labels


def _is_numbers(c: Any, n_points: int) -> bool:
    """Returns whether ``c`` holds one number per point, which matplotlib maps to colours."""
    if c is None or isinstance(c, str):
        return False
    try:
        numbers = np.asarray(c)
    except ValueError:  # a ragged list, such as a mix of names and tuples
        return False
    return numbers.shape == (n_points,) and numbers.dtype.kind in "iuf"
