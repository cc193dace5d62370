"""Diagrams of the quality of an embedding: Shepard diagrams, and neighbours preserved at every scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import scipy.stats

from paradime.plot._legend import draw_line_legend
from paradime.plot._palette import accent, colormap, palette
from paradime.plot._text import draw_title
from paradime.plot._theme import ThemeName, frame, open_axes, require_matplotlib
from paradime.types import AnyArray, FloatArray, TensorLike
from paradime.utils.arguments import check_integer
from paradime.utils.convert import as_tensor, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["quality", "shepard"]

_N_BANDS = 20


def shepard(
    X: TensorLike,
    Y: TensorLike,
    *,
    n_pairs: int = 50_000,
    random_state: int = 0,
    title: str | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] = (6.5, 5),
) -> Axes:
    """Draws distances in an embedding against those in the data (a Shepard diagram), with their correlation.

    Pairs of points are drawn at random; colour shows the number of pairs in a cell. A line shows the median of the
    embedding's distances, a band the middle half. A narrow, rising band means that distances are preserved.

    Args:
        X: Data, shape (n, dim), also a SciPy sparse matrix; images are flattened.
        Y: Positions, shape (n, d).
        n_pairs: Number of pairs, at least 10.
        random_state: Seed of the draw.
        title: The title; by default the correlations.
        ax: Axes to draw into; by default those of a new figure.
        theme: ``"light"``, ``"dark"``, or ``None`` for the one that matches the axes.
        figsize: Width and height of a new figure in inches.

    Returns:
        The axes; the cells are ``ax.collections[0]``.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If the input is not numbers.
        ValueError: If the numbers of rows differ or are less than 3, or rows are not finite.

    Source: Shepard, "The analysis of proximities", Psychometrika 27, 1962.

    Example:
        >>> from matplotlib.figure import Figure
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> shepard(X, 2 * X, ax=Figure().subplots()).get_title()
        'Shepard diagram: Spearman 1.00, Pearson 1.00'
    """
    data, shown = _matrix(X, "X"), _matrix(Y, "Y")
    if data.shape[0] != shown.shape[0] or shown.shape[0] < 3:
        raise ValueError(
            f"X and Y must hold the same points, at least 3, got {data.shape[0]} and {shown.shape[0]} rows. "
            "Select the same rows of both."
        )
    check_integer("n_pairs", n_pairs, 10, remedy="The default is 50,000.")
    first, second = _draw_pairs(data.shape[0], n_pairs, random_state)
    in_data, in_map = _distances(data, first, second), _distances(shown, first, second)
    ax, look = open_axes(ax, theme, figsize)
    with np.errstate(all="ignore"):  # cells without points
        ax.hexbin(in_data, in_map, gridsize=48, cmap=colormap(look.name), bins="log", mincnt=1, linewidths=0.1)
    _draw_band(ax, in_data, in_map, accent(look.name))
    frame(ax, look, grid=None)
    ax.set_xlabel("distance in the data")
    ax.set_ylabel("distance in the embedding")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    if title is None:
        rank, linear = _correlations(in_data, in_map)
        title = f"Shepard diagram: Spearman {rank:.2f}, Pearson {linear:.2f}"
    draw_title(ax, title, look.ink)
    draw_line_legend(ax, ax.get_legend_handles_labels()[0], look, loc="upper left")
    return ax


def quality(
    curve: Any,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] = (7, 4.5),
) -> Axes:
    """Draws the share of neighbours preserved for all sizes of neighbourhoods.

    Args:
        curve: One number for each size k = 1, 2, …: 0 for a random embedding, 1 for a perfect one; or an object
            with the sizes as ``k`` and the numbers as ``rescaled``, such as the result of
            ``paradime.metrics.coranking_curve``; or a mapping from name to one of these.
        title: The title.
        ax: Axes to draw into; by default those of a new figure.
        theme: ``"light"``, ``"dark"``, or ``None`` for the one that matches the axes.
        figsize: Width and height of a new figure in inches.

    Returns:
        The axes, with one line per curve. The axis of sizes is logarithmic; the legend gives the area below the
        curve on that axis.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If curves are not numbers.
        ValueError: If the shape of a curve is not (n,), or it is not finite.

    Source: Lee, Peluffo-Ordóñez, Verleysen, "Multi-scale similarities in stochastic neighbour embedding",
        Neurocomputing 169, 2015.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = quality({"good": [0.9, 0.8, 0.8], "poor": [0.2, 0.1, 0.0]}, ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['good (area 0.85)', 'poor (area 0.14)']
    """
    require_matplotlib()
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    curves = curve if isinstance(curve, Mapping) else {"": curve}
    if not curves:
        raise ValueError("curve must hold a curve, got a mapping without entries.")
    read = {str(name): _read_curve(values, str(name)) for name, values in curves.items()}
    ax, look = open_axes(ax, theme, figsize)
    lines: list[Any] = []
    for color, (name, (sizes, preserved)) in zip(palette(len(read), theme=look.name), read.items(), strict=True):
        area = float((preserved / sizes).sum() / (1 / sizes).sum())
        text = f"{name} (area {area:.2f})" if name else f"area {area:.2f}"
        lines += ax.plot(sizes, preserved, color=color, linewidth=2, label=text)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    frame(ax, look, grid="y")
    ax.set_xlabel("size of the neighbourhood")
    ax.set_ylabel("neighbours preserved (0 at random, 1 all)")
    lowest = min(float(preserved.min()) for _, preserved in read.values())
    ax.set_ylim(min(0.0, 1.05 * lowest), 1.02)
    # a legend, since names at the ends of lines would overlap
    draw_line_legend(ax, lines, look)
    draw_title(ax, title, look.ink)
    return ax


def _read_curve(curve: Any, name: str) -> tuple[FloatArray, FloatArray]:
    preserved = to_numpy(as_tensor(getattr(curve, "rescaled", curve)).detach().cpu().double())
    sizes = np.asarray(getattr(curve, "k", np.arange(1, len(preserved) + 1)), dtype=np.float64)
    is_curve = preserved.ndim == 1 and len(preserved) > 0 and sizes.shape == preserved.shape
    if not is_curve or not np.isfinite(preserved).all():
        what = f"curve {name!r}" if name else "curve"
        raise ValueError(f"{what} must be finite numbers, one for each size k, got shape {preserved.shape}.")
    return sizes, preserved


def _matrix(X: Any, name: str) -> Any:
    matrix: Any
    if scipy.sparse.issparse(X):
        sparse: Any = X
        matrix = sparse.tocsr().astype(np.float64)
        values = matrix.data
    else:
        matrix = to_numpy(as_tensor(X).detach().cpu().double())
        matrix = matrix.reshape(len(matrix), -1) if matrix.ndim else matrix.reshape(1, 1)
        values = matrix
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity. Drop or impute such rows.")
    return matrix


def _draw_pairs(n: int, n_pairs: int, seed: int) -> tuple[AnyArray, AnyArray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(n, size=n_pairs)
    # the offset is never 0, so that the points of a pair differ
    return first, (first + rng.integers(1, n, size=n_pairs)) % n


def _distances(points: Any, first: AnyArray, second: AnyArray) -> FloatArray:
    # blocks bound the memory for data with many columns
    block = max(1, 4_000_000 // max(points.shape[1], 1))
    distances = []
    for start in range(0, len(first), block):
        difference: Any = points[first[start : start + block]] - points[second[start : start + block]]
        squares = difference.power(2) if hasattr(difference, "power") else difference**2
        distances.append(np.sqrt(np.asarray(squares.sum(axis=1)).ravel()))
    return np.concatenate(distances)


def _draw_band(ax: Axes, in_data: FloatArray, in_map: FloatArray, color: str) -> None:
    """Draws quartiles of the embedding's distances in groups of equally many pairs."""
    order = np.argsort(in_data, kind="stable")
    bands = np.array_split(order, min(_N_BANDS, max(len(order) // 5, 1)))
    centers = [float(np.median(in_data[band])) for band in bands]
    low, middle, high = (np.array([np.percentile(in_map[band], q) for band in bands]) for q in (25, 50, 75))
    ax.fill_between(centers, low, high, color=color, alpha=0.25, linewidth=0, label="middle half")
    ax.plot(centers, middle, color=color, linewidth=1.8, label="median")


def _correlations(in_data: FloatArray, in_map: FloatArray) -> tuple[float, float]:
    if np.ptp(in_data) == 0 or np.ptp(in_map) == 0:
        return 0.0, 0.0  # constant distances have no correlation
    rank = scipy.stats.spearmanr(in_data, in_map).statistic
    return float(rank), float(np.corrcoef(in_data, in_map)[0, 1])
