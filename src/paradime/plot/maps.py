"""Maps of embeddings: coloured by class or number, with new points on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from paradime._registry import did_you_mean
from paradime.plot._density import draw_density
from paradime.plot._labels import Classes, Values, check_positions, read_coloring
from paradime.plot._legend import (
    LegendPlace,
    check_legend,
    class_handles,
    draw_colorbar,
    draw_legend,
)
from paradime.plot._new_points import read_new_points
from paradime.plot._points import Look, check_colors, draw_points, fit_limits, size_in_points
from paradime.plot._text import draw_names, draw_title
from paradime.plot._theme import ThemeName, hide_scales, open_axes, require_matplotlib
from paradime.types import FloatArray, TensorLike
from paradime.utils.arguments import check_positive, check_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["Renderer", "draw_map", "embedding", "new_points", "points"]

Renderer = Literal["auto", "points", "datashader"]

_RENDERERS = ("auto", "points", "datashader")
_MAX_POINTS = 200_000


def embedding(
    Y: TensorLike,
    *,
    labels: Any = None,
    values: Any = None,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    new: TensorLike | None = None,
    new_labels: Any = None,
    title: str | None = None,
    legend: LegendPlace = "auto",
    legend_title: str | None = None,
    colors: Any = None,
    percentiles: tuple[float, float] = (2, 98),
    size: float | None = None,
    alpha: float | None = None,
    renderer: Renderer = "auto",
    random_state: int = 0,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes:
    """Draws positions in the plane, coloured by class or by a number.

    Size and opacity follow from the number of points. The total area of the points is a quarter of the axes, with
    1.5 to 36 points² each; opacity is 0.9 up to 1,000 points and falls by 0.2 for each factor of ten, to 0.5
    (to 0.8 for values, so that the colour scale is readable). Points are drawn in random order, so that no class
    covers another. More than 200,000 points are drawn as an image by datashader: in each pixel, classes are mixed
    by their share, and values averaged; without either, colour shows the number of points.

    Args:
        Y: Positions, shape (n, 2), finite.
        labels: One class per point, shape (n,): integers (−1 for unlabelled), strings (missing values are
            unlabelled) or others. Floating-point labels are ``values``, as in ``fit``.
        values: One number per point, shape (n,); NaN for missing values, which are grey.
        names: Names of the classes: a mapping, or names in the order of the sorted classes.
        new: Positions of new points to draw on top, shape (m, 2); see :func:`new_points`.
        new_labels: Their classes.
        title: The title.
        legend: The place of the legend: ``"beside"`` or ``"inside"`` the axes, ``"direct"`` for names among the
            points, or ``"none"``. ``"auto"`` is beside if the layout of the figure makes space (as in a new
            figure), else inside. For values, all but ``"none"`` draw a colour bar.
        legend_title: The title of the legend or colour bar.
        colors: A mapping from class to colour, a list of colours, or a colormap or its name; by default
            :func:`palette` and :func:`colormap`.
        percentiles: The percentiles of the values at the ends of the colour scale, so that a few extreme values do
            not dominate it.
        size: Area of a point in points² (1/72 inch squared); by default as above.
        alpha: Opacity of a point in (0, 1]; by default as above.
        renderer: ``"points"`` draws each point, ``"datashader"`` an image, ``"auto"`` chooses by their number.
        random_state: Seed of the order of drawing.
        ax: Axes to draw into; by default those of a new figure.
        theme: ``"light"`` or ``"dark"`` sets the background of axes and figure; ``None`` does not change it and
            selects the colours that match it.
        figsize: Width and height of a new figure in inches; by default 6 × 6 and space for the legend.

    Returns:
        The axes; the points are ``ax.collections[0]``, or the image ``ax.images[0]``.

    Raises:
        ImportError: If matplotlib is missing, or datashader is needed but missing.
        TypeError: If positions or values are not numbers, or ``ax`` is not axes.
        ValueError: If positions are not finite or not in the plane, there is not one label or value per point, or
            an option is unknown or out of range.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = embedding(
        ...     [[0, 0], [1, 2], [2, 1]], labels=[1, -1, 0], names=["fir", "oak"], ax=Figure().subplots()
        ... )
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['fir', 'oak', 'unlabelled']
    """
    positions = check_positions(Y)
    coloring = read_coloring(labels, values, names, len(positions), percentiles)
    check_options(legend=legend, renderer=renderer, size=size, alpha=alpha)
    on_top = read_new_points(new, new_labels, labels, names, coloring)
    check_colors(colors, coloring)
    widens = ax is None and figsize is None
    ax, look_theme = open_axes(ax, theme, figsize or (6, 6))
    look = Look(look_theme, colors, size, alpha, random_state)
    extra: list[Line2D] = []
    if on_top is None:
        draw_map(ax, positions, coloring, look, renderer)
    else:
        below = on_top.old_coloring if isinstance(coloring, Classes) else coloring
        draw_map(ax, positions, below, on_top.paler(look, len(positions)), renderer)
        positions, coloring, extra = on_top.draw(ax, positions, below, look)
    _explain_colors(ax, positions, coloring, look, place=legend, title=legend_title, extra=extra, widens=widens)
    draw_title(ax, title, look_theme.ink)
    return ax


def new_points(
    Y_old: TensorLike,
    Y_new: TensorLike,
    *,
    labels: Any = None,
    new_labels: Any = None,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    **options: Any,
) -> Axes:
    """Draws new points over the training points.

    Training points are pale; new points are larger, with an outline, on top.

    Args:
        Y_old: Positions of the training points, shape (n, 2).
        Y_new: Positions of the new points, shape (m, 2).
        labels: Classes of the training points, shape (n,), or ``None``.
        new_labels: Classes of the new points, shape (m,), or ``None``; equal classes have equal colours. Without
            them, all new points have the same colour.
        names: Names of the classes.
        **options: Options of :func:`embedding`.

    Returns:
        The axes; the new points are ``ax.collections[-1]``.

    Raises:
        TypeError: If positions are not numbers.
        ValueError: As in :func:`embedding`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = new_points([[0, 0], [1, 2], [2, 1]], [[1, 1]], ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['3 training points', '1 new point']
    """
    return embedding(Y_old, labels=labels, names=names, new=Y_new, new_labels=new_labels, **options)


def points(Y: TensorLike, errors: Any, *, legend_title: str = "error", **options: Any) -> Axes:
    """Draws a map coloured by a number per point, such as its error.

    Args:
        Y: Positions, shape (n, 2).
        errors: One number per point, shape (n,), or an object with ``values``.
        legend_title: The title of the colour bar.
        **options: Options of :func:`embedding`.

    Returns:
        The axes.

    Raises:
        TypeError: If positions or errors are not numbers.
        ValueError: As in :func:`embedding`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = points([[0, 0], [1, 2], [2, 1]], [0.1, 0.5, 0.2], ax=Figure().subplots())
        >>> ax.collections[0].get_clim()[0] < 0.2
        True
    """
    # columns of data frames have this attribute, too
    numbers = getattr(errors, "values", errors)
    return embedding(Y, values=numbers, legend_title=legend_title, **options)


def check_options(*, legend: str, renderer: str, size: float | None, alpha: float | None) -> None:
    """Raises ValueError if an option of a map is unknown or out of range."""
    require_matplotlib()
    check_legend(legend)
    if renderer not in _RENDERERS:
        known = ", ".join(map(repr, _RENDERERS))
        raise ValueError(
            f"renderer must be one of {known}, got {renderer!r}. {did_you_mean(str(renderer), _RENDERERS)}"
        )
    if size is not None:
        check_positive("size", size, remedy="It is the area of a point in points²; try 4.")
    if alpha is not None:
        check_within("alpha", alpha, "(0, 1]", remedy="It is the opacity of a point; try 0.5.")


def draw_map(
    ax: Axes, positions: FloatArray, coloring: Classes | Values | None, look: Look, renderer: str = "auto"
) -> None:
    """Draws points or their image into axes, without a legend."""
    hide_scales(ax)
    fit_limits(ax, positions)
    many = len(positions) > _MAX_POINTS
    if (renderer == "datashader" or (renderer == "auto" and many)) and len(positions):
        draw_density(ax, positions, coloring, look)
        hide_scales(ax)  # imshow changes the aspect
    else:
        draw_points(ax, positions, coloring, look)
    fit_limits(ax, positions)


def _explain_colors(
    ax: Axes,
    positions: FloatArray,
    coloring: Classes | Values | None,
    look: Look,
    *,
    place: str,
    title: str | None,
    extra: list[Line2D],
    widens: bool,
) -> None:
    """Draws the legend or colour bar with ``extra`` entries; widens a new figure for it."""
    _, height = size_in_points(ax)
    if place == "none":
        return
    if place == "direct" and isinstance(coloring, Classes):
        ax.apply_aspect()
        draw_names(ax, positions, coloring, look)
    if isinstance(coloring, Values):
        draw_colorbar(ax, coloring, look, title=title)
        if widens:
            _widen(ax, 0.9)
    handles = list(extra)
    if isinstance(coloring, Classes) and place != "direct":
        handles = [*class_handles(coloring, look, len(positions)), *extra]
    if not handles:
        return
    figure = ax.get_figure(root=True)
    makes_room = figure is not None and figure.get_layout_engine() is not None
    beside = place == "beside" or (place == "auto" and makes_room and not isinstance(coloring, Values))
    drawn = draw_legend(
        ax, handles, look.theme, place="beside" if beside else "inside", title=title, height=height
    )
    if widens and beside and figure is not None:
        _widen(ax, drawn.get_window_extent().width / figure.dpi + 0.2)


def _widen(ax: Axes, inches: float) -> None:
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.set_size_inches(figure.get_figwidth() + inches, figure.get_figheight())
