"""Stopping a run in order: Ctrl-C and SIGTERM let the running cycle finish, a second one does not."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """While entered, notes the first signal and says so; the second one ends the program at once.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        At the second signal, wherever the program is: also if native code has made another error of it.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._raised: BaseException | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._raised is not None and isinstance(error, Exception):
            raise self._raised from error

    @property
    def code(self) -> int | None:
        """Exit code of a program that was asked to stop; None as long as it was not."""
        return None if self._asked is None else 128 + self._asked

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            self._raised = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
            raise self._raised
        self._asked = number
        again = "Ctrl-C again" if number == signal.SIGINT else "another SIGTERM"
        text = f"\nstopping after this cycle; {again} stops at once, and keeps the segments that are done\n"
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())  # not print: it may be under way
