"""The command ``fit``: fits a routine to a table and writes the outputs."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.columns import Selection, check_spans, known_column, numbers, select, typed_columns
from paradime.cli.console import InputError, check_choice, folded, progress, say, settings, wrapped
from paradime.cli.fit_options import FitOptions
from paradime.cli.folding import check_foldable, fold
from paradime.cli.methods import make_routine, map_dimensions, parse_guide
from paradime.cli.models import coordinate_names
from paradime.cli.showing import id_names, page_color, page_columns
from paradime.cli.suspicions import targets_of
from paradime.cli.using import transform_file
from paradime.data.columns import outweighing_columns
from paradime.exceptions import ScaleWarning
from paradime.preprocessing import TabularEncoder
from paradime.preprocessing.pipeline import table_metadata
from paradime.preprocessing.table_writing import write_table
from paradime.preprocessing.tables import Table, file_format, read_sample, read_table
from paradime.types import AnyArray
from paradime.utils.ranks import together

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fitted", "fit_table"]


@dataclasses.dataclass
class Fitted:
    """A fitted routine with its table.

    Attributes:
        options: The options.
        table: The table.
        selection: The roles of its columns.
        encoder: What encodes its columns as features.
        features: The features, shape (n, d).
        rows: The rows that the routine was fitted to: the features, perhaps standardised.
        mean: The means that were subtracted from the features, or ``None``.
        scale: The deviations that they were divided by, or ``None``.
        routine: The routine.
        embedding: Positions, shape (n, out_dim).
    """

    options: FitOptions
    table: Table
    selection: Selection
    encoder: TabularEncoder
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
        return None if name is None else self.table.frame[name]


def fit_table(options: FitOptions) -> None:
    """Fits a routine to a table and writes the outputs.

    Of several processes that ``torchrun`` has started, all train, and the first one writes.

    Raises:
        InputError: If an option, a column or a value is wrong.
    """
    with together() as ranks:
        settings.is_silent = not ranks.is_first
    _check(options)
    with_target = options.target is not None
    routine = make_routine(options.method, options.spec, options.seed, options.settings, with_target=with_target)
    _check_outputs(options, map_dimensions(routine))
    table = _read(options)
    selection = select(
        table,
        source=options.data,
        target=options.target,
        id_column=options.id_column,
        drop=options.drop,
        columns=options.columns,
        with_categories=options.encode,
    )
    if options.color is not None:
        known_column(options.color, table.names, option="--color", source=options.data)
    encoder, features = _encoded(table, selection, options.data)
    X = features.to_numpy()
    _describe(selection, list(features), len(table))
    guides = _add_guides(routine, options, table, selection)
    mean, scale = _standardization(X, options, routine)
    rows = features if mean is None else (features - mean) / scale
    y = None
    if options.target is not None:
        y = targets_of(table.frame[options.target], source=options.data)
    start = time.perf_counter()
    with warnings.catch_warnings():
        if options.scale == "none":  # the user chose not to scale
            warnings.simplefilter("ignore", ScaleWarning)
        routine.fit({"main": rows, **guides} if guides else rows, y, callbacks=progress("training"))
    say(f"fitted {type(routine).__name__} to {len(table):,} rows in {time.perf_counter() - start:.1f} s")
    if settings.is_silent:
        return
    embedding = routine.apply(rows, "embed").numpy()
    _write(Fitted(options, table, selection, encoder, features, rows, mean, scale, routine, embedding))


def _read(options: FitOptions) -> Table:
    """Reads the table, or a sample of its rows."""
    if options.sample is None:
        return read_table(options.data, header=options.header)
    table, n_rows = read_sample(options.data, options.sample, seed=options.seed, header=options.header)
    say(f"a sample of {len(table):,} of {n_rows:,} rows")
    return table


def _check(options: FitOptions) -> None:
    """Checks options and outputs before the table is read."""
    files = {
        "--out": options.out,
        "--embedding": options.embedding,
        "--plot": options.plot,
        "--explore": options.explore,
        "--report": options.report,
    }
    if not any(files.values()):
        raise InputError(
            "nothing to write: pass --out, --embedding, --plot, --explore or --report, each with a file."
        )
    if options.verify and not options.out:
        raise InputError("--verify: the model must be saved to be verified, got no --out. Pass --out MODEL.")
    if options.sample is not None:
        if options.sample < 2:
            raise InputError(f"--sample: must be at least 2 rows, got {options.sample}. 100000 suits most tables.")
        if options.embedding and (not options.out or options.data == "-"):
            raise InputError(
                "--sample with --embedding: all rows are read again and placed by the saved model. Pass --out "
                "MODEL, and a table in a file."
            )
    check_choice("--scale", options.scale, ("auto", "standard", "none"))
    check_choice("--theme", options.theme, ("light", "dark"))
    outputs.check_distinct({"the table": options.data, "the specification": options.spec}, files)
    _check_outputs(options, None)


def _check_outputs(options: FitOptions, n_axes: int | None) -> None:
    if options.out:
        outputs.check_model("--out", options.out)
    if options.embedding:
        outputs.check_table("--embedding", options.embedding)
    if options.plot:
        outputs.check_picture("--plot", options.plot, n_axes)
    if options.explore:
        outputs.check_page("--explore", options.explore, ("plotly", "explore"), n_axes)
    if options.report:
        outputs.check_page("--report", options.report, ("matplotlib", "plot"), None)


def _encoded(table: Table, selection: Selection, source: str) -> tuple[TabularEncoder, pd.DataFrame]:
    """Returns the encoder of a table, and its features."""
    import pandas as pd

    columns = typed_columns(table, selection.kinds, source=source)
    check_spans(columns)
    encoder = TabularEncoder(numbers="keep").fit(columns)
    return encoder, pd.DataFrame(encoder.transform(columns), columns=encoder.get_feature_names_out())


def _describe(selection: Selection, features: list[str], n_rows: int) -> None:
    say(wrapped(f"{n_rows:,} rows, {len(features)} features:", folded(features)))
    if selection.carried:
        say(wrapped("copied to the output:", folded(selection.carried)))
    for note in selection.notes:
        say(f"note: {note}")


def _standardization(
    X: AnyArray, options: FitOptions, routine: Any
) -> tuple[AnyArray, AnyArray] | tuple[None, None]:
    if options.scale == "none" or (options.scale == "auto" and outweighing_columns(X) is None):
        return None, None
    # the model is built in fit, so that only its specification can be checked here
    if options.spec is not None and not _foldable_spec(routine):
        if options.scale == "standard":
            raise InputError(
                "--scale: the model of this specification cannot include a scaling. Use --scale none."
            )
        return None, None
    if options.scale == "auto":
        say("columns are standardised, since their units differ (--scale none turns this off)")
    deviations = X.std(axis=0)
    mean, scale = X.mean(axis=0), np.where(deviations > 0, deviations, 1.0)
    if options.spec is not None and not _centers_rows(routine) and (options.out or options.explore):
        check_foldable(mean, scale)
    return mean, scale


def _centers_rows(routine: Any) -> bool:
    section = routine.to_spec(format="dict").get("model", {})
    is_plain = section.get("type", "mlp") in ("mlp", "fully connected")
    return not is_plain or section.get("options", {}).get("standardize") is not False


def _foldable_spec(routine: Any) -> bool:
    section = routine.to_spec(format="dict").get("model", {})
    decoder = section.get("decoder")
    kind = decoder.get("type", "mlp") if isinstance(decoder, dict) else "mlp"
    plain = ("mlp", "fully connected")
    return section.get("type", "mlp") in ("centers", *plain) and kind in plain


def _add_guides(routine: Any, options: FitOptions, table: Table, selection: Selection) -> dict[str, Any]:
    """Adds a loss per guide; returns data set entries for columns that are not features."""
    from paradime.loss import CorrelationLoss

    entries: dict[str, Any] = {}
    for i, guide in enumerate(options.guide):
        column, axis, share = parse_guide(guide, table.names)
        attribute = column
        if column not in selection.numbers:
            attribute = f"guide {column}"
            values = numbers(table, [column], source=options.data)[:, 0]
            # centring does not change a correlation, and preserves digits in single precision
            entries[attribute] = values - values.mean()
        routine.add_loss(f"guide {i + 1}", CorrelationLoss(attribute, axis), share=share)
    return entries


def _write(fitted: Fitted) -> None:
    """Writes all outputs, the model first; if one fails, the others are still written.

    Raises:
        Exception: The first that was raised, after all outputs were tried.
    """
    options = fitted.options
    failures: list[Exception] = []

    def attempt(path: str | None, write: Callable[[Fitted, str], None]) -> None:
        if path is None:
            return
        try:
            write(fitted, path)
        except Exception as error:
            failures.append(error)

    # the model and the page take the original columns, the other outputs take the rows of the training
    try:
        with _taking_original_columns(fitted):
            attempt(options.out, _save)
            attempt(options.explore, _explore)
    except Exception as error:  # the scaling could not be folded into the model
        failures.append(error)
    attempt(options.embedding, _write_positions)
    attempt(options.plot, _draw)
    attempt(options.report, _report)
    if failures:
        for other in failures[1:]:
            say(f"error: {other}")
        raise failures[0]


@contextlib.contextmanager
def _taking_original_columns(fitted: Fitted) -> Iterator[None]:
    """Makes the routine take the original columns of the table within the block."""
    mean, scale, routine = fitted.mean, fitted.scale, fitted.routine
    if mean is None or scale is None or not (fitted.options.out or fitted.options.explore):
        yield
        return
    weights = {name: tensor.clone() for name, tensor in routine.model.state_dict().items()}
    known = routine._fitted
    try:
        fold(routine, fitted.features, mean, scale)
        yield
    finally:
        routine.model.load_state_dict(weights)
        routine._fitted = known
        routine.add_data({"main": fitted.rows})


def _save(fitted: Fitted, path: str) -> None:
    fitted.routine.save(path, metadata=_described(fitted), verify=fitted.options.verify)
    say(f"wrote the model {path}")


def _write_positions(fitted: Fitted, path: str) -> None:
    options = fitted.options
    if options.sample is not None and options.out is not None:
        transform_file(options.out, options.data, path, header=options.header)
        return
    names = coordinate_names(fitted.embedding.shape[1], fitted.selection.carried)
    carried = fitted.table.written(fitted.selection.carried, file_format(path))
    write_table(outputs.joined(carried, fitted.embedding, names), path, coordinates=names)
    if path != "-":
        say(f"wrote the positions {path}")


def _draw(fitted: Fitted, path: str) -> None:
    outputs.draw(path, fitted.embedding, fitted.color, title=None, theme=fitted.options.theme)
    say(f"wrote the picture {path}")


def _report(fitted: Fitted, path: str) -> None:
    from paradime.reporting import report

    options = fitted.options
    column = fitted.color
    # a report cannot use colours that are dates, or numbers with missing values
    lacks = column is None or column.dtype.kind in "mM" or (column.dtype.kind == "f" and bool(column.isna().any()))
    y = None if lacks else targets_of(column, source=options.data)
    report(fitted.routine, fitted.rows, y, path=path)
    say(f"wrote the report {path}")


def _explore(fitted: Fitted, path: str) -> None:
    from paradime.explorer import explore

    options = fitted.options
    color = page_color(fitted.color)
    # strings are columns of the page also if they are encoded as features
    names = [*fitted.selection.carried, *fitted.selection.categories]
    columns = page_columns(fitted.table, names, color)
    title = Path(options.data).name if options.data != "-" else None
    explore(
        fitted.routine,
        fitted.features,
        columns=columns or None,
        color=color,
        title=title,
        row_names=id_names(options.id_column, fitted.table),
        path=path,
    )
    say(f"wrote the page {path}")


def _described(fitted: Fitted) -> dict[str, Any]:
    """Returns the metadata of the model: the encoder, and the description of the table."""
    options = fitted.options
    facts: dict[str, Any] = {
        "rows": len(fitted.table),
        "header": options.header,
        "target": options.target,
        "id": options.id_column,
    }
    if fitted.mean is not None and fitted.scale is not None:
        facts.update(mean=fitted.mean.tolist(), scale=fitted.scale.tolist())
    return table_metadata(fitted.encoder, **facts)
