"""The frames of a run: where its particles were, on which segments."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.query.frame import blocks, chosen_atoms, frame_bytes, frame_rows, trajectory, velocities_of
from wepy_data.query.rows import damaged
from wepy_data.query.start import starts
from wepy_data.query.topology import topology_from_json, topology_of_particles
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    import mdtraj


class RunFrames:
    """The frames of a run; see `Run`."""

    reader: RunReader

    @cached_property
    def topology(self) -> mdtraj.Topology:
        """The particles of a frame; unconnected ones if the run has no topology.

        Raises
        ------
        DamagedRunError
            If the topology is none, or has another number of particles.
        MissingPackageError
            If mdtraj is not installed.
        """
        if self.reader.header.topology:
            found, layout = topology_from_json(self.reader.header.topology), self.reader.header.layout
            if "/particles" in layout.parts and found.n_atoms != layout.sizes["atom"]:
                expected = f"{layout.sizes['atom']} as in /particles/trajectory/species"
                raise damaged(self.reader, f"/topology: found {found.n_atoms} atoms, expected {expected}")
            return found
        species = self.reader.header.static.get("/particles/trajectory/species")
        return topology_of_particles([] if species is None else species.tolist())

    def frames(
        self, segments: ArrayLike, atoms: ArrayLike | None = None, stride: int = 1, which: str = "all"
    ) -> mdtraj.Trajectory:
        """Return the frames of segments, in order of the segments, then time.

        A segment's frames are those of its stride and its end. Its start is not among them: that is its parent's last
        frame, so that an ancestry has each frame once; where a lineage is discontinuous, see `starts`.

        Parameters
        ----------
        segments : int or (n,) int
            Segment ids, as `lineage.trace` returns them.
        atoms : (n,) int, optional
            Atoms to keep, in the order of the topology; all by default.
        stride : int
            Every how many-th frame is kept, counted over all segments; the first one always is.
        which : {"all", "last"}
            All frames of each segment, or its last one.

        Returns
        -------
        mdtraj.Trajectory
            Positions in nm, times in ps on each frame's own lineage, boxes if the system is periodic.

        Raises
        ------
        SelectionError
            If there is no such segment or atom, or the run stores no coordinates.
        MissingPackageError
            If mdtraj is not installed.
        """
        rows, _ = frame_rows(self.reader, segments, stride, which)
        return trajectory(self.reader, rows, self.topology, atoms)

    def iter_frames(
        self, segments: ArrayLike, atoms: ArrayLike | None = None, stride: int = 1, which: str = "all",
        *, block_bytes: int = 1 << 26,
    ) -> Iterator[mdtraj.Trajectory]:  # fmt: skip
        """Yield the same frames as `frames`, in blocks whose positions take at most so many bytes, or of one frame.

        Examples
        --------
        ```python
        for block in run.iter_frames(run.lineage.survivors(), atoms=backbone):
            mdtraj.compute_phi(block)
        ```
        """
        rows, _ = frame_rows(self.reader, segments, stride, which)
        chosen = chosen_atoms(self.reader, atoms)
        size = frame_bytes(self.reader) if chosen is None else max(1, 12 * len(chosen))
        for block in blocks(rows, max(1, block_bytes // size)):
            yield trajectory(self.reader, block, self.topology, chosen)

    def velocities(
        self, segments: ArrayLike, atoms: ArrayLike | None = None, stride: int = 1, which: str = "all"
    ) -> NDArray[np.float32]:
        """Return the velocities of the same frames as `frames`, (n_frames, n_atoms, 3), nm/ps.

        Raises
        ------
        SelectionError
            If the run stores no velocities.
        """
        rows, _ = frame_rows(self.reader, segments, stride, which)
        return velocities_of(self.reader, rows, chosen_atoms(self.reader, atoms))

    def starts(self, segments: ArrayLike, atoms: ArrayLike | None = None) -> mdtraj.Trajectory:
        """Return where segments started that did not start where their parent ended: founders, recycled walkers.

        Returns
        -------
        mdtraj.Trajectory
            One frame for each such segment, in order, its time that of the lineage then (ps); none if the run's start
            states have no positions. Boxes are left out.
        """
        return starts(self.reader, segments, self.topology, atoms)
