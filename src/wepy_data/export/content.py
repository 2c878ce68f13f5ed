"""What a trajectory file holds, and the frames that are put into it: one seam for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import mdtraj

    from wepy_data.query.run import Run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """What a file is to hold, known before its first frame is read.

    Parameters
    ----------
    run : Run
        Where the frames come from.
    rows : (n_frames,) int64
        Rows of the frames, in order.
    owners : (n_frames,) int64
        Segment of each.
    atoms : (n_atoms,) int64
        Which of the run's atoms, increasing.
    topology : mdtraj.Topology
        Of these atoms.
    velocities : bool
        Whether frames come with velocities.
    """

    run: Run
    rows: NDArray[np.int64]
    owners: NDArray[np.int64]
    atoms: NDArray[np.int64]
    topology: mdtraj.Topology
    velocities: bool

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.rows)

    @property
    def periodic(self) -> bool:
        """Whether frames come with boxes."""
        return "/cell_lengths" in self.run.header.layout.growing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some frames, ready to be written.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) float32
        nm.
    time : (n_frames,) float64
        ps, on each frame's own lineage.
    step : (n_frames,) int64
        Steps of dynamics, on each frame's own lineage.
    lengths, angles : (n_frames, 3) float32 or None
        Of the boxes, nm and degrees; None without boxes.
    edges : (n_frames, 3, 3) float32 or None
        Their vectors as rows, nm, turned as the run has them.
    velocities : (n_frames, n_atoms, 3) float32 or None
        nm/ps; None if they are not kept.
    """

    positions: NDArray[np.float32]
    time: NDArray[np.float64]
    step: NDArray[np.int64]
    lengths: NDArray[np.float32] | None = None
    angles: NDArray[np.float32] | None = None
    edges: NDArray[np.float32] | None = None
    velocities: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, place: NDArray[np.int64]) -> Block:
        """Return some of the frames."""
        if len(place) == len(self) and (np.diff(place) == 1).all():
            return self
        return Block(
            positions=self.positions[place],
            time=self.time[place],
            step=self.step[place],
            lengths=None if self.lengths is None else self.lengths[place],
            angles=None if self.angles is None else self.angles[place],
            edges=None if self.edges is None else self.edges[place],
            velocities=None if self.velocities is None else self.velocities[place],
        )


class FrameFile(Protocol):
    """A trajectory file that is being written."""

    def write(self, block: Block) -> None:
        """Append frames."""
        ...

    def close(self) -> None:
        """End the file."""
        ...
