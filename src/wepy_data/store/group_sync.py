"""Waits for the disk that many share: group commit."""

from __future__ import annotations

import os
import threading


class GroupSync:
    """Brings what was written to a file to the disk, in a thread of its own.

    Whoever asks while the disk is busy shares the next wait with all others who ask by then.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._due: int | None = None  # a descriptor of its own, so that the file may be closed meanwhile
        self._busy = False
        self._closed = False
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def ask(self, descriptor: int) -> None:
        """Ask for what was written to a file so far to be brought to the disk; does not wait.

        Raises
        ------
        OSError
            If the disk has failed before.
        """
        with self._change:
            self._raise()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="wepy-journal", daemon=True)
                self._thread.start()
            stale, self._due = self._due, os.dup(descriptor)
            if stale is not None:
                os.close(stale)
            self._change.notify_all()

    def wait(self) -> None:
        """Wait until everything asked for is on the disk.

        Raises
        ------
        OSError
            If the disk has failed.
        """
        with self._change:
            self._change.wait_for(lambda: self._due is None and not self._busy)
            self._raise()

    def close(self) -> None:
        """Bring to the disk what is due, and end the thread."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._due is not None or self._closed)
                if self._due is None:
                    return
                descriptor, self._due, self._busy = self._due, None, True
            try:
                os.fsync(descriptor)
            except OSError as error:
                self._error = error
            finally:
                os.close(descriptor)
                with self._change:
                    self._busy = False
                    self._change.notify_all()
