"""What a constraint costs: adherence and neighbours preserved for several gradient shares."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone

from paradime.constraints import Constraint
from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.dr.inputs import as_dataset, embedded_entry
from paradime.metrics import knn_recall
from paradime.plot import palette
from paradime.plot._theme import ThemeName, frame, open_axes
from paradime.types import Data
from paradime.utils.rows import rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Tradeoff", "tradeoff"]

_SHARES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_NEW = 0.2  # share of the rows that is held out
_NEIGHBORS = 15
_KEY = "traded constraint"


@dataclasses.dataclass(frozen=True, eq=False)
class Tradeoff:
    """Maps with a constraint of several strengths, and what each of them shows.

    Attributes:
        measure: What the adherence is, in a few words.
        shares: The gradient share of the constraint in each map, ascending; the first is 0, the map without it.
        adherence: The adherence of the training rows, one per map.
        adherence_new: That of the rows that were held out; NaN where they do not show it.
        preserved: The share of the training rows' nearest neighbours in the data that are neighbours in the map.
        preserved_new: That of the rows that were held out.
        routines: The trained routines.
    """

    measure: str
    shares: tuple[float, ...]
    adherence: tuple[float, ...]
    adherence_new: tuple[float, ...]
    preserved: tuple[float, ...]
    preserved_new: tuple[float, ...]
    routines: tuple[Any, ...] = dataclasses.field(repr=False)

    def records(self) -> list[dict[str, float]]:
        """Returns one dict per map, which ``pandas.DataFrame`` takes."""
        names = ("share", "adherence", "adherence_new", "preserved", "preserved_new")
        columns = self.shares, self.adherence, self.adherence_new, self.preserved, self.preserved_new
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def plot(self, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
        """Draws neighbours preserved against adherence, one point per map, with the share beside it.

        Args:
            ax: Axes to draw into; by default those of a new figure.
            theme: ``"light"``, ``"dark"``, or ``None`` for the one that matches the axes.

        Returns:
            The axes.

        Raises:
            ImportError: If matplotlib is missing.
        """
        ax, look = open_axes(ax, theme, (6.5, 5))
        seen, new = palette(2, theme=look.name)
        for label, color, x, y in (
            ("training rows", seen, self.adherence, self.preserved),
            ("new rows", new, self.adherence_new, self.preserved_new),
        ):
            ax.plot(x, y, "-o", color=color, label=label)
            for share, *place in zip(self.shares, x, y, strict=True):
                if np.isfinite(place).all():
                    ax.annotate(
                        f"{share:g}",
                        (place[0], place[1]),
                        xytext=(5, 5),
                        textcoords="offset points",
                        color=look.ink,
                    )
        ax.set_xlabel(f"adherence: {self.measure}", color=look.ink)
        ax.set_ylabel(f"neighbours preserved, of {_NEIGHBORS}", color=look.ink)
        ax.margins(0.1)
        ax.legend(frameon=False, labelcolor=look.ink)
        frame(ax, look, grid="both")
        return ax


def tradeoff(
    routine: ParametricDR,
    X: Data,
    constraint: Constraint,
    shares: Sequence[float] = _SHARES,
    *,
    y: Any = None,
    X_new: Data | None = None,
    y_new: Any = None,
    epochs: int | None = None,
    random_state: int = 0,
) -> Tradeoff:
    """Trains maps with a constraint of several gradient shares, and measures what it costs.

    All maps start from one map without the constraint, and are trained further. The cost is in neighbours that are
    no longer preserved. Rows that no map is trained on show how far the constraint holds for new ones.

    Args:
        routine: The routine, which is not changed; constraints that it has stay.
        X: Rows, or a dict of named entries, as for ``fit``.
        constraint: The constraint, which does not hold exactly.
        shares: The gradient shares, each in (0, 1).
        y: Targets, as for ``fit``.
        X_new: Rows to measure new ones with; a fifth of ``X`` is held out if ``None``.
        y_new: Their targets.
        epochs: The epochs of each further training; those of half a training if ``None``.
        random_state: Seed of the draw of held-out rows.

    Returns:
        The maps with their figures; :meth:`Tradeoff.plot` draws them.

    Raises:
        ValueError: If shares are out of range, or the constraint is exact.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> from paradime.constraints import AxisConstraint
        >>> X = load_iris().data
        >>> found = tradeoff(ParametricMDS(epochs=20, random_state=0), X, AxisConstraint(1), [0.2, 0.8], epochs=20)
        >>> found.shares, found.adherence[2] > found.adherence[0]
        ((0.0, 0.2, 0.8), True)
    """
    chosen = sorted(float(share) for share in shares)
    if not chosen or not all(0 < share < 1 for share in chosen):
        raise ValueError(f"shares must be numbers in (0, 1), got {list(shares)}.")
    if constraint.exact:
        raise ValueError(
            "a constraint with exact=True has no share, and holds for all rows. Leave exact out to see what it "
            "costs."
        )
    data = as_dataset(X, routine.data_key)
    if X_new is None:
        order = torch.from_numpy(np.random.default_rng(random_state).permutation(len(data)))
        n_new = max(2, round(_NEW * len(data)))
        rows, new_rows = order[n_new:].sort().values, order[:n_new].sort().values
        labels = None if y is None else np.asarray(y)
        training, new = data.subset(rows), data.subset(new_rows)
        y, y_new = (None, None) if labels is None else (labels[rows.numpy()], labels[new_rows.numpy()])
    else:
        training, new = data, as_dataset(X_new, routine.data_key)
    constraint, free = copy.deepcopy(constraint), clone(routine).fit(training, y)
    targets = free._fitted.targets
    constraint.take_data(data, None if targets is None or targets.classes is None else targets.classes.tolist())
    routines = [free]
    for share in chosen:
        further = copy.deepcopy(free)
        further.add_constraint(copy.deepcopy(constraint), share=share, key=_KEY)
        routines.append(further.partial_fit(training, y, epochs=epochs))
    return Tradeoff(
        constraint.measure,
        (0.0, *chosen),
        tuple(_adherence(one, constraint, training, y) for one in routines),
        tuple(_adherence(one, constraint, new, y_new) for one in routines),
        tuple(_preserved(one, training) for one in routines),
        tuple(_preserved(one, training, new) for one in routines),
        tuple(routines),
    )


def _adherence(routine: Any, constraint: Constraint, rows: Dataset, y: Any) -> float:
    entries, targets = as_dataset(rows, routine.data_key), routine._fitted.targets
    if y is not None and targets is not None:
        entries.add({"labels": targets.encode(y, n=len(entries))})
    found = constraint.adherence(_positions(routine, rows), entries)
    return float("nan") if found is None else found.score


def _preserved(routine: Any, rows: Dataset, new: Dataset | None = None) -> float:
    """Returns the share of neighbours of the rows, or of new ones among them, that are neighbours in the map."""
    entry, k = embedded_entry(rows, routine.data_key), min(_NEIGHBORS, (len(rows) - 1) // 2)
    shown: dict[str, Any] = {}
    if new is not None:
        shown = {"test_X": _flat(new, entry), "test_embedding": _positions(routine, new)}
    return float(knn_recall(_flat(rows, entry), _positions(routine, rows), n_neighbors=k, **shown))


def _positions(routine: Any, rows: Dataset) -> torch.Tensor:
    embedded: torch.Tensor = routine.apply(rows[embedded_entry(rows, routine.data_key)], "embed")
    return embedded.to(torch.float64)


def _flat(rows: Dataset, entry: str) -> Any:
    return rows_of(rows.source(entry)).flat().exported()
