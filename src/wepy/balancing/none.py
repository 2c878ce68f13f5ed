"""No balancing: every walker goes on as it is (brute force with the manager's bookkeeping)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.plan import Plan
from wepy.protocols import Description


@dataclass(frozen=True, slots=True)
class NoBalancing:
    """A balancer that neither clones nor merges."""

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        """Return the plan in which every walker goes on with its weight."""
        return Plan.nothing(weights)

    def describe(self) -> Description:
        """Return the kind; there is nothing to set."""
        return {"kind": "none"}
