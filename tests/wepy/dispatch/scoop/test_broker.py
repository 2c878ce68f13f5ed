"""The broker, spoken to over its socket."""

import pickle
import time

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

import wepy_data as wd
from wepy.dispatch.scoop.broker import INIT, REPLY, REQUEST, TASK, Broker
from wepy.dispatch.scoop.introduction import Introduction, code_digest
from wepy.dispatch.scoop.link import DISMISSED, FORGET, GOODBYE, HELLO, LEFT, LOST, REFUSED, RUN, WHO


def introduction(name, **changes):
    said = {"host": "host", "pid": 1, "name": name, "version": wd.__version__, "code": code_digest(), "visit": 1}
    return Introduction(**(said | changes)).packed()


@pytest.fixture(scope="module")
def broker():
    broker = Broker(secure=False)
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
            socket.connect(broker.local)
            sockets.append(socket)
            return socket

        yield connected
        for socket in sockets:
            socket.close()


def received(socket, seconds=5.0):
    """Return the next message that is not the broker's look at who is there."""
    deadline = time.monotonic() + seconds
    while socket.poll(max(0, int(1000 * (deadline - time.monotonic())))):
        message = socket.recv_multipart()
        if message[0] != b"SA":
            return message
    return None


def wait_for_welcome(socket):
    """Wait until the broker has read all that was sent before; whatever else it says is passed over."""
    socket.send_multipart([INIT, b""])
    while (message := received(socket)) is not None:
        if message == [pickle.dumps(set(), pickle.HIGHEST_PROTOCOL)]:
            return True
    return False


def welcomed(socket):
    socket.send_multipart([INIT, pickle.dumps({})])
    first, second, third = received(socket), received(socket), received(socket)
    return (pickle.loads(first[0]), pickle.loads(second[0]), pickle.loads(third[0])) == ({}, {}, set())


def joined(socket, name, **changes):
    """Introduce a worker that then asks for work."""
    socket.send_multipart([HELLO, introduction(name, **changes)])
    assert received(socket)[0] == RUN
    socket.send(REQUEST)
    assert wait_for_welcome(socket)  # so the request has been read
    return socket


def test_a_newcomer_is_welcomed(broker, connect):
    assert welcomed(connect(b"newcomer"))


def test_a_task_goes_to_one_worker_and_to_another_if_that_one_leaves(broker, connect):
    origin, first, second = connect(broker.origin_address), joined(connect(b"1"), "one"), connect(b"2")
    origin.send_multipart([TASK, b"task-1", b"frame-1", b"item-1", b""])
    assert received(first) == [TASK, b"frame-1"]
    joined(second, "two")
    assert received(second, seconds=0.1) is None
    origin.send_multipart([LEFT, b"one"])
    assert received(second) == [TASK, b"frame-1"]
    origin.send_multipart([FORGET, b"task-1"])


def test_a_worker_whose_connection_breaks_is_dead(broker, connect):
    origin, first, second = connect(broker.origin_address), joined(connect(b"3"), "three"), connect(b"4")
    origin.send_multipart([TASK, b"task-2", b"frame-2", b"item-2", b""])
    assert received(first) == [TASK, b"frame-2"]
    joined(second, "four")
    first.close()
    assert received(second) == [TASK, b"frame-2"]
    origin.send_multipart([FORGET, b"task-2"])


def test_an_addressed_task_waits_for_its_addressee(broker, connect):
    origin, first, second = connect(broker.origin_address), joined(connect(b"5"), "five"), connect(b"6")
    origin.send_multipart([TASK, b"task-3", b"frame-3", b"item-3", b""])
    assert received(first) == [TASK, b"frame-3"]
    joined(second, "six")
    origin.send_multipart([TASK, b"task-4", b"frame-4", b"item-4", b"5"])
    assert received(second, seconds=0.1) is None
    first.send(REQUEST)
    assert received(first) == [TASK, b"frame-4"]
    origin.send_multipart([FORGET, b"task-3", b"task-4"])


def test_the_first_result_of_a_task_passes_and_a_second_one_does_not(broker, connect):
    origin, slow, quick = connect(broker.origin_address), joined(connect(b"7"), "seven"), connect(b"8")
    origin.send_multipart([TASK, b"task-5", b"frame-5", b"item-5", b""])
    assert received(slow) == [TASK, b"frame-5"]
    origin.send_multipart([LEFT, b"seven"])  # it has not: it was out of reach
    quick.send_multipart([HELLO, introduction("eight")])
    assert received(quick)[0] == RUN
    quick.send(REQUEST)
    assert received(quick) == [TASK, b"frame-5"]
    for worker, result in ((quick, b"first"), (slow, b"second")):
        worker.send_multipart([REPLY, result, b"task-5", broker.origin_address])
    assert received(origin) == [REPLY, b"first", b"8"]
    assert received(origin, seconds=0.1) is None


def test_a_worker_that_the_broker_has_buried_is_asked_who_it_is_and_works_again(broker, connect):
    origin, worker = connect(broker.origin_address), joined(connect(b"9"), "nine")
    origin.send_multipart([LEFT, b"nine"])
    assert wait_for_welcome(origin)
    worker.send(REQUEST)
    assert received(worker) == [WHO]
    worker.send_multipart([HELLO, introduction("nine")])
    assert received(worker)[0] == RUN
    origin.send_multipart([TASK, b"task-6", b"frame-6", b"item-6", b""])
    assert received(worker) == [TASK, b"frame-6"]
    origin.send_multipart([FORGET, b"task-6"])


