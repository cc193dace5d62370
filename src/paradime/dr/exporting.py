"""Models that leave for other runtimes."""

from __future__ import annotations

import os

import torch

from paradime.dr.archive import probes
from paradime.dr.estimator import Estimator
from paradime.dr.inference import has_part
from paradime.dr.refining import sampled_map
from paradime.exceptions import UnsupportedConfigurationError
from paradime.persistence import onnx
from paradime.persistence.parts import PARTS, Part
from paradime.refinement import RefinedPlacement
from paradime.utils.arguments import check_switch

__all__ = ["export_onnx", "export_torch", "required_model"]


def export_onnx(
    routine: Estimator,
    path: str | os.PathLike[str],
    *,
    part: str,
    refine: bool,
    reference_rows: int | None,
    opset: int | None,
    tolerance: float,
) -> None:
    """Writes the model as ONNX; see ``ParametricDR.export_onnx``."""
    onnx.export_onnx(_part_of(routine, part, refine, reference_rows), path, opset=opset, tolerance=tolerance)


def export_torch(
    routine: Estimator,
    path: str | os.PathLike[str],
    *,
    part: str,
    refine: bool,
    reference_rows: int | None,
    tolerance: float,
) -> None:
    """Writes the model as a program of ``torch.export``; see ``ParametricDR.export_torch``."""
    onnx.export_torch(_part_of(routine, part, refine, reference_rows), path, tolerance=tolerance)


def required_model(routine: Estimator) -> torch.nn.Module:
    """Returns the trained model of a routine that knows which rows it takes.

    Raises:
        NotTrainedError: If the routine is not trained.
        UnsupportedConfigurationError: If the rows are not known.
    """
    model: torch.nn.Module = routine._require_trained()
    if routine._fitted.row_shape is None:
        raise UnsupportedConfigurationError(
            f"this {type(routine).__name__} does not know which rows its model takes: trained was set by hand. "
            "Make it with in_dim=…, the number of columns."
        )
    return model


def _part_of(routine: Estimator, part: str, refine: bool, reference_rows: int | None) -> Part:
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(map(repr, PARTS))}, got {part!r}.")
    check_switch("refine", refine)
    model = required_model(routine)
    if part != "embed" and not has_part(routine, part):
        wanted = {"decode": "decoder", "classify": "classifier"}[part]
        raise UnsupportedConfigurationError(
            f"the model has no {wanted}, so part={part!r} cannot be exported. Fit {type(routine).__name__}"
            f"({wanted}=True), which has one."
        )
    fitted = routine._fitted
    refined = sampled_map(routine, reference_rows)
    return Part.of(
        model,
        part,
        probes(routine, 64),
        feature_names=None if fitted.feature_names is None else [str(name) for name in fitted.feature_names],
        classes=getattr(fitted.targets, "classes", None),
        routine=type(routine).__name__,
        in_place=RefinedPlacement.of(refined) if refined is not None and refine and part == "embed" else None,
    )
