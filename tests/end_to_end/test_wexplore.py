"""From a molecule to a picture of the regions that it explored, on real workers."""

import subprocess
import sys

import numpy as np
import pytest

import wepy_data as wd
from wepy.config.example import copy_example

CYCLES, WALKERS = 12, 12


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """Return the file of a short run of the example on 2 SCOOP workers, moved away from all else that it left."""
    folder = tmp_path_factory.mktemp("wexplore")
    config = copy_example("alanine-wexplore", folder / "made")
    short = {"cycles": CYCLES, "walkers": WALKERS, "steps": 50, "stride": 50, "pmax": 0.5}
    lines = config.read_text().splitlines()
    for key, value in short.items():
        (place,) = (place for place, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[place] = f"{key} = {value}"
    config.write_text("\n".join(lines) + "\n")
    line = [sys.executable, "-m", "wepy", "run", config.name, "--workers", "2"]
    subprocess.run(line, cwd=config.parent, check=True, capture_output=True, timeout=120)
    (folder / "elsewhere").mkdir()
    return (config.parent / "run.h5").rename(folder / "elsewhere" / "moved.h5")


def test_the_run_conforms_and_two_workers_ran_it(explored):
    assert wd.check(explored) == []
    with wd.open_run(explored) as run:
        assert run.table("segments").groupby("cycle").size().tolist() == [WALKERS] * CYCLES
        assert len(run.table("workers")) == 2


def test_regions_of_both_levels_branch(explored):
    with wd.open_run(explored) as run:
        tree = wd.bin_tree(run)
    top = [row for row in tree if not tree.pred[row]]
    assert len(top) > 1
    assert max(tree.out_degree(row) for row in top) > 2
    assert {tree.nodes[row]["level"] for row in tree} == {0, 1}
    centres = np.array([tree.nodes[row]["centre"] for row in tree])
    assert (np.abs(centres) <= np.pi).all()


def test_regions_are_drawn_from_the_file_alone(explored):
    line = [sys.executable, "-m", "wepy_data", "plot", explored.name, "--kind", "regions", "-o", "regions.png"]
    subprocess.run(line, cwd=explored.parent, check=True, capture_output=True, timeout=60)
    assert (explored.parent / "regions.png").read_bytes()[:4] == b"\x89PNG"
