"""Rows that are held out of the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from paradime.data import Dataset
from paradime.dr.components import Components
from paradime.dr.inputs import Targets, as_dataset
from paradime.relations import Precomputed, Relations
from paradime.training import Validation
from paradime.types import AnyArray
from paradime.utils.arguments import check_integer, check_within

__all__ = ["check_hold_out", "held_out_rows", "hold_out", "rows_to_hold_out", "validation_of"]


def check_hold_out(fraction: float, n_rows: int, validation_data: Any) -> None:
    """Refuses settings before anything learned is forgotten.

    Raises:
        ValueError: If the fraction is out of range, or leaves too few rows.
    """
    if validation_data is None and _checked_fraction(fraction):
        rows_to_hold_out(n_rows, fraction)


def hold_out(
    blocks: Components, validation_data: Any, *, fraction: float, key: str, seed: int | None, is_new: bool
) -> None:
    """Takes held-out rows, or draws some of new data; those there are stay for data that are not new.

    Args:
        blocks: The components, with a data set; they get the held-out rows.
        validation_data: Rows that were given, or ``None``.
        fraction: The share to draw where none are given.
        key: The entry that is embedded.
        seed: The seed of the draw; torch's global generator if ``None``.
        is_new: Whether the data set is another one than at the last call.

    Raises:
        ValueError: If rows that were given have other features, or relations are given for all rows.
    """
    dataset = blocks.workspace.require_dataset()
    if is_new:
        blocks.held_out = blocks.held_out_indices = None
    if validation_data is not None:
        given = validation_data if isinstance(validation_data, Dataset) else Dataset(validation_data)
        _check_same_features(given, dataset, key)
        blocks.held_out, blocks.held_out_indices = given, None
    elif blocks.held_out is None and _checked_fraction(fraction):
        _refuse_given_relations(blocks.global_relations)
        drawn = int(torch.randint(2**31 - 1, ())) if seed is None else seed
        rows = rows_to_hold_out(len(dataset), fraction, classes=_classes(dataset), seed=drawn)
        kept, blocks.held_out = _split(dataset, rows)
        blocks.held_out_indices = rows
        blocks.workspace.register(kept)


def validation_of(blocks: Components, every: int, key: str, positions: frozenset[str]) -> Validation | None:
    """Prepares what is measured on held-out rows; what was computed of the training rows must be there.

    Args:
        blocks: The components.
        every: Epochs between measurements.
        key: The entry that is embedded.
        positions: The entries that hold initial positions, which held-out rows need not have.

    Raises:
        ValueError: If ``every`` is not at least 1.
    """
    every = check_integer("validation_every", every)
    if blocks.held_out is None:
        return None
    return Validation(
        blocks.held_out,
        blocks.workspace,
        blocks.batch_relations,
        data_key=key,
        every=every,
        positions=positions,
    )


def held_out_rows(validation_data: Any, targets: Targets | None, key: str) -> Dataset | None:
    """Reads what ``fit`` is given as validation data.

    Args:
        validation_data: Rows, a dict of named entries, a pair of either and their targets, or ``None``.
        targets: How the targets of the training are numbered; ``None`` if it has none.
        key: The entry that rows become.

    Raises:
        ValueError: If targets are of another kind than those of the training, or of classes it does not have.
    """
    if validation_data is None:
        return None
    is_pair = isinstance(validation_data, tuple) and len(validation_data) == 2
    X, y = validation_data if is_pair else (validation_data, None)
    dataset = as_dataset(X, key)
    if y is not None:
        if targets is None:
            raise ValueError("validation_data has targets, but fit got none. Pass them: fit(X, y, …).")
        dataset.add({"labels": targets.encode(y, n=len(dataset), name="y of validation_data")})
    return dataset


def _check_same_features(held_out: Dataset, training: Dataset, key: str) -> None:
    """Raises ValueError if held-out rows are not of the training's features."""
    if key not in held_out:
        raise ValueError(f"validation_data must have an entry {key!r}, got {sorted(set(held_out) - {'indices'})}.")
    shapes = [tuple(rows[key].shape[1:]) for rows in (held_out, training)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"validation_data has rows of shape {shapes[0]}, but the training data of {shapes[1]}. "
            "Pass the same columns."
        )
    names = [rows.columns.get(key) for rows in (held_out, training)]
    if None not in names and names[0] != names[1]:
        raise ValueError(
            f"validation_data has the columns {names[0]}, but the training data {names[1]}. Pass the same columns."
        )
    if len(held_out) < 2:
        raise ValueError(f"validation_data must have at least 2 rows, got {len(held_out)}. Pass more rows.")


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


def _checked_fraction(fraction: Any) -> float:
    """Returns the share of rows to hold out.

    Raises:
        ValueError: If it is no number in [0, 0.5].
    """
    check_within("validation_fraction", fraction, "[0, 0.5]")
    return float(fraction)


def rows_to_hold_out(
    n_rows: int, fraction: float, *, classes: AnyArray | None = None, seed: int | None = 0
) -> AnyArray:
    """Draws rows to hold out, of each class its share.

    Args:
        n_rows: Number of rows n.
        fraction: The share of the rows, in (0, 0.5].
        classes: The number of each row's class, shape (n,); ``None`` if there are none.
        seed: The seed.

    Returns:
        Their numbers in ascending order.

    Raises:
        ValueError: If fewer than two rows would be held out, or be left.

    Example:
        >>> rows = rows_to_hold_out(100, 0.1, classes=np.repeat([0, 1], [80, 20]))
        >>> len(rows), int((rows >= 80).sum())
        (10, 2)
    """
    n_held_out = round(n_rows * fraction)
    if n_held_out < 2 or n_rows - n_held_out < 2:
        raise ValueError(
            f"validation_fraction={fraction:g} of {n_rows} rows holds out {n_held_out} of them; at least 2 rows "
            "must be held out, and 2 be left. Choose another fraction, or pass validation_data."
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_rows)
    if classes is not None:
        order = order[np.argsort(np.asarray(classes)[order], kind="stable")]
    # equally spaced places among rows that are sorted by class: of each class its share, rounded up or down, and
    # never two rows in a row, so that a class of two keeps one
    places = ((np.arange(n_held_out) + generator.random()) * n_rows / n_held_out).astype(np.int64)
    drawn: AnyArray = np.sort(order[places])
    return drawn


def _split(data: Dataset, held_out: AnyArray) -> tuple[Dataset, Dataset]:
    """Returns the rows that are left, and those that are held out."""
    keep = np.ones(len(data), dtype=bool)
    keep[held_out] = False
    return data.subset(torch.from_numpy(np.flatnonzero(keep))), data.subset(torch.from_numpy(held_out))
