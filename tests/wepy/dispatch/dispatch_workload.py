"""Functions for workers to run; they live in a module because workers import them."""

import os
import signal
import threading
import time
from pathlib import Path

from wepy.dispatch import worker_identity
from wepy.errors import SegmentError


class Fussy(Exception):  # noqa: N818 (a character)
    """An error that does not survive pickling."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def square(number):
    return number * number


def doubled_bytes(data):
    return data + data


def process_id(_):
    return worker_identity().pid


def slow_process_id(seconds):
    time.sleep(seconds)
    return os.getpid()


def fail(how):
    if how == "value":
        raise ValueError("not a good value")
    if how == "segment":
        raise SegmentError("cycle 3, walker 4: exploded")
    if how == "fussy":
        raise Fussy(1, 2)
    if how == "exit":
        raise SystemExit(3)
    if how == "result":
        return threading.Lock()
    if how == "generator":
        return (x for x in [1])
    return how


def killed_once(item):
    """Leave a mark; the first process that gets the marked item ends by SIGKILL in the middle of it."""
    index, mark = item
    if index == 3:
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
    return index


def poison(index):
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return index


def announced_poison(item):
    """Write the process id to a file of its own; the process that has item 2 ends by SIGKILL."""
    index, folder = item
    (Path(folder) / f"{index}-{os.getpid()}").touch()
    return poison(index)


def announced_sleep(item):
    """Write the process id to a file of its own, then sleep."""
    index, folder, seconds = item
    (Path(folder) / f"{index}-{os.getpid()}").touch()
    time.sleep(seconds)
    return index


def stubborn(item):
    """Announce it, then hold the interpreter lock for a long time, in C."""
    announced_sleep((*item[:2], 0))
    return sum(range(10**11))


def noisy(item):
    print("a line on standard output")
    return item


class Counting:
    """A function that notes each of its arrivals in a worker, and remembers how often it was called there."""

    def __init__(self, folder):
        self.folder = folder
        self.calls = 0

    def __setstate__(self, state):
        self.__dict__.update(state)
        with (Path(self.folder) / str(os.getpid())).open("a") as log:
            log.write("arrived\n")

    def __call__(self, item):
        self.calls += 1
        time.sleep(0.002)
        return (os.getpid(), self.calls)


def exits_once(item):
    """End the process without a word, the first time that the marked item runs."""
    index, mark = item
    if index == 3:
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os._exit(7)
    return index


def large_result(item):
    """Announce the process, then return a result whose sending takes a while."""
    index, folder, size = item
    announced_sleep((index, folder, 0))
    return bytes(size)
