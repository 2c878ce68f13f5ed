"""The seams of the manager: what engines, order parameters, binners, balancers and dispatchers must do.

Anything with these methods fits; nothing needs to inherit. Everything that crosses a seam is a frozen value of
plain arrays. Units are those of the schema: nm, ps, dalton, elementary charge, nm/ps, kJ/mol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wepy.streams import Stream

State = Mapping[str, NDArray[np.float64]]
"""A walker's state: named float64 arrays (positions (n_atoms, 3) in nm, velocities in nm/ps, box (3, 3) in nm, ...)."""

Description = dict[str, Any]
"""A declarative JSON object that says what a component is and how it was set; goes to the run's provenance."""

Item = TypeVar("Item", contravariant=True)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class System:
    """What is simulated: the particles behind the frames, and what else frames carry.

    Parameters
    ----------
    species : (n_atoms,) int32
        Atomic numbers; 0 for a particle that is no atom.
    mass : (n_atoms,) float64
        Masses, dalton.
    charge : (n_atoms,) float64
        Charges, elementary charges.
    topology : str
        mdtraj's JSON text of the topology; empty if there is none.
    periodic : bool
        Whether frames carry a periodic box. Positions of a system without one are never wrapped.
    timestep : float
        Duration of one step, ps.
    velocities : bool
        Whether frames carry velocities.
    observables : mapping of str to str
        Unit (H5MD spelling) of each further number that comes with every frame, by name.
    stride : int or None
        Steps between frames, for the forecast of the file's size; None if only a segment's last is one.
    state : mapping of str to tuple of int
        Shape of each array of a state at a segment's end, by name; needed if a run keeps them all. Those of the first
        start state if it is empty.
    """

    species: NDArray[np.int32]
    mass: NDArray[np.float64]
    charge: NDArray[np.float64]
    topology: str = ""
    periodic: bool = False
    timestep: float
    velocities: bool = False
    observables: Mapping[str, str] = field(default_factory=dict)
    stride: int | None = None
    state: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def n_atoms(self) -> int:
        """Number of particles in every frame."""
        return len(self.species)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """The frames of one segment in order of time; the last is the segment's end, the start is not among them.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) float
        Positions, nm.
    step : (n_frames,) int64
        Steps since the segment began; strictly increasing, the last equals the segment's length.
    time : (n_frames,) float64
        Time since the segment began, ps.
    box : (n_frames, 3, 3) float64 or None
        Box vectors as rows, nm; None for a system that is not periodic.
    velocities : (n_frames, n_atoms, 3) float or None
        Velocities, nm/ps; None if they are not kept.
    """

    positions: NDArray[np.floating[Any]]
    step: NDArray[np.int64]
    time: NDArray[np.float64]
    box: NDArray[np.float64] | None = None
    velocities: NDArray[np.floating[Any]] | None = None

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """What an engine returns: one walker's end state and frames.

    Parameters
    ----------
    state : State
        The end state in full precision: enough to go on from.
    frames : Frames
        At least the last frame.
    observables : mapping of str to (n_frames,) float64
        More per-frame values (energies, ...), as the engine's `System.observables` declares them.
    """

    state: State
    frames: Frames
    observables: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class Engine(Protocol):
    """Advances one walker's state by a stretch of dynamics. Sent to workers: must pickle, without open handles."""

    @property
    def system(self) -> System:
        """The particles; asked on the manager only."""
        ...

    def frame(self, state: State) -> Frames:
        """Return the frame of a state itself, at step 0; needs no worker."""
        ...

    def run(self, state: State, steps: int, stream: Stream) -> Segment:
        """Advance `state` by `steps`, all chance drawn from `stream`; the same input gives the same bits."""
        ...

    def describe(self) -> Description:
        """Return kind, settings and what is promised about reproducibility, as JSON values."""
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that advances many walkers at once faster than one by one (toy dynamics, GPU batches)."""

    def run_batch(self, states: Sequence[State], steps: int, streams: Sequence[Stream]) -> list[Segment]:
        """Advance each state with its own stream; bit-identical to `run` one by one, however walkers are batched."""
        ...


@runtime_checkable
class FromFrame(Protocol):
    """An engine that can start from a stored frame, where a run has not kept states in full precision."""

    def state_of(self, frames: Frames) -> State:
        """Return the state of the last frame; what frames do not hold is left out, and drawn as for a new start."""
        ...


@runtime_checkable
class OnPlatform(Protocol):
    """An engine that knows what it computes on; `/workers` in the run's file tells of it."""

    @property
    def platform_in_use(self) -> str:
        """What this thread of this process computes on, such as ``CUDA mixed``; asked on a worker after its segments.

        Texts of more than 64 bytes are cut off in the file.
        """
        ...


class OrderParameter(Protocol):
    """Maps frames to features, on the worker. Sent to workers: must pickle (a module-level function or a value)."""

    @property
    def labels(self) -> Sequence[str]:
        """Name of each dimension; their number is the dimension of the order parameter."""
        ...

    @property
    def unit(self) -> str:
        """Unit of all dimensions in H5MD spelling (`nm`, `rad`); empty if dimensionless or mixed."""
        ...

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return the features of every frame, shape (n_frames, n_dims), float64."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        ...


