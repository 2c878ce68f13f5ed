"""What becomes of walkers that arrive in a target: they are recycled, or absorbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from wepy.errors import ConfigurationError
from wepy.protocols import Description, Target


@dataclass(frozen=True, slots=True)
class Recycling:
    """Sends walkers from a target back to a source state drawn by its probability; they keep their weight.

    In the steady state that this reaches, the weight arriving per unit of time is the inverse of the mean first
    passage time (Hill, Free Energy Transduction in Biology, 1977).

    Parameters
    ----------
    target : Target
        Says which walkers have arrived.
    label : str
        Name of the target in /states.
    sources : sequence of str, Target or None
        Which of the run's source states walkers restart from: their labels, or a target that they are in. They are
        drawn by their probabilities among these. None for all.
    every_frame : bool
        Whether the target is tested at every stored frame of a segment and not at its end alone. A walker that was in
        the target and has left it within the segment has arrived then, too. The mean first passage time is that of
        dynamics checked as often as the target is: of a Lennard-Jones pair it is 1.7 % longer if 20 steps pass
        between two checks than if every step is checked.

    Examples
    --------
    >>> from wepy.boundary import Region
    >>> Recycling(Region(lower=[1.0]), label="right").label
    'right'
    """

    target: Target
    _: KW_ONLY
    label: str = "target"
    sources: Sequence[str] | Target | None = None
    every_frame: bool = False

    def __post_init__(self) -> None:
        _check_label(self.label)

    @property
    def source_labels(self) -> tuple[str, ...] | None:
        """Labels of the sources; None if they are not said by label."""
        sources = self.sources
        return tuple(sources) if isinstance(sources, Sequence) else None

    def describe(self) -> Description:
        """Return kind, target and settings as JSON values."""
        described = _describe("recycling", self)
        if self.source_labels is not None:
            described["sources"] = list(self.source_labels)
        elif self.sources is not None:
            described["sources"] = self.sources.describe()  # type: ignore[union-attr]
        return described


@dataclass(frozen=True, slots=True)
class Absorbing:
    """Ends walkers that arrive in a target: their weight leaves the run, and is counted there.

    A run in which every walker was absorbed ends.

    Parameters
    ----------
    target : Target
        Says which walkers have arrived.
    label : str
        Name of the target in /states.
    every_frame : bool
        As for `Recycling`.
    """

    target: Target
    _: KW_ONLY
    label: str = "target"
    every_frame: bool = False

    def __post_init__(self) -> None:
        _check_label(self.label)

    def describe(self) -> Description:
        """Return kind, target and settings as JSON values."""
        return _describe("absorbing", self)


Boundary = Recycling | Absorbing
"""A boundary condition."""


def _describe(kind: str, boundary: Boundary) -> Description:
    """Return what is not the default, so that runs of before compare equal."""
    described: Description = {"kind": kind, "target": boundary.target.describe()}
    if boundary.label != "target":
        described["label"] = boundary.label
    if boundary.every_frame:
        described["every_frame"] = True
    return described


def _check_label(label: str) -> None:
    if not 0 < len(label.encode()) <= 64:
        raise ConfigurationError(f"target {label!r}: expected a label of 1 to 64 bytes of UTF-8")
