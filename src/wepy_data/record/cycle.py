"""One weighted-ensemble cycle: who the walkers were, where they came from, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cycle:
    """The walkers of one cycle, after dynamics and before resampling.

    Parameters
    ----------
    index : int
        Number of the cycle, from 0.
    rows : mapping of str to ndarray
        The cycle's rows of every growing dataset of the schema, by HDF5 path; ids in them are global. Read-only.
    """

    index: int
    rows: Mapping[str, NDArray[np.generic]]

    def __getitem__(self, path: str) -> NDArray[np.generic]:
        return self.rows[path]

    @property
    def n_walkers(self) -> int:
        """Number of walkers."""
        return len(self.rows["/segments/weight"])

    @property
    def weight(self) -> NDArray[np.float64]:
        """Statistical weight of each walker, (n_walkers,); positive, summing to the run's total."""
        return self.rows["/segments/weight"]  # type: ignore[return-value]  # the schema fixes the type

    @property
    def parent(self) -> NDArray[np.int64]:
        """Segment id that each walker continues, (n_walkers,), -1 for a founder."""
        return self.rows["/segments/parent"]  # type: ignore[return-value]

    @property
    def progress(self) -> NDArray[np.float64]:
        """Order parameter at the end of each segment, (n_walkers, n_dims)."""
        return self.rows["/segments/progress"]  # type: ignore[return-value]

    def stop(self, dim: str) -> int:
        """Return the end of the cycle's rows in the tables of a growing dimension (`segment`, `frame`, ...)."""
        return int(self.rows[f"/cycles/{dim}_stop"][0])
