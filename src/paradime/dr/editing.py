"""Constraints that an update imposes on a map, such as edits by hand, and what became of them."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch

from paradime.constraints import Constraint, Edits, PinConstraint
from paradime.constraints.indexed import IndexedConstraint
from paradime.data import Dataset
from paradime.dr.estimator import Estimator
from paradime.dr.fitted import Drift
from paradime.dr.inference import apply_model
from paradime.dr.inputs import embedded_entry, entry_of
from paradime.functional.clustering import relative_movement
from paradime.models import unit_of
from paradime.refinement import RefinedMap
from paradime.refinement.reference import chunks_of, keys_of
from paradime.types import Data
from paradime.utils.arguments import check_within
from paradime.utils.logging import report

__all__ = ["ImposedConstraints", "constraints_of", "is_among", "keys_of_rows"]

log = logging.getLogger(__name__)

_SETTLING_STEPS = 50


def constraints_of(given: Any, X: Data, key: str) -> list[Constraint]:
    """Returns what is passed to ``update`` as ``constraints`` as a list of constraints.

    Args:
        given: A file of edits, edits, a constraint, a list of constraints, or ``None``.
        X: The rows whose indices, or names, edits have.
        key: The entry that is embedded.

    Raises:
        TypeError: If it is something else.
        ValueError: If edits are of other rows, or a constraint is exact.
    """
    if given is None:
        return []
    if isinstance(given, (str, os.PathLike)):
        given = Edits.read(given)
    if isinstance(given, Edits):
        rows = X[embedded_entry(X, key)] if isinstance(X, Dataset) else entry_of(X, key)
        made = given.constraints(n_rows=_number_of(rows), row_names=_names_of(rows))
        if not made:
            raise ValueError(
                f"{given.path}{': ' * bool(given.path)}edits must have pins or pairs, got none. Drag points, or "
                "draw pairs, in the explorer's page."
            )
        return made
    constraints = [given] if isinstance(given, Constraint) else given
    if not isinstance(constraints, Iterable) or not all(isinstance(one, Constraint) for one in constraints):
        raise TypeError(
            f"constraints must be the path of a file of edits, or a list of constraints, got {given!r}."
        )
    constraints = list(constraints)
    for one in constraints:
        if one.exact:
            raise ValueError(
                f"constraints of update cannot be exact, got a {type(one).__name__} with exact=True, which is a "
                "layer of another network. Leave exact out, or add it and call fit."
            )
    return constraints


def _number_of(rows: Any) -> int:
    shape = getattr(rows, "shape", None)
    return len(rows) if shape is None else int(shape[0])


def _names_of(rows: Any) -> Sequence[Any] | None:
    """Returns the index of a pandas data frame if it has names."""
    index: Any = getattr(rows, "index", None)
    dtype = getattr(index, "dtype", None)
    return None if dtype is None or dtype.kind in "iu" else list(index)


def keys_of_rows(X: Any) -> torch.Tensor:
    """Returns a number of each row that equal rows share, shape (n,), of rows in any form."""
    return torch.cat([keys_of(chunk) for chunk in chunks_of(X)])


def is_among(keys: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Returns which keys occur among others, shape (n,)."""
    return torch.isin(keys, others)


