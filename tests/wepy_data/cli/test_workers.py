"""The table of a run's workers."""

from types import SimpleNamespace

import numpy as np
import pytest

from wepy_data import open_run
from wepy_data.cli.output import show_columns
from wepy_data.cli.workers import GAP, worker_table


class Reader:
    """The columns that the table is made from: who ran each segment, and what the workers are."""

    def __init__(self, workers, segments, seconds=None):
        host, pid, platform = zip(*workers, strict=True) if workers else ((), (), ())
        seconds = np.ones(len(segments)) if seconds is None else np.array(seconds)
        self._columns = {
            "/workers/host": np.array([text.encode() for text in host], "S64"),
            "/workers/pid": np.array(pid, np.int64),
            "/workers/platform": np.array([text.encode() for text in platform], "S64"),
            "/segments/worker": np.array(segments, np.int64),
            "/segments/cpu_time": seconds,
            "/segments/wall_time": 2 * seconds,
        }

    def read(self, path):
        return self._columns[path]


def table(workers, segments, seconds=None, **options):
    return worker_table(SimpleNamespace(reader=Reader(workers, segments, seconds)), **options)


def printed(found, capsys):
    show_columns(found.headings, found.rows, right=found.right, gap=GAP)
    return capsys.readouterr().out.splitlines()


def test_each_worker_has_its_segments_their_seconds_and_the_mean_of_each():
    found = table([("a", 7, "CPU"), ("b", 8, "CUDA mixed")], [0, 1, 1, 0, 1], [0.5, 0.25, 0.25, 1.5, 0.25])
    assert found.headings == ("host", "pid", "platform", "segments", "cpu (s)", "mean", "wall (s)", "mean")
    assert found.rows == [
        ("a", "7", "CPU", "2", "2.000", "1.000", "4.000", "2.000"),
        ("b", "8", "CUDA mixed", "3", "0.7500", "0.2500", "1.500", "0.5000"),
    ]


def test_a_process_on_two_platforms_has_two_rows():
    found = table([("a", 7, "CPU"), ("a", 7, "CUDA mixed")], [0, 1, 1])
    assert [row[:4] for row in found.rows] == [("a", "7", "CPU", "1"), ("a", "7", "CUDA mixed", "2")]


def test_many_workers_are_summed_up_by_host_and_platform():
    workers = [(f"node{pid // 8}", pid, "CUDA mixed" if pid % 8 == 0 else "CPU") for pid in range(16)]
    found = table(workers, list(range(16)) * 3, most=15)
    assert found.headings[:4] == ("host", "platform", "workers", "segments")
    assert found.rows == [
        ("node0", "CPU", "7", "21", "21.00", "1.000", "42.00", "2.000"),
        ("node0", "CUDA mixed", "1", "3", "3.000", "1.000", "6.000", "2.000"),
        ("node1", "CPU", "7", "21", "21.00", "1.000", "42.00", "2.000"),
        ("node1", "CUDA mixed", "1", "3", "3.000", "1.000", "6.000", "2.000"),
    ]
    assert len(table(workers, [], most=16).rows) == 16


def test_twenty_workers_have_a_row_each_and_one_more_makes_a_summary():
    assert [len(table([("a", pid, "CPU") for pid in range(count)], [0]).rows) for count in (20, 21)] == [20, 1]


@pytest.mark.parametrize("segments", [[-1, 0], [0, 5], [2**62, 0]])
def test_segments_of_no_known_worker_are_left_out(segments):
    (row,) = table([("a", 7, "")], segments).rows
    assert row[3:5] == ("1", "1.000")


def test_a_worker_without_segments_took_no_time():
    rows = table([("a", 7, "CPU"), ("a", 8, "CPU")], [1]).rows
    assert rows[0][3:] == ("0", "0.000", "0.000", "0.000", "0.000")


def test_a_run_without_workers_has_no_rows():
    assert table([], [-1, -1]).rows == []
    assert table([], []).rows == []


def test_long_names_of_hosts_are_cut_to_what_80_columns_leave(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "gpu-node-0001.queue.cluster.example.org"
    found = table([(name, 1234567, "CUDA mixed"), ("n1", 1, "CPU")], [0, 1] * 5000, np.full(10000, 123.4))
    lines = printed(found, capsys)
    assert max(map(len, lines)) == 80
    assert found.rows[0][0].startswith("gpu-node-0001")
    assert found.rows[0][0].endswith("…")
    monkeypatch.setenv("COLUMNS", "200")
    assert table([(name, 1, "CPU")], [0]).rows[0][0] == name
    monkeypatch.setenv("COLUMNS", "20")
    assert table([(name, 1, "CPU")], [0]).rows[0][0] == "gpu-nod…"


def test_texts_from_a_file_are_made_harmless():
    ((host, _, platform, *_),) = table([("n\x1b[2J", 1, "C\nPU")], [0]).rows
    assert (host, platform) == (r"n\x1b[2J", r"C\nPU")


def test_the_table_of_a_run_counts_all_its_segments(ensemble_file):
    with open_run(ensemble_file) as run:
        rows = worker_table(run).rows
        assert sum(int(row[3]) for row in rows) == run.n_segments
        assert run.table("workers").platform.tolist() == [row[2] for row in rows] == ["CPU", "CUDA mixed"]
