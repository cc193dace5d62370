"""Commands on specifications; each imports its requirements when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paradime.cli.console import Format, command

__all__ = ["spec_app"]

spec_app = typer.Typer(
    help="Specifications: the components of a method as YAML or JSON, to read, edit and fit.",
    short_help="Show, check and write specifications.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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
