"""Models that leave for other runtimes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from paradime.dr.comparing import probes
from paradime.dr.parts import has_part
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError

if TYPE_CHECKING:
    from paradime.dr.blocks import Blocks

__all__ = ["Exportable"]


class Exportable:
    """The part of a routine that writes its model for other runtimes."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        raise NotImplementedError

    def export_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        part: str = "embed",
        opset: int | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Writes the model as ONNX, for any number of rows, checked against ONNX Runtime.

        Args:
            path: The file, such as ``"model.onnx"``.
            part: ``"embed"`` for rows to positions, ``"decode"`` for positions to rows, or ``"classify"`` for rows
                to scores of classes (before softmax), or a number in units of its standard deviation.
            opset: The version of ONNX's operators; torch's default if ``None``.
            tolerance: The largest difference from the model that is let through, in units of the largest result,
                or of 1 where that is smaller.

        Raises:
            NotTrainedError: If the routine is not trained.
            ImportError: If ``paradime[onnx]`` is not installed.
            UnsupportedConfigurationError: If the model has no such part, cannot be written, or differs.
            OSError: If the file cannot be written; one that was there stays as it was.
        """
        from paradime.persistence.onnx import export_onnx

        export_onnx(_part_of(self, part), path, opset=opset, tolerance=tolerance)

    def export_torch(self, path: str | os.PathLike[str], *, part: str = "embed", tolerance: float = 1e-5) -> None:
        """Writes the model as a program of ``torch.export``, for any number of rows, checked against the model.

        Args:
            path: The file, such as ``"model.pt2"``; ``torch.export.load(path).module()`` reads it.
            part: As for :meth:`export_onnx`.
            tolerance: As for :meth:`export_onnx`.

        Raises:
            NotTrainedError: If the routine is not trained.
            UnsupportedConfigurationError: If the model has no such part, cannot be written, or differs.
            OSError: If the file cannot be written; one that was there stays as it was.
        """
        from paradime.persistence.exported import export_torch

        export_torch(_part_of(self, part), path, tolerance=tolerance)

    def _require_trained_model(self) -> torch.nn.Module:
        model = self._blocks.model if self.__sklearn_is_fitted__() else None
        if model is None:
            raise NotTrainedError(f"this {type(self).__name__} is not trained yet. Call fit(X) first.")
        if "_row_shape" not in self.__dict__:
            raise UnsupportedConfigurationError(
                f"this {type(self).__name__} does not know which rows its model takes: trained was set by hand. "
                "Make it with in_dim=…, the number of columns."
            )
        return model


def _part_of(routine: Any, part: str) -> Any:
    from paradime.persistence.parts import PARTS, Part

    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(map(repr, PARTS))}, got {part!r}.")
    model = routine._require_trained_model()
    if part != "embed" and not has_part(routine, part):
        wanted = {"decode": "decoder", "classify": "classifier"}[part]
        raise UnsupportedConfigurationError(
            f"the model has no {wanted}, so part={part!r} cannot be exported. Fit {type(routine).__name__}"
            f"({wanted}=True), which has one."
        )
    names = routine.__dict__.get("feature_names_in_")
    return Part.of(
        model,
        part,
        probes(routine, 64),
        feature_names=None if names is None else [str(name) for name in names],
        classes=getattr(routine._targets, "classes", None),
        routine=type(routine).__name__,
    )
