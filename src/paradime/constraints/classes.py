"""Classes of rows that constraints refer to: integers of an entry, or their names in ``y``."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._registry import did_you_mean
from paradime.constraints.base import Constraint
from paradime.data import Dataset
from paradime.loss.base import Trial

__all__ = ["ClassesOfConstraint", "class_codes", "codes_of", "named_codes"]


def codes_of(values: torch.Tensor) -> torch.Tensor:
    """Returns an entry as integers, shape (b,), −1 for rows without a class; (b, 1) and numbers are taken, too."""
    flat = values.reshape(-1)
    return flat.nan_to_num(-1).to(torch.int64) if flat.is_floating_point() else flat.to(torch.int64)


def class_codes(owner: str, dataset: Dataset, key: str) -> torch.Tensor:
    """Returns the classes of all rows, shape (n,), int64, −1 for rows without one.

    Args:
        owner: The name of the constraint, for messages.
        dataset: The rows.
        key: The entry with the classes.

    Raises:
        KeyError: If there is no such entry.
        ValueError: If it has not one integer per row.

    Example:
        >>> class_codes("link", Dataset({"main": [[0.0], [1.0]], "labels": [3, -1]}), "labels").tolist()
        [3, -1]
    """
    values: torch.Tensor = dataset[key]
    n = len(dataset)
    if values.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"constraint {owner!r}: entry {key!r} must have one class per row, shape ({n},), got "
            f"{tuple(values.shape)}. Add the classes as an entry of their own."
        )
    flat = values.reshape(-1)
    if flat.is_floating_point() and bool((flat.nan_to_num(-1) != flat.nan_to_num(-1).round()).any()):
        broken = flat[flat.nan_to_num(-1) != flat.nan_to_num(-1).round()]
        raise ValueError(
            f"constraint {owner!r}: entry {key!r} must have integers, −1 for rows without a class, got "
            f"{float(broken[0]):g}. Number the classes: sklearn.preprocessing.LabelEncoder().fit_transform(…)."
        )
    return codes_of(values)


def named_codes(owner: str, names: Sequence[Any], classes: Sequence[Any] | None) -> torch.Tensor:
    """Returns the integers of classes that a user names.

    Args:
        owner: The name of the constraint, for messages.
        names: The classes as they are in ``y``, or their integers in the entry; also as strings.
        classes: The classes of ``y`` in the order of their integers; ``None`` if there are none.

    Raises:
        ValueError: If a class is not known.

    Example:
        >>> named_codes("regions", ["b", "a"], ["a", "b"]).tolist(), named_codes("regions", ["2"], None).tolist()
        ([1, 0], [2])
    """
    known = None if classes is None else {str(one): i for i, one in enumerate(classes)}
    codes = []
    for name in map(str, names):
        if known is not None:
            if name not in known:
                raise ValueError(f"constraint {owner!r}: y has no class {name!r}. {did_you_mean(name, known)}")
            codes.append(known[name])
        elif name.isdigit():
            codes.append(int(name))
        else:
            raise ValueError(
                f"constraint {owner!r}: classes must be integers of the entry if fit is given no y, got {name!r}. "
                "Pass y, or integers."
            )
    return torch.tensor(codes, dtype=torch.int64)


class ClassesOfConstraint(Constraint, abc.ABC):
    """The base of constraints on classes that a user names; their integers are known once there are data.

    They are saved with a routine. Subclass it, and write :meth:`class_names`.

    Args:
        class_key: The entry with one integer per row, −1 for rows without a class.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Attributes:
        codes: The integers of the classes in their order, shape (k,); ``None`` before training.
    """

    codes: torch.Tensor | None

    def __init__(
        self, class_key: str, data_key: str = "main", embedding_method: str = "embed", name: str | None = None
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self._class_key = class_key
        self.register_buffer("codes", None)

    @abc.abstractmethod
    def class_names(self) -> Sequence[Any] | None:
        """Returns the classes in their order, as a user names them; ``None`` if :meth:`ordered` finds them."""

    def ordered(self, dataset: Dataset) -> torch.Tensor:
        """Returns the integers of all classes of the data, in an order that follows from these; shape (k,)."""
        codes: torch.Tensor = torch.unique(class_codes(self.name, dataset, self._class_key))
        return codes[codes >= 0]

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Finds the integers of the classes."""
        names = self.class_names()
        of_y = classes if self._class_key == "labels" else None
        self.codes = self.ordered(dataset) if names is None else named_codes(self.name, names, of_y)

    def places_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Returns the places of classes in their order, −1 for others; shape (b,)."""
        assert self.codes is not None
        matches = codes[:, None] == self.codes.to(codes.device)
        return torch.where(matches.any(dim=1), matches.to(torch.int8).argmax(dim=1), -1)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        class_codes(self.name, trial.dataset, self._class_key)
        if self.codes is None:  # a training that was given its data earlier
            self.take_data(trial.dataset)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}codes" in state_dict:
            self.codes = torch.empty_like(state_dict[f"{prefix}codes"])
        super()._load_from_state_dict(state_dict, prefix, *rest)
