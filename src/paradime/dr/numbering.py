"""Targets of later rows, numbered as those of the first ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from paradime.dr.targets import Targets
from paradime.types import AnyArray

__all__ = ["UNLABELED", "encode_targets", "extended_targets", "shown_classes"]

UNLABELED = -1
"""The number of rows without a class."""


def encode_targets(targets: Targets, y: Any) -> AnyArray:
    """Returns targets numbered or standardised as earlier ones were.

    Raises:
        ValueError: If they are of another kind, or have a class that is not known.

    Example:
        >>> encode_targets(Targets("classes", np.array(["a", "b"])), ["b", None])
        array([ 1, -1])
    """
    values = np.asarray(y)
    if targets.kind == "classes" and _all_unlabeled(values):
        return values.reshape(len(values)).astype(np.int64)
    now, numbers = Targets.of(y)
    if now.kind != targets.kind:
        raise ValueError(f"y must be {targets.kind}, as in the first training, got {now.kind}.")
    if targets.classes is None or now.classes is None:
        return ((numbers * now.scale + now.mean - targets.mean) / targets.scale).astype(np.float32)
    places = {value: place for place, value in enumerate(targets.classes.tolist())}
    unknown = [value for value in now.classes.tolist() if value not in places]
    if unknown:
        raise ValueError(
            f"y has classes that were not announced: {unknown[:5]}; known are {shown_classes(targets.classes)}. "
            "Name all of them at the first call, partial_fit(X, y, classes=…)."
        )
    table = np.array([places[value] for value in now.classes.tolist()] + [UNLABELED])
    encoded: AnyArray = table[numbers]
    return encoded


def extended_targets(targets: Targets, y: Any) -> Targets:
    """Returns targets with further classes behind those that are known, whose numbers stay."""
    now = Targets.of(y)[0] if np.asarray(y).size and not _all_unlabeled(y) else None
    if now is None or targets.classes is None or now.classes is None:
        return targets
    known = set(targets.classes.tolist())
    further = [value for value in now.classes.tolist() if value not in known]
    if not further:
        return targets
    return dataclasses.replace(targets, classes=np.concatenate([targets.classes, np.array(further)]))


def _all_unlabeled(y: Any) -> bool:
    values = np.asarray(y)
    return values.dtype.kind in "iu" and bool((values == UNLABELED).all())


def shown_classes(classes: Any) -> str:
    """Returns classes as a text that is not long."""
    listed = [] if classes is None else classes.tolist()
    return f"{listed[:10]}{' and more' if len(listed) > 10 else ''}"
