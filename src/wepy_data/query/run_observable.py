"""The observables of a run by name: those that it has written, and those that were computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.computed import computed_rows
from wepy_data.query.frame import frame_rows
from wepy_data.query.rows import read_rows
from wepy_data.record.protocols import RunReader
from wepy_data.store.computed import Computed, computed_observables
from wepy_data.store.reader import FileRun


class RunObservables:
    """The observables of a run; see `Run`."""

    reader: RunReader

    def observable(self, name: str, segments: ArrayLike | None = None) -> NDArray[Any]:
        """Return an observable by name.

        Parameters
        ----------
        name : str
            A per-frame observable (`order_parameter`), a per-segment one, or a column of the segments table (`weight`).
        segments : (n,) int, optional
            Segment ids; all by default.

        Returns
        -------
        array
            One row for each frame of the segments if the observable is per frame, else one for each segment.

        Raises
        ------
        SelectionError
            If there is no such observable or segment; says what there is.
        """
        growing = self.reader.header.layout.growing
        per_frame = f"/observables/{name}/value"
        if per_frame in growing:
            return self.reader.read(per_frame) if segments is None else self._rows(per_frame, segments)
        for path in (f"/segments/observables/{name}", f"/segments/{name}"):
            if path in growing:
                if segments is None:
                    return self.reader.read(path)
                frame_rows(self.reader, segments)  # refuses unknown segments
                return read_rows(self.reader, path, np.atleast_1d(np.asarray(segments, np.int64)))
        if name in self.computed:
            return computed_rows(self.reader, self.computed[name], segments)
        raise self._no_such(name)

    @cached_property
    def computed(self) -> Mapping[str, Computed]:
        """The observables that were computed from the run, by name, with their units and where they come from."""
        return computed_observables(self.reader) if isinstance(self.reader, FileRun) else {}

    @property
    def observables(self) -> tuple[str, ...]:
        """Names that `observable` knows: per-frame ones, per-segment ones, columns of the segments table."""
        return tuple(dict.fromkeys([*self.own_observables, *self.computed]))

    @property
    def own_observables(self) -> tuple[str, ...]:
        """Those of `observables` that the run itself has written."""
        growing = self.reader.header.layout.growing
        frame = [p.split("/")[2] for p in growing if p.startswith("/observables/")]
        mine = [p.rsplit("/", 1)[1] for p in growing if p.startswith("/segments/") and "/arrays/" not in p]
        return tuple(dict.fromkeys(frame + mine))

    def unit(self, name: str) -> str:
        """Return the unit of an observable in H5MD spelling; empty if it has none."""
        growing = self.reader.header.layout.growing
        for path in (f"/observables/{name}/value", f"/segments/observables/{name}", f"/segments/{name}"):
            if path in growing:
                return growing[path].unit
        if name in self.computed:
            return self.computed[name].unit
        raise self._no_such(name)

    def is_per_frame(self, name: str) -> bool:
        """Return whether an observable has a value for each frame, not for each segment.

        Raises
        ------
        SelectionError
            If there is no such observable; names those that exist.
        """
        if name not in self.observables:
            raise self._no_such(name)
        if name in self.own_observables:
            return f"/observables/{name}/value" in self.reader.header.layout.growing
        return self.computed[name].per == "frame"

    def _computed_numbers(self) -> list[str]:
        """Return the names of what was computed, one number for each segment."""
        return [name for name, one in self.computed.items() if one.per == "segment" and not one.shape]

    def _no_such(self, name: str) -> SelectionError:
        return SelectionError(f"no observable {name!r}: this run has {', '.join(self.observables)}")

    def _rows(self, path: str, segments: ArrayLike) -> NDArray[Any]:
        rows, _ = frame_rows(self.reader, segments)
        return read_rows(self.reader, path, rows)
