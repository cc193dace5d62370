"""Messages of routines and where they go.

Importing this module sets up nothing: the logger ``"paradime"`` gets a handler when a routine is verbose,
when :func:`log` is called, or when :func:`set_logfile` names a file.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = [
    "LOGGER_NAME",
    "LOGGING_FORMAT",
    "ch",
    "formatter",
    "log",
    "logger",
    "report",
    "set_logfile",
    "verbosely",
]

LOGGER_NAME = "paradime"
LOGGING_FORMAT = "%(asctime)s: %(message)s"

logger = logging.getLogger(LOGGER_NAME)
formatter = logging.Formatter(LOGGING_FORMAT)


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stdout`` is at the time, so that redirected output stays redirected."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


ch = _StdoutHandler()
"""What prints messages; one handler for the whole process, so that its level can be set, or it can be removed."""

# attached once: whoever removes it afterwards is not to be overruled
_stdout_pending = True

_verbose = contextvars.ContextVar("verbose", default=False)


def _show_messages() -> None:
    global _stdout_pending
    if _stdout_pending:
        logger.addHandler(ch)
        _stdout_pending = False
    _let_info_pass()


def _let_info_pass() -> None:
    if logger.level == logging.NOTSET:  # a level that the user has set stays
        logger.setLevel(logging.INFO)


@contextlib.contextmanager
def verbosely(verbose: bool) -> Iterator[None]:
    """Within the block, all that is reported is also shown, if ``verbose``: a routine speaks for its parts."""
    token = _verbose.set(verbose or _verbose.get())
    try:
        yield
    finally:
        _verbose.reset(token)


def report(speaker: logging.Logger, msg: str, *, verbose: bool = False) -> None:
    """Logs a step: shown (level INFO) if the part or the routine around it is verbose, else at level DEBUG.

    Args:
        speaker: The logger of the module that speaks.
        msg: The message.
        verbose: Whether the part itself was asked to be verbose.
    """
    if verbose or _verbose.get():
        _show_messages()
        speaker.info(msg)
    else:
        speaker.debug(msg)


def log(message: str) -> None:
    """Prints a message, preceded by the time, to standard output and to the log files that are set.

    Args:
        message: The message.

    Example:
        >>> log("Ten rows left out.")
        20...: Ten rows left out.
    """
    _show_messages()
    logger.info(message)


def set_logfile(
    filename: str | os.PathLike[str],
    mode: str = "a",
    disable_stdout: bool = False,
    disable_other_files: bool = False,
) -> None:
    """Writes messages to a file.

    Args:
        filename: Where to write; the folder must exist.
        mode: ``"a"`` appends to an existing file, ``"w"`` overwrites it.
        disable_stdout: Whether to stop printing messages to standard output.
        disable_other_files: Whether to stop writing to files that were set before.

    Raises:
        ValueError: If ``mode`` is neither ``"a"`` nor ``"w"``.
        OSError: If the file cannot be written.
    """
    global _stdout_pending
    if mode not in ("a", "w"):
        raise ValueError(f"mode must be 'a' (append) or 'w' (overwrite), got {mode!r}.")
    handler = logging.FileHandler(filename, mode)
    handler.setFormatter(formatter)
    for other in list(logger.handlers):
        if isinstance(other, logging.FileHandler) and (
            disable_other_files or other.baseFilename == handler.baseFilename
        ):
            logger.removeHandler(other)
            other.close()
    if disable_stdout:
        logger.removeHandler(ch)
    _stdout_pending = not disable_stdout
    logger.addHandler(handler)
    _let_info_pass()
