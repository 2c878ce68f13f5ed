"""What merging has added to the variance of a run's flux."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.lineage.source import flows_of

if TYPE_CHECKING:
    from wepy_data.query.run import Run


def merging_variance(run: Run, h: NDArray[np.float64], burn_in: int = 0) -> float:
    """Return the variance that merges have added in all cycles after the burn-in.

    A merge of weights w into their sum W, whose survivor is drawn with probability w / W, changes what arrives in the
    long run by W h(survivor), on the average by sum of w h: the variance is W sum(w h^2) - (sum(w h))^2.

    Parameters
    ----------
    run : Run
        The run.
    h : (n_segments,) float64
        The discrepancy where each segment ends, after recycling.
    burn_in : int
        Cycles to leave out.
    """
    flows = flows_of(run.reader)
    begin = int(run.reader.stops("segment")[burn_in])
    since = flows.into >= begin
    into, source, moved = flows.into[since], flows.source[since], flows.weight[since]
    if not len(into):
        return 0.0
    child, group = np.unique(into, return_inverse=True)
    weight, survivor = run.reader.read("/segments/weight")[child], run.lineage.parent[child]
    # about the survivor's h, so that it counts nothing itself and large numbers do not cancel
    away = h[source] - h[survivor][group]
    first = np.bincount(group, moved * away)
    second = np.bincount(group, moved * away**2)
    return float(np.maximum(weight * second - first**2, 0.0).sum())
