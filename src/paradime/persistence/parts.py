"""The part of a model that is exported, and the comparison of its results with another runtime."""

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
"""Methods of the model that can be exported, with the names of input and output."""

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
        inputs: The input, shape (64, …).
        metadata: The metadata of the file.
        model: The class of the model, for messages.
    """

    name: str
    module: torch.nn.Module
    inputs: torch.Tensor
    metadata: dict[str, str]
    model: str

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
        in_place: torch.nn.Module | None = None,
    ) -> Part:
        """Returns the part of a trained model.

        Args:
            model: The model, which is copied.
            name: The method.
            rows: Rows like the training rows, shape (64, …).
            feature_names: Names of the columns.
            classes: The classes, in the order of the scores.
            routine: The class of the routine.
            in_place: What embeds rows in place of the model.
        """
        on_cpu = copy.deepcopy(model).to("cpu").eval().requires_grad_(False)
        dtype = next((p.dtype for p in on_cpu.parameters() if p.is_floating_point()), torch.float32)
        inputs = rows.to(torch.float64 if needs_double(on_cpu) else dtype)
        if name == "decode":
            with torch.no_grad():
                inputs = resolve_method(on_cpu, "encode" if hasattr(on_cpu, "encode") else "embed")(inputs)
        metadata = {
            "paradime_version": __version__,
            "paradime_format": str(FORMAT_VERSION),
            "paradime_routine": routine,
            "paradime_part": name,
        }
        if feature_names is not None:
            metadata["feature_names"] = json.dumps(list(feature_names))
        if classes is not None:
            metadata["classes"] = json.dumps(classes.astype(str).tolist())
        if in_place is not None:
            metadata["paradime_refined"] = "true"
        module = _Method(on_cpu, name) if in_place is None else in_place
        return cls(name, module.eval(), inputs.contiguous(), metadata, type(model).__name__)

    def refuse(self, error: Exception, where: str) -> UnsupportedConfigurationError:
        """Returns the exception for a part that cannot be exported."""
        while error.__cause__ is not None and isinstance(error.__cause__, Exception):
            error = error.__cause__  # the exporter wraps the original error
        lines = [line.strip() for line in _COLOR_CODE.sub("", str(error)).splitlines() if line.strip()]
        reason = f"{lines[0][:300].rstrip('. ')}." if lines else f"{type(error).__name__}."
        return UnsupportedConfigurationError(
            f"{self.name!r} of this {self.model} cannot be written {where}: {reason} Its method must consist of "
            "torch's operations that do not depend on the values or the number of the rows."
        )

    def check(self, run: Callable[[AnyArray], AnyArray], tolerance: float, where: str) -> None:
        """Compares the results of another runtime with the model on 1, 2, 7 and 64 rows.

        Args:
            run: Computes the part in the runtime, from array to array.
            tolerance: The largest difference, in units of the largest result or of 1, whichever is larger.
            where: The runtime, for messages.

        Raises:
            UnsupportedConfigurationError: If results differ.
        """
        for n in _BATCHES:
            inputs = self.inputs[:n]
            with torch.no_grad():
                expected = self.module(inputs).numpy()
            try:
                actual = np.asarray(run(inputs.numpy()))
            except Exception as error:  # runtimes raise types of their own
                raise self.refuse(error, f"for {where}, which fails on {n} rows") from error
            if actual.shape != expected.shape:
                raise UnsupportedConfigurationError(
                    f"{where} must return shape {expected.shape} for {n} rows like the model, got {actual.shape}. "
                    "Nothing was written."
                )
            unit = max(1.0, float(np.abs(expected).max(initial=0)))
            difference = float(np.abs(actual - expected).max(initial=0)) / unit
            if not difference <= tolerance:
                raise UnsupportedConfigurationError(
                    f"{where} differs from the model by {difference:.2g} of the largest result on {n} rows, more "
                    f"than tolerance={tolerance:g}. Nothing was written; pass a larger tolerance to allow it."
                )
