"""Pictures of the pages, and the run that the page on lineages asks: `python docs/pictures.py` makes them anew.

With the file of a run of the example alanine-wexplore, `python docs/pictures.py alanine-wexplore/run.h5`, it draws its
regions instead: that run takes minutes.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import wepy
import wepy_data as wd

HERE = Path(__file__).parent
PAGE = HERE / "how-to" / "lineages.md"
PICTURES = ("ancestors.png", "survivors.png", "coalescence.png", "flow.png")
REGIONS = "alanine_regions.png"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def make_run(path: Path) -> None:
    """Write a run of a hundred cycles over a low barrier, with recycling at the other side."""
    simulation = wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=6.0), timestep=2e-3, stride=10),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, *np.linspace(-0.9, 0.7, 9).tolist(), np.inf]]),
        balancer=wepy.HuberKim(5),
        recycling=wepy.Recycling(wepy.Region([0.9])),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=5, steps=20, seed=4, store=path,
    )  # fmt: skip
    for _ in simulation.run(cycles=100):
        pass


def run_page(page: Path, folder: Path) -> dict[str, Any]:
    """Execute the Python of a page in a folder with `run.h5` in it; return the names that it has made."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block, str(page), "exec"), names)  # noqa: S102 (our own page)
    finally:
        os.chdir(before)
    return names


def draw_regions(run: Path) -> Path:
    """Draw the regions of a run of the example alanine-wexplore for the page on resampling; return the picture."""
    with wd.open_run(run) as opened:
        return wd.plot_regions(opened, HERE / "images" / REGIONS, overwrite=True, dpi=100)


def main() -> None:
    """Make the run, execute the page, keep its pictures; or draw the regions of a given run."""
    if len(sys.argv) > 1:
        sys.stdout.write(f"wrote {draw_regions(Path(sys.argv[1]))}\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        make_run(Path(folder) / "run.h5")
        run_page(PAGE, Path(folder))
        for name in PICTURES:
            shutil.copy(Path(folder) / name, HERE / "images" / name)
            sys.stdout.write(f"wrote {HERE / 'images' / name}\n")


if __name__ == "__main__":
    main()