class Metric(Protocol):
    """Distances between order parameters, in two steps so that what is computed once for a point is kept.

    An image is what a metric keeps of a point; distances between images are not negative, and those of a point to
    itself are 0.
    """

    def images(self, order_parameter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the image of each point, (n, k); raise `ConfigurationError` if the dimensions do not fit."""
        ...

    def between(self, images_a: NDArray[np.float64], images_b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance of every image of `images_a` to every one of `images_b`, (n_a, n_b)."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values, enough to build the metric again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bin:
    """One bin of a binner.

    Parameters
    ----------
    label : str
        Short text for people.
    centre : (n_dims,) float64
        A point that stands for the bin; NaN where the bin is unbounded.
    parent : int
        Index of the bin that this one refines, -1 if none (recursive binners).
    level : int
        Depth of refinement; 0 for a bin without parent.
    target_count : int
        Walkers wanted in this bin; -1 to leave it to the balancer.
    """

    label: str
    centre: NDArray[np.float64]
    parent: int = -1
    level: int = 0
    target_count: int = -1


KnownBins = Mapping[int, Bin]
"""Every bin that a run has made so far, by index, in the order in which they were made."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binning:
    """The bins of a cycle's walkers.

    Parameters
    ----------
    index : (n_walkers,) int64
        Bin of each walker.
    made : mapping of int to Bin
        Bins that are new, by index; each comes after the one that it refines.
    """

    index: NDArray[np.int64]
    made: KnownBins


class Binner(Protocol):
    """Maps order parameters to bins that are the same in every cycle."""

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin index, (n_walkers,); raise `BinningError` naming walkers that fit no bin."""
        ...

    def bin(self, index: int) -> Bin:
        """Return what is known of a bin, for the record."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values, enough to build the binner again."""
        ...


@runtime_checkable
class AdaptiveBinner(Protocol):
    """Makes bins as walkers move: regions that grow, bins that follow the ensemble.

    It keeps no state. What it must know of the past is in the bins made so far, which are those of the run's file: a
    resumed run makes the same bins as an undisturbed one. An index means one bin for ever, so bins that are made anew
    in every cycle have new indices in every cycle.
    """

    def adapt(self, known: KnownBins, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> Binning:
        """Return the walkers' bins and those bins that are new, numbered on from the highest index in `known`.

        Raises `BinningError` naming walkers that fit no bin. Bins may depend on the walkers' order parameters and
        weights and on `known`, not on anything that is drawn later: then no balancer is biased by them.
        """
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values, enough to build the binner again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Balance:
    """The walkers of the next cycle: who continues whom, with what weight, and what flowed where.

    Parameters
    ----------
    parent : (n_next,) int64
        Index of the walker that each new walker continues.
    weight : (n_next,) float64
        New weights.
    merge_into : (n_merges,) int64
        Index of the new walker that received weight by merging.
    merge_from : (n_merges,) int64
        Index of the old walker that the weight came from; never the parent of `merge_into`.
    merge_weight : (n_merges,) float64
        The weight moved.
    """

    parent: NDArray[np.int64]
    weight: NDArray[np.float64]
    merge_into: NDArray[np.int64]
    merge_from: NDArray[np.int64]
    merge_weight: NDArray[np.float64]


class Plan(Protocol):
    """What a balancer decided before any survivor is drawn."""

    def draw(self, stream: Stream) -> Balance:
        """Draw the survivors."""
        ...


@runtime_checkable
class GroupedPlan(Plan, Protocol):
    """A plan that is a list of groups; `wepy.balancing.Plan` is one.

    Each group becomes one new walker with the group's weight, continuing one member drawn with probability
    proportional to the weight it brought. A member may bring a part of a walker's weight, the walker's other parts
    being in other groups: these are its clones.
    """

    @property
    def stop(self) -> NDArray[np.int64]:
        """End of each group in `member` and `share`, (n_groups,)."""
        ...

    @property
    def member(self) -> NDArray[np.int64]:
        """Walker index of each member of each group, (n_members,)."""
        ...

    @property
    def share(self) -> NDArray[np.float64]:
        """Weight that each member brings to its group, (n_members,)."""
        ...


@runtime_checkable
class StepwisePlan(Plan, Protocol):
    """A plan of a balancer that merges one pair after another and looks at each survivor before it goes on (REVO)."""

    def outcomes(self) -> Iterator[tuple[Fraction, Balance]]:
        """Yield everything that a draw can give, with its probability; for few walkers, as there may be 2^n."""
        ...


class Balancer(Protocol):
    """Decides who is cloned and who merges. Stores nothing; a function of its arguments."""

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        """Return the plan for these walkers; expected weights of each walker's children sum to its weight."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        ...


@runtime_checkable
class InformedBalancer(Balancer, Protocol):
    """A balancer that needs more of the bins than who is in which: how many walkers they want, what they refine."""

    def informed(self, known: KnownBins) -> Balancer:
        """Return the balancer for walkers in these bins; called in every cycle, before `plan`."""
        ...


class Target(Protocol):
    """Where a walker has arrived and is recycled."""

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers are in the target, (n_walkers,), by the order parameter at their segments' ends."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[Result]):
    """What became of one item: a value, or the error that the function raised.

    Parameters
    ----------
    index : int
        Position of the item in the sequence given to `Dispatcher.run`.
    value : object
        What the function returned; None if it failed.
    error : BaseException or None
        Why it failed. The message names worker and host; the worker's traceback is in its notes.
    """

    index: int
    value: Result | None = None
    error: BaseException | None = None


class Dispatcher(Protocol):
    """Sends items to workers and brings results back. A context manager; entered once, used for many cycles."""

    @property
    def slots(self) -> int:
        """How many items run at the same time now; at least 1."""
        ...

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item in order of completion; no item is ever dropped.

        `function` must pickle; it goes to each worker once and stays there, so that what it caches on itself
        (an engine's context) serves later items. An error raised by the function is an outcome; a failure of the
        dispatcher itself (no workers left, broker gone) raises `DispatchError`.
        """
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
