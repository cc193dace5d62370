"""The parameter ``background`` of presets: whose structure neighbourhoods leave out."""

from __future__ import annotations

import dataclasses
from typing import Any

from paradime.data import Background, DerivedData
from paradime.data.background import contrast
from paradime.data.near_mid_far import NearMidFarPairs
from paradime.estimators.composition import Composition
from paradime.persistence.values import VALUES
from paradime.relations import NeighborBasedPDist

__all__ = ["CONTRASTED", "as_background", "leave_out"]

CONTRASTED = "contrasted"
"""The entry of the data in which the directions of the background are shrunk."""

VALUES.register("background")(Background)


def as_background(background: Any) -> Any:
    """Returns the parameter as it is saved: the name of an entry, or directions in place of rows."""
    is_known = background is None or isinstance(background, (str, Background))
    return background if is_known else Background.of(background)


def leave_out(background: Any, made: Composition, data_key: str, *, owner: str) -> None:
    """Lets the components of a preset compare rows in which the directions of a background are shrunk.

    Args:
        background: The name of an entry that marks the rows of the background, other rows, or a
            :class:`~paradime.data.Background`.
        made: The components of the method, changed in place.
        data_key: The entry that is embedded.
        owner: The preset's name, for messages.

    Raises:
        ValueError: If no relations look for neighbours, or the background is no such thing.
    """
    searched = [entry for entry in made.global_relations.values() if isinstance(entry, NeighborBasedPDist)]
    if not searched:
        raise ValueError(f"{owner} looks for no neighbours. Leave out background.")
    known = as_background(background)
    of_data = [("data", data_key)]
    if isinstance(known, str):
        recipe = DerivedData(contrast, [*of_data, ("data", known)])
    else:
        recipe = DerivedData(contrast, of_data, **known.options())
    for relations in searched:
        relations.data_key = CONTRASTED
    for entry in made.derived_data.values():
        entry.type_key_tuples = [
            (kind, CONTRASTED) if (kind, key) == ("data", data_key) else (kind, key)
            for kind, key in entry.type_key_tuples
        ]
    made.derived_data[CONTRASTED] = recipe
    made.training_phases = [
        phase.replace(sampling=_of_contrasted(phase.sampling)) for phase in made.training_phases
    ]


def _of_contrasted(sampling: Any) -> Any:
    """Returns a sampling that measures distances in the contrasted rows."""
    if isinstance(sampling, NearMidFarPairs):
        return dataclasses.replace(sampling, data_key=CONTRASTED)
    return sampling
