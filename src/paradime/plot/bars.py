"""Bar charts of the importance of features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.plot._legend import draw_line_legend
from paradime.plot._palette import palette
from paradime.plot._text import draw_as_written, draw_title, shortened
from paradime.plot._theme import ThemeName, frame, open_axes
from paradime.types import AnyArray, FloatArray
from paradime.utils.arguments import check_integer
from paradime.utils.convert import as_tensor, to_numpy
from paradime.utils.frames import default_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["importance"]


@dataclasses.dataclass(frozen=True)
class _Bars:
    """Importance of features, shape (n_features, n_series), with the names of features and series."""

    values: FloatArray
    names: list[str]
    series: list[str]


def importance(
    values: Any,
    names: Sequence[str] | None = None,
    *,
    series: Sequence[str] | None = None,
    top: int | None = 15,
    signed: bool = True,
    sort: bool = True,
    as_share: bool = False,
    highlight: str | None = None,
    title: str | None = None,
    colors: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes:
    """Draws the importance of features for each axis of an embedding, the most important on top.

    Args:
        values: Shape (n_features,), or (n_features, n_series) for bars side by side, such as one per axis; or an
            object with ``values`` and ``names``, such as the result of
            ``paradime.explain.feature_importance``.
        names: Names of the features; by default the object's names, or ``x0``, ``x1``, ….
        series: Names of the series; by default ``x-axis``, ``y-axis``, …
        top: Number of features to draw, at least 1; ``None`` for all.
        signed: Whether bars of negative values point to the left; else magnitudes are drawn.
        sort: Whether to sort by the largest magnitude of any series; else features keep their order.
        as_share: Whether to divide each series by the sum of its magnitudes over all features.
        highlight: The name of a feature to write in bold.
        title: The title.
        colors: One colour per series.
        ax: Axes to draw into; by default those of a new figure.
        theme: ``"light"``, ``"dark"``, or ``None`` for the one that matches the axes.
        figsize: Width and height of a new figure in inches; by default as high as the features need.

    Returns:
        The axes; the bars are ``ax.containers``, one per series.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If values are not numbers.
        ValueError: If shapes, names or series do not fit, values are not finite, or ``top`` is below 1.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = importance([0.2, 0.7, -0.4], ["age", "height", "weight"], top=2, ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['height', 'weight']
    """
    bars = _read(values, names, series)
    if top is not None:
        check_integer("top", top, remedy="Pass None for all features.")
    if highlight is not None and highlight not in bars.names:
        raise ValueError(f"highlight must be the name of a feature, got {highlight!r}.")
    shown = bars.values if signed else np.abs(bars.values)
    if as_share:
        total = np.abs(bars.values).sum(axis=0)
        shown = shown / np.where(total > 0, total, 1)
    chosen = _choose(shown, top, sort)
    n_series = len(bars.series)
    ax, look = open_axes(ax, theme, figsize or (7, 1.3 + len(chosen) * max(0.3, 0.17 * n_series)))
    hues = _hues(colors, n_series, look.name)
    height, drawn = 0.8 / n_series, []
    for i, name in enumerate(bars.series):
        heights = np.arange(len(chosen)) + (i - (n_series - 1) / 2) * height
        drawn.append(ax.barh(heights, shown[chosen, i], 0.92 * height, color=hues[i], label=name))
    frame(ax, look, grid="x")
    _label_bars(ax, [bars.names[i] for i in chosen], highlight)
    if (shown[chosen] < 0).any():
        ax.axvline(0, color=look.ink, linewidth=0.8)
    _label_axis(ax, len(bars.names) - len(chosen), as_share)
    if len(drawn) > 1:
        draw_line_legend(ax, drawn, look, loc="lower right")
    draw_title(ax, title, look.ink)
    return ax


def _label_bars(ax: Axes, names: Sequence[str], highlight: str | None) -> None:
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(range(len(names)), [shortened(name, 36) for name in names])
    draw_as_written(*ax.get_yticklabels())
    ax.set_ylim(len(names) - 0.4, -0.6)
    # through the ticks, since axes that share their scale have no labels of their own
    for name, tick in zip(names, ax.yaxis.get_major_ticks(), strict=True):
        if name == highlight:
            tick.label1.set_fontweight("bold")


def _label_axis(ax: Axes, n_left_out: int, as_share: bool) -> None:
    from matplotlib.ticker import PercentFormatter

    if as_share:
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    what = "share of the importance" if as_share else "importance"
    ax.set_xlabel(what + (f" ({n_left_out} less important features left out)" if n_left_out else ""))


def _hues(colors: Sequence[str] | None, n_series: int, theme: ThemeName) -> list[str]:
    if colors is None:
        defaults = palette(max(n_series, 3), theme=theme)
        # petrol and aqua are similar; petrol and yellow would look like classes
        return [defaults[0], defaults[2], defaults[1], *defaults[3:]][:n_series]
    if len(colors) < n_series:
        raise ValueError(f"colors must be one per series, got {len(colors)} for {n_series}.")
    return list(colors)


def _choose(shown: FloatArray, top: int | None, sort: bool) -> AnyArray:
    largest = np.abs(shown).max(axis=1)
    ranked = np.argsort(-largest, kind="stable")[:top]
    return ranked if sort else np.sort(ranked)


def _read(values: Any, names: Sequence[str] | None, series: Sequence[str] | None) -> _Bars:
    given_names = names if names is not None else getattr(values, "names", None)
    # data frames have this attribute, too
    numbers = to_numpy(as_tensor(getattr(values, "values", values)).detach().cpu().double())
    numbers = numbers[:, None] if numbers.ndim == 1 else numbers
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise ValueError(f"values must have shape (n_features,) or (n_features, n_series), got {numbers.shape}.")
    if not np.isfinite(numbers).all():
        row = int((~np.isfinite(numbers).all(axis=1)).argmax())
        raise ValueError(f"values must be finite, got NaN or infinity, first for feature {row}.")
    n_features, n_series = numbers.shape
    texts = default_names(n_features) if given_names is None else [str(name) for name in given_names]
    if len(texts) != n_features:
        raise ValueError(f"names must be one per feature, got {len(texts)} for {n_features} features.")
    axes = [f"{'xyz'[i]}-axis" if n_series <= 3 else f"axis {i + 1}" for i in range(n_series)]
    series_names = axes if series is None else [str(name) for name in series]
    if len(series_names) != n_series:
        raise ValueError(f"series must be one per column of values, got {len(series_names)} for {n_series}.")
    return _Bars(numbers, texts, series_names)
