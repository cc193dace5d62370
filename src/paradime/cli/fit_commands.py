"""Commands that learn maps, and their options; each imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from paradime.cli.console import Color, DataPath, Header, Seed, command

__all__ = ["demo", "fit"]


@command
def demo(
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.")] = "paradime-demo",
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows to fit, from 200 to 6500.")] = 2000,
    seed: Seed = 0,
) -> None:
    r"""Make a map of bundled data: tables, a model, a picture and a page, by commands that are shown.

    \b
    Example:
      paradime demo --out demo
    """
    from paradime.cli.demo import run_demo

    run_demo(out, rows, seed)


@command
def fit(
    data: DataPath,
    method: Annotated[
        str,
        typer.Option(
            "--method", "-m", metavar="NAME", help="umap, tsne, contrastive, pacmap, largevis, mds or autoencoder."
        ),
    ] = "umap",
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="FILE", help="A text in the grammar, in place of a method.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="MODEL", help="Save the model.")] = None,
    embedding: Annotated[
        str | None, typer.Option("--embedding", "-e", metavar="FILE", help="Write the positions, as a table.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw a picture: PNG, SVG, PDF.")
    ] = None,
    explore: Annotated[
        str | None, typer.Option("--explore", metavar="FILE", help="Write a page to look around in: HTML.")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write how far to trust the map: HTML.")
    ] = None,
    color: Color = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COL", help="Labels or numbers that the map is to tell apart, too."),
    ] = None,
    guide: Annotated[
        list[str] | None,
        typer.Option(
            "--guide",
            metavar="COL:AXIS:WEIGHT",
            help="Let an axis (x, y) follow a column, with this share of the gradient (0.2). Repeatable.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the method. Repeatable."),
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="COL", help="The column of identifiers: no feature, carried along."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="COL,…", help="Columns to leave out. Repeatable.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", metavar="COL,…", help="The features; all columns of numbers if left out."),
    ] = None,
    header: Header = None,
    encode: Annotated[
        bool, typer.Option("--encode", help="Make features of columns of texts: one for each different text.")
    ] = False,
    scale: Annotated[
        str,
        typer.Option(
            "--scale", metavar="HOW", help="standard, none, or auto: standardise if units seem to differ."
        ),
    ] = "auto",
    theme: Annotated[
        str, typer.Option("--theme", metavar="NAME", help="light or dark, for the picture.")
    ] = "light",
    seed: Seed = 0,
) -> None:
    r"""Learn a map of a table, and write it as model, positions, picture or page.

    Columns of numbers are features; --target, --id, --drop and all other columns are not. What is no feature and
    is not dropped goes along into tables and pages. The saved model takes the columns as they are in the table.

    \b
    Examples:
      paradime fit cells.csv --out cells.paradime --explore cells.html --color type
      paradime fit cells.parquet --method tsne --set perplexity=50 --embedding map.csv --id cell
      paradime fit houses.csv --guide price:x:0.3 --plot houses.png --color price
      cat cells.csv | paradime fit - --embedding - > map.csv
    """
    from paradime.cli.fitting import FitOptions, fit_table

    options = FitOptions(
        data=data,
        method=method,
        spec=spec,
        target=target,
        color=color,
        guide=guide or [],
        out=out,
        embedding=embedding,
        plot=plot,
        explore=explore,
        report=report,
        set=set_ or [],
        id=id_,
        drop=drop or [],
        columns=columns or [],
        header=header,
        encode=encode,
        scale=scale,
        seed=seed,
        theme=theme,
    )
    fit_table(options)
