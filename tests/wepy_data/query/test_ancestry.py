"""Ancestries as tables and texts."""

import h5py
import numpy as np
import pytest

from wepy_data import DamagedRunError, Run, SelectionError, ancestry_table, ancestry_text, open_run, write_run


@pytest.fixture(scope="module")
def run(ensemble_record):
    return Run(ensemble_record)


@pytest.fixture(scope="module")
def long_run(make_ensemble):
    return Run(make_ensemble(100))


def final_walkers(run):
    return run.lineage.segments_of(-1).tolist()


def test_founder_comes_first_and_the_segment_itself_last(run):
    for segment in final_walkers(run):
        table = ancestry_table(run, segment)
        assert table.segment.tolist() == run.lineage.trace(segment).tolist()
        assert table.cycle.tolist() == list(range(run.n_cycles))
        assert table.how[0] == "founder from folded"


def test_columns_are_those_of_the_table_of_segments(run):
    segments = run.table("segments")
    for segment in final_walkers(run):
        table = ancestry_table(run, segment)
        for name in ("cycle", "walker", "weight", "bin"):
            assert table[name].tolist() == segments.loc[table.segment, name].tolist()
        for name, progress in (("phi_rad", "progress_0"), ("psi_rad", "progress_1")):  # as an export calls them
            assert table[name].tolist() == segments.loc[table.segment, progress].tolist()


def test_clones_of_the_parent_are_counted_as_the_table_of_segments_has_them(run):
    parents = run.table("segments").parent
    for segment in final_walkers(run):
        table = ancestry_table(run, segment)
        for before, row in zip(table.segment[:-1], table[1:].itertuples(), strict=True):
            siblings = parents.index[parents == before].tolist()
            assert row.clones_of_parent == len(siblings)
            if len(siblings) > 1:
                assert f"cloned ({siblings.index(row.segment) + 1} of {len(siblings)})" in row.how
            else:
                assert "cloned" not in row.how
        assert table.clones_of_parent[0] == 0


def test_merged_weight_is_what_the_table_of_merges_says(run):
    merges = run.table("merges")
    found = 0
    for segment in final_walkers(run):
        for row in ancestry_table(run, segment).itertuples():
            mine = merges[merges["into"] == row.segment]
            assert row.merged_from == len(mine)
            assert row.merged_weight == pytest.approx(mine.weight.sum(), rel=1e-12)
            walkers = f"{len(mine)} walker{'s' if len(mine) != 1 else ''}"
            assert ("gained" in row.how) == bool(len(mine))
            assert not len(mine) or f"gained {mine.weight.sum():.2g} from {walkers}" in row.how
            found += len(mine)
    assert found


def test_recycled_walkers_are_named_with_the_state_they_restart_from(run):
    segments = run.table("segments")
    recycled = segments.index[(segments.state >= 0) & (segments.parent >= 0)]
    assert len(recycled)
    for segment in recycled:
        assert ancestry_table(run, segment).how.iloc[-1].startswith("recycled to entfaltet β")


def test_segment_that_nothing_happened_to_is_continued(run):
    words = {word for segment in final_walkers(run) for word in ancestry_table(run, segment).how}
    assert "continued" in words


def test_unknown_segment_says_which_exist(run):
    with pytest.raises(SelectionError, match=f"segments 0 to {run.n_segments - 1}"):
        ancestry_table(run, run.n_segments)


def test_text_names_the_walker_its_weight_and_units(run):
    segment = run.segment_id(-1, 3)
    lines = ancestry_text(run, segment).split("\n")
    weight = run.reader.read("/segments/weight")[segment]
    assert lines[0] == f"Ancestry of walker 3 of cycle 11 (segment {segment}), weight {weight:.4g}"
    assert "phi (rad)" in lines[2]
    assert "founder from folded" in lines[3]
    assert lines[-1].startswith("12 cycles")


def test_weights_of_the_text_are_those_of_the_table(run):
    segment = run.segment_id(-1, 5)
    lines = ancestry_text(run, segment, 200).split("\n")
    column = lines[2].split().index("weight")
    shown = [float(line.split()[column]) for line in lines[3:-2]]
    assert shown == pytest.approx(ancestry_table(run, segment).weight.tolist(), rel=1e-3)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_columns_of_the_text_are_aligned_and_fit(run, width):
    for segment in final_walkers(run):
        rows = ancestry_text(run, segment, width).split("\n")[2:-2]
        assert max(map(len, rows)) <= width
        assert len({row.rindex("  ", 0, rows[0].index("what happened")) for row in rows}) == 1


def test_long_ancestry_is_cut_in_its_middle_and_says_so(long_run):
    lines = ancestry_text(long_run, long_run.segment_id()).split("\n")
    notes = [line for line in lines if line.startswith("...")]
    assert len(notes) == 1
    assert notes[0].startswith("... 70 cycles left out")
    assert notes[0].endswith("(--full shows them) ...")
    assert len(lines) == 30 + 6


def test_full_text_leaves_nothing_out(long_run):
    lines = ancestry_text(long_run, long_run.segment_id(), full=True).split("\n")
    assert [int(line.split()[0]) for line in lines[3:-2]] == list(range(100))


def test_ancestry_of_a_founder_is_one_row(run):
    assert len(ancestry_table(run, 0)) == 1
    assert ancestry_text(run, 0).endswith("1 cycle")


def test_one_dimension_without_names_is_called_as_the_observable(make_record):
    run = Run(make_record())
    table = ancestry_table(run, run.segment_id())
    assert table.attrs["units"] == {"order_parameter_nm": "nm"}
    assert "order_parameter (nm)" in ancestry_text(run, run.segment_id())
    assert np.isfinite(table.order_parameter_nm).all()


@pytest.mark.parametrize(
    ("column", "row", "value", "words"),
    [
        ("/segments/state", 0, 3, "found 3, expected a row from 0 to 2$"),
        ("/segments/state", 0, -1, "found -1, expected a row from 0 to 2$"),
        ("/segments/state", -1, -2, "found -2, expected a row from 0 to 2 or -1"),
        ("/merges/into", 0, 10**6, "found 1000000, expected a row from 0 to"),
        ("/merges/into", 0, -1, "found -1, expected a row from 0 to"),
    ],
)
def test_what_names_rows_that_are_not_there_is_damage(column, row, value, words, ensemble_record, tmp_path):
    path = write_run(tmp_path / "run.h5", ensemble_record)
    with open_run(path) as run:
        segment = int(run.lineage.trace(run.segment_id())[row]) if column == "/segments/state" else row
    with h5py.File(path, "r+") as file:
        file[column][segment] = value
    words = words.replace("$", r"\)")
    with open_run(path) as run, pytest.raises(DamagedRunError, match=f"run.h5 is damaged .{column}: {words}"):
        ancestry_table(run, run.segment_id())
