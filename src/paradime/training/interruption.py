"""Ctrl-C while a model is trained."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Interruption"]


class Interruption:
    """While entered, Ctrl-C waits until the step that is being taken has ended.

    The first one is remembered, and :meth:`check` raises it; the second one is raised at once. Only Python's own
    handling of Ctrl-C is replaced, and only in the main thread: whoever has another one keeps it.

    Example:
        >>> try:
        ...     with Interruption() as interruption:
        ...         signal.raise_signal(signal.SIGINT)
        ...         print("the step ends")
        ...         interruption.check()
        ... except KeyboardInterrupt:
        ...     print("then the training")
        the step ends
        then the training
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: signal._HANDLER = None
        self._active = False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._remember)
            self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._previous)
            self._active = False
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.requested:
            self.requested = False
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True
