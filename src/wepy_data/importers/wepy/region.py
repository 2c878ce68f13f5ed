"""The regions of WExplore as bins: a region is refined by those within it, a walker is in an innermost one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.wepy.reading import Ints

Region = tuple[int, ...]


@dataclass(slots=True)
class RegionRows:
    """The rows of /bins so far, by region: its index among those of the region that it is in, outermost first."""

    rows: dict[Region, int] = field(default_factory=dict)

    def use(self, regions: Sequence[Region], n_features: int) -> tuple[Ints, dict[str, NDArray[np.generic]]]:
        """Return the row of each walker's region, and the rows of /bins that are new.

        Examples
        --------
        >>> bins = RegionRows()
        >>> rows, new = bins.use([(0, 0), (0, 1)], 1)
        >>> rows.tolist(), new["/bins/index"].tolist(), new["/bins/parent"].tolist(), new["/bins/level"].tolist()
        ([1, 2], [0, 0, 1], [-1, 0, 0], [0, 1, 1])
        """
        new = list[Region]()
        for region in dict.fromkeys(regions):
            for depth in range(1, len(region) + 1):
                if region[:depth] not in self.rows:
                    self.rows[region[:depth]] = len(self.rows)
                    new.append(region[:depth])
        return np.array([self.rows[region] for region in regions], np.int64), {
            "/bins/index": np.array([region[-1] for region in new], np.int64),
            "/bins/parent": np.array([self.rows.get(region[:-1], -1) for region in new], np.int64),
            "/bins/level": np.array([len(region) - 1 for region in new], np.int64),
            "/bins/target_count": np.full(len(new), -1, np.int64),
            "/bins/centre": np.full((len(new), n_features), np.nan),
        }
