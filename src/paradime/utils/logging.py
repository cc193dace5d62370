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

__all__ = ["log", "report", "set_logfile", "verbosely"]

_FORMAT = logging.Formatter("%(asctime)s: %(message)s")
_logger = logging.getLogger("paradime")


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stdout`` is at the time, so that redirected output stays redirected."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(_FORMAT)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


_stdout_disabled = False


_verbose = contextvars.ContextVar("verbose", default=False)


def _show_messages() -> None:
    if not _stdout_disabled and not any(isinstance(h, _StdoutHandler) for h in _logger.handlers):
        _logger.addHandler(_StdoutHandler())
    _let_info_pass()


def _let_info_pass() -> None:
    if _logger.level == logging.NOTSET or _logger.level > logging.INFO:
        _logger.setLevel(logging.INFO)


@contextlib.contextmanager
def verbosely(verbose: bool) -> Iterator[None]:
    """Within the block, all that is reported is also shown, if ``verbose``: a routine speaks for its parts."""
    token = _verbose.set(verbose or _verbose.get())
    try:
        yield
    finally:
        _verbose.reset(token)


def report(logger: logging.Logger, msg: str, *, verbose: bool = False) -> None:
    """Logs a step: shown (level INFO) if the part or the routine around it is verbose, else at level DEBUG.

    Args:
        logger: The logger of the module that speaks.
        msg: The message.
        verbose: Whether the part itself was asked to be verbose.
    """
    if verbose or _verbose.get():
        _show_messages()
        logger.info(msg)
    else:
        logger.debug(msg)


def log(msg: str) -> None:
    """Prints a message, preceded by the time, to standard output and to the log files that are set.

    Example:
        >>> log("Ten rows left out.")  # doctest: +SKIP
        2026-05-04 10:00:00,000: Ten rows left out.
    """
    _show_messages()
    _logger.info(msg)


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
    global _stdout_disabled
    if mode not in ("a", "w"):
        raise ValueError(f"mode must be 'a' (append) or 'w' (overwrite), got {mode!r}.")
    handler = logging.FileHandler(filename, mode)
    handler.setFormatter(_FORMAT)
    for other in list(_logger.handlers):
        is_file = isinstance(other, logging.FileHandler)
        same_file = isinstance(other, logging.FileHandler) and other.baseFilename == handler.baseFilename
        is_stdout = isinstance(other, _StdoutHandler)
        if same_file or (disable_other_files and is_file) or (disable_stdout and is_stdout):
            _logger.removeHandler(other)
            other.close()
    _stdout_disabled = disable_stdout
    _logger.addHandler(handler)
    _let_info_pass()
