"""A SCOOP worker: what runs in the processes that `Scoop` starts.

Its settings come as one line of JSON on standard input. Standard input stays open as its lifeline: when the manager is
gone, however it went, the worker ends.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Mapping
from typing import Any

from wepy.dispatch.lifeline import hold
from wepy.dispatch.remote import Answer, Request, call
from wepy.dispatch.scoop.library import load

_ONE_AT_A_TIME = sys.float_info.min  # s of work at hand below which a worker asks for more: none


def work(settings: Mapping[str, Any]) -> None:
    """Work until the pool is stopped.

    Parameters
    ----------
    settings : mapping
        `task_port`, `info_port` and `size`: where the broker is, and the number of workers.
    """
    faulthandler.enable()
    hold(_moved_stdin())
    load()
    _serve(settings)


def perform(addressee: bytes, request: Request) -> tuple[bytes, Answer]:
    """Answer a request and tell this worker's address; the first argument is for the origin's link."""
    import scoop

    return scoop.worker, call(request)


def _moved_stdin() -> int:
    """Return standard input under a number that no child process inherits, and put nothing in its place."""
    moved = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return moved


def _serve(settings: Mapping[str, Any]) -> None:
    import scoop
    import scoop._control as control
    import scoop._types as types
    from scoop import futures

    from wepy.dispatch.scoop.link import WorkerLink
    from wepy.dispatch.scoop.origin import settings as scoop_settings

    class OneAtATime(types.FutureQueue):  # type: ignore[misc]  # SCOOP has no types
        """A queue that asks for a task only when it has none: what waits behind a task might die with it."""

        def __init__(self) -> None:
            super().__init__()
            self.lowwatermark = _ONE_AT_A_TIME

    for name, value in scoop_settings(**settings, is_origin=False).items():
        setattr(scoop, name, value)
    types.Communicator = WorkerLink
    control.FutureQueue = OneAtATime
    futures._startup(None)
