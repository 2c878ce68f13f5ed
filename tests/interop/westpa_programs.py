"""WESTPA's own programs and wedap on a west.h5 that was exported from a run: their numbers beside ours.

    python tests/interop/westpa_programs.py ENVIRONMENT [--install]

ENVIRONMENT is a virtual environment with westpa and wedap, apart from this library's; `--install` makes it. The script
runs a double well with recycling, exports it, runs w_succ, w_fluxanl, w_assign, w_direct, w_pdist, w_trace and wedap on
the file, and prints what they find beside what the run itself says. It ends with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

import wepy
import wepy_data as wd

REQUIRED = ("westpa==2022.16", "wedap==1.3.0")
EDGES = [round(-1.0 + 0.1 * i, 1) for i in range(21)]
BINS = f"[[-inf, {', '.join(map(str, EDGES))}, inf]]"
HISTOGRAM = np.linspace(-2.0, 2.0, 41)
STATES = "states: [{label: left, coords: [[-1.05], [-0.95]]}, {label: right, coords: [[1.05]]}]"
WEDAP = """\
import sys
import numpy as np
from wedap import H5_Pdist
west, walker, out = sys.argv[1], eval(sys.argv[2]), sys.argv[3]
quiet = {"data_type": "average", "no_pbar": True}
shape = {"p_units": "raw", "bins": (40,), "histrange_x": (-2.0, 2.0)}
x, histogram, _ = H5_Pdist(west, **quiet, **shape).pdist(normalize=False)
succ = H5_Pdist(west, **quiet).w_succ()
trace = H5_Pdist(west, **quiet).trace_walker(walker)
np.savez(out, histogram=histogram, succ=np.array(succ).reshape(-1, 2), trace=trace)
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number, or the largest difference of many."""

    run: str
    program: str
    what: str
    ours: float
    theirs: float
    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the difference is allowed."""
        return self.difference <= self.allowed


def main(arguments: list[str] | None = None) -> int:
    """Compare, print a table; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", type=Path, help="virtual environment with westpa and wedap")
    parser.add_argument("--install", action="store_true", help="make it")
    parser.add_argument("--cycles", type=int, default=200)
    options = parser.parse_args(arguments)
    if options.install:
        install(options.environment)
    with tempfile.TemporaryDirectory() as folder:
        found = compare(options.environment.resolve(), Path(folder), cycles=options.cycles)
    print(f"{'run':8}{'program':11}{'what':44}{'ours':>14}{'theirs':>14}{'difference':>12}")
    for one in found:
        numbers = f"{one.ours:14.8g}{one.theirs:14.8g}{one.difference:12.1e}"
        print(f"{one.run:8}{one.program:11}{one.what:44}{numbers}{'' if one.holds else '  DIFFERS'}")
    return int(not all(one.holds for one in found))


def install(environment: Path) -> None:
    """Make a virtual environment with the programs."""
    venv.create(environment, with_pip=True)
    subprocess.run([str(environment / "bin" / "pip"), "install", "--quiet", *REQUIRED], check=True)


def compare(environment: Path, folder: Path, *, cycles: int) -> list[Comparison]:
    """Return all comparisons: of a run with a frame at the segments' ends alone, and of one with five frames each."""
    found = []
    for name, stride in (("ends", None), ("frames", 1)):
        (folder / name).mkdir()
        path = folder / name / "run.h5"
        for _ in simulation(path, stride).run(cycles=cycles):
            pass
        with wd.open_run(path) as run:
            wd.export_westpa(run, folder / name / "west.h5")
            found += Programs(environment, folder / name, name, run).compare()
    return found


def simulation(path: Path, stride: int | None) -> wepy.Simulation:
    """Return a double well in which walkers cross and are recycled."""
    return wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=5.0), timestep=1e-3, stride=stride),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, *EDGES, np.inf]]),
        balancer=wepy.HuberKim(8),
        recycling=wepy.Recycling(wepy.Region([1.0])),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=8,
        steps=5,
        seed=1,
        store=path,
    )


