"""Conversion of parameters to and from JSON; files can only name code that the caller allows."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from paradime._registry import Registry
from paradime.exceptions import SpecificationError
from paradime.models import ModelRecipe
from paradime.spec import Vocabulary
from paradime.spec.settings import settings_of
from paradime.spec.vocabulary import CLASSES, FUNCTIONS
from paradime.training import EarlyStopping, TrainingPhase

__all__ = ["VALUES", "Decoder", "Encoder", "vocabulary_with"]

VALUES: Registry[type[Any]] = Registry("value")
"""Frozen dataclasses in the state of fitted routines, by their names in files."""

# components of 1.x may have no name in specifications
_OURS = ("paradime.transforms", "paradime.relations", "paradime.loss", "paradime.models")

_KIND = "@"
_MOST_NUMBERS = 100_000  # larger tensors are data rather than parameters
_ALL: list[Registry[Any]] = [*CLASSES.values(), *FUNCTIONS.values()]
_REGISTRIES = {registry.kind: registry for registry in _ALL}


def vocabulary_with(allow_imports: Iterable[str]) -> Vocabulary:
    """Returns the names that saved routines may use: registered names, ParaDime's, and allowed imports."""
    return Vocabulary((*allow_imports, *_OURS))


class Encoder:
    """Encodes values as JSON.

    Args:
        vocabulary: The names that may be written.
        model: The model of the routine; it and its parameters are written as references.

    Attributes:
        tensors: Encoded tensors and arrays, by name.

    Example:
        >>> Encoder(Vocabulary()).encode((1, 2.5), "widths")
        {'@': 'tuple', 'items': [1, 2.5]}
    """

    def __init__(self, vocabulary: Vocabulary, model: torch.nn.Module | None = None) -> None:
        self._vocabulary = vocabulary
        self._model = model
        self.tensors: dict[str, torch.Tensor] = {}

    def encode(self, value: Any, place: str) -> Any:
        """Returns a value as JSON.

        Args:
            value: The value.
            place: Its path in the parameters, for messages.

        Raises:
            ValueError: If it cannot be encoded.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, np.str_):
            return str(value)
        if type(value) is float:
            return value if math.isfinite(value) else {_KIND: "float", "value": repr(value)}
        if isinstance(value, (np.bool_, np.number)):
            return {_KIND: "number", "dtype": value.dtype.str, "value": self.encode(value.item(), place)}
        if isinstance(value, torch.device):
            return {_KIND: "device", "value": str(value)}
        if isinstance(value, (list, tuple)):
            items = [self.encode(item, f"{place}[{i}]") for i, item in enumerate(value)]
            return items if isinstance(value, list) else {_KIND: "tuple", "items": items}
        if isinstance(value, Mapping):
            return self._mapping(value, place)
        if isinstance(value, (torch.Tensor, np.ndarray)):
            return self._tensor(value, place)
        name = VALUES.name_of(type(value))
        if name is not None:
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return {_KIND: "value", "name": name, "fields": self._mapping(fields, place)}
        return self._component(value, place)

    def _mapping(self, value: Mapping[Any, Any], place: str) -> Any:
        encoded = {str(key): self.encode(item, f"{place}.{key}") for key, item in value.items()}
        if all(type(key) is str for key in value) and _KIND not in value:
            return encoded
        keys = [self.encode(key, place) for key in value]
        return {_KIND: "dict", "items": list(map(list, zip(keys, encoded.values(), strict=True)))}

    def _tensor(self, value: Any, place: str) -> Any:
        if isinstance(value, torch.nn.Parameter) and self._model is not None:
            for name, parameter in self._model.named_parameters():
                if parameter is value:
                    return {_KIND: "parameter", "name": name}
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biuf":
            raise ValueError(f"{place}: an array of {value.dtype} cannot be saved. Pass a list.")
        if int(np.prod(value.shape)) > _MOST_NUMBERS:
            raise ValueError(f"{place}: an array of shape {tuple(value.shape)} is data, which is not saved.")
        name = f"parameters/{len(self.tensors)}"
        self.tensors[name] = torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value.detach()
        trained = isinstance(value, torch.nn.Parameter)
        return {_KIND: "tensor", "name": name, "array": isinstance(value, np.ndarray), "trained": trained}

    def _component(self, value: Any, place: str) -> Any:
        if value is self._model:
            return {_KIND: "model"}
        if isinstance(value, ModelRecipe):
            name = self._name_of(_REGISTRIES["model"], value.model_type, place)
            return {_KIND: "recipe", **self._mapping(value.spec(name=name), place)}
        if type(value) is TrainingPhase:
            return self._phase(value, place)
        if type(value) is EarlyStopping:
            return {_KIND: "early_stopping", "options": settings_of(value, place)}
        if inspect.isclass(value) or inspect.isroutine(value):
            for registry in _REGISTRIES.values():
                if registry.name_of(value) is not None or (inspect.isclass(value) and _is_of(value, registry)):
                    return {_KIND: "name", "kind": registry.kind, "name": self._name_of(registry, value, place)}
        kinds = [registry for base, registry in CLASSES.items() if isinstance(value, base)]
        if not kinds or isinstance(value, torch.nn.Module):
            raise ValueError(f"{place}: an object of type {type(value).__name__} cannot be saved.")
        registry = kinds[0]
        name = self._name_of(registry, type(value), place)
        return {_KIND: "block", "kind": registry.kind, "name": name, "options": settings_of(value, place)}

    def _phase(self, phase: TrainingPhase, place: str) -> Any:
        defaults = TrainingPhase().settings()
        changed = {name: value for name, value in phase.settings().items() if not _same(value, defaults.get(name))}
        return {_KIND: "phase", "settings": self._mapping(changed, place)}

    def _name_of(self, registry: Registry[Any], component: Any, place: str) -> str:
        try:
            return self._vocabulary.name_of(registry, component)
        except ValueError as error:
            raise SpecificationError(f"{place}: {error}") from None


class Decoder:
    """Decodes the output of an :class:`Encoder`.

    Args:
        vocabulary: The names that may be read.
        tensors: Tensors by name.
        model: The model of the routine.
    """

    def __init__(
        self, vocabulary: Vocabulary, tensors: Mapping[str, torch.Tensor], model: torch.nn.Module | None = None
    ) -> None:
        self._vocabulary = vocabulary
        self._tensors = tensors
        self._model = model

    def decode(self, value: Any) -> Any:
        """Returns the value.

        Raises:
            ValueError: If names are unknown or not allowed.
            KeyError: If an entry is missing.
            TypeError: If an entry has a wrong type.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if _KIND not in value:
            return {key: self.decode(item) for key, item in value.items()}
        kind = value[_KIND]
        reader: Callable[[dict[str, Any]], Any] | None = getattr(self, f"_read_{kind}", None)
        if not isinstance(kind, str) or reader is None:
            raise ValueError(f"the kind of a value must be a known one, got {str(kind)[:40]!r}.")
        return reader(value)

    def _read_float(self, value: dict[str, Any]) -> float:
        return float(value["value"])

    def _read_number(self, value: dict[str, Any]) -> Any:
        return np.dtype(value["dtype"]).type(self.decode(value["value"]))

    def _read_device(self, value: dict[str, Any]) -> torch.device:
        return torch.device(value["value"])

    def _read_tuple(self, value: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(self.decode(value["items"]))

    def _read_dict(self, value: dict[str, Any]) -> dict[Any, Any]:
        return {self.decode(key): self.decode(item) for key, item in value["items"]}

    def _read_tensor(self, value: dict[str, Any]) -> Any:
        tensor = self._tensors[value["name"]]
        if value["array"]:
            return tensor.numpy()
        return torch.nn.Parameter(tensor) if value["trained"] else tensor

    def _read_parameter(self, value: dict[str, Any]) -> torch.nn.Parameter:
        if self._model is None:
            raise ValueError("a parameter of the model needs a model, got none.")
        return self._model.get_parameter(value["name"])

    def _read_model(self, value: dict[str, Any]) -> torch.nn.Module | None:
        return self._model

    def _read_recipe(self, value: dict[str, Any]) -> ModelRecipe:
        settings = {key: self.decode(item) for key, item in value.items() if key not in (_KIND, "type")}
        return ModelRecipe(self._named("model", value["type"], keep_name=True), **settings)

    def _read_phase(self, value: dict[str, Any]) -> TrainingPhase:
        return TrainingPhase(**self.decode(value["settings"]))

    def _read_early_stopping(self, value: dict[str, Any]) -> EarlyStopping:
        return EarlyStopping(**value["options"])

    def _read_value(self, value: dict[str, Any]) -> Any:
        return VALUES[value["name"]](**self.decode(value["fields"]))

    def _read_name(self, value: dict[str, Any]) -> Any:
        return self._named(value["kind"], value["name"])

    def _read_block(self, value: dict[str, Any]) -> Any:
        return self._named(value["kind"], value["name"])(**value["options"])

    def _named(self, kind: str, name: str, *, keep_name: bool = False) -> Any:
        registry = _REGISTRIES[kind]
        component = self._vocabulary.find(registry, name)
        return name if keep_name and name in registry else component


def _is_of(value: type, registry: Registry[Any]) -> bool:
    return any(known is registry and issubclass(value, base) for base, known in CLASSES.items())


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and (value is default or value == default)
