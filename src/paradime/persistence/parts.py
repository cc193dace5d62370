"""A part of a model that leaves for another runtime, and how it is compared there."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from paradime._version import __version__
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import needs_double, resolve_method
from paradime.persistence.names import FORMAT_VERSION
from paradime.types import AnyArray

__all__ = ["PARTS", "Part"]

_COLOR_CODE = re.compile(r"\x1b\[[0-9;]*m")

PARTS = {"embed": ("rows", "embedding"), "decode": ("embedding", "rows"), "classify": ("rows", "scores")}
"""What can be exported: a method of the model, and the names of what goes in and out."""

_BATCHES = (1, 2, 7, 64)


class _Method(torch.nn.Module):
    """Calls one method of a model."""

    def __init__(self, model: torch.nn.Module, method: str) -> None:
        super().__init__()
        self.model = model
        self.method = method

    def forward(self, rows: torch.Tensor) -> Any:
        return resolve_method(self.model, self.method)(rows)


@dataclasses.dataclass
class Part:
    """A method of a model, with rows to compare it on.

    Args:
        name: The method.
        module: The module that calls it, on the CPU.
        inputs: What goes in, shape (64, …).
        metadata: What the file is to say about itself.
    """

    name: str
    module: torch.nn.Module
    inputs: torch.Tensor
    metadata: dict[str, str]

    @classmethod
    def of(
        cls,
        model: torch.nn.Module,
        name: str,
        rows: torch.Tensor,
        *,
        feature_names: Sequence[str] | None,
        classes: AnyArray | None,
        routine: str,
    ) -> Part:
        """Takes a method of a trained model.

        Args:
            model: The model, which stays where it is.
            name: The method.
            rows: Rows like those of the training, shape (64, …).
            feature_names: Names of the columns.
            classes: The classes, in the order of the scores.
            routine: What the model was trained by.
        """
        ours = copy.deepcopy(model).to("cpu").eval().requires_grad_(False)
        dtype = next((part.dtype for part in ours.parameters() if part.is_floating_point()), torch.float32)
        inputs = rows.to(torch.float64 if needs_double(ours) else dtype)
        if name == "decode":
            with torch.no_grad():
                inputs = resolve_method(ours, "encode" if hasattr(ours, "encode") else "embed")(inputs)
        told = {
            "paradime_version": __version__,
            "paradime_format": str(FORMAT_VERSION),
            "paradime_routine": routine,
            "paradime_part": name,
        }
        if feature_names is not None:
            told["feature_names"] = json.dumps(list(feature_names))
        if classes is not None:
            told["classes"] = json.dumps(classes.astype(str).tolist())
        return cls(name, _Method(ours, name).eval(), inputs.contiguous(), told)

    def refuse(self, error: Exception, where: str) -> UnsupportedConfigurationError:
        """Returns the exception that says that the part cannot be written."""
        while error.__cause__ is not None and isinstance(error.__cause__, Exception):
            error = error.__cause__  # the exporter wraps what failed in advice on itself
        lines = [line.strip() for line in _COLOR_CODE.sub("", str(error)).splitlines() if line.strip()]
        reason = f"{lines[0][:300].rstrip('. ')}." if lines else f"{type(error).__name__}."
        model = type(self.module.model).__name__
        return UnsupportedConfigurationError(
            f"{self.name!r} of this {model} cannot be written {where}: {reason} Its method must consist of "
            "torch's operations that do not depend on the values or the number of the rows."
        )

    def check(self, run: Callable[[AnyArray], AnyArray], tolerance: float, where: str) -> None:
        """Compares another runtime with the model, on 1, 2, 7 and 64 rows.

        Args:
            run: Computes the part elsewhere, arrays in and out.
            tolerance: The largest difference, in units of the largest result, or of 1 where that is smaller.
            where: The runtime, for messages.

        Raises:
            UnsupportedConfigurationError: If results differ.
        """
        for n in _BATCHES:
            inputs = self.inputs[:n]
            with torch.no_grad():
                expected = self.module(inputs).numpy()
            try:
                found = np.asarray(run(inputs.numpy()))
            except Exception as error:  # of the runtime's own types
                raise self.refuse(error, f"for {where}, which fails on {n} rows") from error
            if found.shape != expected.shape:
                raise UnsupportedConfigurationError(
                    f"{where} returns shape {found.shape} for {n} rows, the model {expected.shape}. Nothing "
                    "was written."
                )
            unit = max(1.0, float(np.abs(expected).max(initial=0)))
            difference = float(np.abs(found - expected).max(initial=0)) / unit
            if not difference <= tolerance:
                raise UnsupportedConfigurationError(
                    f"{where} differs from the model by {difference:.2g} of the largest result on {n} rows, more "
                    f"than tolerance={tolerance:g}. Nothing was written; a larger tolerance lets it through."
                )
