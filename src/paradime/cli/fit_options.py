"""The options of the command ``fit``."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any, get_type_hints

import typer

from paradime.cli.console import Color, DataPath, Header, Seed

__all__ = ["FitOptions", "signature"]


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
    verify: Annotated[
        bool, typer.Option("--verify", help="Load what --out is about to write, and compare it with the model.")
    ] = False
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
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            help="Fit to N random rows, for tables larger than memory; --embedding places all rows.",
        ),
    ] = None
    theme: Annotated[str, typer.Option("--theme", metavar="NAME", help="light or dark, for the picture.")] = (
        "light"
    )
    seed: Seed = 0


def signature() -> inspect.Signature:
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
