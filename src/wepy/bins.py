"""The bins that a run has made so far: from rows of /bins, and as JSON for the runs that branch from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.ensemble import NONE
from wepy.protocols import Bin, Description, KnownBins

_COLUMNS = ("index", "parent", "level", "target_count", "centre")


def stored_bins(columns: Mapping[str, NDArray[Any]]) -> dict[int, Bin]:
    """Return the bins of the first rows of /bins, by index in their order; labels are not stored.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Columns `index`, `parent` (rows), `level`, `target_count` and `centre`.
    """
    rows = columns["index"].tolist()
    numbers = zip(*(columns[name].tolist() for name in _COLUMNS[:-1]), columns["centre"], strict=True)
    return {
        index: Bin(
            label="",
            centre=np.array(centre, np.float64),
            parent=rows[parent] if parent >= 0 else NONE,
            level=level,
            target_count=target,
        )
        for index, parent, level, target, centre in numbers
    }


def bins_of_cycles(cycles: Iterable[wd.Cycle]) -> dict[int, Bin]:
    """Return the bins that the first cycles of a run have made."""
    found = list(cycles)
    if not found:
        return {}
    return stored_bins({name: np.concatenate([cycle[f"/bins/{name}"] for cycle in found]) for name in _COLUMNS})


def bins_before(run: wd.FileRun, cycle: int) -> dict[int, Bin]:
    """Return the bins that a run has made up to the end of a cycle."""
    stop = int(run.stops("bin")[cycle])
    return stored_bins({name: run.read(f"/bins/{name}", 0, stop) for name in _COLUMNS})


def bins_to_json(bins: KnownBins) -> Description:
    """Return bins as JSON values; a coordinate that is not finite is null."""
    row = {index: place for place, index in enumerate(bins)}
    return {
        "index": list(bins),
        "parent": [row.get(one.parent, NONE) for one in bins.values()],
        "level": [one.level for one in bins.values()],
        "target_count": [one.target_count for one in bins.values()],
        "centre": [[x if math.isfinite(x) else None for x in one.centre.tolist()] for one in bins.values()],
    }


def bins_from_json(text: Description) -> dict[int, Bin]:
    """Return the bins that `bins_to_json` described."""
    columns = {name: np.array(text[name], np.int64) for name in _COLUMNS[:-1]}
    return stored_bins({**columns, "centre": np.array(text["centre"], np.float64)})
