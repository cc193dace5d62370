"""The command ``update``: trains a saved model further, on new rows or by edits of its map."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.console import InputError, progress, say
from paradime.cli.folding import fold
from paradime.cli.models import Model, Rows, coordinate_names, open_model, read_all_rows
from paradime.cli.showing import id_names, page_columns
from paradime.preprocessing.table_writing import write_table
from paradime.preprocessing.tables import file_format

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UpdateOptions", "update_file"]


@dataclasses.dataclass(frozen=True)
class UpdateOptions:
    """The arguments of ``paradime update``."""

    model: str
    data: str
    out: str | None
    constraints: str | None
    old: str | None
    constraint_share: float
    epochs: int | None
    embedding: str | None
    explore: str | None
    header: bool | None


def update_file(options: UpdateOptions) -> None:
    """Updates a model and writes the outputs.

    Raises:
        InputError: If an option, a column or a value is wrong.
    """
    _check(options)
    model = open_model(options.model)
    metadata = getattr(model.routine, "metadata_", None)
    rows = read_all_rows(model, options.data, header=options.header)
    old = None if options.old is None else read_all_rows(model, options.old, header=options.header)
    names = id_names(model.table.get("id"), rows.table)
    with _taking_scaled_rows(model, rows, old) as (X, X_old):
        X = X if names is None else X.set_axis(names, axis=0)
        model.routine.update(
            X,
            old=X_old,
            constraints=options.constraints,
            constraint_share=options.constraint_share,
            epochs=options.epochs,
            callbacks=progress("training"),
        )
        drift = model.routine.drift_
    say(f"the known rows moved by {drift.mean:.2g} of the map's spread on average")
    for name, score in drift.adherence.items():
        say(f"adherence to the constraint {name}: {score:.3g}")
    if drift.median_of_others is not None:
        say(f"half of the rows without constraints moved by less than {drift.median_of_others:.2g} of the spread")
    _write(options, model, rows, names, metadata)


def _check(options: UpdateOptions) -> None:
    files = {"--out": options.out, "--embedding": options.embedding, "--explore": options.explore}
    if not any(files.values()):
        raise InputError("nothing to write: pass --out, --embedding or --explore, each with a file.")
    if options.constraints is None and options.old is None:
        raise InputError(
            "--old: new rows need some of the earlier ones, which a saved model does not hold, got none. Pass "
            "--old TABLE, or --constraints FILE to edit the map of DATA."
        )
    if options.constraints is not None and not Path(options.constraints).is_file():
        raise InputError(f"--constraints: there is no file {options.constraints!r}. Pass a file of edits.")
    read = {"the table": options.data, "the old table": options.old, "the constraints": options.constraints}
    # the model itself may be replaced
    outputs.check_distinct(read, files)
    if options.out:
        outputs.check_model("--out", options.out)
    if options.embedding:
        outputs.check_table("--embedding", options.embedding)
    if options.explore:
        outputs.check_page("--explore", options.explore, ("plotly", "explore"))


@contextlib.contextmanager
def _taking_scaled_rows(model: Model, rows: Rows, old: Rows | None) -> Iterator[tuple[Any, Any]]:
    """Within the block, the routine takes the rows of its training, standardised if they were; yields them."""
    import pandas as pd

    def scaled(features: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(model.scaled(features), columns=features.columns)

    if "mean" not in model.table:
        yield rows.features, None if old is None else old.features
        return
    mean, scale = np.array(model.table["mean"]), np.array(model.table["scale"])
    X, X_old = scaled(rows.features), None if old is None else scaled(old.features)
    # the inverse of the standardisation that is part of the saved network
    fold(model.routine, X, -mean / scale, 1 / scale)
    yield X, X if X_old is None else X_old
    # the rows of the training, old and new, do not fit beside the original ones
    model.routine._components.release_data()
    fold(model.routine, rows.features, mean, scale)


def _write(options: UpdateOptions, model: Model, rows: Rows, names: list[str] | None, metadata: Any) -> None:
    if options.out:
        model.routine.save(options.out, metadata=metadata)
        say(f"wrote the model {options.out}")
    positions = model.embed(rows.features)
    if options.explore:
        from paradime.explorer import explore

        explore(
            model.routine,
            model.inputs(rows.features),
            columns=page_columns(rows.table, rows.carried, None) or None,
            feature_names=list(rows.features),
            moved_from=rows.embedding,
            row_names=names,
            title=Path(options.data).name,
            path=options.explore,
        )
        say(f"wrote the page {options.explore}")
    if options.embedding:
        axes = coordinate_names(positions.shape[1], rows.carried)
        carried = rows.table.written(rows.carried, file_format(options.embedding))
        write_table(outputs.joined(carried, positions, axes), options.embedding, coordinates=axes)
        if options.embedding != "-":
            say(f"wrote the positions {options.embedding}")
