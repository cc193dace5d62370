"""Commands on texts in the grammar; each imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paradime.cli.console import Format, command

__all__ = ["spec_app"]

spec_app = typer.Typer(
    help="Texts in the grammar: what a method is made of, to be read, edited and fitted.",
    short_help="Texts in the grammar.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@spec_app.command("show")
@command
def spec_show(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A method, a saved model, or a text.", show_default=False)
    ],
    form: Format = "yaml",
) -> None:
    r"""Show what a method, a model or a text is made of.

    \b
    Example:
      paradime spec show tsne
    """
    from paradime.cli.specs import show_spec

    sys.stdout.write(show_spec(source, form))


@spec_app.command("validate")
@command
def spec_validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text; - for standard input.", show_default=False)],
) -> None:
    r"""Check a text; all mistakes are told, each with its place.

    \b
    Example:
      paradime spec validate mine.yaml
    """
    from paradime.cli.specs import validate_file

    validate_file(file)


@spec_app.command("schema")
@command
def spec_schema() -> None:
    r"""Write the JSON Schema of the grammar, by which editors complete and check texts.

    \b
    Example:
      paradime spec schema > paradime.schema.json
    """
    from paradime.cli.specs import schema

    print(schema())


@spec_app.command("init")
@command
def spec_init(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="The method to begin with.", show_default=False)],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="The text to write, YAML or JSON.")
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    r"""Write the text of a method, to be edited and passed to fit --spec.

    \b
    Example:
      paradime spec init umap --out mine.yaml
    """
    from paradime.cli.specs import init_spec

    init_spec(method, out, force)