@dataclasses.dataclass(frozen=True)
class ImposedConstraints:
    """Constraints of one update, and the map before it.

    Attributes:
        constraints: The constraints, which have the rows that they are about.
        share: The share of the gradient of those that are no pins, together. Pins have that of the anchors.
        dataset: The rows of the update.
        keys: A number of each row of the update that equal rows share.
        before: The rows' positions in the map before the update, shape (n, out_dim).
        by_network: Their positions by the network.
    """

    constraints: list[Constraint]
    share: float
    dataset: Dataset
    keys: torch.Tensor
    before: torch.Tensor
    by_network: torch.Tensor

    @classmethod
    def of(cls, routine: Estimator, constraints: list[Constraint], share: float, dataset: Dataset) -> Self:
        """Gives constraints their rows, and takes the positions before the update.

        Raises:
            ValueError: If the share is out of range, or a row is not there.
        """
        check_within("constraint_share", share, "(0, 1)")
        targets = routine._fitted.targets
        classes = None if targets is None or targets.classes is None else targets.classes.tolist()
        for one in constraints:
            one.take_data(dataset, classes)
        rows = dataset[embedded_entry(dataset, routine.data_key)]
        before, by_network = (_positions(routine, rows, refine=refine) for refine in (True, False))
        return cls(constraints, share, dataset, keys_of_rows(rows), before, by_network)

    @property
    def n_others(self) -> int:
        """The number of constraints that are no pins."""
        return sum(not isinstance(one, PinConstraint) for one in self.constraints)

    @property
    def has_pins(self) -> bool:
        """Whether any rows are pinned."""
        return self.n_others < len(self.constraints)

    @property
    def share_of_others(self) -> float:
        """The share of the gradient of constraints that are no pins; 0 without any."""
        return self.share if self.n_others else 0.0

    @property
    def share_of_each(self) -> float:
        """The share of the gradient of each constraint that is no pin."""
        return self.share / max(1, self.n_others)

    @property
    def named_keys(self) -> torch.Tensor:
        """The numbers of the rows that constraints name, which are free to move."""
        kept = [one.kept_rows for one in self.constraints if isinstance(one, IndexedConstraint)]
        return torch.cat(
            [torch.empty(0, dtype=torch.int64), *(keys_of_rows(rows) for rows in kept if rows is not None)]
        )

    def lead(self, routine: Estimator, refined: RefinedMap) -> RefinedMap:
        """Returns a refined map that follows: rows move as by the network, and those of constraints settle.

        Args:
            routine: The routine, whose network has followed.
            refined: Its refined map, with the rows of the update.
        """
        rows = self.dataset[embedded_entry(self.dataset, routine.data_key)]
        movement = _positions(routine, rows, refine=False) - self.by_network
        places = torch.cat([refined.reference.find(chunk) for chunk in chunks_of(rows)])
        positions = refined.positions.clone()
        known = places >= 0
        positions[places[known]] = self.before[known] + movement[known]
        unit = unit_of(routine._components.model)
        settling = [one for one in self.constraints if isinstance(one, IndexedConstraint)]
        # pins come last, since a pinned row is to be at its pin
        for _ in range(_SETTLING_STEPS):
            for one in sorted(settling, key=lambda one: one.key == "pin"):
                if one.kept_rows is None:
                    continue
                own = torch.cat([refined.reference.find(chunk) for chunk in chunks_of(one.kept_rows)])
                there = own >= 0
                moved = one.settle(positions[own.clamp_min(0)], unit)
                positions[own[there]] = moved[there]
        return refined.with_positions(positions)  # rows that equal a moved one move along

    def reported(self, routine: Estimator, drift: Drift) -> Drift:
        """Returns the drift with the adherence and the movement of the other rows, and logs both."""
        rows = self.dataset[embedded_entry(self.dataset, routine.data_key)]
        now = _positions(routine, rows, refine=True)
        wide = now.to(torch.float64)
        found = {
            _name(i, self.constraints): one.adherence(wide, self.dataset) for i, one in enumerate(self.constraints)
        }
        adherence = {name: one.score for name, one in found.items() if one is not None}
        others = ~is_among(self.keys, self.named_keys)
        moved = relative_movement(self.before[others], now[others], drift.spread)
        median = float(moved.median()) if len(moved) else 0.0
        shown = ", ".join(f"{name} {score:.3g}" for name, score in adherence.items())
        report(
            log,
            f"adherence: {shown or 'not shown by these rows'}; {int(others.sum())} rows without constraints moved "
            f"by {median:.3g} of the map's spread (median).",
        )
        return dataclasses.replace(drift, median_of_others=median, adherence=adherence)


def _name(i: int, constraints: Sequence[Constraint]) -> str:
    key = constraints[i].key
    n_before = sum(one.key == key for one in constraints[:i])
    return f"{key} {n_before + 1}" if n_before else key


def _positions(routine: Estimator, rows: Any, *, refine: bool) -> torch.Tensor:
    return apply_model(
        routine._components, rows, "embed", routine._fitted, owner=type(routine).__name__, refine=refine
    )
