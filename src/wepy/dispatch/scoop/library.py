"""The SCOOP library: imported quietly, and checked for the private names that we rely on.

SCOOP 0.7.2.0 is the last release and is pinned. Everything of it that is not documented and that this package uses is
named in `RELIED_ON`; a missing name is an error on entering, not a hang later.
"""

from __future__ import annotations

import contextlib
import copyreg
import importlib
import importlib.metadata
import io
import operator
import warnings
from types import MappingProxyType

from wepy.errors import DispatchError

VERSION = "0.7.2.0"

RELIED_ON = MappingProxyType(
    {
        "scoop": ("CONFIGURATION", "DEBUG", "IS_RUNNING", "SHUTDOWN_REQUESTED", "logger"),
        "scoop._control": ("current", "execQueue", "execStats", "futureDict", "runController"),
        "scoop._types": (
            "Communicator",
            "Future._delete",
            "FutureQueue.flush",
            "FutureQueue.shutdown",
            "FutureQueue.updateQueue",
            "Shutdown",
        ),
        "scoop.futures": ("_controller", "_startup", "submit"),
        "scoop.shared": ("elements",),
        "scoop.broker.structs": ("BrokerInfo",),
        "scoop._comm.scoopexceptions": ("Shutdown",),
        "scoop._comm.scoopzmq": (
            "INIT",
            "LINGER_TIME",
            "REPLY",
            "REQUEST",
            "STATUS_ANS",
            "STATUS_GIVEN",
            "STATUS_REQ",
            "TASK",
            "ZMQCommunicator._addBroker",
            "ZMQCommunicator._poll",
            "ZMQCommunicator._recv",
            "ZMQCommunicator._reportFutures",
            "ZMQCommunicator._sendReply",
            "ZMQCommunicator.addPeer",
            "ZMQCommunicator.createZMQSocket",
            "ZMQCommunicator.pumpInfoSocket",
            "ZMQCommunicator.sendFuture",
            "ZMQCommunicator.sendRequest",
            "ZMQCommunicator.sendStatusRequest",
            "ZMQCommunicator.shutdown",
        ),
    }
)
"""Modules of SCOOP and the names in them that this package uses."""


def load() -> None:
    """Import SCOOP without its side effects on terminal, warnings and pickling.

    Raises
    ------
    DispatchError
        If SCOOP or pyzmq is missing, or is not the SCOOP that we know.
    """
    handles = copyreg.dispatch_table.get(io.BufferedReader)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # invalid escapes and the like: SCOOP predates them
            for module in RELIED_ON:
                importlib.import_module(module)
    except ImportError as error:
        raise DispatchError(
            f"dispatching by SCOOP needs scoop and pyzmq ({error}): pip install 'wepy-ensemble[scoop]'"
        ) from error
    finally:
        if handles is None:  # SCOOP makes open files picklable everywhere; nobody asked for that
            copyreg.dispatch_table.pop(io.BufferedReader, None)
    problems = strangers()
    if problems:
        raise DispatchError(
            f"expected scoop {VERSION}, found {importlib.metadata.version('scoop')} without {', '.join(problems)}:"
            " pip install 'wepy-ensemble[scoop]'"
        )


def strangers() -> list[str]:
    """Return the names we rely on that the installed SCOOP does not have."""
    missing = []
    for module, names in RELIED_ON.items():
        for name in names:
            try:
                operator.attrgetter(name)(importlib.import_module(module))
            except AttributeError:
                missing.append(f"{module}.{name}")
    return missing
