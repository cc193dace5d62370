"""Messages of routines, on standard output and in log files.

The import has no effect on logging. The logger ``"paradime"`` gets a handler when a routine is verbose, when
:func:`log` is called, or when :func:`set_logfile` names a file.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from paradime.utils.ranks import current_ranks

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
    """Writes to the current ``sys.stdout``, so that redirection of the output is respected."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


ch = _StdoutHandler()
"""The handler that prints messages: one for the process, so that users can set its level or remove it."""

# the handler is attached only once, so that it stays removed if the user removes it
_stdout_pending = True

_verbose = contextvars.ContextVar("verbose", default=False)


def _show_messages() -> None:
    global _stdout_pending
    if _stdout_pending:
        logger.addHandler(ch)
        _stdout_pending = False
    _enable_info()


def _enable_info() -> None:
    if logger.level == logging.NOTSET:  # do not change a level that the user has set
        logger.setLevel(logging.INFO)


@contextlib.contextmanager
def verbosely(verbose: bool) -> Iterator[None]:
    """Shows all messages within the block if ``verbose``: those of a verbose routine's components, too."""
    token = _verbose.set(verbose or _verbose.get())
    try:
        yield
    finally:
        _verbose.reset(token)


def report(module_logger: logging.Logger, msg: str, *, verbose: bool = False) -> None:
    """Logs a step at level INFO if the component or its routine is verbose, else at level DEBUG.

    Of several processes that compute together, only the first one logs.

    Args:
        module_logger: The logger of the calling module.
        msg: The message.
        verbose: Whether the component itself is verbose.
    """
    if not current_ranks().is_first:
        return
    if verbose or _verbose.get():
        _show_messages()
        module_logger.info(msg)
    else:
        module_logger.debug(msg)


def log(message: str) -> None:
    """Writes a message with the time to standard output and to the log files.

    Args:
        message: The message.

    Example:
        >>> log("Ten rows omitted.")
        20...: Ten rows omitted.
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
        filename: The file, in an existing folder.
        mode: ``"a"`` appends to an existing file, ``"w"`` overwrites it.
        disable_stdout: Whether to stop printing messages to standard output.
        disable_other_files: Whether to stop writing to the files of previous calls.

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
    _enable_info()
