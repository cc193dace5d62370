"""Models as programs of ``torch.export``."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import torch

from paradime.persistence.parts import Part
from paradime.types import AnyArray
from paradime.utils.files import atomic_write

__all__ = ["export_torch"]

_METADATA = "paradime.json"


def export_torch(part: Part, path: str | os.PathLike[str], *, tolerance: float) -> None:
    """Writes a part of a model as a program of ``torch.export``; see ``ParametricDR.export_torch``.

    Raises:
        UnsupportedConfigurationError: If it cannot be written, or differs.
        OSError: If the file cannot be written.
    """
    from paradime.persistence.onnx import quiet

    contents = io.BytesIO()
    try:
        with quiet():
            program = torch.export.export(
                part.module, (part.inputs[:7],), dynamic_shapes=({0: torch.export.Dim("n", min=1)},)
            )
            torch.export.save(program, contents, extra_files={_METADATA: json.dumps(part.metadata)})
            contents.seek(0)
            again: Any = torch.export.load(contents).module()
    except Exception as error:  # of torch's many types
        raise part.refuse(error, "by torch.export") from error

    def run(rows: AnyArray) -> AnyArray:
        with torch.no_grad():
            result: AnyArray = again(torch.from_numpy(rows)).numpy()
        return result

    part.check(run, tolerance, "torch.export")
    with atomic_write(path) as temporary:
        temporary.write_bytes(contents.getvalue())
