"""Plots of embeddings, their quality and their training, for light and dark backgrounds.

All functions draw into given axes or a new figure, return the axes, and change no setting of matplotlib.
"""

from paradime.plot._palette import colormap, palette
from paradime.plot.alignment import align
from paradime.plot.animation import animate
from paradime.plot.bars import importance
from paradime.plot.diagrams import quality, shepard
from paradime.plot.galleries import gallery
from paradime.plot.histories import losses
from paradime.plot.maps import embedding, new_points, points

__all__ = [
    "align",
    "animate",
    "colormap",
    "embedding",
    "gallery",
    "importance",
    "losses",
    "new_points",
    "palette",
    "points",
    "quality",
    "shepard",
]
