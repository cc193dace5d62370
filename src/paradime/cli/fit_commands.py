"""The commands ``fit`` and ``demo`` with their options; each imports its requirements when it runs."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any, get_type_hints

import typer

from paradime.cli.console import Color, DataPath, Header, Seed, command

__all__ = ["FitOptions", "demo", "fit"]


@command
def demo(
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FOLDER", help="The folder to write to.")
    ] = "paradime-demo",
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows to fit, from 200 to 6500.")] = 2000,
    seed: Seed = 0,
) -> None:
    r"""Run an example with bundled data: write tables, a model, a picture and a page, and print the commands.

    \b
    Example:
      paradime demo --out demo
    """
    from paradime.cli.demo import run_demo

    run_demo(out, rows, seed)


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """The arguments and options of ``paradime fit``, from which its signature is made."""

    data: DataPath
    method: Annotated[
        str,
        typer.Option(
            "--method", "-m", metavar="NAME", help="umap, tsne, contrastive, pacmap, largevis, mds or autoencoder."
        ),
    ] = "umap"
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="FILE", help="A specification, in place of a method.")
    ] = None
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="MODEL", help="Save the model.")] = None
    embedding: Annotated[
        str | None, typer.Option("--embedding", "-e", metavar="FILE", help="Write the positions as a table.")
    ] = None
    plot: Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Draw a picture: PNG, SVG, PDF.")] = (
        None
    )
    explore: Annotated[
        str | None, typer.Option("--explore", metavar="FILE", help="Write a page to explore the map: HTML.")
    ] = None
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Write a report on the quality of the map: HTML."),
    ] = None
    color: Color = None
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COL", help="Labels or numbers that also shape the map."),
    ] = None
    guide: Annotated[
        list[str],
        typer.Option(
            "--guide",
            metavar="COL:AXIS:WEIGHT",
            help="Make an axis (x, y) follow a column, with this gradient share (0.2). Repeatable.",
        ),
    ] = dataclasses.field(default_factory=list)
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the method. Repeatable."),
    ] = dataclasses.field(default_factory=list)
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="COL", help="The column of identifiers: not a feature, but copied to the output."
        ),
    ] = None
    drop: Annotated[
        list[str], typer.Option("--drop", metavar="COL,…", help="Columns to leave out. Repeatable.")
    ] = dataclasses.field(default_factory=list)
    columns: Annotated[
        list[str],
        typer.Option("--columns", metavar="COL,…", help="The features; by default all numeric columns."),
    ] = dataclasses.field(default_factory=list)
    header: Header = None
    encode: Annotated[bool, typer.Option("--encode", help="One-hot encode columns of strings as features.")] = (
        False
    )
    scale: Annotated[
        str,
        typer.Option(
            "--scale", metavar="HOW", help="standard, none, or auto: standardise if units seem to differ."
        ),
    ] = "auto"
    theme: Annotated[str, typer.Option("--theme", metavar="NAME", help="light or dark, for the picture.")] = (
        "light"
    )
    seed: Seed = 0


@command
def fit(**given: Any) -> None:
    r"""Fit a model to a table; write the model, positions, a picture, a page or a report.

    Numeric columns are features, except those of --target, --id and --drop. Columns that are neither features nor
    dropped are copied to tables and pages. The saved model takes the original columns of the table.

    \b
    Examples:
      paradime fit cells.csv --out cells.paradime --explore cells.html --color type
      paradime fit cells.parquet --method tsne --set perplexity=50 --embedding map.csv --id cell
      paradime fit houses.csv --guide price:x:0.3 --plot houses.png --color price
      cat cells.csv | paradime fit - --embedding - > map.csv
    """
    from paradime.cli.fitting import fit_table

    fit_table(FitOptions(**given))


def _signature() -> inspect.Signature:
    """Returns the fields of :class:`FitOptions` as parameters, of which typer makes arguments and options."""
    hints = get_type_hints(FitOptions, include_extras=True)
    parameters = []
    for field in dataclasses.fields(FitOptions):
        default: Any = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        parameters.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
            )
        )
    return inspect.Signature(parameters)


fit.__signature__ = _signature()  # type: ignore[attr-defined]
