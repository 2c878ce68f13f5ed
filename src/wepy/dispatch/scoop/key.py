"""The key of a run: what lets a worker in, and shows it that the manager is the one it was told of.

ZMQ's CURVE encrypts and authenticates both ends. A run makes two pairs of keys, the manager's and its workers'; what a
worker gets to know is the manager's public and the workers' secret one, as one line of text. Whoever does not have it
can connect to the port and no more: nothing of theirs is read as a message, and nothing is sent to them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wepy.dispatch.scoop.library import load
from wepy.errors import ConfigurationError, DispatchError

load()  # quietly, before anything is imported from SCOOP

import zmq  # noqa: E402
from zmq.utils import z85  # noqa: E402

_LENGTH = 40  # characters of a key as ZMQ spells it
_ZAP = "inproc://zeromq.zap.01"
_ACCEPTED, _REFUSED = (b"200", b"OK"), (b"400", b"not a worker of this run")


@dataclass(frozen=True, slots=True, repr=False)
class RunKey:
    """What a worker must know.

    Parameters
    ----------
    manager : bytes
        The manager's public key.
    worker : bytes
        The workers' secret key.
    """

    manager: bytes
    worker: bytes

    @property
    def text(self) -> str:
        """The key as one line of letters, digits, `-` and `_`."""
        return base64.urlsafe_b64encode(self.manager + self.worker).decode().rstrip("=")

    @staticmethod
    def from_text(text: str) -> RunKey:
        """Return the key that a line says; raise `ConfigurationError` if it says none."""
        line = text.strip()
        with contextlib.suppress(binascii.Error, ValueError, zmq.ZMQError):
            raw = base64.b64decode(line + "=" * (-len(line) % 4), altchars=b"-_", validate=True)
            if len(raw) == 2 * _LENGTH:
                zmq.curve_public(raw[_LENGTH:])
                return RunKey(manager=raw[:_LENGTH], worker=raw[_LENGTH:])
        raise ConfigurationError("expected the key of a run: the one line that the manager wrote to its key file")

    def open(self, socket: zmq.Socket[bytes]) -> None:
        """Make a socket that is about to connect a worker's."""
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.manager)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, zmq.curve_public(self.worker))
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.worker)


class Doorkeeper:
    """The manager's side: lets in who has the run's key, and nobody else.

    Parameters
    ----------
    context : zmq.Context
        Of the sockets that it keeps.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        if not zmq.has("curve"):
            raise DispatchError(
                "the installed pyzmq has no CURVE security: install the one of the package index, or allow anyone who "
                "reaches the port to run code here (insecure=True, or --insecure)"
            )
        self._public, self._secret = zmq.curve_keypair()
        self._workers_public, workers_secret = zmq.curve_keypair()
        self.key = RunKey(manager=self._public, worker=workers_secret)
        self.requests: zmq.Socket[bytes] = context.socket(zmq.REP)
        self.requests.setsockopt(zmq.LINGER, 0)
        self.requests.bind(_ZAP)  # ZMQ asks here about everyone who connects

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Make a socket that is about to listen one that only workers of this run can talk to."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._secret)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._public)

    def answer(self) -> None:
        """Answer a request of ZMQ's authentication protocol (ZAP 1.0)."""
        version, sequence, _domain, _address, _identity, mechanism, *credentials = self.requests.recv_multipart()
        known = mechanism == b"CURVE" and credentials == [z85.decode(self._workers_public)]
        self.requests.send_multipart([version, sequence, *(_ACCEPTED if known else _REFUSED), b"", b""])


def write_key(path: Path, key: RunKey) -> None:
    """Write a key to a new file that only its owner can read; an older one is replaced."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 (a descriptor)
        file.write(key.text + "\n")


def read_key(path: Path) -> RunKey:
    """Return the key in a file; raise `ConfigurationError` that names it if there is none."""
    try:
        return RunKey.from_text(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {getattr(error, 'strerror', None) or 'not a key file'}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def opened(key: RunKey | None, socket: Any) -> None:
    """Give a socket that is about to connect the key, if there is one."""
    if key is not None:
        key.open(socket)
