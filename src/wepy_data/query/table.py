"""Tables of a run as pandas frames, their columns taken from the schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.decision import COLUMNS, DECISIONS, decided_cycles, decisions
from wepy_data.query.rows import Cycles, cycle_range, row_range
from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column

if TYPE_CHECKING:
    import pandas as pd

TABLES = {
    "segments": "segment", "cycles": "cycle", "merges": "merge", "events": "event", "bins": "bin",
    "states": "state", "frames": "frame", "workers": "worker", "decisions": "segment",
}  # fmt: skip
"""Names of the tables, and what their rows are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where columns of a table come from; nothing is read before it is asked for.

    Parameters
    ----------
    name : str
        What asks for all of its columns; the label itself if there is but one.
    labels : tuple of str
        Names of the columns.
    unit : str
        Their unit in H5MD spelling, empty if there is none.
    read : callable
        Returns the values of rows [start, stop), a list with one sequence for each column.
    """

    name: str
    labels: tuple[str, ...]
    unit: str
    read: Callable[[int, int], list[Any]]


def table(
    run: RunReader,
    name: str,
    cycles: Cycles | None = None,
    columns: Sequence[str] | None = None,
    computed: Iterable[Source] = (),
) -> pd.DataFrame:
    """Return a table of a run, or chosen cycles and columns of it; the rest is not read.

    Parameters
    ----------
    run : RunReader
        The run.
    name : {"segments", "cycles", "merges", "events", "bins", "states", "frames", "workers", "decisions"}
        Which one.
    cycles : int, slice or (first, stop), optional
        Cycles whose rows are wanted; negative numbers count from the end. All by default.
    columns : sequence of str, optional
        Columns in the order wanted; `progress` stands for all of `progress_0`, `progress_1`, ... All by default.
    computed : iterable of Source
        Further columns of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each row of the table, the index being its id. Columns are those of the schema, with its types;
        those of more dimensions are numbered (`progress_0`, `progress_1`); enumerations are categories; an observable
        that has the name of a column is called `observables/<name>`. Units are in `frame.attrs["units"]`, by column,
        in H5MD spelling, empty where there is none.

    Raises
    ------
    SelectionError
        If there is no such table, cycle or column; names those that exist.
    """
    import pandas as pd

    if name not in TABLES:
        raise SelectionError(f"no table {name!r}: there are {', '.join(TABLES)}")
    start, stop = _rows(run, name, cycles)
    sources = [*_sources(run, name), *computed]
    found: dict[str, Any] = {}
    units: dict[str, str] = {}
    for source, label in _chosen(name, _unambiguous(sources), columns):
        if label not in found:
            found.update(zip(source.labels, source.read(start, stop), strict=True))
        units[label] = source.unit
    frame = pd.DataFrame({label: found[label] for label in units}, index=pd.RangeIndex(start, stop, name=TABLES[name]))
    frame.attrs["units"] = units
    return frame


def flat_columns(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return values of any number of dimensions as columns, those of one row in C order."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    return [flat[:, i] for i in range(flat.shape[1])]


def labels_of(label: str, shape: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the columns of values whose rows have a shape.

    Examples
    --------
    >>> labels_of("weight", ()), labels_of("progress", (2,))
    (('weight',), ('progress_0', 'progress_1'))
    """
    count = math.prod(shape)
    return (label,) if count == 1 else tuple(f"{label}_{i}" for i in range(count))


def _rows(run: RunReader, name: str, cycles: Cycles | None) -> tuple[int, int]:
    """Return the range of rows of a table in the cycles asked for."""
    if name == "states":
        if cycles is not None:
            raise SelectionError("states belong to no cycle: leave the cycles out")
        return 0, len(run.header.static["/states/kind"])
    first, stop = cycle_range(cycles, run.n_cycles)
    if name == "decisions":
        stop = min(stop, decided_cycles(run))
    return row_range(run, TABLES[name], first, max(first, stop))


def _sources(run: RunReader, name: str) -> list[Source]:
    if name == "decisions":
        kept = [source for source in _sources(run, "segments") if source.name in ("cycle", "walker", "weight")]
        return [*kept, _decision_source(run)]
    layout = run.header.layout
    return [
        _schema_source(run, name, column)
        for path, column in layout.columns.items()
        if path.startswith(f"/{name}/") and "/arrays/" not in path
    ]


def _schema_source(run: RunReader, name: str, column: Column) -> Source:
    label = column.path.removeprefix(f"/{name}/").removeprefix("observables/")

    def read(start: int, stop: int) -> list[Any]:
        static = run.header.static.get(column.path)
        values = run.read(column.path, start, stop) if static is None else static[start:stop]
        return [_typed(column, part) for part in flat_columns(values)]

    return Source(name=label, labels=labels_of(label, column.shape), unit=column.unit, read=read)


def _decision_source(run: RunReader) -> Source:
    import pandas as pd

    def read(start: int, stop: int) -> list[Any]:
        found = decisions(run, start, stop)
        words = pd.Categorical.from_codes(found["decision"], categories=pd.Index(list(DECISIONS)))
        return [words if label == "decision" else found[label] for label in COLUMNS]

    return Source(name="", labels=tuple(COLUMNS), unit="", read=read)


def _unambiguous(sources: Iterable[Source]) -> list[Source]:
    """Return sources whose labels differ: an observable may have the name of a column."""
    taken: set[str] = set()
    found = []
    for source in sources:
        labels = tuple(f"observables/{label}" if label in taken else label for label in source.labels)
        name = f"observables/{source.name}" if labels != source.labels else source.name
        taken.update(labels)
        found.append(Source(name=name, labels=labels, unit=source.unit, read=source.read))
    return found


def _chosen(name: str, sources: list[Source], columns: Sequence[str] | None) -> list[tuple[Source, str]]:
    """Return the columns asked for, each with its source, in that order."""
    known: dict[str, list[tuple[Source, str]]] = {}
    for source in sources:
        known.update({label: [(source, label)] for label in source.labels})
        if source.name:
            known.setdefault(source.name, [(source, label) for label in source.labels])
    labels = [label for source in sources for label in source.labels]
    wanted = labels if columns is None else [columns] if isinstance(columns, str) else list(columns)
    unknown = [repr(column) for column in wanted if column not in known]
    if unknown:
        raise SelectionError(f"no column {', '.join(unknown)} in the table {name}: there are {', '.join(labels)}")
    return [pair for column in dict.fromkeys(wanted) for pair in known[column]]


def _typed(column: Column, values: NDArray[Any]) -> Any:
    import pandas as pd

    if column.spec.enum:
        words = dict(sorted((number, word) for word, number in column.spec.enum.items()))
        numbers = np.array(list(words), np.int64)
        place = np.minimum(np.searchsorted(numbers, values), len(numbers) - 1)
        codes = np.where(numbers[place] == values, place, -1)  # missing, if a damaged file holds no such number
        return pd.Categorical.from_codes(codes, categories=pd.Index(list(words.values())))
    if values.dtype.kind == "S":
        # of objects first: pandas has a type of texts of its own or not, by its version
        return pd.Series([text.decode("utf-8", "replace") for text in values.tolist()], dtype=str).array
    return values
