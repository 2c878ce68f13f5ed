"""What is printed."""

import pandas as pd
import pytest

from wepy_data.cli.output import printable, show_columns, show_fact, show_frame


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
    assert max(map(len, lines)) <= 30
    assert " ".join(lines[-2:]) == "... and the columns cpu_time (s)"


def test_width_without_a_terminal_is_80_or_the_environment_s(capsys, monkeypatch):
    frame = pd.DataFrame({f"column_{i}": [i] for i in range(20)})
    for columns, width in (("", 80), ("120", 120)):
        monkeypatch.setenv("COLUMNS", columns)
        show_frame(frame)
        assert width - 12 < max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_seconds_are_shown_as_dates_and_left_as_they_are(capsys):
    frame = pd.DataFrame({"ended": [1.7e9, float("nan"), 1e300]})
    show_frame(frame, dates=["ended"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["index", "ended", "(UTC)"]
    assert [line.split()[1:] for line in lines[2:]] == [["2023-11-14", "22:13:20"], [], []]
    assert frame.ended[0] == 1.7e9


def test_fact_that_is_longer_than_a_line_goes_on_below(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    show_fact("run", ", ".join(["package 1.2.3"] * 20))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("run              package")
    assert lines[1].startswith("                 ")
