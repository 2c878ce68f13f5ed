"""Observables computed from the frames of a run: in blocks, resumable, stored with their origin."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import FunctionError, RunExistsError, SelectionError
from wepy_data.query.batch import Extents, known_segments
from wepy_data.query.evaluation import Task, evaluate
from wepy_data.query.function import Function, description, digest, origin, short_name
from wepy_data.store.computed import Computed
from wepy_data.store.computed_writer import Part, store_computed
from wepy_data.store.reader import FileRun
from wepy_data.store.unfinished import Block, Unfinished

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Progress = Callable[[int, int], None]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_SEGMENTS = 4096  # of an observable that is stored, carried over at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """An observable that is wanted.

    Parameters
    ----------
    name, unit, doc : str
        What it is called, its unit in H5MD spelling, and what it means.
    task : Task
        What is computed.
    segments : (n,) int64
        Of which segments, in the order wanted.
    workers : int
        Number of processes.
    progress : callable, optional
        Told how many frames of how many are done.
    """

    name: str
    unit: str
    doc: str
    task: Task
    segments: NDArray[np.int64]
    workers: int = 1
    progress: Progress | None = None

    def facts(self, run: Run) -> dict[str, Any]:
        """Return as JSON values what the values depend on."""
        atoms = None if self.task.atoms is None else self.task.atoms.tolist()
        return {"run_id": run.header.run_id, "per": self.task.per, "atoms": atoms, **description(self.task.function)}


def request_of(
    run: Run, function: Function, segments: ArrayLike | None, *, name: str | None, per: str, atoms: ArrayLike | None,
    units: str = "", doc: str = "", workers: int | None = None, progress: Progress | None = None,
) -> Request:  # fmt: skip
    """Return what is wanted, checked.

    Raises
    ------
    SelectionError
        If a name, a segment or a number of workers is not one.
    FunctionError
        If the function is none.
    """
    if not callable(function):
        raise FunctionError(f"{function!r} is no function of a trajectory")
    if per not in ("frame", "segment"):
        raise SelectionError(f"per {per!r}: an observable has a value for each 'frame' or each 'segment'")
    called = short_name(function) if name is None else name
    if not _NAME.fullmatch(called):
        raise SelectionError(f"{called!r} cannot be a name: choose one of letters, digits and _ . + - (name=...)")
    seen = None if atoms is None else np.unique(np.asarray(atoms, np.int64))  # in the order of the topology
    return Request(
        name=called,
        unit=units or str(getattr(function, "unit", "")),
        doc=doc or ((getattr(function, "__doc__", None) or "").strip().splitlines() or [""])[0],
        task=Task(function=function, per=per, atoms=seen),
        segments=known_segments(run.reader, segments),
        workers=_possible_workers(run, workers),
        progress=progress,
    )


def _possible_workers(run: Run, workers: int | None) -> int:
    if workers is not None and workers < 1:
        raise SelectionError(f"workers: expected at least 1, got {workers}")
    if workers is not None and workers > 1 and not isinstance(run.reader, FileRun):
        raise SelectionError("other processes cannot see a record in memory: compute with workers=1, or of its file")
    return workers or 1


def compute_once(run: Run, request: Request) -> NDArray[Any]:
    """Return the values of an observable that is not stored, as `Run.observable` orders them."""
    extents = Extents.of(run.reader)
    with closing(_evaluated(run, request, extents, np.unique(request.segments), 0)) as blocks:
        done = sorted(blocks, key=lambda block: int(block.segments[0]))
    if not done:
        raise _nothing(request)
    _refuse_mixed(request, {(block.values.shape[1:], block.values.dtype.str) for block in done})
    values, per = np.concatenate([block.values for block in done]), request.task.per
    known = np.concatenate([extents.rows(block.segments, per) for block in done])  # increasing
    rows = extents.rows(request.segments, per)
    place = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    missing = known[place] != rows  # segments without frames, of an observable per segment
    if not missing.any():
        return values[place]
    found = values.astype(np.float64 if values.dtype.kind != "f" else values.dtype)[place]
    found[missing] = np.nan
    return found


def compute_stored(run: Run, request: Request, *, overwrite: bool = False) -> Path:
    """Compute an observable of a run's file, store it, and return the file that holds it.

    What is stored or finished already of the same function is not computed again, unless `overwrite` is true; what an
    interrupted call has finished never is.

    Raises
    ------
    RunExistsError
        If there is another observable of the name, and `overwrite` is false.
    SelectionError
        If the run is in memory.
    """
    reader = run.reader
    if not isinstance(reader, FileRun):
        raise SelectionError("a record in memory stores no observables: compute with store=False, or of its file")
    facts = request.facts(run)
    stored = _stored(run, request, digest(facts), overwrite=overwrite)
    extents, kept = Extents.of(reader), Unfinished(reader.path, request.name, digest(facts))
    sources = _Sources(run=reader, per=request.task.per, extents=extents, stored=stored, kept=kept)
    known, finished = sources.known()
    wanted = np.unique(request.segments)
    new = wanted[~known[wanted]]
    if stored is not None and not len(new) and not finished and _is_final(run, request, stored):
        kept.remove()
        return stored.path
    before = int(extents.count[wanted[known[wanted]]].sum())
    with closing(_evaluated(run, request, extents, new, before)) as blocks:
        for block in blocks:
            kept.keep(block, sources.stamp(block.segments))
    known[new] = True
    path = store_computed(reader.path, _described(request, facts, sources, known), known, sources.parts())
    kept.remove()
    return path


def _is_final(run: Run, request: Request, stored: Computed) -> bool:
    """Whether an observable is called what it is to be called, and lies in its place: a sealed run's in its file."""
    named = (stored.unit, stored.provenance.get("doc")) == (request.unit, request.doc)
    return named and (not run.sealed or stored.path == getattr(run.reader, "path", None))