def test_what_was_on_the_way_to_a_worker_that_comes_back_is_sent_again(broker, connect):
    origin, worker = connect(broker.origin_address), joined(connect(b"10"), "ten")
    origin.send_multipart([TASK, b"task-7", b"frame-7", b"item-7", b""])
    assert received(worker) == [TASK, b"frame-7"]  # say, it never arrived
    worker.send_multipart([HELLO, introduction("ten", visit=1)])  # the same visit: nothing is lost
    assert received(worker)[0] == RUN
    assert received(worker, seconds=0.1) is None
    worker.send_multipart([HELLO, introduction("ten", visit=2)])
    assert received(worker)[0] == RUN
    worker.send(REQUEST)
    assert received(worker) == [TASK, b"frame-7"]
    origin.send_multipart([FORGET, b"task-7"])


def test_a_task_whose_worker_has_died_three_times_is_answered_with_its_loss(broker, connect):
    origin = connect(broker.origin_address)
    origin.send_multipart([TASK, b"task-9", b"frame-9", b"item-9", b""])
    for number in range(3):
        worker = connect(f"victim {number}".encode())
        worker.send_multipart([HELLO, introduction(f"victim {number}")])
        assert received(worker)[0] == RUN
        worker.send(REQUEST)
        assert received(worker) == [TASK, b"frame-9"]
        worker.close()
    assert received(origin) == [LOST, b"task-9", b"3"]


def test_deaths_are_counted_for_an_item_whatever_task_takes_it(broker, connect):
    """A worker that lacks the function answers a task, and another task takes the item further."""
    origin, lacking = connect(broker.origin_address), joined(connect(b"lacking"), "lacking")
    for number in range(3):
        first, second, frame = b"first %d" % number, b"second %d" % number, b"frame %d" % number
        origin.send_multipart([TASK, first, frame, b"item", b""])
        assert received(lacking) == [TASK, frame]
        lacking.send_multipart([REPLY, b"I lack it", first, broker.origin_address])
        assert received(origin) == [REPLY, b"I lack it", b"lacking"]
        origin.send_multipart([TASK, second, frame, b"item", b""])
        mortal = connect(b"mortal %d" % number)
        mortal.send_multipart([HELLO, introduction(f"mortal {number}")])
        assert received(mortal)[0] == RUN
        mortal.send(REQUEST)
        assert received(mortal) == [TASK, frame]
        mortal.close()
        if number < 2:
            lacking.send(REQUEST)
            assert received(lacking) == [TASK, frame]
            origin.send_multipart([FORGET, second])
            lacking.send(REQUEST)
    assert received(origin) == [LOST, second, b"3"]


def test_who_says_goodbye_and_who_comes_back_has_not_died_of_its_task(broker, connect):
    origin = connect(broker.origin_address)
    origin.send_multipart([TASK, b"task-10", b"frame-10", b"item-10", b""])
    for number in range(5):
        worker = connect(f"polite {number}".encode())
        worker.send_multipart([HELLO, introduction(f"polite {number}")])
        assert received(worker)[0] == RUN
        worker.send(REQUEST)
        assert received(worker) == [TASK, b"frame-10"]
        if number % 2:
            worker.send(GOODBYE)
            assert wait_for_welcome(worker)
        else:
            origin.send_multipart([LEFT, f"polite {number}".encode()])
            assert wait_for_welcome(origin)
            worker.send_multipart([HELLO, introduction(f"polite {number}", visit=2)])
            assert received(worker)[0] == RUN
    origin.send_multipart([FORGET, b"task-10"])
    assert received(origin, seconds=0.1) is None


def test_nobody_but_the_origin_makes_tasks_or_forgets_them(broker, connect):
    origin, worker, other = connect(broker.origin_address), joined(connect(b"11"), "eleven"), connect(b"12")
    for message in ([TASK, b"task-11", b"evil", b"", b""], [TASK, b"task-12", b"evil", b"", b"11"], [LEFT, b"eleven"]):
        other.send_multipart(message)
    assert wait_for_welcome(other)
    origin.send_multipart([TASK, b"task-13", b"frame-13", b"item-13", b""])
    assert received(worker) == [TASK, b"frame-13"]
    other.send_multipart([FORGET, b"task-13"])
    assert wait_for_welcome(other)
    worker.send_multipart([REPLY, b"result", b"task-13", broker.origin_address])
    assert received(origin) == [REPLY, b"result", b"11"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"run": "another"}, "it works for run another, and this is run"),
        ({"version": "0.0.1"}, "it has wepy 0.0.1, the manager"),
        ({"code": "ab" * 16}, "is not the same code as the manager's"),
    ],
)
def test_a_worker_that_does_not_fit_is_turned_away_and_told_why(broker, connect, changes, reason):
    origin, stranger = connect(broker.origin_address), connect(f"stranger {reason}".encode())
    stranger.send_multipart([HELLO, introduction("x", **changes)])
    kind, said = received(stranger)
    assert kind == REFUSED
    assert reason in said.decode()
    stranger.send(REQUEST)
    origin.send_multipart([TASK, b"task-8", b"frame-8", b"item-8", b""])
    assert received(stranger) == [WHO]
    assert received(stranger, seconds=0.1) is None
    origin.send_multipart([FORGET, b"task-8"])


OURS = [DISMISSED, FORGET, HELLO, LEFT, WHO]
KINDS = [INIT, REQUEST, TASK, REPLY, *OURS, b"S", b"SD", b"SR", b"V", b"nonsense"]


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), frames=st.lists(st.binary(max_size=8), max_size=4))
def test_no_message_ends_the_broker(kind, frames):
    broker = Broker(secure=False)
    try:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(broker.local)
            socket.send_multipart([kind, *frames])
            assert wait_for_welcome(socket)
        assert broker.is_alive
    finally:
        broker.stop()
