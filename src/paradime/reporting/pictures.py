"""Pictures of a report, as PNG images for light and dark pages."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime import plot
from paradime.explain._collinear import COLLINEAR
from paradime.plot._text import shortened
from paradime.plot._theme import THEMES, ThemeName, require_matplotlib
from paradime.reporting.describing import recorded_phases
from paradime.reporting.details import Details
from paradime.reporting.material import Labels, Material
from paradime.reporting.scores import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Picture", "draw_pictures"]

_DPI = 100
_SIZE, _WIDE = (5.4, 4.2), (5.4, 3.7)
_MOST_FEATURES, _MAX_NAME, _MOST_LEGEND = 12, 28, 20
_MOST_GROUPS, _MOST_MEMBERS = 6, 6


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture in two themes.

    Attributes:
        title: The title.
        caption: A short explanation.
        images: PNG images as base64, by theme.
    """

    title: str
    caption: str
    images: dict[str, str]


Draw = Callable[["Axes", ThemeName], Any]


def draw_pictures(material: Material, measured: Measured, details: Details) -> tuple[list[Picture], list[str]]:
    """Draws all pictures of a report.

    Returns:
        The pictures, and sentences on what was left out.

    Raises:
        ImportError: If matplotlib is missing.
    """
    require_matplotlib()
    pictures, notes = list[Picture](), list[str]()
    if material.out_dim == 1:
        notes.append("Maps are left out: the embedding has one dimension.")
    else:
        if material.out_dim > 2:
            notes.append(f"Maps show the first two of {material.out_dim} dimensions.")
        _draw_maps(pictures, material, details)
    _draw_diagrams(pictures, measured, details)
    _draw_history(pictures, notes, material)
    _draw_importance(pictures, details)
    return pictures, notes


def _draw_maps(pictures: list[Picture], material: Material, details: Details) -> None:
    shown = details.shown
    Y, n = shown.positions[:, :2].numpy(), len(shown)
    drawn = "All points" if n == shown.n_total else f"{n:,} points drawn at random"
    labels = _coloring(shown.labels)
    _add(
        pictures,
        "The map",
        f"{drawn}{'' if not labels else ', coloured by class' if 'labels' in labels else ', coloured by y'}.",
        lambda ax, theme: plot.embedding(Y, ax=ax, theme=theme, **labels),
    )
    if material.new is not None:
        new = material.new
        positions = new.positions[:, :2].numpy()
        by_class = {key: value for key, value in labels.items() if key in ("labels", "names", "legend")}
        if new.labels is not None and "labels" in by_class:
            by_class["new_labels"] = new.labels.codes
        _add(
            pictures,
            "New points over training points",
            f"{len(new):,} new points, on top. They should lie on training points of the same class.",
            lambda ax, theme: plot.new_points(Y, positions, ax=ax, theme=theme, **by_class),
        )
    _add(
        pictures,
        "False neighbours",
        "Distance rank in the data of the neighbours in the map: 0 means that none is false, 0.5 is chance.",
        lambda ax, theme: plot.points(Y, details.errors.false, legend_title="error", ax=ax, theme=theme),
    )
    _add(
        pictures,
        "Missing neighbours",
        "Distance rank in the map of the neighbours in the data. High values mark tears.",
        lambda ax, theme: plot.points(Y, details.errors.missing, legend_title="error", ax=ax, theme=theme),
    )
    if details.stretch is not None and bool((details.stretch > 0).any()):
        lowest = float(details.stretch[details.stretch > 0].min())
        stretch = np.log10(np.maximum(details.stretch, lowest))
        _add(
            pictures,
            "Local stretch",
            "Enlargement of small areas relative to the median, as log10: 1 is ten times, −1 a tenth.",
            lambda ax, theme: plot.points(Y, stretch, legend_title="log10", ax=ax, theme=theme),
        )


