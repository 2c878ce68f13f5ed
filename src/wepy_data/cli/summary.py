"""The summary of a run that `wepy-data info` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from wepy_data.query.feature import features
from wepy_data.store.standing import running_cycle

if TYPE_CHECKING:
    from wepy_data.query.run import Run
    from wepy_data.store.computed import Computed


def facts(run: Run, path: Path, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a run, each as (name, text)."""
    yield "run", run.header.run_id
    yield "state", _state(run, path, now)
    yield from _journal(run, path)
    author = run.header.author
    yield "created", run.header.created + (f" by {author}" if author not in ("", "unknown") else "")
    if run.header.continues is not None:
        yield "continues", f"cycle {run.header.continues.cycle} of run {run.header.continues.run_id}"
    yield "size", _bytes(path.stat().st_size)
    yield "cycles", str(run.n_cycles)
    if run.n_cycles:
        yield from _ensemble(run)
    yield "frames", f"{run.n_frames}{_particles(run)}"
    yield from _order_parameter(run)
    if run.computed:
        yield "computed", ", ".join(map(_computed, run.computed.values()))
    yield "states", _states(run)
    if run.n_cycles:
        yield "events", _events(run)
    yield from _origin(run)


def _state(run: Run, path: Path, now: datetime) -> str:
    words = {
        "sealed": "sealed: ended in order",
        "growing": "growing: a manager is writing it",
        "stopped": f"stopped: it has not ended in order, and nobody writes it; wepy resume {quote(str(path))} goes on",
    }[run.state]
    if run.sealed:
        return words
    if not run.n_cycles:
        return f"{words}; no cycle is committed yet"
    last = datetime.fromtimestamp(float(run.reader.read("/cycles/ended")[-1]), UTC)
    return f"{words}; the last cycle was committed {_ago(now - last)}"


def _journal(run: Run, path: Path) -> Iterator[tuple[str, str]]:
    found = None if run.sealed else running_cycle(path)
    if found is not None and found.cycle == run.n_cycles:
        yield "journal", f"of cycle {found.cycle}, {found.n_finished} of {found.n_walkers} segments are done"


def _ago(elapsed: object) -> str:
    return f"{str(elapsed).split('.')[0]} (h:mm:ss) ago"


def _bytes(size: int) -> str:
    power = min(int(math.log(max(size, 1), 1000)), 4)
    return f"{size / 1000**power:.{1 if power else 0}f} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _ensemble(run: Run) -> Iterator[tuple[str, str]]:
    counts = np.diff(run.reader.stops("segment"), prepend=0)
    low, high = counts.min(), counts.max()
    yield "walkers", f"{counts[-1]} in the last cycle" + (f" ({low} to {high} in all)" if low < high else "")
    trees = len(np.unique(run.lineage.trace_all()[0]))
    yield "segments", f"{run.n_segments} in all, {trees} surviving walker tree{'s' if trees != 1 else ''}"
    weight = run.reader.read("/segments/weight")[run.lineage.segments_of(-1)]
    effective = weight.sum() ** 2 / (weight**2).sum()
    yield (
        "weights",
        f"{weight.min():.3g} to {weight.max():.3g}, total {math.fsum(weight.tolist()):.15g}"
        f" (last cycle; effective number of walkers {effective:.1f})",
    )


def _particles(run: Run) -> str:
    layout = run.header.layout
    if "/particles" not in layout.parts:
        return ", without coordinates"
    box = "periodic" if "/particles/trajectory/box/edges" in layout.parts else "no box"
    return f" of {layout.sizes['atom']} atoms, {box}"


def _order_parameter(run: Run) -> Iterator[tuple[str, str]]:
    found = features(run)
    names = ", ".join(feature.heading for feature in found)
    yield "order parameter", names
    if run.n_cycles:
        progress = run.reader.read("/segments/progress")
        ends = zip(progress.min(axis=0).tolist(), progress.max(axis=0).tolist(), strict=True)
        yield "seen so far", ", ".join(f"{low:.4g} to {high:.4g}" for low, high in ends)


def _computed(one: Computed) -> str:
    return f"{one.name} ({one.unit + ', ' if one.unit else ''}per {one.per})"


def _states(run: Run) -> str:
    table = run.table("states")
    words = [
        f"{row.label} ({row.kind}{'' if row.kind == 'target' else f', {row.probability:.3g}'})"
        for row in table.head(8).itertuples()
    ]
    return ", ".join(words) + (f" and {len(table) - 8} more" if len(table) > 8 else "")


def _events(run: Run) -> str:
    lineage = run.lineage
    parent = lineage.parent[lineage.parent >= 0]
    clones = int((np.bincount(parent) > 1).sum()) if len(parent) else 0
    words = [f"{clones} walkers cloned", f"{run.reader.rows('merge')} merged"]
    table = run.table("events")
    for kind, rows in table.groupby("kind", observed=True):
        words.append(f"{len(rows)} {kind} (weight {math.fsum(rows.weight.tolist()):.4g})")
    return ", ".join(words)


def _origin(run: Run) -> Iterator[tuple[str, str]]:
    for start in run.header.provenance:
        software = ", ".join(f"{name} {version}" for name, version in start.get("software", {}).items())
        host = start.get("host", {}).get("name", "an unknown host")
        seed = start.get("seed")
        yield start.get("kind", "start"), f"{start.get('time', '')} on {host}, seed {seed}; {software}"