def _stored(run: Run, request: Request, wanted: str, *, overwrite: bool) -> Computed | None:
    """Return what is stored already of an observable; None if nothing is, or nothing that counts."""
    if request.name in run.own_observables:
        raise RunExistsError(f"the run has an observable {request.name} of its own: choose another name")
    stored = run.computed.get(request.name)
    if overwrite:
        return None
    if stored is None or stored.provenance.get("digest") == wanted:
        return stored
    raise RunExistsError(
        f"there is an observable {request.name} of another function ({stored.provenance.get('function')}): choose "
        "another name, or allow it to be overwritten (overwrite=True, or --overwrite)"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sources:
    """Where values that are to be stored come from: an observable that is stored, and finished blocks."""

    run: FileRun
    per: str
    extents: Extents
    stored: Computed | None
    kept: Unfinished

    def known(self) -> tuple[NDArray[np.bool_], bool]:
        """Return of which segments there are values, and whether some of them are not stored yet."""
        known = np.zeros(self.run.rows("segment"), bool)
        if self.stored is not None:
            stored = self.stored.known()[: len(known)]
            known[: len(stored)] = stored
        before = int(known.sum())
        known[self.kept.segments(len(known), self.stamp)] = True
        return known, int(known.sum()) > before

    def stamp(self, segments: NDArray[np.int64]) -> float:
        """Return when the cycle of the last of some segments was committed: it tells it from another one."""
        last = int(segments[-1])
        cycle = int(self.run.read("/segments/cycle", last, last + 1)[0])
        return float(self.run.read("/cycles/ended", cycle, cycle + 1)[0])

    def kinds(self) -> set[tuple[tuple[int, ...], str]]:
        """Return the row shapes and types of all values."""
        found = {(block.values.shape[1:], block.values.dtype.str) for block in self.kept.blocks()}
        return found if self.stored is None else found | {(self.stored.shape, self.stored.dtype)}

    def parts(self) -> Iterator[Part]:
        """Yield values and their rows."""
        if self.stored is not None:
            segments = np.flatnonzero(self.stored.known())
            for start in range(0, len(segments), _SEGMENTS):
                rows = self.extents.rows(segments[start : start + _SEGMENTS], self.per)
                if len(rows):
                    values = self.stored.read(int(rows[0]), int(rows[-1]) + 1)
                    yield Part(rows=rows, values=values[rows - rows[0]])
        for block in self.kept.blocks():
            yield Part(rows=self.extents.rows(block.segments, self.per), values=block.values)


def _described(request: Request, facts: dict[str, Any], sources: _Sources, known: NDArray[np.bool_]) -> Computed:
    """Return what the observable is, from its values."""
    kinds = sources.kinds()
    if not kinds:
        raise _nothing(request)
    shape, dtype = _refuse_mixed(request, kinds)
    run, per = sources.run, request.task.per
    gaps = not known.all() or (per == "segment" and not sources.extents.count.all())
    return Computed(
        name=request.name, per=per, unit=request.unit, shape=shape, rows=run.rows(per), cycles=run.n_cycles,
        dtype="<f8" if gaps and np.dtype(dtype).kind != "f" else dtype,  # integers know no NaN
        ended=float(run.read("/cycles/ended", run.n_cycles - 1)[0]), path=run.path,
        provenance={"doc": request.doc, **facts, "digest": digest(facts), **origin(request.task.function)},
    )  # fmt: skip


def _evaluated(
    run: Run, request: Request, extents: Extents, segments: NDArray[np.int64], before: int
) -> Generator[Block]:
    """Yield values as they are computed, and tell how far it has come."""
    task, path = request.task, getattr(run.reader, "path", None)
    atoms = run.topology.n_atoms if task.atoms is None else len(task.atoms)
    batches = extents.batches(segments, atoms, request.workers)
    done, total = before, before + sum(int(batch.counts.sum()) for batch in batches)
    with closing(evaluate(run, path, task, batches, request.workers)) as blocks:  # other processes end with it
        for block in blocks:
            yield block
            done += int(extents.count[block.segments].sum())
            if request.progress is not None:
                request.progress(done, total)


def _refuse_mixed(request: Request, kinds: set[tuple[tuple[int, ...], str]]) -> tuple[tuple[int, ...], str]:
    """Return the one row shape of all values, and a type that holds them."""
    if len({shape for shape, _ in kinds}) > 1:
        raise FunctionError(
            f"{request.name}: the function returned rows of different shapes for different frames "
            f"({', '.join(sorted(str(list(shape)) for shape, _ in kinds))}): expected always the same"
        )
    return next(iter(kinds))[0], np.result_type(*(dtype for _, dtype in kinds)).str


def _nothing(request: Request) -> SelectionError:
    return SelectionError(f"{request.name}: there are no frames to compute it of")
