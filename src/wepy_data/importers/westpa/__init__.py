"""The import of WESTPA's west.h5."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.importers.conduct import Material, Progress, conduct
from wepy_data.importers.element import particles_of
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import ImportReport, Notes
from wepy_data.importers.westpa.auxiliary import find_auxiliaries
from wepy_data.importers.westpa.bin import BinRows, FlatBins
from wepy_data.importers.westpa.cycle import Walk
from wepy_data.importers.westpa.mapper import Described
from wepy_data.importers.westpa.overview import Overview, look_through, read_mappers
from wepy_data.importers.westpa.state import StateTable, read_basis_sets, read_target_sets
from wepy_data.importers.westpa.trajectory import LINK, TrajectoryKind, trajectory_kind
from wepy_data.record.header import Header
from wepy_data.schema.layout import Layout, Named


def import_westpa(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    timestep: float | None = None,
    units: Mapping[str, str] | None = None,
    last: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a WESTPA simulation, file formats 7 to 10, with or without the HDF5 framework.

    WESTPA's iteration n becomes cycle n - 1, its segments keep their order. The file is only read, without a lock, and
    nothing in it is executed: bin mappers are rebuilt from what their pickles say, or left out.

    Parameters
    ----------
    path : path
        The west.h5; trajectories of the HDF5 framework are found through its links.
    output : path
        The run's file to write; it appears when it is complete.
    timestep : float, optional
        Time between two points of the progress coordinate, ps; by default as the trajectories say, else 1.
    units : mapping of str to str, optional
        Units in H5MD spelling, of `order_parameter` and of auxiliary data by name.
    last : int, optional
        Last iteration to import; by default the last one that has been run to its end.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable, optional
        Told how many cycles of how many are done.

    Returns
    -------
    ImportReport
        What was taken, what was not and why, what is unknown; `print` it.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If the file cannot be read as WESTPA's.
    SelectionError
        If there is no such iteration, a unit is misspelled or of data that are not there, the time between points is
        none, or the run would replace the file itself.
    RunExistsError, RunBusyError
        If there is a file at `output`, or a run that is being written.

    Examples
    --------
    ```python
    print(wd.import_westpa("west.h5", "run.h5", timestep=2.0, units={"order_parameter": "nm"}))
    ```
    """
    if timestep is not None and not (np.isfinite(timestep) and timestep > 0):
        raise SelectionError(f"timestep: expected the time between points in ps, more than 0, got {timestep}")
    with Foreign(path) as foreign:
        notes = Notes()
        with foreign.reading():
            material = _material(foreign, timestep, dict(units or {}), last, notes)
        return conduct(foreign, material, notes, output, overwrite=overwrite, progress=progress)


def _material(
    foreign: Foreign, timestep: float | None, units: dict[str, str], last: int | None, notes: Notes
) -> Material:
    overview = look_through(foreign, last, notes)
    trajectories = _trajectories(foreign, overview, notes)
    mappers = read_mappers(foreign, overview.n_dims)
    targets = read_target_sets(foreign, overview.n_dims)
    states = StateTable(read_basis_sets(foreign, overview.n_dims, notes), targets, overview.n_dims)
    if not states.has_basis:
        notes.miss("basis states: founders start from a state called `unknown`")
    walk = Walk(
        foreign=foreign,
        overview=overview,
        notes=notes,
        states=states,
        bins=_bins(mappers, notes),
        auxiliaries=find_auxiliaries(foreign, overview.paths, overview.n_points, units, notes),
        trajectories=trajectories,
        timestep=_timestep(timestep, trajectories, notes),
    )
    header = _header(foreign, walk, units, notes)
    return Material(
        source="WESTPA file format",
        version=overview.version,
        header=header,
        n_cycles=len(overview.paths),
        cycles=walk.cycles(),
        planned=walk.planned,
        rows=_rows(overview),
        frames=max(1, overview.n_points - 1),
        software={"westpa": overview.westpa} if overview.westpa else {},
        components={"binner": _binner(mappers), "recycling": _recycling(targets)},
    )


def _rows(overview: Overview) -> dict[str, int]:
    n = overview.n_segments
    return {"cycle": len(overview.paths), "segment": n, "frame": n * max(1, overview.n_points - 1), "bin": 1 << 10}


