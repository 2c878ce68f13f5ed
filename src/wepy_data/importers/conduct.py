"""The conduct of an import: cycles built, streamed into a file that appears when it is complete, and reported."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wepy_data.importers.foreign import Foreign, writable
from wepy_data.importers.report import ImportReport, Notes
from wepy_data.record.build import build_cycle
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header
from wepy_data.store.bulk import bulk_writing
from wepy_data.version import __version__

Progress = Callable[[int, int], None]
_COUNTED = ("cycle", "segment", "frame", "merge", "event", "bin")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CycleFacts:
    """What happened in one cycle, as `build_cycle` takes it.

    Parameters
    ----------
    rows : mapping of str to array
        Rows by HDF5 path, ids global; derived columns are left out.
    frame_count : (n_walkers,) int
        Number of stored frames of each segment.
    """

    rows: Mapping[str, ArrayLike]
    frame_count: ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What an importer has found in a foreign file.

    Parameters
    ----------
    source, version : str
        Format of the file, and its version.
    header : Header
        The run, without provenance.
    n_cycles : int
        Number of cycles that will come.
    cycles : iterator of CycleFacts
        They, in order; read from the file one by one.
    planned : callable
        Returns the datasets of /next by path, None if the file does not say; called after the last cycle.
    rows : mapping of str to int
        About how many rows each growing dimension will have, as far as known.
    frames : int
        Frames of each segment, if they are as many in each; else 1.
    software, components : mapping
        More for the provenance: versions by name; what engine, binner, balancer, ... were.
    """

    source: str
    version: str
    header: Header
    n_cycles: int
    cycles: Iterator[CycleFacts]
    planned: Callable[[], Arrays | None]
    rows: Mapping[str, int] = field(default_factory=dict)
    frames: int = 1
    software: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)


def conduct(
    foreign: Foreign,
    material: Material,
    notes: Notes,
    output: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Write a run from what an importer has found, and return the report.

    Parameters
    ----------
    foreign : Foreign
        The file.
    material : Material
        What was found.
    notes : Notes
        What was noted so far; the cycles may note more.
    output : path
        The run's file; it appears when it is complete.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable, optional
        Told how many cycles of how many are done.

    Raises
    ------
    RunExistsError, RunBusyError
        If the file exists and `overwrite` is false, or a process is writing a run in its place.
    SelectionError
        If the run would replace the foreign file.
    """
    foreign.refuse_as_output(output)
    layout, previous = material.header.layout, None
    writing = bulk_writing(
        output, material.header, rows=material.rows, frames=material.frames, overwrite=overwrite
    )  # fmt: skip
    with ThreadPoolExecutor(1) as aside, writing as writer:
        digest = aside.submit(foreign.digest)
        for facts in _read(foreign, material.cycles):
            previous = build_cycle(layout, previous, facts.rows, facts.frame_count)
            writer.append(previous)
            if progress is not None:
                progress(previous.index + 1, material.n_cycles)
        planned = material.planned()
        report = _report(foreign, material, notes, Path(output), previous, sealed=planned is not None)
        writer.end(planned, [_record(foreign, material, report, digest.result())])
    return report


def _read(foreign: Foreign, cycles: Iterator[CycleFacts]) -> Iterator[CycleFacts]:
    """Yield cycles; what HDF5 cannot read on the way is damage of the foreign file, not a failure to write."""
    while True:
        with foreign.reading():
            facts = next(cycles, None)
        if facts is None:
            return
        yield facts


def _report(
    foreign: Foreign, material: Material, notes: Notes, output: Path, last: Cycle | None, *, sealed: bool
) -> ImportReport:
    return ImportReport(
        source=foreign.path,
        output=output,
        format=f"{material.source} {material.version}".strip(),
        counts={f"{dim}s": _rows(last, dim) for dim in _COUNTED},
        taken=notes.taken,
        left_out=notes.left_out,
        unknown=notes.unknown,
        sealed=sealed,
    )


def _rows(last: Cycle | None, dim: str) -> int:
    if last is None:
        return 0
    return last.index + 1 if dim == "cycle" else last.stop(dim)


def _record(foreign: Foreign, material: Material, report: ImportReport, digest: str) -> dict[str, Any]:
    """Return the provenance record of an import, as `provenance.schema.json` describes it."""
    source = {
        "file": writable(str(foreign.path)),
        "sha256": digest,
        "format": material.source,
        "version": material.version,
    }
    return {
        "kind": "import",
        "time": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "cycle": 0,
        "software": {"wepy": __version__, "python": platform.python_version(), **material.software},
        "host": {"name": socket.gethostname(), "platform": platform.platform(), "processors": os.cpu_count() or 1},
        "seed": None,
        "components": _writable(dict(material.components)),
        "source": source,
        "report": report.to_json(),
    }


def _writable(value: Any) -> Any:
    """Return what was found in a foreign file, with texts that can be written."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, Mapping):
        return {writable(str(key)): _writable(held) for key, held in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list | tuple) else value


def planned_walkers(
    weight: ArrayLike, parent: ArrayLike, state: ArrayLike, merges: Sequence[ArrayLike]
) -> dict[str, np.ndarray]:
    """Return the datasets of /next.

    Parameters
    ----------
    weight, parent, state : (n,) array
        Weight of each planned walker, the segment that it continues, the state that it starts from (-1 for none).
    merges : three (n_merges,) arrays
        Planned walker that receives weight, segment that it comes from, how much.
    """
    states = np.asarray(state, np.int64)
    into, source, moved = merges
    return {
        "/next/weight": np.asarray(weight, np.float64),
        "/next/parent": np.asarray(parent, np.int64),
        "/next/state": states,
        "/next/continuous": (states < 0).astype(np.uint8),
        "/next/merges/into": np.asarray(into, np.int64),
        "/next/merges/from": np.asarray(source, np.int64),
        "/next/merges/weight": np.asarray(moved, np.float64),
    }
