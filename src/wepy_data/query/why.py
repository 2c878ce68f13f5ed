"""Why a walker was cloned, merged or left alone: explained from what the run has stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.decision import DECISIONS, Successors, decided_cycles, decisions, successors
from wepy_data.query.reason import Crowd, reason
from wepy_data.query.rows import row_range
from wepy_data.query.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A walker of the next cycle, as far as one segment has to do with it.

    Parameters
    ----------
    segment : int
        The walker's segment; of a sealed run's planned walkers, the id that it will have.
    weight : float
        Its weight.
    brought : float
        What of this weight the explained segment brought.
    continues : int
        The segment that it continues: the survivor of the draw.
    others : mapping of int to float
        What the other segments brought, by their ids; empty if nothing merged.

    Examples
    --------
    >>> Share(segment=7, weight=0.4, brought=0.1, continues=2, others={2: 0.3}).chance
    0.25
    """

    segment: int
    weight: float
    brought: float
    continues: int
    others: Mapping[int, float]

    @property
    def chance(self) -> float:
        """Probability, before the draw, that this walker would continue the explained segment."""
        return self.brought / self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What resampling did with a segment at its end, and why.

    Parameters
    ----------
    segment, cycle, walker : int
        Which one.
    weight : float
        Its weight.
    decision : str
        One of `wepy_data.query.decision.DECISIONS`.
    shares : tuple of Share
        The walkers of the next cycle that continue it or received weight from it.
    bin : int
        Its row in /bins; -1 if the run has none.
    n_together : int
        Walkers of its bin in this cycle, itself included; of the cycle if the run has no bins.
    weight_together : float
        Their weight.
    target_count : int
        Walkers wanted in that bin; -1 if nothing says.
    balancer : mapping
        Kind and settings of the balancer then.
    reasons : tuple of str
        Sentences: what in these numbers made the balancer do so.
    """

    segment: int
    cycle: int
    walker: int
    weight: float
    decision: str
    shares: tuple[Share, ...]
    bin: int
    n_together: int
    weight_together: float
    target_count: int
    balancer: Mapping[str, Any]
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """The explanation, for people."""
        lines = [
            f"segment {self.segment} (cycle {self.cycle}, walker {self.walker}), weight {self.weight:.6g}: "
            f"{self.decision}, {DECISIONS[self.decision]}",
            *(f"  {line}" for line in self.reasons),
        ]
        lines += [f"  {line}" for share in self.shares for line in self._lines(share)]
        return "\n".join(lines)

    def _lines(self, share: Share) -> list[str]:
        whose = "its child" if share.continues == self.segment else f"a child of segment {share.continues}"
        lines = [f"-> segment {share.segment}, {whose}, weight {share.weight:.6g}: it brought {share.brought:.6g}"]
        if share.others:
            brought = ", ".join(f"segment {one} {weight:.6g}" for one, weight in share.others.items())
            lines.append(f"   {brought}")
            lines.append(f"   the survivor was drawn by weight: this segment with probability {share.chance:.4g}")
        return lines


def why(run: Run, segment: int) -> Why:
    """Return what resampling did with a segment at its end, and why.

    Nothing is computed anew: weights, bins, children and merges are those of the file, and the balancer's settings
    those of its provenance.

    Parameters
    ----------
    run : Run
        The run.
    segment : int
        Segment id.

    Raises
    ------
    SelectionError
        If there is no such segment, or its cycle is the last of a run that is not sealed: nothing is decided yet.

    Examples
    --------
    ```python
    with wd.open_run("run.h5") as run:
        print(wd.why(run, run.segment_id(cycle=8, walker=3)).text)
    ```
    """
    reader = run.reader
    cycle, walker = _place(run, segment)
    first, stop = row_range(reader, "segment", cycle, cycle + 1)
    decided = decisions(reader, first, stop)
    code = int(decided["decision"][walker])
    balancer = _balancer(run, cycle)
    weight = reader.read("/segments/weight", first, stop)
    row, members = _together(run, cycle, first, stop, walker)
    target = _target(run, row, balancer)
    crowd = Crowd(weight=weight[members], member=int(np.searchsorted(members, walker)), target_count=target)
    decision = list(DECISIONS)[code]
    shares = _shares(segment, successors(reader, cycle, cycle))
    return Why(
        segment=int(segment),
        cycle=cycle,
        walker=walker,
        weight=float(weight[walker]),
        decision=decision,
        shares=shares,
        bin=row,
        n_together=len(members),
        weight_together=math.fsum(weight[members].tolist()),
        target_count=target,
        balancer=balancer,
        reasons=(*_arrival(run, segment, cycle), *reason(decision, balancer, crowd)),
    )


def _place(run: Run, segment: int) -> tuple[int, int]:
    if not 0 <= segment < run.n_segments:
        raise SelectionError(f"no segment {segment}: this run has segments 0 to {run.n_segments - 1}")
    stops = run.reader.stops("segment")
    cycle = int(np.searchsorted(stops, segment, side="right"))
    if cycle >= decided_cycles(run.reader):
        raise SelectionError(
            f"segment {segment} is of cycle {cycle}, the last of a run that is not sealed: what becomes of it is not "
            "known yet; ask for an earlier cycle"
        )
    return cycle, int(segment - (stops[cycle - 1] if cycle else 0))


def _together(run: Run, cycle: int, first: int, stop: int, walker: int) -> tuple[int, NDArray[np.int64]]:
    """Return the row of a walker's bin, and the walkers that were balanced together with it, by position."""
    bins = run.reader.read("/segments/bin", first, stop)
    row = int(bins[walker])
    if row >= 0:
        return row, np.flatnonzero(bins == row)
    events = row_range(run.reader, "event", cycle, cycle + 1)
    kind, gone = run.reader.read("/events/kind", *events), run.reader.read("/events/segment", *events) - first
    code = run.header.layout.columns["/events/kind"].spec.enum["absorbed"]
    staying = np.setdiff1d(np.arange(stop - first), np.setdiff1d(gone[kind == code], [walker]))
    return row, staying


