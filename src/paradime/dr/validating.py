"""Held-out rows of a routine, and what is recorded of its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.dr.learned import as_dataset
from paradime.dr.targets import Targets
from paradime.exceptions import NotTrainedError
from paradime.relations import Precomputed, Relations
from paradime.training import Validation, check_fraction, history_frame, rows_to_hold_out, split_rows
from paradime.types import AnyArray

__all__ = ["Validated", "held_out_rows"]


class Validated:
    """The part of a routine that holds rows out of its training, and remembers how it went."""

    validation_fraction: float
    validation_every: int

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    def _model_key(self) -> str:
        raise NotImplementedError

    def _seed(self) -> int | None:
        raise NotImplementedError

    # -- what is recorded -----------------------------------------------------------------------------

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A record of each epoch of the training so far; see :class:`~paradime.training.History`."""
        records = self._blocks.history.records if "_blocks" in self.__dict__ else []
        if not records:
            raise NotTrainedError(f"this {type(self).__name__} has no history_ before it is fitted. Call fit(X).")
        return records

    def history_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Returns :attr:`history_` as a data frame, one row an epoch.

        Args:
            library: ``"pandas"`` or ``"polars"``.

        Raises:
            NotTrainedError: If nothing is trained yet.
            ImportError: If the library is not installed.

        Example:
            >>> import torch
            >>> from paradime import ParametricMDS
            >>> X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
            >>> routine = ParametricMDS(epochs=2, batch_size=25, random_state=0).fit(X)
            >>> list(routine.history_frame().columns[:4])
            ['phase', 'epoch', 'loss', 'learning_rate']
        """
        return history_frame(self.history_, library)

    @property
    def validation_indices_(self) -> AnyArray:
        """The numbers of the rows that ``validation_fraction`` held out, ascending."""
        blocks = self.__dict__.get("_blocks")
        rows: AnyArray | None = None if blocks is None else blocks.held_out_indices
        if rows is None and (blocks is None or not blocks.trained):
            raise NotTrainedError(
                f"this {type(self).__name__} has no validation_indices_ before it is fitted. Call fit(X)."
            )
        if rows is None:
            raise AttributeError(f"this {type(self).__name__} has held no rows out: set validation_fraction.")
        return rows

    # -- held-out rows --------------------------------------------------------------------------------

    def _check_hold_out(self, n_rows: int, validation_data: Any) -> None:
        """Refuses settings before anything learned is forgotten."""
        if validation_data is None and check_fraction(self.validation_fraction):
            rows_to_hold_out(n_rows, self.validation_fraction)

    def _hold_out(self, validation_data: Any, *, is_new: bool) -> None:
        """Takes held-out rows, or draws some of new data; those there are stay for data that are not new."""
        blocks = self._blocks
        dataset = blocks.workspace.require_dataset()
        if is_new:
            blocks.held_out = blocks.held_out_indices = None
        if validation_data is not None:
            given = validation_data if isinstance(validation_data, Dataset) else Dataset(validation_data)
            check_same_features(given, dataset, self._model_key())
            blocks.held_out, blocks.held_out_indices = given, None
        elif blocks.held_out is None and check_fraction(self.validation_fraction):
            _refuse_given_relations(blocks.global_relations)
            rows = rows_to_hold_out(
                len(dataset), self.validation_fraction, classes=_classes(dataset), seed=self._split_seed()
            )
            kept, blocks.held_out = split_rows(dataset, rows)
            blocks.held_out_indices = rows
            blocks.workspace.register(kept)

    def _split_seed(self) -> int:
        seed = self._seed()
        return int(torch.randint(2**31 - 1, ())) if seed is None else seed

    def _validation(self) -> Validation | None:
        """Prepares what is measured on held-out rows; what was computed of the training rows must be there."""
        blocks, every = self._blocks, self.validation_every
        if not isinstance(every, (int, np.integer)) or every < 1:
            raise ValueError(f"validation_every must be an integer of at least 1, got {every!r}.")
        if blocks.held_out is None:
            return None
        return Validation(
            blocks.held_out,
            blocks.workspace,
            data_key=self._model_key(),
            every=int(every),
            positions=self._given_positions(),
        )

    def _given_positions(self) -> frozenset[str]:
        """Returns the entries of the data that hold initial positions, which only the first phase needs."""
        return frozenset()


def held_out_rows(validation_data: Any, targets: Targets | None, data_key: str) -> Dataset:
    """Reads what ``fit`` is given as validation data.

    Args:
        validation_data: Rows, a dict of named entries, or a pair of either and their targets.
        targets: How the targets of the training are numbered; ``None`` if it has none.
        data_key: The entry that rows become.

    Raises:
        ValueError: If targets are of another kind than those of the training, or of classes it does not have.
    """
    X, y = (
        validation_data
        if isinstance(validation_data, tuple) and len(validation_data) == 2
        else (validation_data, None)
    )
    dataset = as_dataset(X, data_key)
    if y is not None:
        if targets is None:
            raise ValueError("validation_data has targets, but fit got none. Pass them: fit(X, y, …).")
        encoded = targets.encode(y, n=len(dataset), name="y of validation_data")
        dataset.add({"labels": encoded})
    return dataset


def check_same_features(held_out: Dataset, training: Dataset, key: str) -> None:
    """Raises ValueError if held-out rows are not of the training's features."""
    if key not in held_out:
        raise ValueError(f"validation_data must have an entry {key!r}, got {sorted(set(held_out) - {'indices'})}.")
    shapes = [tuple(rows[key].shape[1:]) for rows in (held_out, training)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"validation_data has rows of shape {shapes[0]}, but the training data of {shapes[1]}.")
    names = [rows.columns.get(key) for rows in (held_out, training)]
    if None not in names and names[0] != names[1]:
        raise ValueError(f"validation_data has the columns {names[0]}, but the training data {names[1]}.")
    if len(held_out) < 2:
        raise ValueError(f"validation_data must have at least 2 rows, got {len(held_out)}.")


def _classes(dataset: Dataset) -> AnyArray | None:
    if "labels" not in dataset or dataset["labels"].is_floating_point() or dataset["labels"].ndim != 1:
        return None
    classes: AnyArray = dataset["labels"].cpu().numpy()
    return classes


def _refuse_given_relations(relations: Mapping[str, Relations]) -> None:
    for key, entry in relations.items():
        if isinstance(entry, Precomputed) or getattr(entry, "precomputed", None) is not None:
            raise ValueError(
                f"validation_fraction draws rows to hold out, but global relations {key!r} are given for all. "
                "Give them for the training rows alone, and pass the others: fit(X, validation_data=X_new)."
            )
