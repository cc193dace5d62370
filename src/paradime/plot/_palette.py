"""Colours of classes and of numbers, for light and dark backgrounds."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from paradime.plot._theme import ThemeName, require_matplotlib, theme_of
from paradime.types import AnyArray, FloatArray
from paradime.utils.arguments import check_integer

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, ListedColormap

__all__ = [
    "accent",
    "class_colors",
    "colormap",
    "get_color_palette",
    "get_colormap",
    "palette",
    "value_colors",
]

# To normal, protanopic, deuteranopic and tritanopic eyes any two of these colours lie at least 15 units apart
# in CIELAB (the tests simulate all four). The names, and their order, are those of version 1; the colours are not.
_LIGHT_PALETTE = {
    "petrol": "#10626e",
    "yellow": "#ebc03a",
    "aqua": "#4fc4bd",
    "red": "#d64832",
    "pink": "#fd9df1",
    "green": "#619e50",
    "brown": "#6a4325",
    "grey": "#85878b",
    "purple": "#6c4490",
    "orange": "#de842d",
}

# positions follow the lightness of the colours, so that equal steps of value are equal steps of lightness
_LIGHT_ANCHORS = (
    (0.0, "#c4ece4"),
    (0.237, _LIGHT_PALETTE["aqua"]),
    (0.704, _LIGHT_PALETTE["petrol"]),
    (1.0, "#0a2a3c"),
)
# The default colours, lightened for dark backgrounds. Any two are at least 20 units apart in CIELAB for normal,
# protanopic, deuteranopic and tritanopic vision; all are lighter than L* = 45 (the tests simulate all four).
_DARK_PALETTE = {
    "petrol": "#08787b",
    "yellow": "#f9e95a",
    "aqua": "#abf6da",
    "red": "#ca3c1d",
    "pink": "#efa2da",
    "green": "#96c876",
    "brown": "#a66f55",
    "grey": "#a9a59b",
    "purple": "#8963c3",
    "orange": "#eb9235",
}
# lightness increases linearly; the darkest colour is still distinct from the background
_DARK_ANCHORS = ((0.0, "#1d4f66"), (0.30, "#1f7a80"), (0.66, "#5bc0a6"), (1.0, "#f1f6c3"))
_PALEST = 0.13
# listed colormaps up to this size are lists of colours (tab20, Set3), larger ones are scales (viridis)
_MAX_QUALITATIVE = 40
# From the eleventh class on, each colour is the one of a grid that is farthest from all previous colours, with a
# lightness suitable for the background, and not more vivid than the first ten.
_LIGHTNESS = {"light": (22.0, 80.0), "dark": (45.0, 92.0)}
_MAX_CHROMA = 75.0
_MAX_DISTINCT = 60

_RGB_TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
# linear RGB as seen with deuteranopia, the most frequent colour blindness: Machado et al. (2009), full severity
_DEUTERANOPIA = np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]])


def get_color_palette() -> dict[str, str]:
    """Returns the house colours, which colour-blind people can tell apart.

    Returns:
        The colours ``petrol``, ``yellow``, ``aqua``, ``red``, ``pink``, ``green``, ``brown``, ``grey``, ``purple``
        and ``orange`` as ``#rrggbb``, in the order in which classes take them. The dictionary is the caller's own.

    Example:
        >>> get_color_palette()["petrol"]
        '#10626e'
    """
    return dict(_LIGHT_PALETTE)


def get_colormap() -> ListedColormap:
    """Returns the house colormap, from light aqua for low values to dark petrol for high ones.

    Lightness falls evenly along the map, so that order and distances of values can be read without hue and in
    greyscale print. The map is not registered with matplotlib: pass the object, not a name.

    Returns:
        A matplotlib ``ListedColormap`` named ``"paradime"``, whose attribute ``colors`` holds its 256 colours.

    Raises:
        ImportError: If matplotlib is missing.

    Example:
        >>> get_colormap().name
        'paradime'
    """
    require_matplotlib()
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    blend = LinearSegmentedColormap.from_list("paradime", _LIGHT_ANCHORS)
    return ListedColormap(blend(np.arange(blend.N))[:, :3].tolist(), name=blend.name)


def palette(n: int = 10, *, theme: ThemeName = "light") -> list[str]:
    """Returns the colours of classes in their order.

    The first ten are the default colours, which are distinguishable with colour blindness. Up to sixty, each
    further colour is the one most different from all previous ones; then colours repeat.

    Args:
        n: The number of colours, at least 0.
        theme: The background, ``"light"`` or ``"dark"``.

    Returns:
        ``n`` colours as ``#rrggbb``.

    Raises:
        ValueError: If ``n`` is negative, or the theme is unknown.

    Example:
        >>> palette(2)
        ['#10626e', '#ebc03a']
        >>> len(set(palette(40, theme="dark")))
        40
    """
    check_integer("n", n, 0, remedy="It is the number of classes.")
    distinct = _distinct_colors(min(n, _MAX_DISTINCT), theme_of(theme).name)
    return [distinct[i % len(distinct)] for i in range(n)]


def colormap(theme: ThemeName = "light") -> Colormap:
    """Returns the default colormap for numbers, whose lightness changes linearly.

    Args:
        theme: The background. High numbers contrast with it: they are dark on ``"light"``, and light on
            ``"dark"``.

    Returns:
        A matplotlib ``Colormap``, which is not registered: pass the object, not its name.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If the theme is unknown.

    Example:
        >>> colormap("dark").name
        'paradime_dark'
    """
    name = theme_of(theme).name
    default = get_colormap()
    from matplotlib.colors import LinearSegmentedColormap

    if name == "light":
        # without its lightest part, since small points would not contrast with the background
        return LinearSegmentedColormap.from_list("paradime_light", default(np.linspace(_PALEST, 1, 256)))
    return LinearSegmentedColormap.from_list("paradime_dark", _DARK_ANCHORS)


def accent(theme: ThemeName) -> str:
    """Returns the colour for emphasis."""
    return palette(4, theme=theme)[3]


def class_colors(keys: Iterable[Hashable], colors: Any, theme: ThemeName, *, name: str = "colors") -> list[str]:
    """Returns one colour per class.

    Args:
        keys: The classes in their order.
        colors: A mapping from class to colour (others get default colours), a list in the order of the classes,
            a matplotlib colormap or its name, or ``None`` for the default colours. Of colormaps that are lists
            of colours, such as ``"tab20"``, classes get the first colours; others are sampled evenly.
        theme: The background.
        name: The name of the argument ``colors`` in messages.

    Raises:
        ValueError: If a list has too few colours, or a colour or name is unknown.
    """
    from matplotlib.colors import ListedColormap, to_hex

    keys = list(keys)
    defaults = palette(len(keys), theme=theme)
    if colors is None:
        return defaults
    if isinstance(colors, Mapping):
        return [to_hex(colors.get(key, color)) for key, color in zip(keys, defaults, strict=True)]
    if isinstance(colors, str) or callable(colors):
        cmap = _as_colormap(colors)
        if not isinstance(cmap, ListedColormap) or cmap.N > _MAX_QUALITATIVE:
            return [to_hex(cmap(sample)) for sample in np.linspace(0, 1, len(keys))]
        colors = cmap(range(cmap.N))
    given = [to_hex(color) for color in colors]
    if len(given) < len(keys):
        raise ValueError(
            f"{name} must be one per class, got {len(given)} for {len(keys)} classes. Add colours, name a "
            "continuous colormap such as 'viridis', or pass a mapping to colour only some classes."
        )
    return given[: len(keys)]


def value_colors(colors: Any, theme: ThemeName) -> Colormap:
    """Returns the colormap for numbers: by name, from a list of colours, or the default for ``None``."""
    if isinstance(colors, Mapping):
        raise ValueError(f"colors of numbers must be a colormap or its name, got {dict(colors)!r}.")
    if colors is None:
        return colormap(theme)
    if isinstance(colors, (list, tuple)):
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("given", list(colors))
    return _as_colormap(colors)


def _as_colormap(colormap: Any) -> Colormap:
    """Returns a colormap, given itself or its name."""
    import matplotlib

    if not isinstance(colormap, str):
        return cast("Colormap", colormap)
    try:
        return matplotlib.colormaps[colormap]
    except KeyError:
        close = difflib.get_close_matches(colormap, list(matplotlib.colormaps), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"colormap must be the name of a matplotlib colormap, got {colormap!r}.{hint} "
            "See matplotlib.colormaps for all of them."
        ) from None


@functools.lru_cache(maxsize=32)
def _distinct_colors(n: int, theme: ThemeName) -> tuple[str, ...]:
    first = list((_LIGHT_PALETTE if theme == "light" else _DARK_PALETTE).values())
    if n <= len(first):
        return tuple(first[: max(n, 1)])
    chosen = [_rgb_of(color) for color in first]
    grid = _candidates(theme)
    # Glasbey palettes, as of colorcet, do not consider deuteranopes: the least difference that these see among 30
    # colours is 2.3 at most, and 12 here. A difference that they do not see counts less, but normal eyes see it.
    views = [(_to_lab(grid), 1.0), (_to_lab(grid, _DEUTERANOPIA), 2.0)]
    nearest = np.full(len(grid), np.inf)
    for i in range(n):
        if i >= len(chosen):
            chosen.append(grid[int(nearest.argmax())])
        for (lab, weight), sight in zip(views, (None, _DEUTERANOPIA), strict=True):
            own = _to_lab(chosen[i][None], sight)
            nearest = np.minimum(nearest, weight * np.linalg.norm(lab - own, axis=1))
    hexes = ["#" + "".join(f"{round(255 * channel):02x}" for channel in rgb) for rgb in chosen[len(first) :]]
    return (*first, *hexes)


def _candidates(theme: ThemeName) -> FloatArray:
    steps = np.linspace(0.0, 1.0, 18)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _to_lab(grid)
    low, high = _LIGHTNESS[theme]
    # grey is the colour of points without a class
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    fits = (lab[:, 0] > low) & (lab[:, 0] < high) & (chroma < _MAX_CHROMA) & (chroma > 12)
    chosen: FloatArray = grid[fits]
    return chosen


def _rgb_of(color: str) -> FloatArray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _to_lab(rgb: FloatArray, sight: AnyArray | None = None) -> FloatArray:
    """Converts sRGB in [0, 1], shape (n, 3), to CIELAB, where distances are differences that eyes see.

    Source: IEC 61966-2-1 (sRGB), CIE 15 (L*a*b*, white D65).
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if sight is not None:
        linear = np.clip(linear @ sight.T, 0, 1)
    ratios = linear @ _RGB_TO_XYZ.T / _RGB_TO_XYZ.sum(axis=1)
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
