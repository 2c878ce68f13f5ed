"""Dispatch by SCOOP, started and stopped from an ordinary Python process: a script, a notebook, a test."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from wepy.dispatch.courier import Courier, Lost, parcel_of
from wepy.dispatch.identity import Identity
from wepy.dispatch.remote import Answer, Key, Request, lost
from wepy.dispatch.scoop.children import Children, Place
from wepy.dispatch.scoop.hosts import Host
from wepy.dispatch.scoop.library import VERSION, load
from wepy.dispatch.scoop.worker import Settings, perform
from wepy.dispatch.workers import worker_count
from wepy.errors import ConfigurationError, DispatchError
from wepy.protocols import Description, Outcome

if TYPE_CHECKING:
    from wepy.dispatch.scoop.broker import Broker
    from wepy.dispatch.scoop.origin import Origin

_WAIT = 0.05  # s; how long one look for answers may take
_LOOK = 0.02  # s; between looks at who has died: a system call for each worker, too much at each answer
_TICK = 0.005  # s; between looks at workers that start
_STARTUP = 120.0  # s; until every worker has asked for work
_GRACE = 1.0  # s; for idle workers to leave by themselves
_LONELY = 5.0  # s without any worker before it is said
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound to)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Scoop:
    """Runs items on SCOOP workers of this host, of others over ssh, and of any that join.

    The calling process is SCOOP's origin: it submits and collects but never computes. Broker and workers start on
    entering and are gone after leaving. A worker that dies, or does not show a sign of life for some seconds, is
    replaced if it was started here, and its item runs again; workers may join and leave at any time. Functions must
    come from modules that workers can import: those on this host get this process's `sys.path`, and do not run the
    script itself, so that it needs no ``if __name__ == "__main__":``.

    Everything listens on the loopback interface only, unless `listen` says otherwise, and workers must show the run's
    key: who merely reaches the port can neither send nor read anything.

    Parameters
    ----------
    workers : int or None
        Number of workers on this host; None for one per processor, or for none if there are `hosts`. 0 needs `hosts`
        or `listen`.
    hosts : sequence of Host
        Further hosts, on which workers are started by ssh. They reach the broker through their ssh connection, or
        at `listen` if that is given.
    listen : str
        `address` or `address:port` of an interface of this host where workers of other hosts may join (`wepy worker`).
    key_file : path, optional
        Where to write the key for those who join, readable by its owner only; removed on leaving. Needed with `listen`.
    environment : sequence of mapping of str to str
        Environment variables of the workers on this host, one entry for each, in turn: which GPU each one has.
    insecure : bool
        Let in whoever reaches the port. Anyone there can then run code in this process, and read what it sends.
    ssh : sequence of str
        The command ssh, with options.
    tell : callable, optional
        Told where to join, and when no worker is left, in words; a warning of the logger `wepy.dispatch` by default.

    Raises
    ------
    ConfigurationError
        If the arguments do not fit together.
    DispatchError
        On entering: SCOOP is not installed, is in use already, workers do not start, or the address cannot be had.

    Examples
    --------
    ```python
    with Scoop(workers=2, environment=[{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]) as dispatcher: ...
    with Scoop(workers=0, listen="10.0.0.1", key_file="run.key") as dispatcher: ...
    ```
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        hosts: Sequence[Host] = (),
        listen: str = "",
        key_file: str | os.PathLike[str] | None = None,
        environment: Sequence[Mapping[str, str]] = (),
        insecure: bool = False,
        ssh: Sequence[str] = ("ssh",),
        tell: Callable[[str], object] | None = None,
    ) -> None:
        remote = bool(hosts or listen)
        if (workers is None and hosts) or (workers == 0 and not isinstance(workers, bool) and remote):
            self._workers = 0
        else:
            self._workers = worker_count(workers, "Scoop")
        self._hosts, self._environment = tuple(hosts), tuple(dict(entry) for entry in environment)
        self._listen, self._port = _address(listen)
        self._key_file = None if key_file is None else Path(key_file)
        self._insecure, self._ssh = insecure, tuple(ssh)
        if not self._ssh:
            raise ConfigurationError("Scoop(ssh=...): expected the command ssh, with options, got nothing")
        if listen and not insecure and key_file is None:
            raise ConfigurationError("Scoop(listen=...): say where to write the key for who joins (key_file=...)")
        self._has_written_key = False
        self._tell = tell or logging.getLogger("wepy.dispatch").warning
        self._session: _Session | None = None

    @property
    def slots(self) -> int:
        """How many items run at the same time: the number of workers that are alive, at least 1."""
        if self._session is not None:
            return self._session.slots
        return max(1, self._workers + sum(host.workers for host in self._hosts))

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item in order of completion; see `wepy.protocols.Dispatcher.run`."""
        if self._session is None:
            raise DispatchError("Scoop has no workers: use it inside `with Scoop() as dispatcher:`")
        return self._session.courier.outcomes(parcel_of(function, importable_main=False), items)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        description: Description = {"kind": "scoop", "workers": self._workers, "scoop": VERSION}
        if self._hosts:
            description["hosts"] = {host.name: host.workers for host in self._hosts}
        if self._listen:
            description["listen"], description["secure"] = self._listen, not self._insecure
        return description

    def __enter__(self) -> Self:
        if self._session is not None:
            raise DispatchError("this Scoop is entered already")
        load()
        self._session = _Session(
            places=self._places(), listen=self._listen, port=self._port, secure=not self._insecure, tell=self._tell
        )
        try:
            self._invite(self._session.broker)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
            if self._key_file is not None and self._has_written_key:
                self._has_written_key = False
                self._key_file.unlink(missing_ok=True)

    def _places(self) -> list[Place]:
        variables = self._environment or ({},)
        here = [Place(environment=variables[number % len(variables)]) for number in range(self._workers)]
        return here + [
            Place(
                host=host.name, python=host.python, environment=host.environment, ssh=self._ssh, tunnel=not self._listen
            )
            for host in self._hosts
            for _ in range(host.workers)
        ]

    def _invite(self, broker: Broker) -> None:
        """Say how workers can join."""
        if not broker.remote:
            return
        from wepy.dispatch.scoop.key import write_key

        how = "--insecure"
        if broker.key is not None and self._key_file is not None:
            write_key(self._key_file, broker.key)
            self._has_written_key = True
            how = f"--key-file {self._key_file}"
        self._tell(f"workers may join: wepy worker --connect {_reachable(broker.remote)} {how}")


class _Session:
    """A channel over SCOOP: one broker, one origin, some children."""

    def __init__(
        self, *, places: Sequence[Place], listen: str, port: int, secure: bool, tell: Callable[[str], object]
    ) -> None:
        from wepy.dispatch.scoop.broker import Broker
        from wepy.dispatch.scoop.origin import Origin

        self.courier = Courier(self)
        self._addresses: dict[Identity, bytes] = {}
        self._tell, self._lonely_since, self._is_told = tell, 0.0, False
        self._tended_at = 0.0
        self.broker: Broker = Broker(listen=listen, port=port, secure=secure)
        self._origin: Origin | None = None
        self._children: Children | None = None
        try:
            self._origin = Origin(self.broker)
            self._children = Children(places, self._settings, self.broker.has_met)
            self._await_workers(len(places))
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        return max(1, len(self.broker.workers))

    def post(self, request: Request, to: Identity | None) -> None:
        address = self._addresses.get(to, b"") if to is not None else b""
        self._open_origin().submit(request.key, perform, address, request)

    def receive(self) -> list[Answer | Lost]:
        self._tend()
        return [self._answer(key, result) for key, result in self._open_origin().collect(_WAIT)]

    def cancel(self, keys: Sequence[Key]) -> None:
        if self._origin is not None and keys:
            self._origin.forget(set(keys).__contains__)

    def close(self) -> None:
        """Stop everything; workers that are idle leave, those that are busy are ended."""
        origin, self._origin = self._origin, None
        children, self._children = self._children, None
        is_idle = origin is not None and origin.is_idle
        try:
            if origin is not None:
                origin.close()
            self.broker.dismiss()
        finally:
            try:
                if children is not None:
                    children.close(grace=_GRACE if is_idle else 0.0)
            finally:
                self.broker.stop()

    def _settings(self, place: Place) -> Settings:
        direct = place.host and not place.tunnel
        endpoint = f"tcp://{_reachable(self.broker.remote)}" if direct else self.broker.local
        return Settings(endpoint=endpoint, key="" if self.broker.key is None else self.broker.key.text)

    def _open_origin(self) -> Origin:
        if self._origin is None:
            raise DispatchError("this Scoop has been left: run inside `with Scoop() as dispatcher:`")
        return self._origin

    def _answer(self, key: Key, result: int | tuple[bytes, Answer]) -> Answer | Lost:
        if isinstance(result, int):
            return Lost(key, lost(key, deaths=result, hint=self._children.last_words if self._children else ""))
        address, answer = result
        self._addresses[answer.worker] = address
        return answer

    def _await_workers(self, workers: int) -> None:
        deadline = time.monotonic() + _STARTUP
        while len(self.broker.workers) < workers:
            self._tend(is_starting=True)
            if time.monotonic() > deadline:
                raise DispatchError(
                    f"{len(self.broker.workers)} of {workers} SCOOP workers have started within {_STARTUP:g} s. "
                    f"{self._children.last_words if self._children is not None else ''}"
                )
            time.sleep(_TICK)

    def _tend(self, *, is_starting: bool = False) -> None:
        """Replace dead workers and tell the broker of them; raise if nobody is left to work, and nobody can join."""
        if self._children is None or self._origin is None:
            raise DispatchError("this Scoop has been left: run inside `with Scoop() as dispatcher:`")
        if not self.broker.is_alive:
            raise DispatchError("the SCOOP broker has ended; its error is on the terminal. Leave and enter Scoop again")
        if time.monotonic() - self._tended_at >= _LOOK:
            self._tended_at = time.monotonic()
            for name in self._children.tend():
                self._origin.link.left(name)
        if is_starting and self._children.abandoned:
            raise DispatchError(f"SCOOP workers do not start. {self._children.last_words}")
        if not len(self._children) and not self.broker.workers and not self.broker.remote:
            raise DispatchError(f"SCOOP workers do not start. {self._children.last_words}")
        if not is_starting:
            self._notice_loneliness()

    def _notice_loneliness(self) -> None:
        """Say so once if no worker is there, and once if there is one again."""
        now = time.monotonic()
        if self.broker.workers:
            if self._is_told:
                self._tell("a worker has joined: the run goes on")
            self._lonely_since, self._is_told = now, False
        elif not self._lonely_since:
            self._lonely_since = now
        elif now - self._lonely_since > _LONELY and not self._is_told:
            where = f" (wepy worker --connect {_reachable(self.broker.remote)})" if self.broker.remote else ""
            self._tell(f"no worker is alive: the run waits until one joins{where}")
            self._is_told = True


def _address(text: str) -> tuple[str, int]:
    """Return host and port of `address`, `address:port` or `[address]:port`; port 0 is any."""
    if not text:
        return "", 0
    host, port = text, ""
    if text.startswith("[") or text.count(":") == 1:
        host, _, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    host = host.strip("[]")
    try:
        address = ipaddress.ip_address(socket.getaddrinfo(host, None)[0][4][0])
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{text}: expected the address of an interface of this host, or address:port"
        ) from error
    if port and not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise ConfigurationError(f"{text}: expected a port below 65536, got {port!r}")
    return str(address), int(port or 0)


def _reachable(endpoint: str) -> str:
    """Return host:port at which others find an endpoint of this host."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return f"{socket.gethostname() if host.strip('[]') in _EVERYWHERE else host}:{port}"
