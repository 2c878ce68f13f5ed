"""What runs on a remote worker, whatever brought it there: a function known by its digest, called on one item.

Everything that crosses the wire is plain: text and bytes that are pickled and unpickled here, under guard. So no
result, error or function of a user can upset the machinery that carries it. A worker keeps the functions it was sent;
one that it does not know it asks for (`Kind.MISS`). Threads of one process share none: what a function caches on itself
(an engine's context) is for one thread at a time.
"""

from __future__ import annotations

import hashlib
import pickle
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wepy.dispatch.identity import Identity, worker_identity
from wepy.errors import WepyError, WorkerLost

Function = Callable[[Any], Any]  # any item, any result: their types are the caller's and never looked at here

_KEPT = 4  # functions that a worker keeps; each may hold an engine's context, and a run needs one


class _Shelf(threading.local):
    """The functions that this thread of this worker has been sent, by digest; it must outlive single calls."""

    def __init__(self) -> None:
        self.functions: OrderedDict[str, Function] = OrderedDict()


_shelf = _Shelf()


class RemoteError(WepyError):
    """An error of a worker whose own type cannot be rebuilt here; the message names the type."""


class Kind(Enum):
    """What an answer is."""

    VALUE = "value"
    ERROR = "error"
    MISS = "miss"


@dataclass(frozen=True, slots=True)
class Key:
    """Which item of which run: keeps late and duplicate answers apart.

    Parameters
    ----------
    run : str
        Unique id of the run.
    index : int
        Position of the item.
    """

    run: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One item on its way to a worker.

    Parameters
    ----------
    key : Key
        Which item.
    digest : str
        Name of the function.
    item : bytes
        The pickled item.
    definition : bytes or None
        The pickled function, for a worker that does not know it.
    """

    key: Key
    digest: str
    item: bytes
    definition: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a worker says about one item.

    Parameters
    ----------
    key : Key
        Which item.
    kind : Kind
        A value, an error, or "I do not know this function".
    worker : Identity
        Who answers.
    payload : bytes
        The pickled value or, for an error that can be rebuilt, the pickled error.
    error_type, message, trace : str
        The error in words.
    """

    key: Key
    kind: Kind
    worker: Identity
    payload: bytes = b""
    error_type: str = ""
    message: str = ""
    trace: str = ""


def digest_of(definition: bytes) -> str:
    """Return the name under which workers keep a pickled function."""
    return hashlib.blake2b(definition, digest_size=16).hexdigest()


def call(request: Request) -> Answer:
    """Call the function on the item; runs on the worker, never raises."""
    worker = worker_identity()
    try:
        function = _known(request)
        if function is None:
            return Answer(key=request.key, kind=Kind.MISS, worker=worker)
        payload = _packed(function(pickle.loads(request.item)))  # noqa: S301 (sent by our own manager)
    except BaseException as error:  # noqa: BLE001 (also SystemExit: a worker outlives its items)
        return _failed(request.key, worker, error)
    return Answer(key=request.key, kind=Kind.VALUE, worker=worker, payload=payload)


def value_of(answer: Answer) -> Any:
    """Return the value of an answer; raises what hindered it from being unpickled here."""
    return pickle.loads(answer.payload)  # noqa: S301 (sent by our own worker)


def error_of(answer: Answer) -> BaseException:
    """Return the error of an answer, of its own type if that can be had here; the worker and its traceback in notes."""
    error: BaseException | None = None
    if answer.payload:
        try:
            error = pickle.loads(answer.payload)  # noqa: S301 (sent by our own worker)
        except Exception:  # noqa: BLE001 (any constructor may run; without it the words remain)
            error = None
    if not isinstance(error, Exception):
        error = RemoteError(f"{answer.error_type}: {answer.message} (raised in {answer.worker})")
    error.add_note(f"raised in {answer.worker}; the worker's traceback:\n{answer.trace}")
    return error


def lost(key: Key, deaths: int, hint: str = "") -> WorkerLost:
    """Return the error of an item whose workers died."""
    error = WorkerLost(
        f"item {key.index}: the worker died {deaths} times while it ran this item, so it is not tried again. Look for a"
        f" crash in native code or too little memory; the serial dispatcher runs the item in this process"
    )
    if hint:
        error.add_note(hint)
    return error


def _known(request: Request) -> Function | None:
    functions = _shelf.functions
    function = functions.get(request.digest)
    if function is None:
        if request.definition is None:
            return None
        function = pickle.loads(request.definition)  # noqa: S301 (sent by our own manager)
        functions[request.digest] = function
    functions.move_to_end(request.digest)
    while len(functions) > _KEPT:
        functions.popitem(last=False)
    return function


def _packed(value: object) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        error.add_note(f"the function returned, but its result, a {type(value).__qualname__}, cannot be pickled")
        raise


def _failed(key: Key, worker: Identity, error: BaseException) -> Answer:
    kind = type(error)
    return Answer(
        key=key,
        kind=Kind.ERROR,
        worker=worker,
        payload=_pickled(error),
        error_type=kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        message=_text(error),
        trace="".join(traceback.format_exception(error)),
    )


def _pickled(error: BaseException) -> bytes:
    """Return the pickled error, or nothing if it does not come back as what it was."""
    try:
        payload = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        back = pickle.loads(payload)  # noqa: S301 (made one line above)
        return payload if type(back) is type(error) and _text(back) == _text(error) else b""
    except Exception:  # noqa: BLE001 (a user's class may do anything here)
        return b""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (a user's __str__)
        return "(the error has no printable message)"
