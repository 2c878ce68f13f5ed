"""The identity of a worker: which process on which host."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A process on a host.

    Parameters
    ----------
    host : str
        Name of the host.
    pid : int
        Process id on that host.
    """

    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def worker_identity() -> Identity:
    """Return who is asking: the worker if called inside a function that a dispatcher runs, else this process."""
    return Identity(host=socket.gethostname(), pid=os.getpid())
