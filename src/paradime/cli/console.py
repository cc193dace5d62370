"""What is said on standard error, and how commands end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import typer

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "WRONG_INPUT",
    "InputError",
    "Settings",
    "command",
    "progress",
    "say",
    "settings",
]

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
"""Exit codes beside 0: an error within ParaDime; an option, a column or a file that is wrong; Ctrl-C."""

_F = TypeVar("_F", bound=Callable[..., Any])


class InputError(ValueError):
    """Something that the user gave is wrong."""


@dataclasses.dataclass
class Settings:
    """What holds for the whole command.

    Attributes:
        quiet: Whether nothing but warnings and errors is said.
        debug: Whether errors are shown with their traceback.
    """

    quiet: bool = False
    debug: bool = False


settings = Settings()


def say(message: str) -> None:
    """Tells the reader something, unless nothing is to be said."""
    if not settings.quiet:
        print(message, file=sys.stderr, flush=True)


def progress(description: str) -> list[Any]:
    """Returns callbacks that show the progress of a training, where somebody looks on."""
    if settings.quiet or not sys.stderr.isatty():
        return []
    from paradime.training import ProgressBar

    return [ProgressBar(description, mininterval=0.2)]


def command(function: _F) -> _F:
    """Makes errors of a command one line and an exit code."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with _ending():
            return function(*args, **kwargs)

    # the mark by which lines of a help text stay as they are
    guarded.__doc__ = (function.__doc__ or "").replace("\\b", "\b")
    return guarded  # type: ignore[return-value]


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    # no window is opened, whatever the system would offer
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
        # who reads standard output has seen enough; Python would complain once more when it closes it
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
    if isinstance(error, ImportError):
        return WRONG_INPUT if "pip install" in str(error) else FAILED
    from paradime.exceptions import ParaDimeError

    # functions of ParaDime refuse by ValueError what they are given; all else is a mistake of ours
    return WRONG_INPUT if isinstance(error, (ParaDimeError, ValueError)) else FAILED


def _message_of(error: Exception, code: int) -> str:
    text = str(error).strip() or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if code == FAILED:
        line = " ".join(text.split())[:300]
        return f"{type(error).__name__}: {line} (an error within ParaDime; --debug shows where)"
    return text


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
