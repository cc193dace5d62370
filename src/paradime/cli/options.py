"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "Axes",
    "Color",
    "DataPath",
    "Format",
    "Header",
    "ModelPath",
    "MoreData",
    "Seed",
    "SourcePath",
    "TableOut",
    "Title",
    "names_of",
]

ModelPath = Annotated[str, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)]
DataPath = Annotated[str, typer.Argument(metavar="DATA", help="A table.", show_default=False)]
SourcePath = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A model; or, alone, a table of positions.", show_default=False)
]
MoreData = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help="A table for the model.", show_default=False)
]
TableOut = Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The table to write.")]
Color = Annotated[str | None, typer.Option("--color", metavar="COL", help="The column that colours the points.")]
Axes = Annotated[
    str, typer.Option("--axes", metavar="COL,COL", help="Columns of the positions; x and y if left out.")
]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What to write above.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of all random choices.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]

Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line of CSV is names.", show_default=False),
]

Format = Annotated[str, typer.Option("--format", metavar="NAME", help="yaml or json.")]


def names_of(text: str) -> list[str]:
    """Returns the names in a text, between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