class Programs:
    """The programs of an environment, run on the west.h5 in a folder, and the run that it was made of."""

    def __init__(self, environment: Path, folder: Path, name: str, run: wd.Run) -> None:
        self._programs, self._folder, self._name, self._run = environment / "bin", folder, name, run
        self._segments, events = run.table("segments"), run.table("events")
        segment = events["segment"].to_numpy()
        self._events = events.assign(
            iteration=run.lineage.cycle_of(segment) + 1, walker=run.lineage.walker_of(segment)
        )  # fmt: skip
        weights = np.bincount(self._events["iteration"], events["weight"], run.n_cycles + 1)
        self._flux = weights[1:]  # recycled at the end of each iteration
        self._points, self._weights = self._all_points()

    def compare(self) -> list[Comparison]:
        """Return what each program says beside what the run says."""
        walkers = [(self._run.n_cycles, 0), (self._run.n_cycles, 40), (self._run.n_cycles // 2, 17)]
        found = [*self._successes(), *self._target_flux(), *self._bins(), *self._distribution()]
        if self._name == "ends":  # with frames between, WESTPA also counts crossings that come back within a segment
            found += self._rates()
        for walker in walkers:
            found += self._trace(*walker)
        return found + self._wedap(walkers)

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, env={"MPLBACKEND": "Agg"})
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} has failed:\n{done.stderr[-2000:]}")

    def _result(self, program: str, what: str, ours: object, theirs: object, allowed: float = 1e-12) -> Comparison:
        """Return the comparison of arrays: their sums, and the largest difference relative to the largest value."""
        mine, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        difference = np.inf
        if mine.shape == other.shape:
            difference = float(np.abs(mine - other).max(initial=0.0) / max(np.abs(mine).max(initial=0.0), 1e-300))
        return Comparison(self._name, program, what, float(mine.sum()), float(other.sum()), difference, allowed)

    def _successes(self) -> list[Comparison]:
        self._call("w_succ", "-W", "west.h5", "-o", "succ.txt")
        theirs = np.loadtxt(self._folder / "succ.txt", ndmin=2)
        events = self._events.sort_values(["iteration", "walker"])
        ends = self._run.observable("progress", events["segment"])[:, 0]
        return [
            self._result("w_succ", "who was recycled: iteration and segment", events[["iteration", "walker"]], theirs[:, :2], 0),  # noqa: E501
            self._result("w_succ", "their weights", events["weight"], theirs[:, 2], 1e-13),
            self._result("w_succ", "where they ended", ends, theirs[:, 3], 1e-14),
        ]  # fmt: skip

    def _target_flux(self) -> list[Comparison]:
        self._call("w_fluxanl", "-W", "west.h5", "-o", "fluxanl.h5")
        with h5py.File(self._folder / "fluxanl.h5") as file:
            iteration = file["target_flux/target_0/n_iter"][:].astype(int)
            flux, count = file["target_flux/target_0/flux"][:], file["target_flux/target_0/count"][:]
        ours = self._flux[iteration - 1]
        # it counts -1 where there are none
        arrivals = np.bincount(self._events["iteration"], minlength=self._run.n_cycles + 1)[iteration]
        return [
            self._result("w_fluxanl", "flux into the target, by iteration", ours, flux),
            self._result("w_fluxanl", "arrivals, by iteration", arrivals, np.maximum(count, 0), 0),
        ]

    def _bins(self) -> list[Comparison]:
        (self._folder / "states.yaml").write_text(STATES)
        choice = ["--bins-from-expr", BINS, "--states-from-file", "states.yaml"]
        self._call("w_assign", "--serial", "-W", "west.h5", "-o", "assign.h5", *choice)
        with h5py.File(self._folder / "assign.h5") as file:
            found = file["assignments"][:, :, -1 if self._name == "ends" else 5]
        segments = self._segments.drop(index=self._events["segment"])
        ours = self._run.table("bins").loc[segments["bin"], "index"].to_numpy()
        theirs = found[segments["cycle"], segments["walker"]]
        return [self._result("w_assign", "bins of walkers that were not recycled", ours, theirs, 0)]

    def _rates(self) -> list[Comparison]:
        self._call("w_direct", "all", "-W", "west.h5", "-a", "assign.h5", "-o", "direct.h5", "--disable-correl")
        with h5py.File(self._folder / "direct.h5") as file:
            flux, mean = file["conditional_fluxes"][:, 0, 1], file["avg_conditional_fluxes"]["expected"][0, 1]
        return [
            self._result("w_direct", "flux from left to right, by iteration", self._flux, flux),
            self._result("w_direct", "its mean per iteration", self._flux.mean(), mean),
        ]

    def _distribution(self) -> list[Comparison]:
        bounds = repr([HISTOGRAM.tolist()])
        self._call("w_pdist", "--serial", "-W", "west.h5", "-o", "pdist.h5", "-b", bounds)
        with h5py.File(self._folder / "pdist.h5") as file:
            theirs = file["histograms"][:]
        cycle, ours = self._segments["cycle"].to_numpy(), []
        for one in range(self._run.n_cycles):  # it takes starts of the first iteration's segments alone
            here = cycle == one, slice(int(one > 0), None)
            counts = np.histogram(self._points[here], HISTOGRAM, weights=self._weights[here], density=True)
            ours.append(counts[0])
        return [self._result("w_pdist", "distribution of x, by iteration", ours, theirs)]

    def _trace(self, iteration: int, walker: int) -> list[Comparison]:
        self._call("w_trace", "-W", "west.h5", f"{iteration}:{walker}")
        (file,) = self._folder.glob(f"*{iteration}_{walker}_trace.txt")
        theirs = np.loadtxt(file, ndmin=2, converters={5: float})
        theirs = theirs[theirs[:, 0] > 0]  # its first row is the initial state
        ours = self._ancestry(iteration, walker)
        segments = self._segments.loc[ours]
        rows = np.column_stack([segments["cycle"] + 1, segments["walker"], segments["weight"]])
        return [self._result("w_trace", f"ancestry of {iteration}:{walker}, weights", rows, theirs[:, :3])]

    def _wedap(self, walkers: list[tuple[int, int]]) -> list[Comparison]:
        walker = max(walkers, key=lambda one: len(self._ancestry(*one)))
        self._call("python", "-c", WEDAP, "west.h5", repr(walker), "wedap.npz")
        self._call("wedap", "-W", "west.h5", "-dt", "average", "-pm", "line", "-o", "wedap.png", "-nots", "-npb")
        theirs = np.load(self._folder / "wedap.npz")
        ours = np.histogram(self._points, HISTOGRAM, weights=self._weights)[0]
        events = self._events[self._events["iteration"] < self._run.n_cycles]  # it leaves the last ones out
        segments = self._segments.loc[self._ancestry(*walker)]
        path = np.column_stack([segments["cycle"] + 1, segments["walker"]])
        trace = theirs["trace"][-len(path) :]  # it goes on beyond a recycling, to segments that are none
        return [
            self._result("wedap", "distribution of x, raw", ours, theirs["histogram"]),
            self._result("wedap", "who was recycled", events[["iteration", "walker"]], theirs["succ"], 0),
            self._result("wedap", f"trace of {walker[0]}:{walker[1]}", path, trace, 0),
            self._result("wedap", "a picture", 1, int((self._folder / "wedap.png").stat().st_size > 1000), 0),
        ]

    def _ancestry(self, iteration: int, walker: int) -> np.ndarray:
        """Return a walker's segments since it was last recycled."""
        return wd.since_jump(self._run, self._run.lineage.trace(self._run.segment_id(iteration - 1, walker)))

    def _all_points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x of each segment at its start and frames, (n_segments, n_points), and weights of that shape."""
        run = self._run
        x, parent = run.observable("progress")[:, 0], run.observable("parent")
        start = np.where(run.observable("continuous") == 1, x[parent], -1.0)
        frames = run.observable("order_parameter").reshape(len(x), -1)
        points = np.column_stack([start, frames])
        return points, np.repeat(run.observable("weight")[:, None], points.shape[1], axis=1)


if __name__ == "__main__":
    sys.exit(main())
