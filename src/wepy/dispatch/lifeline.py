"""The lifeline of a worker: a pipe whose other end closes when its manager is gone, however it went.

Nobody writes to the pipe. The kernel closes the manager's end even on SIGKILL, and the worker ends at once: by SIGIO,
whose default action ends the process even inside a long C call that holds the interpreter lock, and where the system
does not send it, by a thread that waits for the end of the pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import threading

_ORPHANED = 90  # exit code of a worker whose manager is gone


def hold(descriptor: int) -> None:
    """End this process as soon as the other end of the pipe `descriptor` is closed."""
    threading.Thread(target=_wait, args=(descriptor,), name="wepy-lifeline", daemon=True).start()
    with contextlib.suppress(OSError, AttributeError):  # a system without signal-driven pipes: the thread remains
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)


def _wait(descriptor: int) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    poller.poll()
    os._exit(_ORPHANED)
