"""What a live view of a run shows, in numbers: the last cycle, the last stretch, and the history of every cycle."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.standing import known_header, target_cycles

_WINDOW = 50  # cycles over which speed is averaged
_RECENT = 10  # cycles whose order parameters make the distribution
_BINS = 40
_BLOCK = 1 << 20  # segments read in one go
_RECYCLED = 0  # the schema's number for it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimension:
    """One dimension of the order parameter.

    Parameters
    ----------
    heading : str
        Name and unit.
    low, mean, high : float
        Of the last cycle; the mean is weighted.
    seen : (low, high)
        Of the whole run.
    weights : (n_bins,) float64
        Weight in equal bins over what was seen, in the last cycles.
    history : (n_cycles,) float64
        Weighted mean of each cycle.
    """

    heading: str
    low: float
    mean: float
    high: float
    seen: tuple[float, float]
    weights: NDArray[np.float64]
    history: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Speed:
    """How fast the run has been in its last cycles; `ps_per_second` counts the dynamics of all walkers."""

    n_cycles: int
    seconds_per_cycle: float
    segments_per_second: float
    ps_per_second: float
    ps_per_cycle: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glance:
    """A run as it is now; what needs a cycle is None, or empty, before the first one.

    Parameters
    ----------
    target : int or None
        Number of cycles that its last start was to reach, or that the configuration asks for.
    weight : (n_walkers,) float64
        Of the last cycle.
    recycled : (n_cycles,) float64
        Weight that arrived in the target in each cycle.
    workers : counter of str
        Number of workers of the last cycle by host.
    ended : float
        When the last cycle was committed, Unix time.
    """

    path: Path
    run_id: str
    state: str
    n_cycles: int
    target: int | None
    n_segments: int
    simulated: float
    weight: NDArray[np.float64]
    n_walkers: NDArray[np.int64]
    dimensions: tuple[Dimension, ...]
    recycled: NDArray[np.float64]
    recycles: bool
    speed: Speed | None
    workers: Counter[str]
    bytes_on_disk: int
    running: wd.RunningCycle | None
    ended: float
    now: float

    @property
    def effective(self) -> float:
        """Effective number of walkers: that of equal weights which would average as well."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    @property
    def seconds_left(self) -> float | None:
        """Time to the last cycle asked for, at the present speed; None if that is not known."""
        if self.state != "growing" or self.target is None or self.speed is None:
            return None
        return max(0, self.target - self.n_cycles) * self.speed.seconds_per_cycle

    def flux(self, cycles: int) -> float:
        """Return the weight that has arrived per cycle, in the last cycles."""
        return float(self.recycled[-cycles:].mean())


