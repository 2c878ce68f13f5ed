"""Files of wepy 1.x that are damaged, half-written or incomplete are reported, and what is whole can be had."""

import shutil

import h5py
import numpy as np
import pytest

import wepy_data as wd


def nothing(n):
    return [(walker, "NOTHING", [walker]) for walker in range(n)]


@pytest.fixture
def small(write_wepy, tmp_path):
    """A run of 4 cycles and 3 walkers in which nothing is cloned or merged, and one is warped."""
    run = {"weights": [[0.25, 0.25, 0.5]] * 4, "steps": [[nothing(3)]] * 4, "warps": [[], [(1, 0)], [], []]}
    return write_wepy(tmp_path / "wepy.h5", run)


def changed(path, change):
    with h5py.File(path, "r+", locking=False) as file:
        change(file)


def put(name, row, value):
    def change(file):
        file[name][row] = value

    return change


def shorten(name, length):
    return lambda file: file[name].resize(length, axis=0)


def drop(name):
    def change(file):
        del file[name]

    return change


RUN = "runs/0/"
DAMAGE = {
    "a weight that is no number": (put(f"{RUN}trajectories/1/weights", 2, np.nan), "1/weights, cycle 2: found nan", 1),
    "a weight of nobody": (put(f"{RUN}trajectories/1/weights", 2, 0.0), "1/weights, cycle 2: found 0.0", 1),
    "weights from nowhere": (put(f"{RUN}trajectories/2/weights", 3, 0.6), "0.5, by the resampling records", 2),
    "a decision that does not exist": (put(f"{RUN}resampling/decision_id", 7, 9), "cycle 2: found decisions 9", 1),
    "two walkers in one slot": (put(f"{RUN}resampling/target_idxs", 7, np.array([0])), "walkers in slots 0, 0, 2", 1),
    "two records of a walker": (put(f"{RUN}resampling/walker_idx", 7, 0), "records of walkers 0, 0, 2", 1),
    "a missing cycle of records": (put(f"{RUN}resampling/_cycle_idxs", slice(6, 9), 3), "cycle 2: found no records", 1),
    "missing frames": (shorten(f"{RUN}trajectories/1/weights", 2), "trajectories/1: found 2 frames, expected 4", 1),
    "missing positions": (shorten(f"{RUN}trajectories/1/positions", 2), "positions: found 2 frames, expected 4", 1),
    "positions that are no numbers": (put(f"{RUN}trajectories/1/positions", 2, np.nan), "positions, cycle 2", 1),
    "missing progress": (shorten(f"{RUN}progress/distance", 2), "progress: found 2 cycles, expected 4", 1),
    "progress of two walkers": (put(f"{RUN}progress/distance", 2, np.zeros(2)), r"distance\[2\]: found 2 values", 1),
    "a warp of nobody": (put(f"{RUN}warping/walker_idx", 0, 5), "warping, cycle 1: found walkers 5", 0),
    "cycles out of order": (put(f"{RUN}resampling/_cycle_idxs", 3, 2), "cycle 1 after 2", None),
    "no trajectory of a walker": (drop(f"{RUN}trajectories/1"), "trajectories: found no 1", None),
    "no weights": (drop(f"{RUN}trajectories/0/weights"), "no weights", None),
    "no weights of one walker": (drop(f"{RUN}trajectories/1/weights"), "trajectories/1/weights", None),
    "no runs": (drop("runs/0"), "no runs", None),
    "no targets": (drop(f"{RUN}resampling/target_idxs"), "target_idxs", None),
    "no resampling records": (drop(f"{RUN}resampling"), "records of 0 cycles, and frames of 4", None),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_and_the_cycles_before_it_can_be_imported(small, tmp_path, what):
    change, message, last = DAMAGE[what]
    changed(small, change)
    output = tmp_path / "run.h5"
    with pytest.raises(wd.DamagedRunError, match=message) as raised:
        wd.import_wepy(small, output)
    assert not output.exists()
    assert f"{small}" in str(raised.value)
    if last is not None:
        assert f"last={last}" in str(raised.value)
        report = wd.import_wepy(small, output, last=last)
        assert report.counts["cycles"] == last + 1
        assert wd.check(output) == []


def test_frames_whose_resampling_was_not_written_are_taken_and_the_run_is_not_sealed(small, tmp_path):
    def change(file):
        for name in ("_cycle_idxs", "step_idx", "walker_idx", "decision_id", "target_idxs"):
            file[f"{RUN}resampling/{name}"].resize(9, axis=0)

    changed(small, change)
    report = wd.import_wepy(small, tmp_path / "run.h5")
    assert (report.counts["cycles"], report.sealed) == (4, False)
    assert any("who was cloned and merged after the last cycle" in line for line in report.unknown)
    assert wd.check(tmp_path / "run.h5") == []


def test_a_cycle_that_was_not_written_to_its_end_is_left_out(small, tmp_path):
    def change(file):
        for name in ("_cycle_idxs", "step_idx", "walker_idx", "decision_id", "target_idxs"):
            file[f"{RUN}resampling/{name}"].resize(9 if name != "step_idx" else 12, axis=0)
        file[f"{RUN}progress/distance"].resize(3, axis=0)
        file[f"{RUN}trajectories/2/weights"].resize(3, axis=0)

    changed(small, change)
    report = wd.import_wepy(small, tmp_path / "run.h5")
    assert (report.counts["cycles"], report.sealed) == (3, True)
    assert report.left_out[:2] == (
        "/runs/0/resampling: 3 records at its end that are not complete",
        "cycle 3: it is not complete, wepy was ended while writing it",
    )


def test_records_that_are_blank_at_the_end_are_left_out(small, tmp_path):
    changed(small, put(f"{RUN}resampling/_cycle_idxs", slice(9, 12), 0))
    report = wd.import_wepy(small, tmp_path / "run.h5")
    assert (report.counts["cycles"], report.sealed) == (4, False)
    assert wd.check(tmp_path / "run.h5") == []


def test_a_file_that_is_cut_anywhere_is_refused_or_read(small, tmp_path):
    whole, cut = small.read_bytes(), tmp_path / "cut.h5"
    for length in range(0, len(whole), max(1, len(whole) // 12)):
        cut.write_bytes(whole[:length])
        with pytest.raises(wd.DataError):
            wd.import_wepy(cut, tmp_path / "run.h5")


def test_a_file_with_damaged_bytes_gives_an_error_of_ours_or_a_valid_run(small, tmp_path):
    rng, whole = np.random.default_rng(3), small.read_bytes()
    for _ in range(25):
        damaged = bytearray(whole)
        for place in rng.integers(100, len(whole), 40).tolist():
            damaged[place] = int(rng.integers(256))
        path = tmp_path / "damaged.h5"
        path.write_bytes(damaged)
        try:
            wd.import_wepy(path, tmp_path / "run.h5", overwrite=True)
        except wd.DataError:
            continue
        assert wd.check(tmp_path / "run.h5") == []


def test_a_foreign_topology_is_left_out_and_told(write_wepy, tmp_path):
    run = {"weights": [[1.0]], "steps": [[nothing(1)]]}
    path = write_wepy(tmp_path / "wepy.h5", run, topology="cos\nsystem\n(S'echo'\ntR.")
    report = wd.import_wepy(path, tmp_path / "run.h5")
    assert any(line.startswith("topology: it is not in mdtraj's JSON layout") for line in report.left_out)
    assert wd.check(tmp_path / "run.h5") == []


def test_values_in_other_files_are_not_read(small, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.full(4, 0.25).tobytes())

    def change(file):
        del file[f"{RUN}trajectories/0/weights"]
        file[f"{RUN}trajectories"]["0"].create_dataset(
            "weights", (4, 1), "f8", external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
        )

    changed(small, change)
    with pytest.raises(wd.DamagedRunError, match="lie in other files"):
        wd.import_wepy(small, tmp_path / "run.h5")


def test_the_file_is_left_as_it_was(small, tmp_path):
    before = small.read_bytes()
    wd.import_wepy(small, tmp_path / "run.h5")
    assert small.read_bytes() == before
    with pytest.raises(wd.SelectionError, match="is the file to be imported"):
        wd.import_wepy(small, small, overwrite=True)


def test_a_copy_of_the_file_gives_the_same_run(small, tmp_path):
    copy = shutil.copy(small, tmp_path / "copy.h5")
    first, second = (wd.import_wepy(p, tmp_path / f"{n}.h5") for n, p in enumerate((small, copy)))
    with wd.open_run(first.output) as one, wd.open_run(second.output) as other:
        assert one.header.run_id == other.header.run_id
