"""What a WESTPA file holds: its version, its iterations, how far it has come, its bin mappers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import h5py
import numpy as np

from wepy_data.errors import NotARunError, SelectionError, VersionTooNewError, VersionTooOldError
from wepy_data.importers.foreign import Foreign, text
from wepy_data.importers.report import Notes
from wepy_data.importers.westpa.iteration import COMPLETE
from wepy_data.importers.westpa.mapper import Described, read_mapper

OLDEST, NEWEST = 7, 10
_GROUP = re.compile(r"iter_([0-9]{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is known of a WESTPA file before its iterations are read.

    Parameters
    ----------
    version : str
        Version of the file format; empty if it is not said.
    westpa : str
        Version of WESTPA; empty if it is not said.
    paths : tuple of str
        Groups of the iterations that have been run, from 1 on.
    planned : str
        Group of the iteration that was prepared after them; empty if there is none.
    n_dims, n_points : int
        Dimensions of the progress coordinate, and points of a segment in the first iteration.
    n_segments : int
        Segments of all iterations that have been run.
    """

    version: str
    westpa: str
    paths: tuple[str, ...]
    planned: str
    n_dims: int
    n_points: int
    n_segments: int


def look_through(foreign: Foreign, last: int | None, notes: Notes) -> Overview:
    """Return what a file holds.

    Parameters
    ----------
    foreign : Foreign
        The file.
    last : int, optional
        Last iteration that is wanted; all that have been run by default.
    notes : Notes
        Told of what is left out.

    Raises
    ------
    NotARunError, VersionTooOldError, VersionTooNewError, DamagedRunError
        If it is no WESTPA file, or not of a version that is known, or broken.
    SelectionError
        If the iteration has not been run.
    """
    version = _version(foreign)
    paths = _groups(foreign, last)
    done, begun, unfilled = _finished(foreign, paths)
    if last is not None and not 1 <= last <= len(done):
        raise SelectionError(f"no iteration {last} that has been run: {foreign.path} has iterations 1 to {len(done)}")
    if last is not None and last < len(done):
        notes.leave(f"iterations from {last + 1} on, as asked")
        done, begun = done[:last], done[last]
    elif not begun:
        why = f" ({unfilled} is not filled)" if unfilled else ""
        notes.miss(f"the walkers that were planned after the last iteration{why}: the run is not sealed")
    else:
        status = foreign.fields(f"{begun}/seg_index", ["status"])["status"]
        if n_run := int((status == COMPLETE).sum()):
            notes.leave(f"{n_run} of {len(status)} segments of iteration {len(done) + 1} that were run: it did not end")
    pcoord = foreign.dataset(f"{done[0]}/pcoord", ndim=3, kinds="iuf")
    return Overview(
        version=version,
        westpa=text(foreign.file.attrs.get("west_version", foreign.file.attrs.get("westpa_version", ""))),
        paths=tuple(done),
        planned=begun,
        n_dims=pcoord.shape[2],
        n_points=pcoord.shape[1],
        n_segments=sum(foreign.shape(f"{path}/seg_index")[0] for path in done),
    )


def import_before(last: int) -> str:
    """Return the way out of damage in the iteration after one."""
    return f"import the iterations before it (last={last}, or --last {last})"


def _version(foreign: Foreign) -> str:
    if not isinstance(foreign.get("/iterations"), h5py.Group):
        raise NotARunError(f"{foreign.path} is no WESTPA file (/iterations: found nothing): check the name")
    attributes = foreign.file.attrs
    found = attributes.get("west_file_format_version", attributes.get("westpa_fileformat_version"))
    if found is None:
        return ""
    if not isinstance(found, int | np.integer):
        raise foreign.damaged("/@west_file_format_version", repr(found)[:60], "a number")
    if found < OLDEST:
        raise VersionTooOldError(
            f"{foreign.path} has WESTPA's file format {found}, and {OLDEST} to {NEWEST} are read: convert it with a "
            "release of WESTPA that knows both"
        )
    if found > NEWEST:
        raise VersionTooNewError(
            f"{foreign.path} has WESTPA's file format {found}, and {OLDEST} to {NEWEST} are read: upgrade this library "
            "(pip install --upgrade wepy-ensemble)"
        )
    return str(found)


def _groups(foreign: Foreign, last: int | None) -> list[str]:
    """Return the groups of iterations 1, 2, ... in order, up to the one after `last`; iteration 0 holds starts only."""
    found = {int(match[1]): name for name in foreign.file["/iterations"] if (match := _GROUP.fullmatch(str(name)))}
    if last is not None and last > 0:
        found = {number: name for number, name in found.items() if number <= last + 1}
    found.pop(0, None)
    missing = next((wanted for wanted, number in enumerate(sorted(found), start=1) if wanted != number), 0)
    if missing or not found:
        named = f"no iteration {missing}, but later ones" if missing else "no iterations"
        way_out = import_before(missing - 1) if missing > 1 else ""
        raise foreign.damaged("/iterations", named, "iterations 1, 2, ... without gaps", way_out)
    return [f"/iterations/{found[number]}" for number in sorted(found)]


def _finished(foreign: Foreign, paths: list[str]) -> tuple[list[str], str, str]:
    """Return iterations that have been run, the one that was prepared after them, and one that is not filled yet."""
    filled = len(paths)
    while filled and not foreign.has(f"{paths[filled - 1]}/seg_index"):  # prepared in part, or with new states only
        filled -= 1
    n_done = filled
    while n_done and not _is_complete(foreign, paths[n_done - 1]):
        n_done -= 1
    done, more, unfilled = paths[:n_done], paths[n_done:filled], paths[filled:]
    if not done:
        raise foreign.damaged("/iterations", "no iteration that has been run to its end", "one", "run it with WESTPA")
    if len(more) > 1:
        found = "an iteration that was not run to its end, and another one after it"
        raise foreign.damaged(more[0], found, "no other", import_before(n_done))
    return done, more[0] if more else "", unfilled[0] if unfilled else ""


def _is_complete(foreign: Foreign, path: str) -> bool:
    if not foreign.has(f"{path}/seg_index"):
        return False
    status = foreign.fields(f"{path}/seg_index", ["status"])["status"]
    return bool(len(status) and (status == COMPLETE).all())


def read_mappers(foreign: Foreign, n_dims: int) -> dict[str, Described]:
    """Return the bin mappers of a file by their hashes; their pickles are read, and never loaded."""
    where = "/bin_topologies"
    if not foreign.has(f"{where}/index") or not foreign.has(f"{where}/pickles"):
        return {}
    index = foreign.fields(f"{where}/index", ["hash", "pickle_len"])
    pickles = foreign.read(f"{where}/pickles", ndim=2, kinds="u")
    found = {}
    for row, (digest, length) in enumerate(zip(index["hash"], index["pickle_len"], strict=True)):
        data = bytes(pickles[row, : int(length)].astype(np.uint8)) if row < len(pickles) else b""
        found[text(digest)] = read_mapper(data, text(digest), n_dims)
    return found