class Observer:
    """Looks at a run again and again, reading each cycle once.

    Parameters
    ----------
    run : wepy_data.Run
        The open run.
    path : path
        Its file.
    """

    def __init__(self, run: wd.Run, path: Path) -> None:
        self._run, self._path = run, path
        empty = np.empty((0, len(run.features)))
        self._low, self._mean, self._high = empty, empty, empty
        self._recycled = np.empty(0)

    def look(self) -> Glance:
        """Return the run as it is now."""
        run = self._run
        run.refresh()
        self._read_on()
        n, now = run.n_cycles, time.time()
        stops = run.reader.stops("segment")
        counts = np.diff(stops, prepend=0)
        found = None if run.sealed else wd.running_cycle(self._path)
        return Glance(
            path=self._path,
            run_id=run.header.run_id,
            state=run.state,
            n_cycles=n,
            target=target_cycles(run.header if run.sealed else known_header(self._path, run.header)),
            n_segments=run.n_segments,
            simulated=self._simulated(n),
            weight=run.reader.read("/segments/weight", run.n_segments - int(counts[-1])) if n else np.empty(0),
            n_walkers=counts,
            dimensions=self._dimensions() if n else (),
            recycled=self._recycled,
            recycles=bool((run.header.static["/states/kind"] == 2).any()),
            speed=self._speed(counts) if n else None,
            workers=self._workers(int(stops[-2]) if n > 1 else 0) if n else Counter(),
            bytes_on_disk=_size(self._path) + _size(wd.journal_path(self._path)),
            running=found if found is not None and found.cycle == n else None,
            ended=float(run.reader.read("/cycles/ended", n - 1)[0]) if n else now,
            now=now,
        )

    def _read_on(self) -> None:
        reader, first = self._run.reader, len(self._mean)
        stops = np.concatenate([np.zeros(1, np.int64), reader.stops("segment")])
        while first < self._run.n_cycles:
            last = max(first + 1, int(np.searchsorted(stops, stops[first] + _BLOCK)))
            last = min(last, self._run.n_cycles)
            start, stop = int(stops[first]), int(stops[last])
            starts = stops[first:last] - start
            progress, weight = (reader.read(f"/segments/{name}", start, stop) for name in ("progress", "weight"))
            total = np.add.reduceat(weight, starts)[:, None]
            self._low = np.concatenate([self._low, np.minimum.reduceat(progress, starts)])
            self._high = np.concatenate([self._high, np.maximum.reduceat(progress, starts)])
            self._mean = np.concatenate([self._mean, np.add.reduceat(progress * weight[:, None], starts) / total])
            self._recycled = np.concatenate([self._recycled, self._arrived(first, last)])
            first = last

    def _arrived(self, first: int, last: int) -> NDArray[np.float64]:
        reader = self._run.reader
        stops = reader.stops("event")
        start = int(stops[first - 1]) if first else 0
        kind, weight = (reader.read(f"/events/{name}", start, int(stops[last - 1])) for name in ("kind", "weight"))
        cycle = np.searchsorted(stops[first:last], np.arange(start, start + len(kind)), side="right")
        sums = np.bincount(cycle, np.where(kind == _RECYCLED, weight, 0.0), minlength=last - first)
        return np.asarray(sums, np.float64)

    def _dimensions(self) -> tuple[Dimension, ...]:
        reader, stops = self._run.reader, self._run.reader.stops("segment")
        start = int(stops[-_RECENT - 1]) if len(stops) > _RECENT else 0
        progress, weight = (reader.read(f"/segments/{name}", start) for name in ("progress", "weight"))
        found = []
        for i, feature in enumerate(self._run.features):
            low, high = float(self._low[:, i].min()), float(self._high[:, i].max())
            weights, _ = np.histogram(progress[:, i], _BINS, (low, high if high > low else low + 1.0), weights=weight)
            found.append(
                Dimension(
                    heading=feature.heading,
                    low=float(self._low[-1, i]),
                    mean=float(self._mean[-1, i]),
                    high=float(self._high[-1, i]),
                    seen=(low, high),
                    weights=np.asarray(weights, np.float64),
                    history=self._mean[:, i],
                )
            )
        return tuple(found)

    def _speed(self, counts: NDArray[np.int64]) -> Speed | None:
        reader, n = self._run.reader, self._run.n_cycles
        cycles = min(n, _WINDOW)
        began, ended = (reader.read(f"/cycles/{name}", n - cycles) for name in ("began", "ended"))
        spent, between = (ended - began).clip(min=0), (began[1:] - ended[:-1]).clip(min=0)
        # what lies between two cycles counts, but not the night between a stop and a resume
        seconds = float(spent.sum() + between.clip(max=spent.max()).sum())
        if not seconds > 0:  # the clock was set back
            return None
        segments, simulated = int(counts[-cycles:].sum()), self._simulated(n) - self._simulated(n - cycles)
        return Speed(
            n_cycles=cycles,
            seconds_per_cycle=seconds / cycles,
            segments_per_second=segments / seconds,
            ps_per_second=simulated / seconds,
            ps_per_cycle=simulated / segments,
        )

    def _simulated(self, cycles: int) -> float:
        """Return the dynamics of all walkers in the first cycles, ps; 0 if no frames are stored."""
        stop = int(self._run.reader.stops("frame")[cycles - 1]) if cycles else 0
        return float(self._run.reader.read("/frames/total_time", stop - 1, stop)[0]) if stop else 0.0

    def _workers(self, start: int) -> Counter[str]:
        reader = self._run.reader
        hosts, worker = reader.read("/workers/host"), np.unique(reader.read("/segments/worker", start))
        names = hosts[worker[(worker >= 0) & (worker < len(hosts))]].tolist()
        return Counter(name.decode("utf-8", "replace") for name in names)


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
