"""The broker, spoken to over its socket."""

import pickle

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy.dispatch.scoop.broker import INIT, REQUEST, TASK, Broker
from wepy.dispatch.scoop.link import ADDRESSED, COLLECTED, HELLO, LEFT


@pytest.fixture(scope="module")
def broker():
    broker = Broker()
    yield broker
    broker.stop()
    assert not broker.is_alive


@pytest.fixture
def connect(broker):
    with zmq.Context() as context:
        sockets = []

        def connected(name):
            socket = context.socket(zmq.DEALER)
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.IDENTITY, name)
            socket.connect(f"tcp://127.0.0.1:{broker.task_port}")
            sockets.append(socket)
            return socket

        yield connected
        for socket in sockets:
            socket.close()


def received(socket, seconds=5.0):
    """Return the next message that is not the broker's look at who is there."""
    while socket.poll(int(1000 * seconds)):
        message = socket.recv_multipart()
        if message[0] != b"SA":
            return message
    return None


def welcomed(socket):
    socket.send_multipart([INIT, pickle.dumps({})])
    first, second = received(socket), received(socket)
    return len(first) == 2 and pickle.loads(second[0]) == set()


def test_a_newcomer_is_welcomed(connect):
    assert welcomed(connect(b"newcomer"))


def test_a_task_goes_to_one_worker_and_to_another_if_that_one_leaves(connect):
    origin, first, second = connect(b"origin-1"), connect(b"first"), connect(b"second")
    first.send_multipart([HELLO, b'["host", 1]'])
    first.send(REQUEST)
    assert welcomed(first)  # so the request has been read
    origin.send_multipart([TASK, b"task-1", b"frame-1"])
    assert received(first) == [TASK, b"frame-1"]
    second.send(REQUEST)
    assert received(second, seconds=0.1) is None
    origin.send_multipart([LEFT, b'["host", 1]'])
    assert received(second) == [TASK, b"frame-1"]
    origin.send_multipart([COLLECTED, b"task-1"])


def test_a_worker_whose_connection_breaks_is_dead(connect):
    origin, first, second = connect(b"origin-2"), connect(b"third"), connect(b"fourth")
    first.send(REQUEST)
    origin.send_multipart([TASK, b"task-2", b"frame-2"])
    assert received(first) == [TASK, b"frame-2"]
    second.send(REQUEST)
    first.close()
    assert received(second) == [TASK, b"frame-2"]
    origin.send_multipart([COLLECTED, b"task-2"])


def test_an_addressed_task_waits_for_its_addressee(connect):
    origin, first, second = connect(b"origin-3"), connect(b"fifth"), connect(b"sixth")
    for worker in (first, second):
        worker.send(REQUEST)
        assert welcomed(worker)
    origin.send_multipart([TASK, b"task-3", b"frame-3"])
    assert received(first) == [TASK, b"frame-3"]
    origin.send_multipart([ADDRESSED, b"task-4", b"frame-4", b"fifth"])
    assert received(second, seconds=0.1) is None
    first.send(REQUEST)
    assert received(first) == [TASK, b"frame-4"]
    origin.send_multipart([COLLECTED, b"task-3", b"task-4"])


KINDS = [INIT, REQUEST, TASK, ADDRESSED, COLLECTED, HELLO, LEFT, b"S", b"SD", b"SR", b"RP", b"V", b"nonsense"]


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), frames=st.lists(st.binary(max_size=8), max_size=4))
def test_no_message_ends_the_broker(kind, frames):
    broker = Broker()
    try:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(f"tcp://127.0.0.1:{broker.task_port}")
            socket.send_multipart([kind, *frames])
            assert welcomed(socket)
        assert broker.is_alive
    finally:
        broker.stop()
