"""What all pictures share: the house colours, colours for labels, and names of users drawn as they are written."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from paradime.types import AnyArray
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, ListedColormap
    from matplotlib.text import Text

__all__ = [
    "RGBA",
    "as_colormap",
    "color_labels",
    "draw_as_written",
    "get_color_palette",
    "get_colormap",
    "printable",
    "require_matplotlib",
    "suggest",
]

RGBA: TypeAlias = tuple[float, float, float, float]

# To normal, protanopic, deuteranopic and tritanopic eyes any two of these colours lie at least 15 units apart
# in CIELAB (the tests simulate all four). The names, and their order, are those of version 1; the colours are not.
_PALETTE = {
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
_COLORMAP_ANCHORS = (
    (0.0, "#c4ece4"),
    (0.237, _PALETTE["aqua"]),
    (0.704, _PALETTE["petrol"]),
    (1.0, "#0a2a3c"),
)

# listed colormaps up to this size name single colours (tab20, Set3); larger ones sample a scale (viridis)
_MAX_QUALITATIVE = 40


def get_color_palette() -> dict[str, str]:
    """Returns the house colours, which colour-blind people can tell apart.

    Returns:
        The colours ``petrol``, ``yellow``, ``aqua``, ``red``, ``pink``, ``green``, ``brown``, ``grey``, ``purple``
        and ``orange`` as ``#rrggbb``, in the order in which classes take them. The dictionary is the caller's own.

    Example:
        >>> get_color_palette()["petrol"]
        '#10626e'
    """
    return dict(_PALETTE)


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

    blend = LinearSegmentedColormap.from_list("paradime", _COLORMAP_ANCHORS)
    return ListedColormap(blend(np.arange(blend.N))[:, :3].tolist(), name=blend.name)


def require_matplotlib() -> None:
    """Raises ImportError, with what to type, if matplotlib is missing."""
    require("matplotlib", "A plot", extra="plot")


def color_labels(
    indices: Mapping[Hashable, int], colormap: str | Colormap | Sequence[Any] | None
) -> dict[Hashable, RGBA]:
    """Returns a colour for each label.

    Args:
        indices: The index of each label's colour.
        colormap: The colours: a colormap or its name, a list of colours, or the house palette if ``None``.

    Raises:
        ValueError: If there are fewer colours than labels.
    """
    from matplotlib.colors import ListedColormap, to_rgba, to_rgba_array

    n_colors = max(indices.values(), default=-1) + 1
    if colormap is None:
        return {label: _palette_color(index) for label, index in indices.items()}
    colors: AnyArray
    if isinstance(colormap, str) or callable(colormap):
        cmap = as_colormap(colormap)
        if isinstance(cmap, ListedColormap) and cmap.N <= _MAX_QUALITATIVE:
            colors = to_rgba_array(cmap.colors)
        else:
            colors = cmap(np.linspace(0, 1, n_colors))
    else:
        colors = to_rgba_array(colormap)
    if len(colors) < n_colors:
        raise ValueError(
            f"colormap must have a colour for every label, got {len(colors)} colours for {n_colors}. "
            "Add colours, or name a continuous colormap such as 'viridis'."
        )
    return {label: to_rgba(colors[index]) for label, index in indices.items()}


def _palette_color(index: int) -> RGBA:
    """Returns a house colour; each further round through the palette takes another shade."""
    from matplotlib.colors import to_rgb

    cycle, position = divmod(index, len(_PALETTE))
    target, weight = ((0.0, 0.0), (1.0, 0.5), (0.0, 0.45))[cycle % 3]
    red, green, blue = (
        (1 - weight) * channel + weight * target for channel in to_rgb(list(_PALETTE.values())[position])
    )
    return (red, green, blue, 1.0)


def as_colormap(colormap: str | Colormap | Sequence[Any]) -> Colormap:
    """Returns a colormap of its name, or of a list of colours.

    Raises:
        ValueError: If the name is unknown.
    """
    import matplotlib
    from matplotlib.colors import Colormap, ListedColormap

    if isinstance(colormap, Colormap):
        return colormap
    if not isinstance(colormap, str):
        return ListedColormap(list(colormap))
    try:
        return matplotlib.colormaps[colormap]
    except KeyError:
        raise ValueError(
            f"colormap must be the name of a matplotlib colormap, got {colormap!r}."
            f"{suggest(colormap, list(matplotlib.colormaps))} See matplotlib.colormaps for all of them."
        ) from None


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns a sentence that names a close match, or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def draw_as_written(*texts: Text) -> None:
    """Lets matplotlib draw texts as they are written: dollars are no mathematics, backslashes no commands.

    Characters that no font has a picture of, such as tabs, are drawn as spaces.

    Args:
        texts: Titles, labels, entries of a legend.

    Example:
        >>> from matplotlib.figure import Figure
        >>> title = Figure().subplots().set_title("from $5 to $10")
        >>> draw_as_written(title)
        >>> title.get_text(), title.get_parse_math()
        ('from $5 to $10', False)
    """
    for text in texts:
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(printable(text.get_text()))


def printable(text: str) -> str:
    r"""Returns a text in which characters that no font has a picture of, but for line breaks, are spaces.

    Example:
        >>> printable("a\tb\x07")
        'a b '
    """
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)
