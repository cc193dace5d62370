"""Several embeddings of the same points, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paradime._registry import did_you_mean
from paradime.plot._labels import Classes, Values, check_positions, read_coloring
from paradime.plot._legend import LegendPlace, class_handles, draw_colorbar, draw_legend
from paradime.plot._points import Look, check_colors
from paradime.plot._text import draw_names, draw_title, shortened
from paradime.plot._theme import ThemeName, new_figure, open_axes
from paradime.plot.alignment import align as aligned
from paradime.plot.maps import Renderer, check_options, draw_map
from paradime.types import FloatArray, TensorLike
from paradime.utils.arguments import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["gallery"]


def gallery(
    embeddings: Mapping[str, TensorLike],
    *,
    labels: Any = None,
    values: Any = None,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    align: bool = True,
    reference: str | None = None,
    columns: int | None = None,
    panel_size: float = 3.6,
    legend: LegendPlace = "auto",
    legend_title: str | None = None,
    colors: Any = None,
    percentiles: tuple[float, float] = (2, 98),
    size: float | None = None,
    alpha: float | None = None,
    renderer: Renderer = "auto",
    random_state: int = 0,
    figure: Figure | SubFigure | None = None,
    theme: ThemeName | None = None,
) -> Figure | SubFigure:
    """Draws several embeddings of the same points in a grid, with one legend or colour bar for all.

    Rotation, reflection and scale of most embeddings have no meaning. All embeddings are aligned with the
    reference (:func:`align`), so that only real differences remain. Pass ``align=False`` if axes have a meaning,
    as in guided embeddings.

    Args:
        embeddings: Positions by title, each of shape (n, 2), the same n points in the same order.
        labels: One class per point; see :func:`embedding`.
        values: One number per point.
        names: Names of the classes.
        align: Whether to align all with the reference.
        reference: The title of the embedding that is not changed; by default the first.
        columns: Panels in a row; by default up to four, in rows of equal length if possible.
        panel_size: Width and height of a panel in inches, in a new figure.
        legend: ``"auto"`` or ``"beside"`` for one legend next to the panels, ``"inside"`` for one in the last,
            ``"direct"`` for names among the points of each panel, or ``"none"``.
        legend_title: The title of the legend or colour bar.
        colors: As in :func:`embedding`.
        percentiles: As in :func:`embedding`.
        size: As in :func:`embedding`.
        alpha: As in :func:`embedding`.
        renderer: As in :func:`embedding`.
        random_state: Seed of the order of drawing.
        figure: Figure to draw into; by default a new one.
        theme: ``"light"``, ``"dark"``, or ``None``.

    Returns:
        The figure; its panels are ``figure.axes`` in the order of the embeddings.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If positions are not numbers.
        ValueError: If there is no embedding, numbers of points differ, or an option is unknown.

    Example:
        >>> from matplotlib.figure import Figure
        >>> import numpy as np
        >>> Y = np.random.default_rng(0).normal(size=(20, 2))
        >>> figure = gallery({"first": Y, "turned": -Y}, figure=Figure(layout="constrained"))
        >>> [ax.get_title() for ax in figure.axes]
        ['first', 'turned']
    """
    maps = _read(embeddings, align=align, reference=reference)
    n_points = len(next(iter(maps.values())))
    coloring = read_coloring(labels, values, names, n_points, percentiles)
    check_options(legend=legend, renderer=renderer, size=size, alpha=alpha)
    check_colors(colors, coloring)
    if columns is not None:
        check_integer("columns", columns, remedy="Leave it out for up to four.")
    n_columns = min(columns or _columns_for(len(maps)), len(maps))
    n_rows = math.ceil(len(maps) / n_columns)
    if figure is None:
        aside = 0.0 if coloring is None or legend in ("none", "inside", "direct") else 1.4
        figure = new_figure(theme, (panel_size * n_columns + aside, (panel_size + 0.3) * n_rows))
    grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in grid[len(maps) :]:
        ax.remove()
    panels = list(grid[: len(maps)])
    for ax, (title, positions) in zip(panels, maps.items(), strict=True):
        ax, look_theme = open_axes(ax, theme, (1, 1))
        look = Look(look_theme, colors, size, alpha, random_state)
        draw_map(ax, positions, coloring, look, renderer)
        draw_title(ax, shortened(title, 42), look_theme.ink, fontsize=11)
        if legend == "direct" and isinstance(coloring, Classes):
            ax.apply_aspect()
            draw_names(ax, positions, coloring, look)
    _explain_colors(
        figure, panels, coloring, look, n_points, place=legend, title=legend_title, height=72 * panel_size * n_rows
    )
    return figure


def _read(embeddings: Any, *, align: bool, reference: str | None) -> dict[str, FloatArray]:
    if not isinstance(embeddings, Mapping) or not embeddings:
        raise ValueError(
            f"embeddings must be a mapping from title to positions, got {type(embeddings).__name__}"
            f"{' without entries' if isinstance(embeddings, Mapping) else ''}. "
            'Pass one as in {"first": Y, "second": Z}.'
        )
    maps = {str(title): check_positions(Y, f"embeddings[{title!r}]") for title, Y in embeddings.items()}
    first, n_points = next((title, len(Y)) for title, Y in maps.items())
    for title, Y in maps.items():
        if len(Y) != n_points:
            raise ValueError(
                f"embeddings must hold the same points, got {n_points} in {first!r} and {len(Y)} in {title!r}. "
                "Draw others with embedding(…, ax=…)."
            )
    if reference is not None and reference not in maps:
        known = ", ".join(map(repr, maps))
        raise ValueError(
            f"reference must be one of {known}, got {reference!r}. {did_you_mean(str(reference), maps)}"
        )
    if not align:
        return maps
    fixed = maps[reference or first]
    return {title: Y if Y is fixed else aligned(Y, fixed) for title, Y in maps.items()}


def _columns_for(n: int) -> int:
    """Returns up to four columns, with the fewest empty panels, and then the fewest rows."""
    return n if n <= 4 else min((4, 3), key=lambda columns: (-n % columns, -columns))


def _explain_colors(
    figure: Figure | SubFigure,
    panels: list[Axes],
    coloring: Classes | Values | None,
    look: Look,
    n_points: int,
    *,
    place: str,
    title: str | None,
    height: float,
) -> None:
    if place == "none" or coloring is None:
        return
    if isinstance(coloring, Values):
        draw_colorbar(panels, coloring, look, title=title)
    elif place == "inside" or (place != "direct" and figure.get_layout_engine() is None):
        handles = class_handles(coloring, look, n_points)
        draw_legend(panels[-1], handles, look.theme, place="inside", title=title, height=height)
    elif place != "direct":
        draw_legend(
            figure, class_handles(coloring, look, n_points), look.theme, place="beside", title=title, height=height
        )
