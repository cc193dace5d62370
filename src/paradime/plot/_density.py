"""Density images of many points, by datashader."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from paradime.plot._labels import Classes, Values
from paradime.plot._points import Look
from paradime.types import AnyArray, FloatArray
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["draw_density", "require_datashader"]

# pixels of the image per pixel of the axes, since files often have a higher resolution than the screen
_DETAIL = 1.5
_MAX_PIXELS = 2_400
# of 255; pixels with a single point must be visible
_MIN_ALPHA = 110
_UNLABELED = -1


def require_datashader() -> None:
    """Raises ImportError with the command for installing it if datashader is missing."""
    others = 'Or draw each point: renderer="points".'
    require("datashader", "An image of this many points", extra="plot", remedy=others)


def draw_density(ax: Axes, points: FloatArray, coloring: Classes | Values | None, look: Look) -> AxesImage:
    """Draws an image: in each pixel, classes are mixed by their share, and numbers are averaged.

    The opacity of a pixel grows with the rank of its number of points, so that sparse regions are visible next to
    crowded ones. Without classes or numbers, its colour does. Isolated points are enlarged to a few pixels.

    Args:
        ax: Axes to draw into, with limits.
        points: Shape (n, 2).
        coloring: Their classes or numbers.
        look: Colours.

    Returns:
        The image.

    Raises:
        ImportError: If datashader is missing.
    """
    require_datashader()
    import datashader

    pandas = importlib.import_module("pandas")
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = _pixels(ax, (right - left) / (top - bottom))
    canvas = datashader.Canvas(width, height, x_range=(left, right), y_range=(bottom, top))
    frame = pandas.DataFrame({"x": points[:, 0], "y": points[:, 1]})
    if isinstance(coloring, Classes):
        image = _classes_image(canvas, frame, coloring, look)
    elif isinstance(coloring, Values):
        image = _values_image(canvas, frame, coloring, look)
    else:
        count = canvas.points(frame, "x", "y", datashader.count())
        image = _count_image(count, look)
    spread = _spread_lone(image)
    pixels = _bytes_of(spread)
    return ax.imshow(pixels, extent=(left, right, bottom, top), origin="lower", aspect="equal", zorder=0.5)


def _pixels(ax: Axes, aspect: float) -> tuple[int, int]:
    extent = ax.get_window_extent()
    # the image fills the axes in one direction, with equal scales
    width = min(extent.width, extent.height * aspect) * _DETAIL
    width = min(width, _MAX_PIXELS, _MAX_PIXELS * aspect)
    return max(round(width), 2), max(round(width / aspect), 2)


def _count_image(count: Any, look: Look) -> Any:
    import datashader.transfer_functions as shading
    from matplotlib.colors import to_hex

    if look.colors is not None:
        return shading.shade(count, cmap=[look.plain_color()], how="eq_hist", min_alpha=_MIN_ALPHA // 2)
    # without classes or numbers, colour shows the density
    scale = [to_hex(color) for color in look.colormap()(np.linspace(0, 1, 32))]
    return shading.shade(count, cmap=scale, how="eq_hist")


def _classes_image(canvas: Any, frame: Any, classes: Classes, look: Look) -> Any:
    import datashader
    import datashader.transfer_functions as shading

    xarray = importlib.import_module("xarray")
    colors = [*look.colors_of(classes), look.theme.muted]
    codes = [*range(len(classes.keys)), _UNLABELED]
    # counting per class reuses compiled code; a categorical aggregation would be compiled first
    rows = [classes.codes == code for code in codes]
    counts = [canvas.points(frame[chosen], "x", "y", datashader.count()) for chosen in rows]
    names = [str(code) for code in codes]
    stacked = xarray.concat(counts, dim=xarray.Variable("kind", names)).transpose("y", "x", "kind")
    key = dict(zip(names, colors, strict=True))
    return shading.shade(stacked, color_key=key, how="eq_hist", min_alpha=_MIN_ALPHA)


def _values_image(canvas: Any, frame: Any, values: Values, look: Look) -> Any:
    import datashader
    import datashader.transfer_functions as shading
    from matplotlib.colors import Normalize, to_rgb

    frame = frame.assign(value=np.where(np.isinf(values.numbers), np.nan, values.numbers))
    mean = canvas.points(frame, "x", "y", datashader.mean("value"))
    count = canvas.points(frame, "x", "y", datashader.count())
    image = shading.shade(count, cmap=["#000000"], how="eq_hist", min_alpha=_MIN_ALPHA)
    means = np.asarray(mean.values, dtype=np.float64)
    pixels = _bytes_of(image)
    unit = np.clip(Normalize(values.low, values.high)(np.nan_to_num(means)), 0, 1)
    pixels[..., :3] = np.round(255 * look.colormap()(np.asarray(unit))[..., :3])
    pixels[np.isnan(means), :3] = np.round(255 * np.array(to_rgb(look.theme.muted)))
    packed = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    return shading.Image(packed, coords=image.coords, dims=image.dims)


def _spread_lone(image: Any) -> AnyArray:
    """Enlarges pixels without neighbours, which are hard to see.

    Datashader's own spreading compiles for many seconds.
    """
    packed = np.array(image.values, dtype=np.uint32)
    has_points = _bytes_of(packed)[..., 3] > 0
    # at most one of the 3 × 3 pixels has points
    is_lone = has_points & (ndimage.uniform_filter(has_points.astype(np.float32), 3, mode="constant") < 1.5 / 9)
    spread = ndimage.maximum_filter(np.where(is_lone, packed, 0), size=3)
    return np.asarray(np.where(has_points, packed, spread))


def _bytes_of(image: Any) -> AnyArray:
    # an image packs the four bytes of a pixel into one integer
    packed = np.array(image, dtype=np.uint32)
    return packed.view(np.uint8).reshape(*packed.shape, 4)