def _draw_diagrams(pictures: list[Picture], measured: Measured, details: Details) -> None:
    _add(
        pictures,
        "Neighbours preserved at every scale",
        "Left: the nearest neighbours; right: the global arrangement. Permuted positions have 0.",
        lambda ax, theme: plot.quality(measured.curves, ax=ax, theme=theme),
        size=_WIDE,
    )
    X, Y = details.shown.flat.numpy(), details.shown.positions.numpy()
    _add(
        pictures,
        "Distances (Shepard diagram)",
        "A narrow, rising band means that distances in the map correspond to distances in the data.",
        lambda ax, theme: plot.shepard(X, Y, n_pairs=20_000, title="", ax=ax, theme=theme),
        size=_WIDE,
    )


def _draw_history(pictures: list[Picture], notes: list[str], material: Material) -> None:
    routine = material.routine
    if not recorded_phases(routine):
        notes.append("The loss is left out: the routine has no history of its training.")
        return
    _add(
        pictures,
        "Loss of each epoch",
        "If a curve still falls at its end, use more epochs.",
        lambda ax, theme: plot.losses(routine, ax=ax, theme=theme),
        size=_WIDE,
    )


def _draw_importance(pictures: list[Picture], details: Details) -> None:
    importance = details.importance
    shape = importance.row_shape
    if len(shape) in (2, 3) and shape[-1] > 1 and shape[-2] > 1:
        image = importance.overall.reshape(shape)
        image = image.sum(axis=0) if image.ndim == 3 else image
        _add(
            pictures,
            "Important pixels",
            "Mean contribution to positions, in units of the map.",
            lambda ax, theme: _draw_image(ax, theme, image),
        )
        return
    names = [shortened(name, _MAX_NAME) for name in importance.names]
    _add(
        pictures,
        "Important columns",
        f"Mean contribution to positions, in units of the map.{_grouping(importance.groups)}",
        lambda ax, theme: plot.importance(importance.overall, names, top=_MOST_FEATURES, ax=ax, theme=theme),
        size=_WIDE,
    )


def _grouping(groups: dict[str, list[str]]) -> str:
    """Returns a sentence on the columns that count as one."""
    if not groups:
        return ""
    listed = "; ".join(
        ", ".join(shortened(member, _MAX_NAME) for member in members[:_MOST_MEMBERS])
        for members in list(groups.values())[:_MOST_GROUPS]
    )
    is_cut = len(groups) > _MOST_GROUPS or any(len(members) > _MOST_MEMBERS for members in groups.values())
    more = ", …" if is_cut else ""
    return f" Correlated columns ({COLLINEAR:g} or more) count as one: {listed}{more}."


def _draw_image(ax: Axes, theme: ThemeName, image: np.ndarray[Any, Any]) -> None:
    look = THEMES[theme]
    ax.set_axis_off()
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.set_facecolor(look.background)
    drawn = ax.imshow(image, cmap=plot.colormap(theme))
    bar = figure.colorbar(drawn, ax=ax, shrink=0.8)
    bar.ax.tick_params(colors=look.ink)
    bar.outline.set_visible(False)


def _coloring(labels: Labels | None) -> dict[str, Any]:
    if labels is None:
        return {}
    if labels.codes is None:
        return {"values": labels.numbers, "legend_title": "y"}
    many = len(labels.names) > _MOST_LEGEND
    return {
        "labels": labels.codes,
        "names": {i: shortened(name, _MAX_NAME) for i, name in enumerate(labels.names)},
        "legend": "none" if many else "auto",
    }


def _add(
    pictures: list[Picture], title: str, caption: str, draw: Draw, *, size: tuple[float, float] = _SIZE
) -> None:
    pictures.append(Picture(title, caption, {theme: _image(draw, theme, size) for theme in ("light", "dark")}))


def _image(draw: Draw, theme: Any, size: tuple[float, float]) -> str:
    from matplotlib.figure import Figure

    # bypass pyplot: it would show the figure and use the settings of the user
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    draw(figure.subplots(), theme)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return base64.b64encode(data.getvalue()).decode("ascii")
