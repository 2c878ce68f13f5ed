"""WExplore balancing: walkers spread evenly over regions, level by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.limits import checked_weights, limit_problems, most_copies
from wepy.balancing.plan import Plan
from wepy.balancing.shares import Node, share_out
from wepy.errors import refuse
from wepy.protocols import Description, KnownBins
from wepy.whole_number import is_count

Group = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class WExplore:
    """Gives sibling regions as equal numbers of walkers as limits of the weights allow, from the top of the tree down.

    At each node of the hierarchy of bins, walkers are taken from the child with most and given to the child with
    least, until none differ by 2 or more or the limits forbid it; what a child gains or loses is passed on to its own
    children (Dickson and Brooks, J. Phys. Chem. B 118, 3532, 2014; steps and limits as in wepy). A bin of the
    last level that loses b walkers merges its b + 1 lightest into one; one that gains b clones, b times, the walker
    that is heaviest after its clones so far. Nobody is both cloned and merged. Bins without walkers stay empty.

    Unlike here, siblings in wepy 1.2 stop trading after two trades of one walker in a row, or a first one:
    [3, 1, 3, 1] walkers become [3, 1, 2, 2] there and [2, 2, 2, 2] here.

    The hierarchy comes from the bins themselves (`informed`); bins that are not known, or have no parent, are
    siblings at the top. Equal weights are taken in order of walkers; of regions with equal claims, those made last
    give and receive first. New walkers are ordered by bin, then by the lowest walker index of their groups.

    Parameters
    ----------
    pmin : float
        No walker is cloned into lighter ones; positive.
    pmax : float
        No walkers are merged into a heavier one; greater than `pmin`, at most 1.
    n_walkers : int or None
        Walkers after balancing, as far as limits allow; None for as many as before.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> weights = np.full(8, 0.125)
    >>> plan = WExplore(pmax=0.5).plan(weights, np.array([0, 0, 0, 1, 2, 2, 2, 3]), np.zeros((8, 1)))
    >>> plan.weight.tolist()
    [0.25, 0.125, 0.0625, 0.0625, 0.25, 0.125, 0.0625, 0.0625]
    """

    pmin: float = 1e-12
    pmax: float = 0.1
    _: KW_ONLY
    n_walkers: int | None = None
    _known: KnownBins = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        refuse(self._problems())

    def informed(self, known: KnownBins) -> WExplore:
        """Return the balancer for walkers in these bins."""
        return replace(self, _known=known)

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        """Return the plan for these walkers.

        Parameters
        ----------
        weights : (n_walkers,) float64
            Positive and finite.
        bins : (n_walkers,) int64
            Bin of each walker.
        order_parameter : (n_walkers, n_dims) float64
            Not used.

        Raises
        ------
        ValueError
            If `weights` are not positive and finite, or not as many as `bins`.
        """
        bins = np.asarray(bins, np.int64)
        weights = checked_weights(weights, len(bins))
        wanted = self.n_walkers or len(weights)
        order = np.lexsort((weights, bins))  # stable: by bin, weight, walker
        occupied, starts = np.unique(bins[order], return_index=True)
        copies = most_copies(weights, self.pmin, max(wanted, len(weights)))
        leaves = [
            _Leaf(walkers.tolist(), weights[walkers].tolist(), copies[walkers].tolist())
            for walkers in np.split(order, starts[1:])
        ]
        nodes = [leaf.node(self.pmax) for leaf in leaves]
        root = _hierarchy(dict(zip(occupied.tolist(), nodes, strict=True)), self._known)
        gain = max(min(wanted - len(weights), root.can_gain), -root.can_lose)
        share_out(root, gain)
        groups: list[Group] = []
        for leaf, node in zip(leaves, nodes, strict=True):
            groups += sorted(leaf.groups(node.gain))
        return Plan.from_groups(groups)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "wexplore",
            "pmin": self.pmin,
            "pmax": self.pmax,
            "n_walkers": self.n_walkers,
        }

    def _problems(self) -> Iterator[str]:
        yield from limit_problems(self.pmin, self.pmax)
        if self.n_walkers is not None and not is_count(self.n_walkers, 1):
            yield (
                f"n_walkers: expected a whole number, 1 or more, or none for as many as before, got {self.n_walkers!r}"
            )


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The walkers of one bin in ascending order of weight, and how many copies of each there may be."""

    walkers: list[int]
    weights: list[float]
    copies: list[int]

    def node(self, pmax: float) -> Node:
        """Return what this bin is to its siblings."""
        mergeable = sum(total <= pmax for total in accumulate(self.weights))
        return Node(
            count=len(self.walkers),
            can_lose=max(mergeable - 1, 0),
            can_gain=sum(self.copies) - len(self.copies),
        )

    def groups(self, gain: int) -> list[Group]:
        """Return the groups after a gain or loss that `node` allows."""
        if gain < 0:
            cut = 1 - gain
            merged = sorted(zip(self.walkers[:cut], self.weights[:cut], strict=True))
            return [merged, *([one] for one in zip(self.walkers[cut:], self.weights[cut:], strict=True))]
        copies = self._copies(gain)
        parts = zip(self.walkers, self.weights, copies, strict=True)
        return [[(walker, weight / n)] for walker, weight, n in parts for _ in range(n)]

    def _copies(self, gain: int) -> list[int]:
        """Return how many of each there are after so many clones, the heaviest cloned first."""
        copies = [1] * len(self.walkers)
        if gain == 0:
            return copies
        heap = [(-w, walker, i) for i, (w, walker) in enumerate(zip(self.weights, self.walkers, strict=True))]
        heapify(heap)
        while gain:
            _, walker, i = heappop(heap)
            if copies[i] < self.copies[i]:
                copies[i] += 1
                gain -= 1
                heappush(heap, (-self.weights[i] / copies[i], walker, i))
        return copies


def _hierarchy(occupied: dict[int, Node], known: KnownBins) -> Node:
    """Return the root of a tree of the bins with walkers and all that they are in, siblings in order of their index.

    A bin with walkers that other bins with walkers are in becomes one more child of itself.
    """
    above = {index: _bins_above(index, known) for index in occupied}
    inner = {index: Node() for index in sorted({index for path in above.values() for index in path})}
    above |= {index: _bins_above(index, known) for index in inner}
    root = inner[-1] = Node()
    for index, node in occupied.items():
        for within in [*([index] if index in inner else ()), *above[index], -1]:
            inner[within].count += node.count
            inner[within].can_lose += node.can_lose
            inner[within].can_gain += node.can_gain
    for index in sorted(above):
        parent = inner[above[index][0] if above[index] else -1]
        if index in inner:
            parent.children.append(inner[index])
            parent = inner[index]
        if index in occupied:
            parent.children.append(occupied[index])
    return root


def _bins_above(index: int, known: KnownBins) -> list[int]:
    """Return the bins that a bin is in, nearest first."""
    found: list[int] = []
    while (one := known.get(index)) is not None and one.parent in known and one.parent not in found:
        index = one.parent
        found.append(index)
    return found
