"""The courier: takes a run's items to remote workers and yields outcomes, over any channel.

Rules, the same for every channel:

- At most two items per slot are under way, so that large states do not pile up; one per slot until the function has
  arrived somewhere.
- A request carries the function only for a worker that has said it does not know it.
- An answer counts once and for its own run only; whatever else arrives is ignored.
"""

from __future__ import annotations

import io
import pickle
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from wepy.dispatch.identity import Identity
from wepy.dispatch.remote import Answer, Key, Kind, Request, digest_of, error_of, value_of
from wepy.errors import DispatchError, WorkerLost
from wepy.protocols import Outcome

_PER_SLOT = 2  # items under way for each slot: one runs, one waits next to the worker
_PATIENCE = 2  # misses of one item after which the function goes with it whoever takes it

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lost:
    """An item that is given up because its workers died; takes the place of an answer."""

    key: Key
    error: WorkerLost


class Channel(Protocol):
    """Carries requests to workers and answers back."""

    @property
    def slots(self) -> int:
        """How many requests run at the same time now; at least 1."""
        ...

    def post(self, request: Request, to: Identity | None) -> None:
        """Send a request; to this very worker if one is named and the channel can do that."""
        ...

    def receive(self) -> Sequence[Answer | Lost]:
        """Wait a moment for answers; raise `DispatchError` if none can come any more."""
        ...

    def cancel(self, keys: Sequence[Key]) -> None:
        """Forget requests that nobody waits for any more, as far as possible."""
        ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """A pickled function and its digest."""

    digest: str
    definition: bytes


def parcel_of(function: Callable[..., Any], *, importable_main: bool) -> Parcel:
    """Return the function, packed; raise `DispatchError` if workers could not unpack it.

    Parameters
    ----------
    function : callable
        A module-level function or a value with `__call__`.
    importable_main : bool
        Whether the workers have this process's `__main__` module.
    """
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, importable_main=importable_main).dump(function)
    except DispatchError:
        raise
    except Exception as error:
        raise DispatchError(
            f"{_name(function)} cannot be sent to workers: expected a module-level function or a value that pickles,"
            f" got {type(error).__name__}: {error}. Move it to the top level of a module, without open files or locks"
        ) from error
    definition = buffer.getvalue()
    return Parcel(digest=digest_of(definition), definition=definition)


class Courier:
    """Runs items over a channel.

    Parameters
    ----------
    channel : Channel
        Where requests go. One run at a time: a newer run ends the older.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._run = ""
        self.definitions_sent = 0
        self.arrived = ""  # digest of the function that some worker had last

    def outcomes(self, parcel: Parcel, items: Sequence[Item]) -> Iterator[Outcome[Any]]:
        """Yield one outcome for every item in order of completion."""
        run = self._run = uuid.uuid4().hex
        trip = _Trip(self, self._channel, parcel, items, run)
        try:
            while not trip.is_done:
                trip.send()
                outcomes = trip.collect()
                for outcome in outcomes:
                    yield outcome
                    if self._run != run:
                        raise DispatchError("a newer run of this dispatcher has ended this one: finish one run first")
        finally:
            trip.cancel()


class _Trip:
    """The items of one run: waiting, under way, done."""

    def __init__(self, courier: Courier, channel: Channel, parcel: Parcel, items: Sequence[Any], run: str) -> None:
        self._courier = courier
        self._channel = channel
        self._parcel = parcel
        self._items = items
        self._run = run
        self._waiting = deque(range(len(items)))
        self._packed: dict[int, bytes] = {}  # items under way
        self._unsent: list[Outcome[Any]] = []  # items that do not pickle
        self._informed: set[Identity] = set()
        self._misses: Counter[int] = Counter()

    @property
    def is_done(self) -> bool:
        return not (self._waiting or self._packed or self._unsent)

    def send(self) -> None:
        limit = self._channel.slots * (_PER_SLOT if self._courier.arrived == self._parcel.digest else 1)
        while self._waiting and len(self._packed) < limit:
            index = self._waiting.popleft()
            try:
                self._packed[index] = pickle.dumps(self._items[index], pickle.HIGHEST_PROTOCOL)
            except Exception as error:  # noqa: BLE001 (an item may raise anything when pickled)
                error.add_note(f"item {index} cannot be sent to a worker")
                self._unsent.append(Outcome(index=index, error=error))
            else:
                self._post(index)

    def collect(self) -> list[Outcome[Any]]:
        outcomes, self._unsent = self._unsent, []
        if not self._packed:
            return outcomes
        for answer in self._channel.receive():
            index = answer.key.index
            if answer.key.run != self._run or index not in self._packed:
                continue
            if isinstance(answer, Answer) and answer.kind is Kind.MISS:
                self._explain(index, answer.worker)
                continue
            del self._packed[index]
            self._courier.arrived = self._parcel.digest
            outcomes.append(_outcome(answer))
        return outcomes

    def cancel(self) -> None:
        self._channel.cancel([Key(self._run, index) for index in self._packed])

    def _explain(self, index: int, worker: Identity) -> None:
        """Send the item again; with the function if the worker was not given it yet."""
        self._misses[index] += 1
        if worker not in self._informed:
            self._informed.add(worker)
            self._post(index, to=worker, with_definition=True)
        else:
            self._post(index, with_definition=self._misses[index] > _PATIENCE)

    def _post(self, index: int, *, to: Identity | None = None, with_definition: bool = False) -> None:
        self._courier.definitions_sent += with_definition
        request = Request(
            key=Key(self._run, index),
            digest=self._parcel.digest,
            item=self._packed[index],
            definition=self._parcel.definition if with_definition else None,
        )
        self._channel.post(request, to)


def _outcome(answer: Answer | Lost) -> Outcome[Any]:
    index = answer.key.index
    if isinstance(answer, Lost):
        return Outcome(index=index, error=answer.error)
    if answer.kind is Kind.ERROR:
        return Outcome(index=index, error=error_of(answer))
    try:
        return Outcome(index=index, value=value_of(answer))
    except Exception as error:  # noqa: BLE001 (unpickling may run anything)
        error.add_note(f"the result of item {index} arrived from {answer.worker} but cannot be unpickled here")
        return Outcome(index=index, error=error)


class _Pickler(pickle.Pickler):
    """Pickles a function; refuses what workers could not import."""

    def __init__(self, file: io.BytesIO, *, importable_main: bool) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._importable_main = importable_main

    def reducer_override(self, thing: Any) -> Any:  # any object at all; the answer is pickle's business
        is_named = isinstance(thing, type) or hasattr(thing, "__qualname__")
        if is_named and getattr(thing, "__module__", None) == "__main__" and not self._importable_main:
            raise DispatchError(
                f"{_name(thing)} is defined in the script or notebook itself, which workers do not import: move it to a"
                f" module beside the script and import it from there"
            )
        return NotImplemented


def _name(thing: object) -> str:
    return str(getattr(thing, "__qualname__", None) or f"a {type(thing).__qualname__}")
