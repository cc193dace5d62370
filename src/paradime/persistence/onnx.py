"""Export of models as ONNX and as programs of ``torch.export``, with a check of the results."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from paradime.persistence.parts import PARTS, Part
from paradime.types import AnyArray
from paradime.utils.files import atomic_write
from paradime.utils.optional import EXTRAS, require

__all__ = ["export_onnx", "export_torch"]

_METADATA = "paradime.json"


def export_onnx(part: Part, path: str | os.PathLike[str], *, opset: int | None, tolerance: float) -> None:
    """Writes a part of a model as ONNX; see ``ParametricDR.export_onnx``.

    Raises:
        ImportError: If a library is missing.
        UnsupportedConfigurationError: If it cannot be exported, or results differ.
        OSError: If the file cannot be written.
    """
    for name in EXTRAS["onnx"]:
        require(name, "export_onnx", extra="onnx")
    contents = _onnx_bytes(part, opset)
    part.check(_runner(contents), tolerance, "ONNX Runtime")
    with atomic_write(path) as temporary:
        temporary.write_bytes(contents)


def _onnx_bytes(part: Part, opset: int | None) -> bytes:
    source, result = PARTS[part.name]
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                part.module,
                (part.inputs[:7],),
                dynamo=True,
                verbose=False,
                input_names=[source],
                output_names=[result],
                dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
                opset_version=opset,
            )
    except Exception as error:  # torch raises many types
        raise part.refuse(error, "as ONNX") from error
    model = program.model_proto
    for key, value in part.metadata.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()  # type: ignore[no-any-return]


def _runner(contents: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(rows: AnyArray) -> AnyArray:
        result: AnyArray = session.run(None, {name: rows})[0]
        return result

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the messages and warnings of torch's exporter."""
    packages = ("torch", "onnxscript", "onnx_ir")
    existing = list(logging.root.manager.loggerDict)
    names = {*packages, *(name for name in existing if name.split(".")[0] in packages)}
    loggers = [logging.getLogger(name) for name in sorted(names)]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        sink = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            for module in (*packages, "copyreg"):
                warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def export_torch(part: Part, path: str | os.PathLike[str], *, tolerance: float) -> None:
    """Writes a part of a model as a program of ``torch.export``; see ``ParametricDR.export_torch``.

    Raises:
        UnsupportedConfigurationError: If it cannot be exported, or results differ.
        OSError: If the file cannot be written.
    """
    contents = io.BytesIO()
    try:
        with _quiet():
            program = torch.export.export(
                part.module, (part.inputs[:7],), dynamic_shapes=({0: torch.export.Dim("n", min=1)},)
            )
            torch.export.save(program, contents, extra_files={_METADATA: json.dumps(part.metadata)})
            contents.seek(0)
            loaded: Any = torch.export.load(contents).module()
    except Exception as error:  # torch raises many types
        raise part.refuse(error, "by torch.export") from error

    def run(rows: AnyArray) -> AnyArray:
        with torch.no_grad():
            result: AnyArray = loaded(torch.from_numpy(rows)).numpy()
        return result

    part.check(run, tolerance, "torch.export")
    with atomic_write(path) as temporary:
        temporary.write_bytes(contents.getvalue())
