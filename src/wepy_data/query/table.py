"""Tables of a run as pandas frames, their columns taken from the schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column

if TYPE_CHECKING:
    import pandas as pd

TABLES = {
    "segments": "segment", "cycles": "cycle", "merges": "merge", "events": "event", "bins": "bin",
    "states": "state", "frames": "frame", "workers": "worker",
}  # fmt: skip


def table(run: RunReader, name: str) -> pd.DataFrame:
    """Return a table of a run.

    Parameters
    ----------
    run : RunReader
        The run.
    name : {"segments", "cycles", "merges", "events", "bins", "states", "frames", "workers"}
        Which one.

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
        If there is no such table.
    """
    import pandas as pd

    if name not in TABLES:
        raise SelectionError(f"no table {name!r}: there are {', '.join(TABLES)}")
    columns: dict[str, Any] = {}
    units: dict[str, str] = {}
    for column in _columns(run, name):
        values = run.header.static[column.path] if column.path in run.header.layout.static else run.read(column.path)
        for name_of_part, part in _parts(column, values, name):
            # an observable may have the name of a column
            label = f"observables/{name_of_part}" if name_of_part in columns else name_of_part
            columns[label] = _typed(column, part)
            units[label] = column.unit
    frame = pd.DataFrame(columns)
    frame.index.name = TABLES[name]
    frame.attrs["units"] = units
    return frame


def _columns(run: RunReader, name: str) -> list[Column]:
    layout = run.header.layout
    return [
        column for path, column in layout.columns.items() if path.startswith(f"/{name}/") and "/arrays/" not in path
    ]


def _parts(column: Column, values: NDArray[Any], table: str) -> list[tuple[str, NDArray[Any]]]:
    label = column.path.removeprefix(f"/{table}/").removeprefix("observables/")
    flat = values.reshape(len(values), math.prod(column.shape))
    if flat.shape[1] == 1:
        return [(label, flat[:, 0])]
    return [(f"{label}_{i}", flat[:, i]) for i in range(flat.shape[1])]


def _typed(column: Column, values: NDArray[Any]) -> Any:
    import pandas as pd

    if column.spec.enum:
        words = dict(sorted((number, word) for word, number in column.spec.enum.items()))
        numbers = np.array(list(words), np.int64)
        place = np.minimum(np.searchsorted(numbers, values), len(numbers) - 1)
        codes = np.where(numbers[place] == values, place, -1)  # missing, if a damaged file holds no such number
        return pd.Categorical.from_codes(codes, categories=pd.Index(list(words.values())))
    if values.dtype.kind == "S":
        return pd.Series([text.decode("utf-8", "replace") for text in values.tolist()], dtype=str)
    return values