def _trajectories(foreign: Foreign, overview: Overview, notes: Notes) -> TrajectoryKind | None:
    linked = [path for path in overview.paths if foreign.is_linked(f"{path}/{LINK}")]
    if not linked:
        notes.leave("coordinates: west.h5 has none without WESTPA's HDF5 framework; frames have the order parameter")
        return None
    for path in linked:
        found = trajectory_kind(foreign, path)
        if found is not None:
            notes.take("frames, from the trajectory files of the HDF5 framework")
            notes.leave("restart files and logs that the trajectory files hold")
            return found
    notes.leave("frames: none of the trajectory files is where the links lead (move them beside west.h5)")
    return None


def _timestep(given: float | None, trajectories: TrajectoryKind | None, notes: Notes) -> float:
    if given is not None:
        return given
    if trajectories is not None and trajectories.timestep > 0:
        notes.take(f"time between points, {trajectories.timestep:g} ps, from the trajectories")
        return trajectories.timestep
    notes.miss("time between points: taken as 1 ps, so that times count points (timestep=..., or --timestep)")
    return 1.0


def _bins(mappers: dict[str, Described], notes: Notes) -> BinRows | None:
    for one in mappers.values():
        if one.mapper is None:
            notes.leave(f"the bin mapper {one.description.get('class', '')}: {one.description['reason']}")
    if not mappers:
        notes.miss("bins: the file holds no bin mapper")
        return None
    if any(one.mapper is None for one in mappers.values()):
        notes.leave("bins, as not all mappers are known; what is known of them is in the provenance")
        return None
    notes.take("bins, rebuilt from the mappers' boundaries")
    return BinRows({digest: FlatBins(one.mapper) for digest, one in mappers.items() if one.mapper is not None})


def _header(foreign: Foreign, walk: Walk, units: dict[str, str], notes: Notes) -> Header:
    overview, kind = walk.overview, walk.trajectories
    pcoord = foreign.dataset(f"{overview.paths[0]}/pcoord")
    unit = units.get("order_parameter", "")
    if not unit:
        notes.miss("unit of the progress coordinate (units={'order_parameter': ...}, or --unit)")
    if pcoord.scaleoffset is not None:
        notes.take(f"the progress coordinate as WESTPA has kept it, rounded to {10.0**-pcoord.scaleoffset:g}")
    notes.miss("dates of the cycles: seconds of all segments since the start; hosts")
    observables = [Named(name="order_parameter", dtype=pcoord.dtype.str[1:] if pcoord.dtype.str[1:] == "f4" else "f8", shape=(overview.n_dims,), unit=unit)]  # fmt: skip # noqa: E501
    segments = [one.named for one in walk.auxiliaries if not one.per_point]
    observables += [one.named for one in walk.auxiliaries if one.per_point]
    particles, parts = _particles(kind, notes)
    layout = Layout(
        sizes={"atom": 0 if kind is None else kind.n_atoms, "feature": overview.n_dims},
        parts=parts,
        named={
            "/observables/<name>/value": tuple(observables),
            "/segments/observables/<name>": tuple(segments),
            "/states/arrays/<name>": (Named(name="pcoord", shape=(overview.n_dims,), unit=unit),),
        },
    )
    return Header(
        layout=layout,
        static={**walk.states.static(), **particles},
        topology="" if kind is None else kind.topology,
    )


def _particles(kind: TrajectoryKind | None, notes: Notes) -> tuple[dict[str, NDArray[Any]], frozenset[str]]:
    """Return the datasets of the particles, and the optional parts of the run."""
    if kind is None:
        return {}, frozenset()
    species, mass = np.zeros(kind.n_atoms, np.int32), np.zeros(kind.n_atoms)
    if kind.topology:
        species, mass = particles_of(kind.topology)
        notes.take("masses, as those of the topology's elements")
    notes.miss("charges: 0")
    parts = {"/particles"}
    if kind.periodic:
        parts.add("/particles/trajectory/box/edges")
    if kind.velocities:
        parts.add("/particles/trajectory/velocity")
    where = "/particles/trajectory"
    return {f"{where}/species": species, f"{where}/mass": mass, f"{where}/charge": np.zeros(kind.n_atoms)}, frozenset(parts)  # fmt: skip # noqa: E501


def _binner(mappers: dict[str, Described]) -> dict[str, Any] | None:
    return {"kind": "westpa", "mappers": [one.description for one in mappers.values()]} if mappers else None


def _recycling(targets: list[Any]) -> dict[str, Any] | None:
    if not targets:
        return None
    sets = [
        {"iteration": one.first, "targets": dict(zip(one.labels, one.points.tolist(), strict=True))} for one in targets
    ]
    return {"kind": "westpa", "sets": sets}
