"""Light and dark themes, without a change of matplotlib's settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from paradime._registry import did_you_mean
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "THEMES",
    "Theme",
    "ThemeName",
    "check_axes",
    "frame",
    "hide_scales",
    "matching_theme",
    "new_figure",
    "open_axes",
    "require_matplotlib",
    "theme_of",
]

ThemeName: TypeAlias = Literal["light", "dark"]


@dataclasses.dataclass(frozen=True)
class Theme:
    """The colours of everything except the data.

    Args:
        name: ``"light"`` or ``"dark"``.
        background: Colour of the background.
        ink: Colour of texts and axes.
        muted: Colour of points without a label or value.
        grid: Colour of grid lines.
    """

    name: ThemeName
    background: str
    ink: str
    muted: str
    grid: str


THEMES: dict[str, Theme] = {
    "light": Theme("light", "#fcfcfc", "#22313a", "#b7c0c4", "#e2e8ea"),
    "dark": Theme("dark", "#12181d", "#e6ecec", "#4b565d", "#29333a"),
}


def theme_of(name: str) -> Theme:
    """Returns a theme.

    Raises:
        ValueError: If the theme is unknown.

    Example:
        >>> theme_of("dark").ink
        '#e6ecec'
    """
    if name not in THEMES:
        raise ValueError(f"theme must be 'light', 'dark' or None, got {name!r}. {did_you_mean(name, THEMES)}")
    return THEMES[name]


def require_matplotlib() -> None:
    """Raises ImportError, with the command that installs it, if matplotlib is missing."""
    require("matplotlib", "A plot", extra="plot")


def check_axes(ax: Any) -> None:
    """Raises TypeError if ``ax`` is neither axes nor ``None``."""
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be a matplotlib Axes, got {type(ax).__name__}. Pass a single one, as in axes[0]."
        )


def open_axes(ax: Axes | None, theme: ThemeName | None, figsize: tuple[float, float]) -> tuple[Axes, Theme]:
    """Returns the axes to draw into, with their background, and the theme.

    Args:
        ax: Axes of the caller; ``None`` for those of a new figure.
        theme: A name sets the background of the axes and their figure. ``None`` does not change it, and selects
            the theme that matches it.
        figsize: Width and height of a new figure in inches.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If ``ax`` is not axes.
        ValueError: If the theme is unknown.
    """
    require_matplotlib()
    check_axes(ax)
    wanted = None if theme is None else theme_of(theme)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    if wanted is not None:
        ax.set_facecolor(wanted.background)
        figure = ax.get_figure()
        if figure is not None:
            figure.set_facecolor(wanted.background)
    return ax, wanted or matching_theme(ax)


def new_figure(theme: ThemeName | None, figsize: tuple[float, float]) -> Figure:
    """Returns a new figure with the background of a theme, or of matplotlib's style for ``None``."""
    require_matplotlib()
    wanted = None if theme is None else theme_of(theme)
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=figsize, layout="constrained")
    if wanted is not None:
        figure.set_facecolor(wanted.background)
    return figure


def matching_theme(ax: Axes) -> Theme:
    """Returns the theme that matches the background of axes."""
    from matplotlib.colors import to_rgba

    color = to_rgba(ax.get_facecolor())
    figure = ax.get_figure()
    if color[3] < 0.5 and figure is not None:  # transparent axes show the figure
        color = to_rgba(figure.get_facecolor())
    luminance = float(np.dot(color[:3], (0.2126, 0.7152, 0.0722)))
    # a transparent figure is assumed to be on white
    return THEMES["light" if luminance > 0.4 or color[3] < 0.5 else "dark"]


def hide_scales(ax: Axes) -> None:
    """Sets equal scales, and removes ticks and frame."""
    # axes that share both limits can only change the size of their box
    shared = len(ax.get_shared_x_axes().get_siblings(ax)) > 1 and len(ax.get_shared_y_axes().get_siblings(ax)) > 1
    ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    ax.tick_params(which="both", bottom=False, left=False, labelbottom=False, labelleft=False)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def frame(ax: Axes, theme: Theme, *, grid: Literal["x", "y", "both"] | None = "y") -> None:
    """Draws two axis lines, and a grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(theme.ink)
    ax.spines[["left", "bottom"]].set_alpha(0.5)
    ax.tick_params(which="both", colors=theme.ink, labelcolor=theme.ink)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_color(theme.ink)
    ax.grid(False)
    if grid is not None:
        ax.grid(True, axis=grid, color=theme.grid, linewidth=0.8)
    ax.set_axisbelow(True)
