"""New points drawn over the training points."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.plot._labels import Classes, Values, check_positions, classes_of
from paradime.plot._legend import legend_handle
from paradime.plot._palette import accent
from paradime.plot._points import Look, default_alpha, default_size, drawing_order, fit_limits, size_in_points
from paradime.types import FloatArray
from paradime.utils.targets import NumberColumn, read_targets, read_targets_together

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["NewPoints", "read_new_points"]

_OLD_OPACITY = 0.35


@dataclasses.dataclass(frozen=True)
class NewPoints:
    """New points.

    Args:
        positions: Shape (m, 2).
        coloring: Their classes, or ``None``.
        old_coloring: The classes of the training points, with the same codes.
    """

    positions: FloatArray
    coloring: Classes | None
    old_coloring: Classes | None

    def paler(self, look: Look, n_old: int) -> Look:
        """Returns a paler look for the training points."""
        alpha = default_alpha(n_old) if look.alpha is None else look.alpha
        if self.old_coloring is None:  # a single colour, which must not look like a class
            return dataclasses.replace(look, colors=look.colors or [look.theme.muted], alpha=alpha)
        return dataclasses.replace(look, alpha=_OLD_OPACITY * alpha)

    def draw(
        self, ax: Axes, old: FloatArray, below: Classes | Values | None, look: Look
    ) -> tuple[FloatArray, Classes | Values | None, list[Line2D]]:
        """Draws the new points.

        Returns:
            Positions and classes of all points, and further entries of the legend.
        """
        from matplotlib.colors import to_rgb

        n_new = len(self.positions)
        order = drawing_order(None, n_new, look.seed)
        one_color = accent(look.theme.name) if below is None else look.theme.ink
        colors: Any = [one_color]
        if self.coloring is not None:
            table = np.array([to_rgb(color) for color in (*look.colors_of(self.coloring), look.theme.muted)])
            colors = table[self.coloring.codes[order]]
        width, height = size_in_points(ax)
        size = float(np.clip(2.5 * default_size(n_new, width * height), 4, 42)) if look.size is None else look.size
        ax.scatter(
            self.positions[order, 0],
            self.positions[order, 1],
            c=colors,
            s=size,
            alpha=default_alpha(n_new),
            # outlines separate the new points from those below; small points would be all outline
            edgecolors=look.theme.ink if self.coloring is not None else look.theme.background,
            linewidths=0.7 if size > 10 else 0.0,
            zorder=3,
        )
        both = np.concatenate((old, self.positions))
        fit_limits(ax, both)
        return both, self._both_classes(below), self._entries(len(old), look, one_color)

    def _both_classes(self, below: Classes | Values | None) -> Classes | Values | None:
        if self.coloring is None:
            return below
        if not isinstance(below, Classes):
            return self.coloring
        return dataclasses.replace(below, codes=np.concatenate((below.codes, self.coloring.codes)))

    def _entries(self, n_old: int, look: Look, one_color: str) -> list[Line2D]:
        has_classes = self.coloring is not None
        color = look.theme.muted if has_classes else one_color
        edge = look.theme.ink if has_classes else look.theme.background
        return [
            legend_handle(_counted(n_old, "training"), look.theme.muted, size=5.5),
            legend_handle(_counted(len(self.positions), "new"), color, size=7, edge=edge),
        ]


def read_new_points(
    new: Any, new_labels: Any, labels: Any, names: Any, coloring: Classes | Values | None
) -> NewPoints | None:
    """Reads new points; equal classes of training and new points get equal codes and colours.

    Raises:
        TypeError: If positions are not numbers.
        ValueError: If there is not one position or label per point, or labels are numbers.
    """
    if new is None:
        if new_labels is not None:
            raise ValueError("new_labels need the positions of new points, got no new points. Pass them as new=.")
        return None
    positions = check_positions(new, "new points")
    old = coloring if isinstance(coloring, Classes) else None
    if new_labels is None:
        return NewPoints(positions, None, old)
    column = read_targets(new_labels, name="new_labels", n=len(positions))
    is_numbers = isinstance(column, NumberColumn) and (old is None or column.as_integer_classes() is None)
    if isinstance(coloring, Values) or is_numbers:
        raise ValueError(
            "new_labels and labels must both be classes, got floating-point numbers. Convert them to integers, or "
            "leave new_labels out."
        )
    if old is None:
        return NewPoints(positions, classes_of(column.as_classes(), names), None)
    pair = ("labels", labels, len(old.codes)), ("new_labels", new_labels, len(positions))
    of_old, of_new = (classes_of(column.as_classes(), names) for column in read_targets_together(*pair))
    return NewPoints(positions, of_new, of_old)


def _counted(n: int, kind: str) -> str:
    return f"{n:,} {kind} point{'' if n == 1 else 's'}"
