"""The last words of a broker to a worker whose connection is not at rest: spoken over a bare TCP connection."""

import socket
import struct
import threading
import time

import pytest

import wepy_data as wd
from wepy.dispatch.scoop.broker import REQUEST, STATUS_REQ, Broker
from wepy.dispatch.scoop.introduction import Introduction, code_digest
from wepy.dispatch.scoop.link import DISMISSED, HELLO, RUN

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)  # of ZMTP 3.0, 64 bytes
MUCH = 1 << 13  # bytes that the worker's side has no room for, and less than the broker's has
TALK = 0.1  # s that the worker talks on for, less than the broker listens


def message(*frames):
    """What ZMTP makes of a message."""
    flags = [1] * (len(frames) - 1) + [0]
    return b"".join(struct.pack(">BQ", more | 2, len(frame)) + frame for more, frame in zip(flags, frames, strict=True))


def ready():
    properties = ((b"Socket-Type", b"DEALER"), (b"Identity", b"a busy worker"))
    said = b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value for name, value in properties)
    return bytes([4, 6 + len(said)]) + b"\x05READY" + said


def introduction():
    return Introduction(host="host", pid=1, name="busy", version=wd.__version__, code=code_digest(), visit=1).packed()


@pytest.fixture
def broker():
    broker = Broker(secure=False)
    yield broker
    broker.stop()


@pytest.fixture
def worker(broker):
    """A worker whose side of the connection holds next to nothing that it has not read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least that there is
        connection.settimeout(5)
        host, _, port = broker.local.removeprefix("tcp://").rpartition(":")
        connection.connect((host, int(port)))
        for said, answer in ((GREETING, b"READY"), (ready() + message(HELLO, introduction()), RUN)):
            connection.sendall(said)
            heard = b""
            while answer not in heard:
                heard += connection.recv(1 << 10)
        yield connection


def test_a_worker_that_talks_while_it_is_dismissed_hears_it(broker, worker):
    worker.sendall(message(STATUS_REQ, bytes(MUCH)))  # which is sent back: what the broker says next lies behind it
    time.sleep(0.05)
    broker.dismiss()
    time.sleep(0.05)
    stopping = threading.Thread(target=broker.stop)
    stopping.start()
    heard = b""
    try:
        end, words = time.monotonic() + TALK, message(REQUEST) * 100
        while time.monotonic() < end:
            worker.sendall(words)
        stopping.join(5)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while part := worker.recv(1 << 16):
            heard += part
    except ConnectionError as error:  # reset: what the broker's system had not delivered yet is gone
        heard += str(error).encode()
    finally:
        stopping.join(5)
    assert not broker.is_alive
    assert DISMISSED in heard
