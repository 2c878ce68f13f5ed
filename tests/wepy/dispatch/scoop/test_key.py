"""Who has not the run's key can reach the port and no more."""

import os
import pickle
import stat
import time
from pathlib import Path

import pytest
import zmq
from dispatch_workload import slow_process_id, square

from wepy.dispatch import Scoop
from wepy.dispatch.scoop.broker import INIT, REPLY, REQUEST, TASK, Broker
from wepy.dispatch.scoop.introduction import introduce
from wepy.dispatch.scoop.key import RunKey, read_key, write_key
from wepy.dispatch.scoop.link import HELLO, LEFT
from wepy.errors import ConfigurationError


class Evil:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, mark):
        self._mark = mark

    def __reduce__(self):
        return (Path.touch, (self._mark,))


def another_key():
    public, _ = zmq.curve_keypair()
    _, secret = zmq.curve_keypair()
    return RunKey(manager=public, worker=secret)


def right_manager_wrong_worker(key):
    return RunKey(manager=key.manager, worker=another_key().worker)


KEYS = {"no key": lambda key: None, "a key of one's own": lambda key: another_key(), "half": right_manager_wrong_worker}


@pytest.mark.parametrize("who", KEYS)
def test_a_stranger_can_neither_run_code_nor_read_anything(who, tmp_path):
    mark = tmp_path / "run by a stranger"
    with Scoop(workers=1) as dispatcher, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        broker = dispatcher._session.broker
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IDENTITY, b"stranger")
        key = KEYS[who](broker.key)
        if key is not None:
            key.open(socket)
        socket.connect(broker.local)
        payload = pickle.dumps(Evil(mark))
        origin = broker.origin_address
        for message in (
            [INIT, payload], [HELLO, introduce(name="x", run="", visit=1).packed()], [REQUEST],
            [TASK, payload, payload, payload, b""], [REPLY, payload, payload, origin], [LEFT, b""],
        ):  # fmt: skip
            socket.send_multipart(message)
        seen = []
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            seen += [outcome.value for outcome in dispatcher.run(square, [1, 2, 3])]
            assert not socket.poll(20)  # not even a welcome
        assert len(broker.workers) == 1
    assert sorted(set(seen)) == [1, 4, 9]
    assert not mark.exists()


def test_a_stranger_does_harm_where_it_is_let_in(tmp_path):
    """The test above can fail."""
    mark = tmp_path / "run by a stranger"
    with Scoop(workers=1, insecure=True) as dispatcher, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        broker = dispatcher._session.broker
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(broker.local)
        socket.send_multipart([HELLO, introduce(name="x", run="", visit=1).packed()])
        socket.send(REQUEST)
        while len(broker.workers) < 2:
            time.sleep(0.01)
        run = dispatcher.run(slow_process_id, [0.2] * 6)
        next(run)
        while (message := socket.recv_multipart())[0] != TASK:
            pass
        task = pickle.loads(message[1])  # it reads what is sent ...
        task_id = pickle.dumps(task.id, pickle.HIGHEST_PROTOCOL)
        socket.send_multipart([REPLY, pickle.dumps(Evil(mark)), task_id, broker.origin_address])
        deadline = time.monotonic() + 10
        while not mark.exists() and time.monotonic() < deadline:
            dispatcher._session.receive()
    assert mark.exists()  # ... and runs code in the manager


def test_who_has_the_key_is_let_in():
    broker = Broker()
    try:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            RunKey.from_text(broker.key.text).open(socket)
            socket.connect(broker.local)
            socket.send_multipart([INIT, b""])
            assert socket.poll(5000)
    finally:
        broker.stop()


def test_each_run_has_a_key_of_its_own():
    first, second = Broker(), Broker()
    first.stop()
    second.stop()
    assert first.key != second.key


def test_a_key_file_is_its_owners_only_and_reads_back(tmp_path):
    path, key = tmp_path / "run.h5.key", another_key()
    path.write_text("older, and readable by all")
    path.chmod(0o644)
    write_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == key


@pytest.mark.parametrize("text", ["", "AAAA", "ü", "x" * 107, "-" * 107])
def test_what_is_no_key_is_refused_by_name(tmp_path, text):
    path = tmp_path / "wrong.key"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"wrong\.key: (expected the key of a run|not a key file)"):
        read_key(path)


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no\.key: No such file"):
        read_key(tmp_path / "no.key")


def test_a_key_does_not_show_in_words():
    key = another_key()
    assert key.text not in repr(key)
    assert key.worker.decode() not in repr(key)


def test_the_key_is_in_no_command_line():
    with Scoop(workers=1) as dispatcher:
        text = dispatcher._session.broker.key.text
        lines = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                lines.append((folder / "cmdline").read_bytes() + (folder / "environ").read_bytes())
            except OSError:
                continue
    assert os.getpid()
    assert not any(text.encode() in line for line in lines)
