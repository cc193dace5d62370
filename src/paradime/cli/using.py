"""The commands ``transform``, ``inverse``, ``export`` and ``info``: uses of a saved model."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.columns import known_column, numbers
from paradime.cli.console import InputError, folded, say, wrapped
from paradime.cli.models import Model, coordinate_names, open_model, read_rows
from paradime.preprocessing.table_writing import TableWriter
from paradime.preprocessing.tables import file_format, read_chunks

__all__ = ["export_model", "inverse_file", "model_info", "transform_file"]


def transform_file(model_path: str, data: str, out: str, *, header: bool | None = None) -> None:
    """Embeds the rows of a table in chunks."""
    outputs.check_distinct({"the model": model_path, "the table": data}, {"--out": out})
    outputs.check_table("--out", out)
    model, form = open_model(model_path), file_format(out)
    chunks = read_rows(model, data, header=header, typed=form not in ("csv", "tsv", "npy"))
    first = next(chunks)
    names = coordinate_names(first.embedding.shape[1], first.carried)
    with TableWriter(out, names) as writer:
        for rows in itertools.chain([first], chunks):
            writer.write(outputs.joined(rows.table.written(rows.carried, form), rows.embedding, names))
    say(f"embedded {writer.n_rows:,} rows" + ("" if out == "-" else f" in {out}"))


def inverse_file(model_path: str, data: str, out: str, axes: list[str], *, header: bool | None = None) -> None:
    """Reconstructs rows from positions in chunks."""
    import pandas as pd

    outputs.check_distinct({"the model": model_path, "the table": data}, {"--out": out})
    outputs.check_table("--out", out)
    model, form = open_model(model_path), file_format(out)
    _check_decodes(model)
    n_axes = model.routine._n_features_out
    wanted = axes or coordinate_names(n_axes, [])
    if len(wanted) != n_axes:
        raise InputError(f"--axes: the map has {n_axes} axes, got {len(wanted)} columns. Name one for each.")
    with TableWriter(out) as writer:
        for table in read_chunks(data, header=header, typed=form not in ("csv", "tsv"), numbers=wanted):
            for name in wanted:
                known_column(name, table.names, option="--axes", source=data)
            positions = numbers(table, wanted, source=data, first_row=writer.n_rows).astype(np.float32)
            decoded = model.routine.inverse_transform(positions)
            rows = model.restored(decoded.reshape(len(decoded), -1))
            others = table.written([name for name in table.names if name not in {*wanted, *rows}], form)
            writer.write(pd.concat([others, rows], axis=1))
    say(f"decoded {writer.n_rows:,} positions" + ("" if out == "-" else f" in {out}"))


def _check_decodes(model: Model) -> None:
    from paradime.dr.inference import has_part

    if has_part(model.routine, "decode"):
        return
    takes_decoder = "decoder" in model.routine.get_params(deep=False)
    remedy = "--set decoder=true" if takes_decoder else "decoder: {} below model in the specification"
    raise InputError(
        f"{model.path}: must have a decoder to be inverted, got a model without one. Fit it with {remedy}."
    )


def export_model(model_path: str, onnx: str | None, torch_file: str | None) -> None:
    """Writes a model for other programs."""
    if onnx is None and torch_file is None:
        raise InputError("nothing to write: pass --onnx FILE or --torch FILE.")
    outputs.check_distinct({"the model": model_path}, {"--onnx": onnx, "--torch": torch_file})
    for option, path in (("--onnx", onnx), ("--torch", torch_file)):
        if path is not None:
            outputs.check_file(option, path)
    model = open_model(model_path)
    if model.encoder is not None and not model.encoder.keeps_columns:
        names = folded(model.encoder.get_feature_names_out().tolist())
        say(wrapped("note: the exported model takes encoded features, not columns of the table:", names))
    if onnx is not None:
        model.routine.export_onnx(onnx)
        say(f"wrote {onnx}")
    if torch_file is not None:
        model.routine.export_torch(torch_file)
        say(f"wrote {torch_file}")


def model_info(model_path: str, as_json: bool) -> None:
    """Prints a description of a saved model."""
    model = open_model(model_path)
    facts = _facts(model)
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:<{width}}  {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _facts(model: Model) -> dict[str, Any]:
    from paradime.dr.inference import has_part

    routine, table = model.routine, model.table
    shown = repr(routine).replace(", trained=True", "").replace("trained=True", "")
    facts: dict[str, Any] = {"model": model.path, "routine": shown}
    facts["dimensions of the map"] = routine._n_features_out
    facts["network"] = (
        f"{type(routine.model).__name__}, {sum(p.numel() for p in routine.model.parameters()):,} parameters"
    )
    facts["features"] = model.feature_names or [f"{getattr(routine, 'n_features_in_', 'some')} without names"]
    if model.encoder is not None and model.encoder.categories_:
        facts["columns of the table"] = model.encoder.feature_names_in_.tolist()
    if table:
        if isinstance(table.get("rows"), int):
            facts["fitted to"] = f"{table['rows']:,} rows"
        by_encoder = model.encoder is not None and not model.encoder.keeps_numbers
        unscaled = "standardised by the encoder" if by_encoder else "as they are"
        facts["columns"] = "standardised in training" if "mean" in table else unscaled
        facts.update({name: table[name] for name in ("target", "id") if table.get(name)})
    can = [name for part, name in (("decode", "inverse"), ("classify", "predict")) if has_part(routine, part)]
    facts["can"] = ["transform", *can]
    return facts
