"""What a training is made of, in a few numbers and texts, so that another one can be compared with it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paradime.data import Dataset
from paradime.relationdata import NeighborRelationTuple, RelationData, SparseRelationArray
from paradime.training.phase import TrainingPhase
from paradime.utils.convert import to_numpy

__all__ = [
    "describe_data",
    "describe_model",
    "describe_phases",
    "describe_relations",
    "describe_settings",
    "differences",
]

_CHUNK_BYTES = 1 << 24
_MOST_BYTES = 1 << 28  # are read; of larger data, only evenly spaced rows are
_MOST_POINTS = 1_000  # all relations between so many points are read
_SPARSE = (NeighborRelationTuple, SparseRelationArray)
_NOT_COMPARED = ("callbacks", "report_interval", "compile")


def describe_data(dataset: Mapping[str, Any] | Dataset, derived: Sequence[str] = ()) -> dict[str, Any]:
    """Describes the entries of a data set by shape, type and a checksum.

    Args:
        dataset: The data set.
        derived: Entries that are computed of the others, which do not count.

    Example:
        >>> one, other = describe_data(Dataset([[1.0], [2.0]])), describe_data(Dataset([[1.0], [2.5]]))
        >>> list(differences(one, other))[0].split(" is ")[0], one["main"]["shape"]
        ('main.checksum', [2, 1])
    """
    return {
        key: {"shape": list(rows.shape), "type": str(rows.dtype), "checksum": _checksum(rows)}
        for key, rows in dataset.items()
        if key != "indices" and key not in derived
    }


def describe_relations(relations: Mapping[str, RelationData]) -> dict[str, Any]:
    """Describes relations by the number of their points and a checksum of their values.

    Of relations that are not sparse, between more than 1,000 points, evenly spaced points are looked at.
    """
    return {key: {"points": one.n_points, "checksum": _checksum_of(one)} for key, one in relations.items()}


def describe_model(model: torch.nn.Module) -> dict[str, Any]:
    """Describes a model by its class and the shapes of its state.

    Example:
        >>> describe_model(torch.nn.Linear(3, 2))
        {'class': 'Linear', 'state': {'weight': [2, 3], 'bias': [2]}}
    """
    return {
        "class": type(model).__name__,
        "state": {
            name: list(part.shape) for name, part in model.state_dict().items() if isinstance(part, torch.Tensor)
        },
    }


def describe_phases(phases: Sequence[TrainingPhase], n_rows: int) -> list[dict[str, Any]]:
    """Describes the settings of phases on data of so many rows.

    Example:
        >>> (phase,) = describe_phases([TrainingPhase(epochs="auto", batch_size=100)], 1_000)
        >>> phase["epochs"], phase["learning_rate"]
        (150, 0.01)
    """
    return [
        {
            **{name: _text(value) for name, value in phase.settings().items() if name not in _NOT_COMPARED},
            **dataclasses.asdict(phase.budget(n_rows)),
        }
        for phase in phases
    ]


def describe_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Describes settings that are numbers or texts, or lists of such; others do not count.

    Example:
        >>> describe_settings({"perplexity": 30, "model": torch.nn.Linear(3, 2)})
        {'perplexity': 30}
    """
    return {name: _text(value) for name, value in settings.items() if _is_simple(value)}


def differences(here: Any, there: Any, place: str = "") -> Iterator[str]:
    """Says in what two descriptions differ, a line each.

    Example:
        >>> list(differences({"phases": [{"epochs": 3}]}, {"phases": [{"epochs": 5}]}))
        ['phases[0].epochs is 3, in the checkpoint 5']
    """
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key in dict.fromkeys((*here, *there)):
            inner = f"{place}.{key}" if place else str(key)
            if key not in here or key not in there:
                yield f"{inner} is there only {'here' if key in here else 'in the checkpoint'}"
            else:
                yield from differences(here[key], there[key], inner)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for i, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from differences(one, other, f"{place}[{i}]")
    elif here != there:
        yield f"{place} is {_shown(here)}, in the checkpoint {_shown(there)}"


def _shown(value: Any) -> str:
    return f"a list of {len(value)}" if isinstance(value, list) and len(str(value)) > 60 else repr(value)


def _is_simple(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_simple(part) for part in value)
    return value is None or isinstance(value, (int, float, str))


def _text(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (int, float, str)):
        # subclasses of built-in types mark whether a user chose the value
        return type(value).__mro__[-2](value)
    if isinstance(value, Mapping):
        return {str(key): _text(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(part) for part in value]
    # functions and classes are described by their names, settings such as schedules by their repr
    return getattr(value, "__qualname__", None) or (
        repr(value) if dataclasses.is_dataclass(value) else type(value).__name__
    )


def _checksum_of(relations: RelationData) -> int:
    if not isinstance(relations, _SPARSE) and relations.n_points > _MOST_POINTS:
        return _checksum(relations.sub(torch.linspace(0, relations.n_points - 1, _MOST_POINTS).to(torch.int64)))
    total = 0
    for part in relations.edges():
        total = zlib.crc32(str(_checksum(torch.as_tensor(part))).encode(), total)
    return total


def _checksum(rows: Any) -> int:
    """Checksum of the values, read in parts so that no copy is made of the whole."""
    n = int(rows.shape[0])
    row_bytes = max(1, rows.dtype.itemsize * int(torch.Size(rows.shape[1:]).numel()))
    every = max(1, -(-n * row_bytes // _MOST_BYTES))
    size = max(1, _CHUNK_BYTES // row_bytes)
    total = 0
    for first in range(0, n, size * every):
        chunk = rows[first : min(n, first + size * every) : every]
        total = zlib.crc32(np.ascontiguousarray(to_numpy(chunk)).tobytes(), total)
    return total
