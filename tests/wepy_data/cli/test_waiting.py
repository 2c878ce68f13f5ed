"""Signs of life on a terminal."""

import contextlib
import io
import time

import pytest

from wepy_data.cli import waiting


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(waiting, "_PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


WHAT = "importing a[/b]/west.h5"
"""A name that rich would take for its own marks."""


def test_the_bar_shows_names_with_brackets():
    with contextlib.redirect_stderr(Terminal()) as terminal, waiting.counting(WHAT) as tell:
        for done in range(3):
            tell(done, 3)
            time.sleep(0.05)
    assert WHAT in terminal.getvalue()


def test_the_spinner_shows_names_with_brackets():
    with contextlib.redirect_stderr(Terminal()) as terminal, waiting.spinning(WHAT):
        time.sleep(0.3)
    assert WHAT in terminal.getvalue()


def test_a_file_is_told_nothing():
    with contextlib.redirect_stderr(io.StringIO()) as file, waiting.counting(WHAT) as tell, waiting.spinning(WHAT):
        assert tell is None
    assert file.getvalue() == ""
