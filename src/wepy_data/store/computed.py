"""Observables that were computed from a run: in its file, under /extra/observables, or in a file beside it."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, NotARunError, SelectionError
from wepy_data.store.guard import refuse_oversized, refuse_references
from wepy_data.store.opening import in_one_line, open_file
from wepy_data.store.path import real_path
from wepy_data.store.piece import piece_of, read_pieces
from wepy_data.store.reader import FileRun
from wepy_data.store.tree import FileTree, is_own

PLACE = "/extra/observables"
"""Group of a run's file that holds computed observables; the file beside a run has it, too."""
VALUE, KNOWN = "value", "known"
DTYPES = frozenset({"<f4", "<f8", "<i4", "<i8", "|u1"})
_FAILURES = (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """An observable that was computed from a run, and where it lies.

    Parameters
    ----------
    name : str
        Its name.
    per : {"frame", "segment"}
        What it has a row for.
    unit : str
        Unit in H5MD spelling, empty if it has none.
    shape : tuple of int
        Shape of a row.
    dtype : str
        numpy type of the stored values.
    rows : int
        Number of rows stored; frames or segments that the run got later have none.
    cycles : int
        Number of cycles that the run had then.
    ended : float
        When the last of these was committed, Unix time; 0 if there was none. It tells them from others of that number.
    provenance : mapping
        Where the values come from: function, its source's digest, versions of packages, when. JSON values.
    path : path
        The file that holds it.
    """

    name: str
    per: str
    unit: str
    shape: tuple[int, ...]
    dtype: str
    rows: int
    cycles: int
    ended: float
    provenance: Mapping[str, Any]
    path: Path

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows [start, stop); NaN where nothing was computed, and integers are 64-bit floats then.

        Raises
        ------
        DamagedRunError
            If they cannot be read.
        """
        with _group(self.path) as group:
            dataset = group[f"{self.name}/{VALUE}"]
            end = min(stop, self.rows)
            refuse_oversized(dataset, max(0, end - start))
            found = read_pieces(dataset, start, max(start, end), piece_of(dataset))
        missing = stop - max(start, end)
        if missing <= 0:
            return found
        dtype = self.empty(missing=True).dtype
        return np.concatenate([found, np.full((missing, *self.shape), np.nan, dtype)], dtype=dtype)

    def empty(self, *, missing: bool) -> NDArray[Any]:
        """Return no rows, of the type that rows have if some of them are missing, or none."""
        dtype = np.dtype(self.dtype)
        return np.zeros((0, *self.shape), np.float64 if missing and dtype.kind != "f" else dtype)

    def known(self) -> NDArray[np.bool_]:
        """Return of which segments the values were computed, those that came later left out."""
        with _group(self.path) as group:
            dataset = group[f"{self.name}/{KNOWN}"]
            refuse_oversized(dataset, len(dataset))
            return np.asarray(dataset[()], bool)


def beside_path(run: str | os.PathLike[str]) -> Path:
    """Return where computed observables of a run that is not sealed lie."""
    path = real_path(run)
    return path.with_name(path.name + ".observables.h5")


def computed_observables(run: FileRun) -> dict[str, Computed]:
    """Return the observables that were computed from a run, by name.

    Those beside the file belong to it if they are of this run, and of its cycles: not of another run that lay there,
    nor of cycles that an older copy of the file does not have. Of two of a name, the one of more cycles counts.

    Raises
    ------
    DamagedRunError
        If the file beside the run cannot be read.
    """
    found: dict[str, Computed] = {}
    for path in (run.path, beside_path(run.path)):
        for one in _listed(path, run.header.run_id):
            other = found.get(one.name)
            if _is_of(run, one) and (other is None or one.cycles > other.cycles):
                found[one.name] = one
    return dict(sorted(found.items()))


def is_run_of(group: h5py.Group, run_id: str) -> bool:
    """Whether the file of a group is of a run."""
    return bool(FileTree(group.file).root_attributes().get("run_id") == run_id)


def _is_of(run: FileRun, one: Computed) -> bool:
    if one.cycles > run.n_cycles or one.rows > run.rows(one.per):
        return False
    return not one.cycles or float(run.read("/cycles/ended", one.cycles - 1, one.cycles)[0]) == one.ended


def _listed(path: Path, run_id: str) -> list[Computed]:
    with _group(path) as group:
        if group is None or not is_run_of(group, run_id):
            return []
        described = (_described(group, name, path) for name in group)
        return [one for one in described if one is not None]


def _described(group: h5py.Group, name: str, path: Path) -> Computed | None:
    """Return what a member of the group is; None if it is something of a user's own."""
    if any(not is_own(group.file, f"{PLACE}/{name}{part}") for part in ("", f"/{VALUE}", f"/{KNOWN}")):
        return None
    dataset, attributes = group[name][VALUE], group[name].attrs
    texts = {text: _text(attributes, text) for text in ("per", "unit", "provenance")}
    if None in texts.values() or dataset.dtype.str not in DTYPES or not dataset.shape:
        return None
    refuse_references(group[name][KNOWN])
    provenance = json.loads(texts["provenance"] or "")
    if not isinstance(provenance, dict) or texts["per"] not in ("frame", "segment"):
        raise TypeError(f"{dataset.name}: its attributes are not those of an observable")
    return Computed(
        name=name, per=texts["per"], unit=texts["unit"] or "", shape=dataset.shape[1:], dtype=dataset.dtype.str,
        rows=len(dataset), cycles=int(attributes["cycles"]), ended=float(attributes["ended"]), provenance=provenance,
        path=path,
    )  # fmt: skip


def _text(attributes: h5py.AttributeManager, name: str) -> str | None:
    """Return an attribute if it is a text of fixed length: others lie in heaps, and damage there crashes HDF5."""
    if name not in attributes or attributes.get_id(name).dtype.kind != "S":
        return None
    return bytes(attributes[name]).decode()


@contextlib.contextmanager
def _group(path: Path) -> Iterator[Any]:
    """Yield the group of computed observables of a file; None if it has none."""
    is_run = not path.name.endswith(".observables.h5")
    if not path.exists():
        yield None
        return
    try:
        with open_file(path) if is_run else h5py.File(path, "r", locking=False) as file:
            yield file[PLACE] if PLACE in file and is_own(file, "/extra") and is_own(file, PLACE) else None
    except (NotARunError, SelectionError):
        raise
    except _FAILURES as error:
        way = (
            f"delete this group to go on without what was computed; wepy-data check {quote(str(path))} says whether "
            "the run's own tables are whole"
            if is_run
            else "it holds observables only: delete it to go on without them"
        )
        raise DamagedRunError(f"{path} is damaged, {PLACE} cannot be read ({in_one_line(error)}): {way}") from error


def row_bytes(shape: tuple[int, ...], dtype: str) -> int:
    """Return the size of a row."""
    return math.prod(shape) * np.dtype(dtype).itemsize
