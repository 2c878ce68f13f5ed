"""The live view of a run: what it says, that it leaves the run alone, and how it ends."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import wepy_data as wd
from wepy.cli.glance import Observer
from wepy.cli.picture import picture, spark
from wepy.cli.progress import RunProgress
from wepy_data.testing import runs


def shown(glance, width=92):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(picture(glance, width))
    return captured.get()


@pytest.fixture
def sealed(double_well, tmp_path):
    """A sealed run of 60 cycles that recycles, of the 80 that it was to have."""
    path = tmp_path / "run.h5"
    simulation = double_well(store=path, config={"run": {"cycles": 70}})
    for cycle in simulation.run(cycles=80):
        if cycle.index == 59:
            break
    return path, simulation.record


def test_the_numbers_are_those_of_the_record(sealed):
    path, record = sealed
    with wd.open_run(path) as run:
        glance = Observer(run, path).look()
    last = record.cycles[-1]
    assert (glance.n_cycles, glance.target, glance.state) == (60, 80, "sealed")
    assert glance.weight.tolist() == last.weight.tolist()
    assert glance.n_walkers.tolist() == [cycle.n_walkers for cycle in record.cycles]
    (x,) = glance.dimensions
    assert x.heading == "x"
    assert (x.low, x.high) == (last.progress.min(), last.progress.max())
    assert x.mean == pytest.approx(np.average(last.progress[:, 0], weights=last.weight), rel=1e-12)
    assert x.weights.sum() == pytest.approx(10.0)
    recycled = [cycle["/events/weight"].sum() for cycle in record.cycles]
    np.testing.assert_allclose(glance.recycled, recycled, atol=1e-15)
    assert sum(recycled) > 0
    assert glance.flux(10) == pytest.approx(np.mean(recycled[-10:]))
    assert glance.speed.ps_per_cycle == pytest.approx(0.05)  # 10 steps of 5 fs
    assert glance.simulated == pytest.approx(0.05 * record.rows("segment"))
    assert glance.workers.total() == 1


def test_the_view_says_it_all_in_plain_text(wepy, sealed):
    path, _ = sealed
    before = path.read_bytes(), sorted(path.parent.iterdir())
    result = wepy("watch", path)
    assert result.returncode == 0, result.stderr
    for words in (
        "✔ run.h5  sealed",
        "60 of 80",
        "cycles/min",
        "effective",
        "log weight",
        "per cycle",
        "per ps",
        "done",
    ):
        assert words in result.stdout
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 92
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == before


@pytest.mark.parametrize("width", [60, 80, 91])
def test_little_room_cuts_no_word_of_it(sealed, width):
    path, _ = sealed
    with wd.open_run(path) as run:
        glance = Observer(run, path).look()
    wide, narrow = shown(glance), shown(glance, width)
    assert {len(line) for line in narrow.splitlines()} == {width}
    assert "…" not in re.sub(r"\S+ … \S+ … \S+", "", narrow)
    words = set(re.findall(r"[\w.,:]+", wide)) - {glance.run_id}
    assert words <= set(re.findall(r"[\w.,:]+", narrow))
    for line in ("cycles/min", "time left", "log weight", "lowest … mean … highest now", "per cycle", "last 30 cycles"):
        assert line in narrow
    assert shown(glance, 200).splitlines()[0] == wide.splitlines()[0]


def test_a_clock_that_goes_backwards_gives_a_valid_run_and_no_absurd_speed(double_well, tmp_path, monkeypatch):
    path, start = tmp_path / "run.h5", time.time()
    ticks = iter(range(10**6))
    monkeypatch.setattr("wepy.recorder.time.time", lambda: start - 3600.0 * next(ticks))
    cycles, said = double_well(store=path).run(cycles=4), io.StringIO()
    progress = RunProgress(4, ("x",), said)
    for _ in range(3):
        progress.update(next(cycles))
    monkeypatch.undo()
    with wd.open_run(path) as run:
        glance = Observer(run, path).look()
        text = shown(glance)
    assert (glance.speed, glance.seconds_left, glance.state) == (None, None, "growing")
    assert re.search(r"speed +not known", text)
    assert re.search(r"time left +not known", text)
    assert "cycles/min" not in text
    each = [float(number) for number in re.findall(r", (\S+) s each", said.getvalue())]
    assert len(each) == 3
    assert min(each) >= 0
    for cycle in cycles:
        progress.update(cycle)
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        assert (run.state, run.n_cycles) == ("sealed", 4)


@given(record=runs())
@settings(max_examples=20)
def test_every_run_can_be_shown(new_path, record):
    path = wd.write_run(new_path(), record)
    with wd.open_run(path) as run:
        text = shown(Observer(run, path).look())
    assert run.header.run_id in text or len(run.header.run_id) > 80
    assert all(line.startswith(("│", "╭", "╰")) for line in text.splitlines())


def test_a_view_follows_a_run_and_its_journal(double_well, tmp_path):
    path = tmp_path / "run.h5"
    cycles = double_well(store=path, config={"run": {"cycles": 4}}).run(cycles=4)
    next(cycles)
    with wd.open_run(path) as run:
        observer = Observer(run, path)
        first = observer.look()
        assert (first.n_cycles, first.state) == (1, "growing")
        assert first.seconds_left > 0
        next(cycles)
        second = observer.look()
        assert second.n_cycles == 2
        assert len(second.recycled) == len(second.dimensions[0].history) == 2
        journal = wd.journal_path(path)
        content = journal.read_bytes()
        assert "growing" in shown(second)
        assert journal.read_bytes() == content
        for _ in cycles:
            pass
        last = observer.look()
        assert (last.n_cycles, last.state, last.running) == (4, "sealed", None)


def test_a_stopped_run_says_how_to_go_on(double_well, tmp_path):
    path = tmp_path / "run.h5"
    other = double_well(store=path)
    for count, _ in enumerate(other.run(cycles=9), 1):
        if count == 3:
            break
    # what a kill leaves: not sealed, and nobody holds the journal
    record, killed = other.record, tmp_path / "killed.h5"
    with wd.FileWriter(killed, record.header) as writer, wd.open_run(path) as run:
        for cycle in _cycles(run):
            writer.append(cycle)
    with wd.open_run(killed) as run:
        text = shown(Observer(run, killed).look())
    assert "■ killed.h5  stopped" in text
    assert "wepy resume" in text


def _cycles(run):
    growing, start = run.header.layout.growing, dict.fromkeys(run.header.layout.by_dim, 0)
    for index in range(run.n_cycles):
        stop = {dim: index + 1 if dim == "cycle" else int(run.reader.stops(dim)[index]) for dim in start}
        rows = {path: run.reader.read(path, start[c.dim], stop[c.dim]) for path, c in growing.items()}
        yield wd.Cycle(index=index, rows=rows)
        start = stop


class Terminal:
    """`wepy watch` in a terminal of its own."""

    def __init__(self, *arguments):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wepy", "watch", *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=os.environ | {"TERM": "xterm"},
        )  # fmt: skip
        os.close(slave)
        self.text = ""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # its other end is closed
                return
            if not data:
                return
            self.text += data.decode("utf-8", "replace")

    def wait_for(self, words, timeout=30):
        deadline = time.monotonic() + timeout
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def end(self, timeout=30):
        code = self.process.wait(timeout)
        self._thread.join()
        os.close(self._master)
        return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)


def test_in_a_terminal_it_ends_by_itself_when_the_run_is_sealed(double_well, tmp_path):
    path = tmp_path / "run.h5"
    cycles = double_well(store=path).run(cycles=3)
    next(cycles)
    terminal = Terminal(path, "--interval", 0.1)
    terminal.wait_for("growing")
    for _ in cycles:
        pass
    code, text = terminal.end()
    assert code == 0
    assert "run.h5 is sealed. Next: wepy-data info" in text


def test_ctrl_c_ends_it_quietly_and_leaves_the_run_alone(double_well, tmp_path):
    path = tmp_path / "run.h5"
    cycles = double_well(store=path).run(cycles=3)
    next(cycles)
    terminal = Terminal(path)
    terminal.wait_for("growing")
    terminal.process.send_signal(signal.SIGINT)
    code, text = terminal.end()
    assert code == 130
    assert "Traceback" not in text
    assert len(list(cycles)) == 2
    assert wd.check(path) == []


@pytest.mark.parametrize("name", ["none.h5", "."])
def test_what_is_no_run_is_one_line(wepy, name):
    result = wepy("watch", name)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_once_is_enough_for_a_run_that_grows(double_well, tmp_path, wepy):
    path = Path(tmp_path / "run.h5")
    cycles = double_well(store=path).run(cycles=2)
    next(cycles)
    result = wepy("watch", path, "--once")
    assert result.returncode == 0
    assert "● run.h5  growing" in result.stdout
    cycles.close()


@given(st.lists(st.floats(-1e300, 1e300), max_size=60))
def test_sparklines_have_a_bar_for_each_value_and_the_tallest_is_the_largest(values):
    line = spark(np.array(values))
    assert len(line) == len(values)
    if values and max(values) > min(values):
        assert line[int(np.argmax(values))] == "█"
        assert line[int(np.argmin(values))] == "▁"
