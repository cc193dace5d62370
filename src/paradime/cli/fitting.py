"""From a table to a map, and to the files that show it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.columns import Selection, encode, known_column, select
from paradime.cli.console import InputError, progress, say
from paradime.cli.folding import can_be_folded, fold, units_differ
from paradime.cli.methods import make_routine, parse_guide
from paradime.cli.models import coordinate_names
from paradime.types import AnyArray
from paradime.utils.table_writing import write_table
from paradime.utils.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FitOptions", "Fitted", "fit_table"]

_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """What ``paradime fit`` is asked for; as its options are called."""

    data: str
    method: str = "umap"
    spec: str | None = None
    target: str | None = None
    color: str | None = None
    guide: list[str] = dataclasses.field(default_factory=list)
    out: str | None = None
    embedding: str | None = None
    plot: str | None = None
    explore: str | None = None
    report: str | None = None
    set: list[str] = dataclasses.field(default_factory=list)
    id: str | None = None
    drop: list[str] = dataclasses.field(default_factory=list)
    columns: list[str] = dataclasses.field(default_factory=list)
    encode: bool = False
    scale: str = "auto"
    seed: int = 0
    theme: str = "light"


@dataclasses.dataclass
class Fitted:
    """What was fitted.

    Attributes:
        options: What was asked for.
        frame: The table.
        selection: Its features.
        features: The features, shape (n, d).
        rows: What the routine was fitted to: the features, standardised or as they are.
        mean: What was subtracted, or ``None``.
        scale: What was divided by, or ``None``.
        routine: The routine.
        embedding: Positions, shape (n, out_dim).
    """

    options: FitOptions
    frame: pd.DataFrame
    selection: Selection
    features: pd.DataFrame
    rows: pd.DataFrame
    mean: AnyArray | None
    scale: AnyArray | None
    routine: Any
    embedding: AnyArray

    @property
    def color(self) -> pd.Series | None:
        """The column that colours pictures."""
        name = self.options.color or self.options.target
        return None if name is None else self.frame[name]


def fit_table(options: FitOptions) -> None:
    """Fits a routine to a table and writes what was asked for.

    Raises:
        InputError: If an option, a column or a value is wrong.
    """
    _check(options)
    with_target = options.target is not None
    routine = make_routine(options.method, options.spec, options.seed, options.set, with_target=with_target)
    frame = read_table(options.data, as_text=[] if options.id is None else [options.id])
    selection = select(
        frame,
        source=options.data,
        target=options.target,
        id_column=options.id,
        drop=options.drop,
        columns=options.columns,
        with_categories=options.encode,
    )
    if options.color is not None:
        known_column(options.color, list(frame.columns), option="--color", source=options.data)
    guides = _add_guides(routine, options, frame, selection)
    _tell(selection, len(frame))
    features = encode(frame, selection, source=options.data)
    mean, scale = _standardization(_rounded(features).to_numpy(), options, routine)
    rows = features if mean is None else (_rounded(features) - mean) / scale
    y = None if options.target is None else _targets(frame[options.target])
    start = time.perf_counter()
    routine.fit({"main": rows, **guides} if guides else rows, y, callbacks=progress("training"))
    say(f"fitted {type(routine).__name__} to {len(frame):,} rows in {time.perf_counter() - start:.1f} s")
    embedding = routine.embed(rows).numpy()
    _write(Fitted(options, frame, selection, features, rows, mean, scale, routine, embedding))


def _check(options: FitOptions) -> None:
    """Refuses what could not be written, before anything is computed."""
    wanted = [options.out, options.embedding, options.plot, options.explore, options.report]
    if not any(wanted):
        raise InputError(
            "nothing to write: give --out, --embedding, --plot, --explore or --report, each with a file."
        )
    if options.scale not in ("auto", "standard", "none"):
        raise InputError(f"--scale: must be auto, standard or none, got {options.scale!r}.")
    if options.theme not in ("light", "dark"):
        raise InputError(f"--theme: must be light or dark, got {options.theme!r}.")
    if options.out:
        outputs.check_model("--out", options.out)
    if options.embedding:
        outputs.check_table("--embedding", options.embedding)
    if options.plot:
        outputs.check_picture("--plot", options.plot)
    if options.explore:
        outputs.check_page("--explore", options.explore, "plotly")
    if options.report:
        outputs.check_page("--report", options.report)


def _tell(selection: Selection, n_rows: int) -> None:
    def listed(names: list[str]) -> str:
        return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")

    carried = f"; carried along: {listed(selection.carried)}" if selection.carried else ""
    say(f"{n_rows:,} rows, {len(selection.names)} features: {listed(selection.names)}{carried}")
    for note in selection.notes:
        say(f"note: {note}")


def _standardization(
    X: AnyArray, options: FitOptions, routine: Any
) -> tuple[AnyArray, AnyArray] | tuple[None, None]:
    if options.scale == "none" or (options.scale == "auto" and not units_differ(X)):
        return None, None
    # the model is made when the rows are known; its description is there before
    if options.spec is not None and not _foldable_spec(routine):
        if options.scale == "standard":
            raise InputError(
                "--scale: the model of this specification cannot take over a scaling. Use --scale none."
            )
        return None, None
    if options.scale == "auto":
        say("columns are standardised, since their units differ (--scale none leaves them as they are)")
    deviations = X.std(axis=0)
    return X.mean(axis=0), np.where(deviations > 0, deviations, 1.0)


def _rounded(features: pd.DataFrame) -> pd.DataFrame:
    """Rows in single precision, as the model will get them when it takes over the scaling."""
    return features.astype(np.float32).astype(np.float64)


def _foldable_spec(routine: Any) -> bool:
    section = routine.to_spec(format="dict").get("model", {})
    decoder = section.get("decoder")
    kind = decoder.get("type", "mlp") if isinstance(decoder, dict) else "mlp"
    plain = ("mlp", "fully connected")
    return section.get("type", "mlp") in ("landmarks", *plain) and kind in plain


def _add_guides(routine: Any, options: FitOptions, frame: pd.DataFrame, selection: Selection) -> dict[str, Any]:
    """Adds a loss for each guide; returns entries of the data set for columns that are no features."""
    from paradime.cli.columns import numbers
    from paradime.loss import CorrelationLoss

    entries: dict[str, Any] = {}
    for i, text in enumerate(options.guide):
        column, axis, share = parse_guide(text, frame.columns)
        attribute = column
        if column not in selection.features:
            attribute = f"guide {column}"
            entries[attribute] = numbers(frame[column], source=options.data)
        routine.add_loss(f"guide {i + 1}", CorrelationLoss(attribute, axis), share=share)
    return entries


def _targets(column: pd.Series) -> Any:
    values = column.to_numpy()
    if column.dtype.kind in "iubf":
        return values.astype(np.int64) if column.dtype.kind == "b" else values
    return column.astype(object).where(column.notna(), None).to_numpy()


def _write(fitted: Fitted) -> None:
    """Writes what was asked for: first what compares rows as the training did, then what takes them as given."""
    options = fitted.options
    carried = fitted.frame[fitted.selection.carried]
    if options.embedding:
        names = coordinate_names(fitted.embedding.shape[1], fitted.selection.carried)
        table = outputs.joined(carried, fitted.embedding, names)
        write_table(table, options.embedding, coordinates=names)
        if options.embedding != "-":
            say(f"wrote the positions {options.embedding}")
    if options.plot:
        outputs.draw(options.plot, fitted.embedding, fitted.color, title=None, theme=options.theme)
        say(f"wrote the picture {options.plot}")
    if options.report:
        _report(fitted)
    if fitted.mean is not None and fitted.scale is not None and (options.out or options.explore):
        if not can_be_folded(fitted.routine.model):
            raise InputError("--scale: this model cannot take over a scaling. Use --scale none.")
        fold(fitted.routine, fitted.features, fitted.mean, fitted.scale)
    if options.out:
        fitted.routine.save(options.out, metadata={"table": _described(fitted)})
        say(f"wrote the model {options.out}")
    if options.explore:
        _explore(fitted, carried)


def _report(fitted: Fitted) -> None:
    try:
        from paradime.reporting import report
    except ImportError as error:
        raise InputError("--report: this version of ParaDime has no reports.") from error
    options = fitted.options
    known = options.target or options.color
    column = None if known is None else fitted.frame[known]
    # a colour may lack numbers, which a figure cannot
    is_usable = column is not None and (column.dtype.kind not in "fiub" or bool(column.notna().all()))
    y = _targets(column) if is_usable else None
    report(fitted.routine, fitted.rows, y, path=options.report)
    say(f"wrote the report {options.report}")


def _explore(fitted: Fitted, carried: pd.DataFrame) -> None:
    from paradime.explorer import explore

    options = fitted.options
    color = options.color or options.target
    columns = {str(name): carried[name] for name in carried}
    if color is not None:
        columns.setdefault(color, fitted.frame[color])
    title = Path(options.data).name if options.data != "-" else None
    explore(
        fitted.routine,
        fitted.features,
        columns=columns or None,
        color=color,
        title=title,
        path=str(options.explore),
    )
    say(f"wrote the page {options.explore}")


def _described(fitted: Fitted) -> dict[str, Any]:
    """What is said of the table in the saved model."""
    options, selection = fitted.options, fitted.selection
    described: dict[str, Any] = {
        "features": selection.features,
        "categories": selection.categories,
        "rows": len(fitted.frame),
        "target": options.target,
        "id": options.id,
    }
    if fitted.mean is not None and fitted.scale is not None:
        described.update(mean=fitted.mean.tolist(), scale=fitted.scale.tolist())
    return described
