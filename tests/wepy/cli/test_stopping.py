"""Signals while a run is on its way."""

import os
import signal

import pytest

from wepy.cli.stopping import Stopping

INT, TERM = signal.SIGINT, signal.SIGTERM


def interrupted(number, stopping):
    """Be asked to stop twice."""
    with stopping:
        os.kill(os.getpid(), number)
        assert stopping.code == 128 + number
        os.kill(os.getpid(), number)
        pytest.fail("went on")


def interrupted_in_native_code(number):
    """Be asked to stop twice, the second time where another error comes out of it."""
    with Stopping():
        os.kill(os.getpid(), number)
        try:
            os.kill(os.getpid(), number)
        except (SystemExit, KeyboardInterrupt):
            raise SystemError("returned a result with an exception set") from None


def failing_when_asked_once():
    with Stopping():
        os.kill(os.getpid(), TERM)
        raise ValueError("exploded")


def test_the_first_signal_is_noted_and_the_second_one_ends_the_program(capfd):
    before = signal.getsignal(TERM)
    with pytest.raises(SystemExit) as ended:
        interrupted(TERM, Stopping())
    assert ended.value.code == 143
    assert signal.getsignal(TERM) is before
    assert "another SIGTERM stops at once" in capfd.readouterr().err


@pytest.mark.parametrize(("number", "expected"), [(TERM, SystemExit), (INT, KeyboardInterrupt)])
def test_the_second_signal_ends_the_program_whatever_native_code_makes_of_it(number, expected):
    """One that falls into an extension module can come out of it as a SystemError."""
    with pytest.raises(expected) as ended:
        interrupted_in_native_code(number)
    assert isinstance(ended.value.__cause__, SystemError)


def test_an_error_after_one_signal_only_is_what_it_is():
    with pytest.raises(ValueError, match="exploded"):
        failing_when_asked_once()
