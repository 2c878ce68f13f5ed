"""WESTPA files that are old, unfinished, damaged or hostile: imported as far as that is right, or refused clearly."""

import os
import pickle
import shutil

import h5py
import numpy as np
import pytest

import wepy_data as wd


@pytest.fixture
def west(peers, tmp_path):
    """A copy that may be changed: three iterations and a planned one of a run with recycling."""
    path = tmp_path / "west.h5"
    shutil.copy(peers / "westpa_odld_ss.h5", path)
    path.chmod(0o644)
    return path


@pytest.fixture
def framework(peers, tmp_path):
    shutil.copytree(peers / "westpa_h5fw", tmp_path / "fw", copy_function=shutil.copyfile)
    for path in [tmp_path / "fw", *(tmp_path / "fw").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "fw" / "west.h5"


def imported(west, tmp_path, **more):
    report = wd.import_westpa(west, tmp_path / "run.h5", **more)
    assert wd.check(tmp_path / "run.h5") == []
    return report


def last_iteration(file):
    return sorted(file["iterations"])[-1]


def refused(west, tmp_path, error, words, **more):
    with pytest.raises(error, match=words):
        wd.import_westpa(west, tmp_path / "run.h5", **more)
    assert not (tmp_path / "run.h5").exists()
    assert not list(tmp_path.glob(".run*"))


@pytest.mark.parametrize("version", [7, 8, 9, 10])
def test_each_file_format_is_imported(version, west, tmp_path):
    with h5py.File(west, "r+") as file:
        for name in ("west_file_format_version", "westpa_fileformat_version"):
            file.attrs[name] = version
        if version < 10:
            del file["iterations/iter_00000001"].attrs["binhash"], file["iterations/iter_00000001/bin_target_counts"]
        if version < 8:
            del file["iterations/iter_00000001/tstates"]
    report = imported(west, tmp_path)
    assert report.format == f"WESTPA file format {version}"
    assert report.counts["bins"] > 0


@pytest.mark.parametrize(("version", "error"), [(6, wd.VersionTooOldError), (11, wd.VersionTooNewError)])
def test_other_file_formats_are_refused(version, error, west, tmp_path):
    with h5py.File(west, "r+") as file:
        file.attrs["west_file_format_version"] = version
    refused(west, tmp_path, error, f"file format {version}, and 7 to 10 are read")


def test_iterations_up_to_one_are_imported(west, tmp_path):
    report = imported(west, tmp_path, last=5)
    assert report.counts["cycles"] == 5
    assert "iterations from 6 on, as asked" in str(report)
    assert "not sealed" not in str(report)
    with h5py.File(west) as file, wd.open_run(tmp_path / "run.h5") as run:
        assert len(run.reader.planned["/next/weight"]) == len(file["iterations/iter_00000006/seg_index"])
    with pytest.raises(wd.SelectionError, match="no iteration 0 that has been run"):
        wd.import_westpa(west, tmp_path / "other.h5", last=0)


def test_an_iteration_that_did_not_end_becomes_the_planned_one(west, tmp_path):
    with h5py.File(west, "r+") as file:
        index = file[f"iterations/{last_iteration(file)}/seg_index"]
        index["status"] = np.where(np.arange(len(index)) < 3, 2, 1).astype("u1")
        n = len(index)
    report = imported(west, tmp_path)
    assert f"3 of {n} segments" in str(report)
    assert report.sealed


@pytest.mark.parametrize("filled", [True, False])
def test_a_file_without_planned_walkers_is_imported_and_not_sealed(filled, west, tmp_path):
    with h5py.File(west, "r+") as file:
        name = last_iteration(file)
        del file[f"iterations/{name}"]
        if filled:
            file.create_group(f"iterations/{name}")
    report = imported(west, tmp_path)
    assert not report.sealed
    assert "the run is not sealed" in str(report)
    with wd.open_run(tmp_path / "run.h5") as run:
        assert not run.sealed
        assert run.n_cycles == report.counts["cycles"]


def test_new_states_for_the_iteration_after_one_that_did_not_end_do_no_harm(west, tmp_path):
    """w_states makes the group of an iteration that is not there yet, if the one before has been run in part."""
    with h5py.File(west, "r+") as file:
        index = file[f"iterations/{last_iteration(file)}/seg_index"]
        index["status"] = np.where(np.arange(len(index)) < 3, 2, 1).astype("u1")
        n = len(file["iterations"])
        file[f"iterations/iter_{n + 1:08d}/tstates"] = h5py.SoftLink("/tstates/0")
    report = imported(west, tmp_path)
    assert report.sealed
    assert report.counts["cycles"] == n - 1


@pytest.mark.parametrize("name", ["wtgraph", "new_weights/index"])
def test_planned_walkers_that_were_written_in_part_are_left_out(name, west, tmp_path):
    with h5py.File(west, "r+") as file:
        n = len(file["iterations"])
        del file[f"iterations/iter_{n:08d}/{name}"]
    report = imported(west, tmp_path)
    assert not report.sealed
    assert report.counts["cycles"] == n - 1
    assert "planned after the last iteration: the run is not sealed (" in str(report)


def test_what_was_before_a_damaged_iteration_is_imported(west, tmp_path):
    with h5py.File(west, "r+") as file:
        index = file["iterations/iter_00000007/seg_index"]
        index["weight"] = np.where(np.arange(len(index)) == 2, np.nan, index["weight"])
    refused(west, tmp_path, wd.DamagedRunError, "iter_00000007/seg_index: .*last=6, or --last 6")
    assert imported(west, tmp_path, last=6).counts["cycles"] == 6


@pytest.mark.parametrize("status", [1, 3])
def test_segments_that_were_not_run_within_the_file_are_refused(status, west, tmp_path):
    with h5py.File(west, "r+") as file:
        index = file["iterations/iter_00000007/seg_index"]
        index["status"] = np.where(np.arange(len(index)) < 2, status, 2).astype("u1")
    refused(west, tmp_path, wd.DamagedRunError, "2 segments that were not run.*last=6, or --last 6")
    assert imported(west, tmp_path, last=6).counts["cycles"] == 6


def test_a_gap_in_the_iterations_is_refused(west, tmp_path):
    with h5py.File(west, "r+") as file:
        del file["iterations/iter_00000003"]
    refused(west, tmp_path, wd.DamagedRunError, "no iteration 3, but later ones.*last=2, or --last 2")
    assert not imported(west, tmp_path, last=2).sealed


def test_an_iteration_of_a_monstrous_number_is_refused(west, tmp_path):
    with h5py.File(west, "r+") as file:
        file.create_group("iterations/iter_999999999999999")
        n = len(file["iterations"])
    refused(west, tmp_path, wd.DamagedRunError, f"no iteration {n}, but later ones.*last={n - 1}")
    imported(west, tmp_path, last=4)


def test_weights_that_were_changed_are_refused_and_what_was_before_is_imported(west, tmp_path):
    with h5py.File(west, "r+") as file:
        index = file["iterations/iter_00000007/seg_index"]
        weight = index["weight"]
        change = min(weight[0], weight[-1]) / 2
        weight[[0, -1]] += np.array([change, -change])
        index["weight"] = weight
    refused(west, tmp_path, wd.DamagedRunError, r"iteration 7, weights: .*last=6, or --last 6")
    report = imported(west, tmp_path, last=6)
    assert report.counts["cycles"] == 6
    assert not report.sealed


@pytest.mark.parametrize(
    ("name", "row", "value", "words"),
    [
        ("parent_id", 0, 10_000, "seg_index: found segments .0. with parents"),
        ("parent_id", 0, -4000, "seg_index: found segments"),
        ("weight", 1, np.nan, "expected positive weights"),
        ("weight", 1, -0.5, "expected positive weights"),
        ("wtg_offset", 2, 1 << 40, "wtgraph: .*expected as many as seg_index names"),
    ],
)
def test_segments_that_cannot_be_are_refused(name, row, value, words, west, tmp_path):
    with h5py.File(west, "r+") as file:
        rows = file["iterations/iter_00000006/seg_index"][()]
        rows[name][row] = value
        file["iterations/iter_00000006/seg_index"][...] = rows
    refused(west, tmp_path, wd.DamagedRunError, words)


def test_coordinates_that_are_no_numbers_are_refused(west, tmp_path):
    with h5py.File(west, "r+") as file:
        file["iterations/iter_00000004/pcoord"][2, -1, 0] = np.nan
    words = r"iter_00000004/pcoord: found a value that is no number at \[2, .*last=3, or --last 3"
    refused(west, tmp_path, wd.DamagedRunError, words)
    assert imported(west, tmp_path, last=3).sealed


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(part, west, tmp_path):
    content = west.read_bytes()
    west.write_bytes(content[: int(len(content) * part)])
    refused(west, tmp_path, wd.DamagedRunError, "damaged HDF5 file|cannot be imported")


@pytest.mark.parametrize("seed", range(12))
def test_a_file_with_random_damage_is_imported_or_refused(seed, west, tmp_path):
    rng, content = np.random.default_rng(seed), bytearray(west.read_bytes())
    for place in rng.integers(100, len(content), 40):
        content[place] = rng.integers(256)
    west.write_bytes(content)
    try:
        wd.import_run(west, tmp_path / "run.h5")
    except wd.DataError as error:
        assert str(west) in str(error) or "does not conform" in str(error)  # noqa: PT017 (either may happen)
        assert not (tmp_path / "run.h5").exists()


def test_initial_states_that_were_freed_are_those_of_their_walkers(west, tmp_path):
    """A walker that was recycled to a state of its own, and then merged into another one, leaves the state unused."""
    with h5py.File(west, "r+") as file:
        number = next(n for n in range(2, 25) if f"iterations/iter_{n:08d}/new_weights" in file)
        event = file[f"iterations/iter_{number:08d}/new_weights/index"][0]
        state, index = int(event["initial_state_id"]), file["ibstates/0/istate_index"][()]
        index["iter_used"][state], index["istate_type"][state], index["istate_status"][state] = 0, 2, 1
        file["ibstates/0/istate_index"][...] = index
        file["ibstates/0/istate_pcoord"][state] = 3.65
    imported(west, tmp_path)
    with wd.open_run(tmp_path / "run.h5") as run:
        segment = run.segment_id(number - 2, int(event["prev_seg_id"]))
        row = run.table("events").set_index("segment").loc[segment, "source_state"]
        assert (
            run.table("states").loc[row, "label"]
            == f"made of well4{'b' * int(index['basis_state_id'][state])} #{state}"
        )
        assert run.reader.header.static["/states/arrays/pcoord"][row].tolist() == pytest.approx([3.65])
        centre = run.table("bins").loc[run.observable("bin", [segment])[0], "centre"]
        assert abs(float(np.ravel(centre)[0]) - 3.65) < 0.2


@pytest.mark.parametrize(
    ("name", "value"), [("initial_state_id", -1), ("prev_seg_id", -1), ("prev_seg_id", 4000), ("prev_seg_id", None)]
)
def test_recycling_that_cannot_be_is_refused(name, value, west, tmp_path):
    with h5py.File(west, "r+") as file:
        number = next(n for n in range(2, 25) if f"iterations/iter_{n:08d}/new_weights" in file)
        group = file[f"iterations/iter_{number:08d}"]
        rows = group["new_weights/index"][()]
        rows[name][0] = group["seg_index"]["parent_id"].max() if value is None else value  # None: one that is continued
        group["new_weights/index"][...] = rows
    words = rf"iteration {number}, (new_weights|seg_index): .*last={number - 1}, or --last {number - 1}"
    refused(west, tmp_path, wd.DamagedRunError, words)
    imported(west, tmp_path, last=number - 1)


def test_recycling_that_the_file_has_lost_is_reported(west, tmp_path):
    with h5py.File(west, "r+") as file:
        number = next(n for n in range(2, 25) if f"iterations/iter_{n:08d}/new_weights" in file)
        rows = file[f"iterations/iter_{number:08d}/new_weights/index"][()]
        rows["source_type"][0] = 1
        merged = file[f"iterations/iter_{number:08d}/seg_index"]
        merged["parent_id"] = np.where(merged["parent_id"] == -1 - rows["initial_state_id"][0], 0, merged["parent_id"])
        file[f"iterations/iter_{number:08d}/new_weights/index"][...] = rows
    assert f"recycling of some walkers that ended in a target, in iterations {number - 1}: none" in str(
        imported(west, tmp_path, last=number)
    )


def test_initial_states_whose_texts_are_lost_are_reported(west, tmp_path):
    """A kill leaves the last rows of the table without the heap that holds their texts."""
    with h5py.File(west, "r+") as file:
        table = file["ibstates/0/istate_index"]
        rows, dtype, limits = table[()], table.dtype, table.maxshape
        del file["ibstates/0/istate_index"]
        table = file.create_dataset("ibstates/0/istate_index", data=rows, dtype=dtype, maxshape=limits, chunks=(1,))
        place = table.id.get_chunk_info(len(rows) - 1).byte_offset + table.id.get_type().get_member_offset(5)
    content = bytearray(west.read_bytes())
    heap = content.find(b"GCOL")
    content[place : place + 16] = (
        (5).to_bytes(4, "little") + heap.to_bytes(8, "little") + (60_000).to_bytes(4, "little")
    )
    west.write_bytes(content)
    report = imported(west, tmp_path)
    assert f"basis states of the initial states {len(rows) - 1}, which cannot be read" in str(report)
    assert report.sealed


def test_walkers_that_were_planned_before_basis_states_were_replaced_have_the_old_ones(west, tmp_path):
    with h5py.File(west, "r+") as file:
        n = len(file["iterations"])
        event = file[f"iterations/iter_{n:08d}/new_weights/index"][0]
        states = file["ibstates/0/istate_index"][()]
        states["basis_state_id"][event["initial_state_id"]] = 1
        file["ibstates/0/istate_index"][...] = states
        new = file.create_group("ibstates/1")
        new["bstate_index"] = file["ibstates/0/bstate_index"][:1]
        new["bstate_index"][0] = (b"new", 1.0, b"")
        new["bstate_pcoord"] = np.full((1, 1), 3.0, "f4")
        index = np.append(file["ibstates/index"][()], file["ibstates/index"][()])
        index["iter_valid"][1], index["group_ref"][1] = n, new.ref
        del file["ibstates/index"]
        file.create_dataset("ibstates/index", data=index)
    imported(west, tmp_path)
    with wd.open_run(tmp_path / "run.h5") as run:
        segment = run.segment_id(n - 2, int(event["prev_seg_id"]))
        row = run.table("events").set_index("segment").loc[segment, "source_state"]
        labels = run.table("states")["label"]
        assert labels[row] == "well4b"
        assert "new" in labels.tolist()
        assert set(run.reader.planned["/next/state"].tolist()) <= {-1, 0, 1}


class Shell:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def with_pickle(west, data):
    with h5py.File(west, "r+") as file:
        del file["bin_topologies/pickles"]
        file["bin_topologies/pickles"] = np.frombuffer(data, "u1")[None]
        index = file["bin_topologies/index"][()]
        index["pickle_len"] = len(data)
        file["bin_topologies/index"][...] = index


def test_a_pickle_that_runs_code_is_not_run(west, tmp_path):
    with_pickle(west, pickle.dumps(Shell(tmp_path / "mark")))
    report = imported(west, tmp_path)
    assert not (tmp_path / "mark").exists()
    assert "is not plain data" in str(report)
    assert report.counts["bins"] == 0
    with wd.open_run(tmp_path / "run.h5") as run:
        mapper = run.header.provenance[0]["components"]["binner"]["mappers"][0]
    assert mapper["kind"] == "opaque"
    assert "system" in mapper["class"]


@pytest.mark.parametrize("data", [b"\x80\x04", b"not a pickle", b"\x80\x04K\x01Q."])
def test_a_pickle_that_cannot_be_read_leaves_bins_out(data, west, tmp_path):
    with_pickle(west, data)
    assert "bins" in str(imported(west, tmp_path)).split("left out:", 1)[1]


@pytest.mark.parametrize("word", ["a\ud800", "\x00", "b\udcff"])
def test_words_that_cannot_be_written_are_spelled_out(word, west, tmp_path):
    said = word.encode("utf-8", "surrogatepass")
    with_pickle(west, b"\x80\x04\x8c" + bytes([len(said)]) + said + b"\x94\x8c\x01a\x93)R.")
    report = imported(west, tmp_path, last=2)
    str(report).encode()
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.header.provenance[0]["report"] == report.to_json()


def test_auxiliary_data_with_a_name_that_is_no_text_are_left_out(west, tmp_path):
    with h5py.File(west, "r+") as file:
        group = file["iterations/iter_00000001"].create_group("auxdata")
        space = h5py.h5s.create_simple((len(file["iterations/iter_00000001/seg_index"]),))
        h5py.h5d.create(group.id, b"caf\xe9", h5py.h5t.NATIVE_DOUBLE, space)
    assert "auxiliary data `b'caf" in str(imported(west, tmp_path, last=2))


def test_trajectories_that_are_not_there_are_reported(framework, tmp_path):
    (framework.parent / "traj_segs" / "iter_000002.h5").unlink()
    report = imported(framework, tmp_path)
    assert "frames of iterations 2: their file is not there" in str(report)
    with wd.open_run(tmp_path / "run.h5") as run:
        assert len(run.frames(run.lineage.segments_of(1))) == 0
        assert len(run.frames(run.lineage.segments_of(2))) == 5 * len(run.lineage.segments_of(2))
        assert len(run.observable("progress")) == report.counts["segments"]


def test_a_file_whose_trajectories_are_all_gone_has_the_order_parameter_of_its_frames(framework, tmp_path):
    shutil.rmtree(framework.parent / "traj_segs")
    report = imported(framework, tmp_path)
    assert "none of the trajectory files is where the links lead" in str(report)
    with wd.open_run(tmp_path / "run.h5") as run:
        assert report.counts["frames"] == 5 * report.counts["segments"]
        with pytest.raises(wd.SelectionError, match="no coordinates"):
            run.frames(run.lineage.trace(0))


def test_rounded_coordinates_are_reported(west, tmp_path):
    with h5py.File(west, "r+") as file:
        for name in file["iterations"]:
            group = file[f"iterations/{name}"]
            values = group["pcoord"][()]
            del group["pcoord"]
            group.create_dataset("pcoord", data=values, scaleoffset=4, chunks=values.shape)
    assert "rounded to 0.0001" in str(imported(west, tmp_path))


def test_auxiliary_data_that_cannot_be_taken_are_reported(west, tmp_path):
    with h5py.File(west, "r+") as file:
        for number in (1, 2, 4):
            group = file[f"iterations/iter_{number:08d}"]
            n = len(group["seg_index"])
            group["auxdata/energy"] = np.arange(n, dtype="f2")
            group["auxdata/count"] = np.ones((n, 6, 2), "u2")
            group["auxdata/words"] = np.full(n, b"a", "S1")
            group["auxdata/far"] = h5py.ExternalLink("far.h5", "/far")
    report = str(imported(west, tmp_path, units={"energy": "kJ mol-1"}))
    assert "`words`: values of" in report
    assert "`far`: the link leads nowhere" in report
    assert "auxiliary data `energy` of iterations 3, 5-24, not there or of another shape: NaN" in report
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.unit("energy") == "kJ mol-1"
        assert run.observable("count").shape == (len(run.observable("order_parameter")), 2)


def test_values_in_other_files_are_not_read(west, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret!!" * 1000)
    with h5py.File(west, "r+") as file:
        group = file["iterations/iter_00000002"]
        shape = group["pcoord"].shape
        del group["pcoord"]
        group.create_dataset("pcoord", shape, "f4", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
    refused(west, tmp_path, wd.DamagedRunError, "values that lie in other files")


def test_a_dataset_that_declares_more_than_there_can_be_is_refused(west, tmp_path):
    with h5py.File(west, "r+") as file:
        group = file["iterations/iter_00000002"]
        n = len(group["seg_index"])
        del group["pcoord"]
        group.create_dataset("pcoord", (n, 1 << 32, 1), "f4", chunks=(1, 1 << 16, 1))
    refused(west, tmp_path, wd.DamagedRunError, "pcoord declares")


def test_the_run_does_not_replace_the_file_itself(west):
    before = west.read_bytes()
    with pytest.raises(wd.SelectionError, match="is the file to be imported"):
        wd.import_westpa(west, west, overwrite=True)
    assert west.read_bytes() == before


def test_an_existing_file_is_replaced_only_if_that_is_allowed(west, tmp_path):
    (tmp_path / "run.h5").write_bytes(b"old")
    with pytest.raises(wd.RunExistsError, match="exists"):
        wd.import_westpa(west, tmp_path / "run.h5")
    assert (tmp_path / "run.h5").read_bytes() == b"old"
    imported(west, tmp_path, overwrite=True)


def test_units_and_times_are_those_asked_for(west, tmp_path):
    report = imported(west, tmp_path, timestep=0.5, units={"order_parameter": "nm"})
    assert "unit of" not in str(report)
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.unit("order_parameter") == "nm"
        path = run.lineage.trace(run.segment_id(3, 0))
        assert run.reader.read("/frames/time", 0, 5).tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
        assert len(path) == 4


@pytest.mark.parametrize("timestep", [0.0, -2.0, np.nan, np.inf])
def test_a_time_between_points_that_is_none_is_refused(timestep, west, tmp_path):
    refused(west, tmp_path, wd.SelectionError, "timestep: expected the time between points in ps", timestep=timestep)


def test_units_of_data_that_are_not_there_are_refused(west, tmp_path):
    units = {"order_parmeter": "nm"}
    refused(west, tmp_path, wd.SelectionError, "there is no `order_parmeter`, only order_parameter", units=units)


@pytest.mark.parametrize("unit", ["kcal/mol", "nm^2", "nm**2", "kJ  mol-1", " nm", "kJ*mol-1"])
def test_units_that_are_misspelled_are_refused(unit, west, tmp_path):
    units = {"order_parameter": unit}
    refused(west, tmp_path, wd.SelectionError, "order_parameter: expected factors with a space", units=units)


@pytest.mark.parametrize("unit", ["", "nm", "kJ mol-1", "Å", "%", "nm+2 ps-1", "1000 s"])
def test_units_that_h5md_knows_are_taken(unit, west, tmp_path):
    imported(west, tmp_path, last=1, units={"order_parameter": unit})
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.unit("order_parameter") == unit


def test_the_provenance_says_where_a_run_comes_from(west, tmp_path):
    report = imported(west, tmp_path)
    with wd.open_run(tmp_path / "run.h5") as run:
        (record,) = run.header.provenance
    assert record["kind"] == "import"
    assert record["seed"] is None
    assert record["source"]["file"] == str(west)
    assert len(record["source"]["sha256"]) == 64
    assert record["software"]["westpa"] == "2022.16"
    assert record["report"] == report.to_json()
    assert record["components"]["recycling"]["sets"][0]["targets"] == {"bound": [1.0]}