def _balancer(run: Run, cycle: int) -> Mapping[str, Any]:
    """Return what the last start before the cycle's end said of its balancer."""
    said: Mapping[str, Any] = {}
    for record in run.header.provenance:
        if record.get("cycle", 0) <= cycle:
            said = record.get("components", {}).get("balancer") or said
    return said


def _target(run: Run, row: int, balancer: Mapping[str, Any]) -> int:
    """Return how many walkers a bin should have: by the balancer's own word, the bin's, or the balancer's rule."""
    named = balancer.get("target_counts")
    if row >= 0:
        index = int(run.reader.read("/bins/index", row, row + 1)[0])
        if isinstance(named, Mapping) and str(index) in named:
            return int(named[str(index)])
        wanted = int(run.reader.read("/bins/target_count", row, row + 1)[0])
        if wanted >= 0:
            return wanted
    general = balancer.get("target_count", -1)
    return general if isinstance(general, int) else -1


def _shares(segment: int, next_: Successors) -> tuple[Share, ...]:
    children = np.flatnonzero(next_.parent == segment) + next_.first
    wanted = np.union1d(children, next_.into[next_.source == segment]).tolist()
    found = []
    for one in wanted:
        place = one - next_.first
        here = next_.into == one
        parts = dict(zip(next_.source[here].tolist(), next_.weight[here].tolist(), strict=True))
        total, survivor = float(next_.child_weight[place]), int(next_.parent[place])
        parts[survivor] = total - math.fsum(parts.values())
        found.append(
            Share(
                segment=int(one),
                weight=total,
                brought=parts.pop(segment),
                continues=survivor,
                others=dict(sorted(parts.items())),
            )
        )
    return tuple(found)


def _arrival(run: Run, segment: int, cycle: int) -> list[str]:
    """Return a sentence if the walker arrived in a target."""
    events = row_range(run.reader, "event", cycle, cycle + 1)
    here = np.flatnonzero(run.reader.read("/events/segment", *events) == segment)
    if not len(here):
        return []
    row = events[0] + int(here[0])
    labels = [text.decode("utf-8", "replace") for text in run.header.static["/states/label"].tolist()]
    target = int(run.reader.read("/events/target", row, row + 1)[0])
    source = int(run.reader.read("/events/source_state", row, row + 1)[0])
    where = f"it had arrived in {labels[target]!r}" if target >= 0 else "it had ended"
    return [f"{where} and restarted from {labels[source]!r}" if source >= 0 else where]
