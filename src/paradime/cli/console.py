"""Shared parts of commands: arguments, options, messages on standard error, and exit codes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import shlex
import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import typer

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "WRONG_INPUT",
    "AsJson",
    "Axes",
    "Color",
    "DataPath",
    "Format",
    "Header",
    "InputError",
    "ModelPath",
    "MoreData",
    "Seed",
    "Settings",
    "SourcePath",
    "TableOut",
    "Title",
    "check_choice",
    "command",
    "folded",
    "names_of",
    "progress",
    "quoting_hint",
    "say",
    "settings",
    "wrapped",
]

ModelPath = Annotated[str, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)]
DataPath = Annotated[str, typer.Argument(metavar="DATA", help="A table.", show_default=False)]
SourcePath = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="A model, or without DATA a table of positions.", show_default=False),
]
MoreData = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help="A table for the model.", show_default=False)
]
TableOut = Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The table to write.")]
Color = Annotated[str | None, typer.Option("--color", metavar="COL", help="The column that colours the points.")]
Axes = Annotated[
    str, typer.Option("--axes", metavar="COL,COL", help="The columns of the positions; by default x and y.")
]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="The title.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of all random choices.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]

Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="Whether the first line of CSV holds column names.", show_default=False
    ),
]

Format = Annotated[str, typer.Option("--format", metavar="NAME", help="yaml or json.")]


def names_of(text: str) -> list[str]:
    """Returns the names in a string, which are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
"""Exit codes other than 0: an error within ParaDime; a wrong option, column or file; Ctrl-C."""

_NAMING = ("--color", "--target", "--id", "--drop", "--columns", "--guide", "--axes", "--title")
_FEWEST_FOLDED, _MOST_NAMES = 4, 500
_COUNTING = re.compile(r"^(.*?)(\d+)$")

_F = TypeVar("_F", bound=Callable[..., Any])


class InputError(ValueError):
    """An option, a column or a file of the user is wrong."""


@dataclasses.dataclass
class Settings:
    """The options of all commands.

    Attributes:
        quiet: Whether only warnings and errors are printed.
        debug: Whether errors are shown with their traceback.
        is_silent: Whether only errors are printed, because another process that does the same prints the rest.
    """

    quiet: bool = False
    debug: bool = False
    is_silent: bool = False


settings = Settings()


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Refuses a value of an option that is not among its choices.

    Raises:
        InputError: If it is not.
    """
    if value not in choices:
        raise InputError(f"{option}: must be one of {', '.join(choices)}, got {value!r}.")


def say(message: str) -> None:
    """Prints a message to standard error, except with ``--quiet``."""
    if not (settings.quiet or settings.is_silent):
        print(message, file=sys.stderr, flush=True)


def quoting_hint(words: Sequence[str]) -> str:
    """Returns a hint if a name or a path with spaces seems to lack quotes, else an empty string.

    Example:
        >>> quoting_hint(["fit", "iris.csv", "--color", "petal", "length", "--out", "m"])
        "hint: put names with spaces in quotes: --color 'petal length'"
    """

    def is_path(text: str) -> bool:
        return text == "-" or os.path.exists(text)

    for start in range(len(words) - 1):
        end = start + 1
        while end < len(words) and not words[end].startswith("-"):
            end += 1
            text = " ".join(words[start:end])
            if end > start + 1 and not words[start].startswith("-") and os.path.exists(text):
                return f"hint: put names with spaces in quotes: {shlex.quote(text)}"
        if words[start] in _NAMING:
            value = list(words[start + 1 : end])
            while len(value) > 1 and (is_path(value[-1]) or "." in value[-1]):
                value.pop()
            if len(value) > 1 and not any(map(is_path, value[1:])):
                return f"hint: put names with spaces in quotes: {words[start]} {shlex.quote(' '.join(value))}"
    return ""


def wrapped(heading: str, words: Sequence[str]) -> str:
    """Returns a heading and a list separated by commas, wrapped to the width of the terminal."""
    width = min(100, max(40, shutil.get_terminal_size().columns))
    text = f"{heading} {', '.join(words)}"
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def folded(names: Sequence[str]) -> list[str]:
    """Returns names, with runs of consecutively numbered ones shortened to the first and the last.

    Example:
        >>> folded(["size", "x0", "x1", "x2", "x3", "age"])
        ['size', 'x0 … x3', 'age']
    """
    shown: list[str] = []
    start = 0
    while start < len(names):
        end = start + 1
        while end < len(names) and _follows(names[end - 1], names[end]):
            end += 1
        if end - start < _FEWEST_FOLDED:
            end = start + 1
        shown.append(names[start] if end == start + 1 else f"{names[start]} … {names[end - 1]}")
        start = end
    if len(shown) > _MOST_NAMES:
        shown[_MOST_NAMES:] = [f"and {len(shown) - _MOST_NAMES:,} more, which paradime info lists"]
    return shown


def _follows(name: str, after: str) -> bool:
    (stem, number), (other, next_number) = (
        (match[1], match[2]) if (match := _COUNTING.match(text)) else (text, "") for text in (name, after)
    )
    return stem == other and number.isdecimal() and next_number.isdecimal() and int(next_number) == int(number) + 1


def progress(description: str) -> list[Any]:
    """Returns callbacks that show the progress of a training, if standard error is a terminal."""
    if settings.quiet or not sys.stderr.isatty():
        return []
    from paradime.training import ProgressBar

    return [ProgressBar(description, mininterval=0.2)]


def command(function: _F) -> _F:
    """Returns a command that prints an error as one line and ends with an exit code."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with _ending():
            return function(*args, **kwargs)

    # click does not wrap paragraphs of help after this mark
    guarded.__doc__ = (function.__doc__ or "").replace("\\b", "\b")
    return guarded  # type: ignore[return-value]


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    # never open a window
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
            sys.stdout.flush()
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # the reader closed standard output; without this, Python would report it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:
        if settings.debug:
            raise
        code = _code_of(error)
        print(f"error: {_message_of(error, code)}", file=sys.stderr)
        raise typer.Exit(code) from None


def _code_of(error: Exception) -> int:
    if isinstance(error, (InputError, OSError)):
        return WRONG_INPUT
    from paradime.exceptions import ParaDimeError

    # functions of ParaDime raise ValueError for wrong input; any other error is a bug
    return WRONG_INPUT if isinstance(error, (ParaDimeError, ValueError)) else FAILED


def _message_of(error: Exception, code: int) -> str:
    message = str(error).strip() or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"
    if code == FAILED:
        line = " ".join(message.split())[:300]
        return f"{type(error).__name__}: {line} (an error within ParaDime; --debug shows where)"
    return message


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    if not settings.is_silent:
        print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
