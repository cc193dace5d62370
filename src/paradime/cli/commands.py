"""The commands with their options; each imports its requirements when it runs."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from paradime.cli.console import (
    AsJson,
    Axes,
    Color,
    DataPath,
    Format,
    Header,
    ModelPath,
    MoreData,
    Seed,
    SourcePath,
    TableOut,
    Title,
    command,
    names_of,
)
from paradime.cli.fit_options import FitOptions, signature

__all__ = [
    "demo",
    "evaluate",
    "explain",
    "explore",
    "export",
    "fit",
    "info",
    "inverse",
    "plot",
    "spec_app",
    "transform",
    "update",
]

spec_app = typer.Typer(
    help="Specifications: the components of a method as YAML or JSON, to read, edit and fit.",
    short_help="Show, check and write specifications.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@command
def fit(**given: Any) -> None:
    r"""Fit a model to a table; write the model, positions, a picture, a page or a report.

    Numeric columns are features, except those of --target, --id and --drop. Columns that are neither features nor
    dropped are copied to tables and pages. The saved model takes the original columns of the table.

    \b
    Examples:
      paradime fit cells.csv --out cells.paradime --explore cells.html --color type
      paradime fit cells.parquet --method tsne --set perplexity=50 --embedding map.csv --id cell
      paradime fit big.parquet --sample 200000 --out big.paradime --embedding map.parquet
      paradime fit houses.csv --guide price:x:0.3 --plot houses.png --color price
      cat cells.csv | paradime fit - --embedding - > map.csv
    """
    from paradime.cli.fitting import fit_table

    fit_table(FitOptions(**given))


fit.__signature__ = signature()  # type: ignore[attr-defined]


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


@command
def transform(model: ModelPath, data: DataPath, out: TableOut = "-", header: Header = None) -> None:
    r"""Embed the rows of a table, which may be larger than memory, with a saved model.

    Columns are selected by name; columns that are not features are copied to the output.

    \b
    Examples:
      paradime transform cells.paradime new.csv --out new_map.csv
      paradime transform cells.paradime new.parquet | head
    """
    from paradime.cli.using import transform_file

    transform_file(model, data, out, header=header)


@command
def update(
    model: ModelPath,
    data: DataPath,
    constraints: Annotated[
        str | None,
        typer.Option(
            "--constraints",
            metavar="FILE",
            help="Edits of the map of DATA, as downloaded from its page: JSON. The map follows, the rest stays.",
        ),
    ] = None,
    old: Annotated[
        str | None,
        typer.Option("--old", metavar="TABLE", help="Earlier rows, or a sample, beside which DATA are new."),
    ] = None,
    constraint_share: Annotated[
        float,
        typer.Option(
            "--constraint-share", metavar="SHARE", help="The gradient share of pairs; pins are held with the rest."
        ),
    ] = 0.3,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, metavar="N", help="Epochs; by default as in the training.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="MODEL", help="Save the model.")] = None,
    embedding: Annotated[
        str | None, typer.Option("--embedding", "-e", metavar="FILE", help="Write the positions as a table.")
    ] = None,
    explore: Annotated[
        str | None,
        typer.Option("--explore", metavar="FILE", help="Write a page of the new map, which shows what moved."),
    ] = None,
    header: Header = None,
) -> None:
    r"""Train a model further, such that the known parts of its map stay in place.

    With --constraints, the map of DATA follows edits by hand; the file names rows by their number, or by the
    column --id of fit. With --old, the rows of DATA are new ones.

    \b
    Examples:
      paradime update cells.paradime cells.csv --constraints edits.json --out edited.paradime --explore edited.html
      paradime update cells.paradime new.csv --old cells.csv --out grown.paradime
    """
    from paradime.cli.updating import UpdateOptions, update_file

    options = UpdateOptions(
        model, data, out, constraints, old, constraint_share, epochs, embedding, explore, header
    )
    update_file(options)


@command
def inverse(model: ModelPath, data: DataPath, out: TableOut = "-", axes: Axes = "", header: Header = None) -> None:
    r"""Reconstruct rows from positions, with a model that has a decoder (--set decoder=true).

    \b
    Example:
      paradime inverse cells.paradime positions.csv --out rows.csv
    """
    from paradime.cli.using import inverse_file

    inverse_file(model, data, out, names_of(axes), header=header)


@command
def evaluate(
    model: ModelPath,
    data: DataPath,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="COL",
            help="Classes: measure how well neighbours in the map predict them, and compare their centres.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="Write the metrics as a table.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            "--train", metavar="TABLE", help="The training rows, among which the neighbours of DATA are searched."
        ),
    ] = None,
    as_json: AsJson = False,
    header: Header = None,
) -> None:
    r"""Measure how well a map preserves neighbours, distances and random triplets of the rows of a table.

    Neighbours are searched among the rows of DATA, or with --train among the training rows, as is right for new
    rows. Standard errors describe the variation with other new rows, or with other sampled rows. If all rows are
    measured, there are none: the column is omitted, or empty in a file, and null in JSON.

    \b
    Examples:
      paradime evaluate cells.paradime new.csv --train cells.csv --target type
      paradime evaluate cells.paradime cells.csv
    """
    from paradime.cli.judging import evaluate_file

    evaluate_file(model, data, target, out, as_json, train=train, header=header)


@command
def explain(
    model: ModelPath,
    data: DataPath,
    method: Annotated[
        str,
        typer.Option(
            "--method", metavar="NAME", help="auto, integrated_gradients, gradient_x_input or permutation."
        ),
    ] = "auto",
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="How many features to show.")] = 15,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="Write all features as a table.")
    ] = None,
    plot: Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Draw bars: PNG, SVG, PDF.")] = None,
    each: Annotated[bool, typer.Option("--each", help="Show correlated columns separately.")] = False,
    seed: Seed = 0,
    header: Header = None,
) -> None:
    r"""Measure the importance of features for positions, in units of the map.

    Correlated columns (0.95 or more) count as one, since the contribution of a single one is arbitrary.

    \b
    Example:
      paradime explain cells.paradime cells.csv --plot importance.png
    """
    from paradime.cli.judging import explain_file

    explain_file(model, data, method, top, out, plot, seed, each=each, header=header)


@command
def plot(
    source: SourcePath,
    data: MoreData = None,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="The picture: PNG, SVG, PDF.")
    ] = "map.png",
    color: Color = None,
    axes: Axes = "",
    title: Title = None,
    theme: Annotated[str, typer.Option("--theme", metavar="NAME", help="light or dark.")] = "light",
    header: Header = None,
) -> None:
    r"""Draw a map from a model and a table, or from a table of positions.

    \b
    Examples:
      paradime plot cells.paradime new.csv --color type --out new.png
      paradime plot map.csv --color type --out map.svg
    """
    from paradime.cli.showing import plot_files

    plot_files(source, data, out, color, names_of(axes), title, theme, header=header)


@command
def explore(
    source: SourcePath,
    data: MoreData = None,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The page: HTML.")] = "map.html",
    color: Color = None,
    axes: Axes = "",
    title: Title = None,
    theme: Annotated[str, typer.Option("--theme", metavar="NAME", help="auto, light or dark.")] = "auto",
    header: Header = None,
) -> None:
    r"""Write a page to explore a map; with a model, sliders change the features of a row.

    \b
    Examples:
      paradime explore cells.paradime cells.csv --color type --out cells.html
      paradime explore map.csv --out map.html
    """
    from paradime.cli.showing import explore_files

    explore_files(source, data, out, color, names_of(axes), title, theme, header=header)


@command
def export(
    model: ModelPath,
    onnx: Annotated[str | None, typer.Option("--onnx", metavar="FILE", help="Write ONNX.")] = None,
    torch: Annotated[
        str | None, typer.Option("--torch", metavar="FILE", help="Write a program of torch.export, .pt2.")
    ] = None,
) -> None:
    r"""Write a model for other programs; it takes the original columns of the table.

    Columns of strings (fit --encode) must be encoded before; a note lists the features.

    \b
    Example:
      paradime export cells.paradime --onnx cells.onnx
    """
    from paradime.cli.using import export_model

    export_model(model, onnx, torch)


@command
def info(model: ModelPath, as_json: AsJson = False) -> None:
    r"""Describe a saved model: its method, its parameters, and the columns that it takes.

    \b
    Example:
      paradime info cells.paradime
    """
    from paradime.cli.using import model_info

    model_info(model, as_json)


@spec_app.command("show")
@command
def spec_show(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A method, a saved model, or a specification.", show_default=False),
    ],
    form: Format = "yaml",
) -> None:
    r"""Show the specification of a method, a model or a file.

    That of a file is shown with all defaults.

    \b
    Example:
      paradime spec show tsne
    """
    from paradime.cli.specs import show_spec

    sys.stdout.write(show_spec(source, form))


@spec_app.command("validate")
@command
def spec_validate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A specification; - for standard input.", show_default=False)
    ],
) -> None:
    r"""Check a specification; report all mistakes, each with its place.

    \b
    Example:
      paradime spec validate mine.yaml
    """
    from paradime.cli.specs import validate_file

    validate_file(file)


@spec_app.command("schema")
@command
def spec_schema() -> None:
    r"""Write the JSON Schema of specifications.

    With it, editors complete and check specifications.

    \b
    Example:
      paradime spec schema > paradime.schema.json
    """
    from paradime.cli.specs import schema

    print(schema())


@spec_app.command("init")
@command
def spec_init(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="The method.", show_default=False)],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="The file to write: YAML or JSON.")
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    r"""Write the specification of a method.

    Edit it, and pass it to fit --spec.

    \b
    Example:
      paradime spec init umap --out mine.yaml
    """
    from paradime.cli.specs import init_spec

    init_spec(method, out, force)
