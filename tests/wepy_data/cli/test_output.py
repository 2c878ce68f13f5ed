"""What is printed."""

import pandas as pd
import pytest

from wepy_data.cli.output import printable, show_columns, show_frame


@pytest.fixture
def frame():
    frame = pd.DataFrame({"weight": [0.5, 0.25], "host": ["node1", "n\x1b[2J"], "cpu_time": [1.0, 1e-9]})
    frame.attrs["units"] = {"cpu_time": "s"}
    frame.index.name = "segment"
    return frame


def test_text_that_would_drive_the_terminal_is_made_harmless():
    assert printable("a\x1b[31m\nβ") == r"a\x1b[31m\nβ"


def test_markup_in_a_text_is_left_as_it_is(capsys):
    show_columns(["a"], [["[red]b[/red]"]])
    assert "[red]b[/red]" in capsys.readouterr().out


def test_table_has_units_and_all_columns_without_a_terminal(capsys, frame):
    show_frame(frame)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["segment", "weight", "host", "cpu_time", "(s)"]
    assert lines[3].split() == ["1", "0.25", r"n\x1b[2J", "1e-09"]


def test_columns_that_do_not_fit_a_terminal_are_named(capsys, frame, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "dumb")
    show_frame(frame)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= 30
    assert lines[-1] == "... and the columns cpu_time (s)"
