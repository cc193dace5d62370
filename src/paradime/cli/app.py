"""The command line as a whole: its commands, and what holds for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from paradime._version import __version__
from paradime.cli import fit_commands, model_commands
from paradime.cli.console import WRONG_INPUT, quoting_hint, settings
from paradime.cli.spec_commands import spec_app

__all__ = ["app", "main"]

_HELP = """Maps of tables: parametric dimensionality reduction.

From a table to a map in the browser, and a model that places new rows:

\b
  paradime fit data.csv --out map.paradime --explore map.html
  paradime transform map.paradime new.csv --out new_map.csv
  paradime evaluate map.paradime new.csv

Tables are CSV, TSV, Parquet, Feather, NPY, NPZ or H5AD, by their suffix; - is CSV from standard input, or to
standard output. Models end in .paradime, or are folders.

Exit codes: 0 done, 1 an error within ParaDime, 2 a wrong option, column or file, 130 interrupted.
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_GLOBAL = ("--quiet", "-q", "--debug")

_COMMANDS: list[tuple[Callable[..., None], str]] = [
    (fit_commands.demo, "A first map, of bundled data."),
    (fit_commands.fit, "Learn a map of a table."),
    (model_commands.transform, "Place new rows with a model."),
    (model_commands.inverse, "Write the rows that belong to positions."),
    (model_commands.evaluate, "Measure how well a map shows its data."),
    (model_commands.explain, "Say which features matter."),
    (model_commands.plot, "Draw a map."),
    (model_commands.explore, "Write a page to look around in."),
    (model_commands.export, "Write a model for other programs."),
    (model_commands.info, "Tell what a model is."),
]

for _function, _short in _COMMANDS:
    app.command(short_help=_short)(_function)
app.add_typer(spec_app, name="spec")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"paradime {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    settings.quiet, settings.debug = quiet, debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The words after ``paradime``; those of the process if ``None``.

    Returns:
        The exit code: 0 done, 1 an error within ParaDime, 2 a wrong option, column or file, 130 interrupted.

    Example:
        >>> main(["info", "nowhere.paradime"])
        2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # what holds for all commands may stand anywhere
    ahead = [word for word in given if word in _GLOBAL]
    rest = [word for word in given if word not in _GLOBAL]
    try:
        app(args=[*ahead, *rest], prog_name="paradime")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code == WRONG_INPUT and (hint := quoting_hint(rest)):
            print(hint, file=sys.stderr)
        return code
    except KeyboardInterrupt:
        return 130
    return 0
