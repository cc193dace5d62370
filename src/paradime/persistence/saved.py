"""A saved routine in memory, and its conversion to and from files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._version import __version__
from paradime.exceptions import ModelFileError
from paradime.persistence.config import Config, pack_config, read_json, unpack_config
from paradime.persistence.names import (
    CARD,
    CONFIG,
    HISTORY,
    SPEC,
    STATE,
    WEIGHTS,
    spec_with_new_names,
    weights_with_new_names,
)

__all__ = ["REFINED", "Saved", "model_card", "pack_tensors", "unpack_tensors"]

REFINED = "refined/"
"""How the names of the tensors of a refined map begin."""


@dataclasses.dataclass
class Saved:
    """The saved state of a routine.

    Args:
        config: The configuration.
        weights: The state of the model, by name.
        state: Further tensors by name.
        spec: The specification as nested mappings and lists, if there is one.
        history: Records of the epochs, encoded.
        path: Its path, for messages.
    """

    config: Config
    weights: dict[str, torch.Tensor]
    state: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    spec: dict[str, Any] | None = None
    history: list[Any] = dataclasses.field(default_factory=list)
    path: str = "the routine"

    def to_files(self, methods: Sequence[str] = ()) -> dict[str, bytes]:
        """Returns the contents of files by name.

        Args:
            methods: Methods of the routine other than ``transform``, for the card.

        Raises:
            ValueError: If a tensor cannot be written.
        """
        files = {WEIGHTS: pack_tensors(self.weights, "the model")}
        if self.state:
            files[STATE] = pack_tensors(self.state, "the routine")
        if self.spec is not None:
            files[SPEC] = _json(self.spec, indent=1)
        if self.history:
            files[HISTORY] = _json(self.history)
        files[CARD] = model_card(self.config, list(methods), self.has_training_rows).encode()
        return {CONFIG: pack_config(self.config, files), **files}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], path: str) -> Saved:
        """Builds the state from files.

        Args:
            files: Their contents by name.
            path: Their path, for messages.

        Raises:
            ModelFileError: If they are damaged, or have a newer format.
        """
        config = unpack_config(files, path)
        if WEIGHTS not in files:
            raise ModelFileError(f"{path}: the file {WEIGHTS} is missing. Copy all files of the save.")
        spec = read_json(files[SPEC], f"{path}: {SPEC}") if SPEC in files else None
        history = read_json(files[HISTORY], f"{path}: {HISTORY}") if HISTORY in files else []
        state = unpack_tensors(files[STATE], f"{path}: {STATE}") if STATE in files else {}
        weights = unpack_tensors(files[WEIGHTS], f"{path}: {WEIGHTS}")
        if config.format_version < 3:
            spec, weights = spec_with_new_names(spec), weights_with_new_names(weights)
        return cls(config, weights, state, spec, history, path)

    @property
    def has_training_rows(self) -> bool:
        """Whether the files contain training rows: those of a refined map."""
        return bool(self.tensors(REFINED))

    def tensors(self, prefix: str) -> dict[str, torch.Tensor]:
        """Returns further tensors whose names start with a prefix, by name without the prefix."""
        return {name[len(prefix) :]: tensor for name, tensor in self.state.items() if name.startswith(prefix)}


def pack_tensors(tensors: Mapping[str, torch.Tensor], what: str) -> bytes:
    """Returns tensors of any device as the contents of a safetensors file; shared memory is copied.

    Args:
        tensors: The tensors by name.
        what: A description of their owner, for messages.

    Raises:
        ValueError: If a tensor is sparse, quantised, or on the meta device.
    """
    import safetensors.torch

    plain = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(
                f"{what}: entries of its state must be tensors, got {type(tensor).__name__} for {name!r}. Make it "
                "a buffer, or an argument of the constructor."
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise ValueError(
                f"{what}: the tensor {name!r} must not be sparse, quantised, or on the meta device. Convert it."
            )
        # views that share memory are copied
        plain[name] = tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
    try:
        return safetensors.torch.save(plain, {"format": "pt"})
    except Exception as error:  # a dtype that the format does not support
        raise ValueError(f"{what}: its tensors cannot be saved: {error}.") from error


def unpack_tensors(contents: bytes, what: str) -> dict[str, torch.Tensor]:
    """Returns the tensors of a safetensors file.

    Args:
        contents: The contents of the file. Its header must describe exactly the bytes that follow.
        what: The path, for messages.

    Raises:
        ModelFileError: If it is damaged, or not a safetensors file.
    """
    import safetensors.torch

    try:
        return dict(safetensors.torch.load(contents))
    except Exception as error:  # safetensors raises types of its own
        raise ModelFileError(f"{what}: is damaged: {error}.") from error


def _json(contents: Any, indent: int | None = None) -> bytes:
    return (json.dumps(contents, indent=indent, ensure_ascii=False, allow_nan=False) + "\n").encode()


_CARD = """---
library_name: paradime
tags:
- paradime
- dimensionality-reduction
- parametric
---

# {name}

A parametric dimensionality reduction, trained and saved with ParaDime {version}.

```python
import paradime

routine = paradime.load("path/of/this/folder")
embedding = routine.transform(X)  # {rows}
```

- Rows: {rows}
- Dimensions of the embedding, and all settings: `spec.json`, `config.json`
- Weights: `model.safetensors`
{more}
{contents}
"""
_WITHOUT_ROWS = "These files do not contain the training data."
_WITH_ROWS = (
    "These files contain rows of the training data, in half precision and with up to 100 columns or principal\n"
    "components, by which new rows are placed."
)


def model_card(config: Config, methods: list[str], with_rows: bool) -> str:
    """Returns the text of a model card, with a header for the Hugging Face Hub.

    Args:
        config: The configuration.
        methods: Methods of the routine other than ``transform``.
        with_rows: Whether the files contain training rows.
    """
    shape = config.fitted.row_shape
    rows = f"shape (n, {', '.join(map(str, shape))})"
    more = [f"- Also: {', '.join(f'`{name}`' for name in methods)}"] if methods else []
    names = config.fitted.feature_names
    if names is not None:
        # names come from the data and must not be interpreted as markup
        shown = json.dumps(names[:50], ensure_ascii=True).replace("`", "'").replace("<", "\\u003c")
        more.append(f"- Columns: `{shown}`{' and more' if len(names) > 50 else ''}")
    return _CARD.format(
        name=config.routine.rpartition(":")[2],
        version=__version__,
        rows=rows,
        more="".join(f"{m}\n" for m in more),
        contents=_WITH_ROWS if with_rows else _WITHOUT_ROWS,
    )
