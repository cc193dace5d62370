"""The application: all commands, their common options, and ``main``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from paradime._version import __version__
from paradime.cli import commands
from paradime.cli.commands import spec_app
from paradime.cli.console import WRONG_INPUT, quoting_hint, settings

__all__ = ["app", "main"]

_HELP = """Maps of tables: parametric dimensionality reduction.

Fit a model to a table, write a page for the browser, and embed new rows:

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
    (commands.demo, "Run an example with bundled data."),
    (commands.fit, "Fit a model to a table."),
    (commands.transform, "Embed new rows with a model."),
    (commands.update, "Train a model further: edits, new rows."),
    (commands.inverse, "Reconstruct rows from positions."),
    (commands.evaluate, "Measure the quality of a map."),
    (commands.explain, "Measure the importance of features."),
    (commands.plot, "Draw a map."),
    (commands.explore, "Write a page to explore a map."),
    (commands.export, "Write a model for other programs."),
    (commands.info, "Describe a model."),
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    settings.quiet, settings.debug = quiet, debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The arguments after ``paradime``; by default those of the process.

    Returns:
        The exit code: 0 done, 1 an error within ParaDime, 2 a wrong option, column or file, 130 interrupted.

    Example:
        >>> main(["info", "nowhere.paradime"])
        2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # options of all commands may stand anywhere
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
