"""The report of an import: what was taken, what was not and why, what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wepy_data.importers.foreign import writable


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import has done; the same is kept in the provenance of the new run.

    Parameters
    ----------
    source, output : path
        The foreign file, and the new run.
    format : str
        What the foreign file is, with its version.
    counts : mapping of str to int
        Number of cycles, segments, frames, merges, events and bins of the new run.
    taken : tuple of str
        What was taken, where it is not obvious.
    left_out : tuple of str
        What was not taken, and why.
    unknown : tuple of str
        What the foreign file does not say, and what stands in its place.
    sealed : bool
        Whether the planned walkers after the last cycle are known, so that the run is sealed.
    """

    source: Path
    output: Path
    format: str
    counts: Mapping[str, int]
    taken: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    sealed: bool = True

    def __str__(self) -> str:
        """Return the report as text, a line for each finding."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        lines = [f"imported {self.source} ({self.format}) to {self.output}: {counts}"]
        for word, findings in (("taken", self.taken), ("left out", self.left_out), ("unknown", self.unknown)):
            lines += [f"  {word}: {finding}" for finding in findings]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return what is kept in the provenance."""
        return {
            "counts": dict(self.counts),
            "taken": list(self.taken),
            "left_out": list(self.left_out),
            "unknown": list(self.unknown),
        }


@dataclass(slots=True)
class Notes:
    """What an importer notes on its way; the same finding at several places becomes one line that lists them.

    Examples
    --------
    >>> notes = Notes()
    >>> for iteration in (3, 4, 5, 9):
    ...     notes.leave("trajectories, as their file is not there: iterations {}", iteration)
    >>> notes.left_out
    ('trajectories, as their file is not there: iterations 3-5, 9',)
    """

    _found: dict[str, dict[str, list[int]]] = field(
        default_factory=lambda: {"taken": {}, "left_out": {}, "unknown": {}}
    )

    def take(self, finding: str, place: int | None = None) -> None:
        """Note what was taken; `{}` in the finding becomes the list of places that it is noted for."""
        self._note("taken", finding, place)

    def leave(self, finding: str, place: int | None = None) -> None:
        """Note what was not taken, and why."""
        self._note("left_out", finding, place)

    def miss(self, finding: str, place: int | None = None) -> None:
        """Note what is unknown, and what stands in its place."""
        self._note("unknown", finding, place)

    @property
    def taken(self) -> tuple[str, ...]:
        """What was taken."""
        return self._lines("taken")

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was not taken, and why."""
        return self._lines("left_out")

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is unknown, and what stands in its place."""
        return self._lines("unknown")

    def _note(self, kind: str, finding: str, place: int | None) -> None:
        places = self._found[kind].setdefault(writable(finding), [])
        if place is not None:
            places.append(place)

    def _lines(self, kind: str) -> tuple[str, ...]:
        return tuple(
            finding.replace("{}", spans(places), 1) if places else finding
            for finding, places in self._found[kind].items()
        )


def spans(numbers: list[int]) -> str:
    """Return numbers as spans.

    Examples
    --------
    >>> spans([1, 2, 3, 7])
    '1-3, 7'
    """
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
