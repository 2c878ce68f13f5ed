"""The chain of cells of a run that recycles: what arrives in the target restarts, and so it has a steady state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError

Floats = NDArray[np.float64]
_TOLERANCE = 1e-9  # of sums of probabilities


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain over cells and a target; what arrives in the target restarts in the same step.

    Parameters
    ----------
    inside : (n_cells, n_cells) float64
        Probability to go from cell to cell in one step, not by the target.
    arriving : (n_cells, n_sources) float64
        Probability to arrive in the target, and to restart from each source. Rows of both sum to one.
    restart : (n_sources, n_cells) float64
        Where restarts begin: rows sum to one.

    Raises
    ------
    SelectionError
        If shapes do not fit, probabilities are negative, or do not sum to one.

    Examples
    --------
    A walk over two cells, of which the second leads to the target in half of all steps:

    >>> chain = Chain(np.array([[0.5, 0.5], [0.5, 0.0]]), np.array([[0.0], [0.5]]), np.array([[1.0, 0.0]]))
    >>> chain.stationary.round(6).tolist(), round(chain.flux, 6), chain.passage.round(6).tolist()
    ([0.666667, 0.333333], 0.166667, [6.0, 4.0])
    """

    inside: Floats
    arriving: Floats
    restart: Floats

    def __post_init__(self) -> None:
        n, k = len(self.inside), len(self.restart)
        if self.inside.shape != (n, n) or self.arriving.shape != (n, k) or self.restart.shape != (k, n) or not n * k:
            shapes = ", ".join(str(part.shape) for part in (self.inside, self.arriving, self.restart))
            raise SelectionError(f"a chain of shapes {shapes}: expected (n, n), (n, k) and (k, n), n and k at least 1")
        for name, rows in (("step", np.hstack([self.inside, self.arriving])), ("restart", self.restart)):
            wrong = np.flatnonzero(~(np.abs(rows.sum(1) - 1) < _TOLERANCE) | (rows < 0).any(1))
            if len(wrong):
                total = rows[wrong[0]].sum()
                raise SelectionError(f"row {wrong[0]} of a chain's {name}: expected probabilities, found a sum {total}")

    @cached_property
    def transition(self) -> Floats:
        """Probability to go from cell to cell, restarts being part of the step, (n_cells, n_cells)."""
        return np.asarray(self.inside + self.arriving @ self.restart)

    @cached_property
    def stationary(self) -> Floats:
        """Weight of each cell in the steady state, (n_cells,): small ones are as accurate as large ones."""
        return stationary(self.transition)

    @cached_property
    def arrival(self) -> Floats:
        """Probability to arrive in one step, (n_cells,)."""
        return np.asarray(self.arriving.sum(1))

    @cached_property
    def flux(self) -> float:
        """J, the weight that arrives per step in the steady state; the inverse of the mean first passage time."""
        return float(self.stationary @ self.arrival)

    @cached_property
    def discrepancy(self) -> Floats:
        """h, which solves h - K h = f - J (K the transition, f the arrival), 0 at the cell of greatest weight.

        What a walker in a cell adds, in the long run, to the weight that arrives: of one source, J (m(there) - m(x)),
        m being the mean first passage time (Aristoff and Zuckerman, Multiscale Model. Simul. 18, 646, 2020).
        """
        place = int(np.argmax(self.stationary))
        others = np.arange(len(self.inside)) != place
        found = np.zeros(len(self.inside))
        matrix = np.eye(int(others.sum())) - self.transition[np.ix_(others, others)]
        found[others] = np.linalg.solve(matrix, (self.arrival - self.flux)[others])
        return found

    @cached_property
    def passage(self) -> Floats:
        """Mean number of steps to the target from each cell, (n_cells,)."""
        if len(self.restart) > 1:  # where walkers restart may tell which way they came: h then knows more than m
            return np.asarray(np.linalg.solve(np.eye(len(self.inside)) - self.inside, np.ones(len(self.inside))), float)
        h = self.discrepancy  # m itself is nearly the same everywhere, h is where it differs; J m is 1 at the source
        return np.asarray((1 + self.restart[0] @ h - h) / self.flux)

    @cached_property
    def variance(self) -> Floats:
        """v^2, the variance over one step of the arrival (0 or 1) plus h at the step's end, (n_cells,)."""
        h = self.discrepancy
        first = self.inside @ h + self.arriving @ (self.restart @ (1 + h))
        # about the mean: h is up to 1, v^2 may be 1e-12
        spread = self.inside * (h[None, :] - first[:, None]) ** 2
        jump = self.arriving @ self.restart * (1 + h[None, :] - first[:, None]) ** 2
        return np.asarray((spread + jump).sum(1))

    def settled(self, start: Floats, tolerance: float = 0.01, limit: int = 1 << 20) -> int | None:
        """Return after how many steps the flux stays within a relative tolerance of J.

        Parameters
        ----------
        start : (n_cells,) float64
            Weights to begin with.
        tolerance : float
            Relative.
        limit : int
            None is returned if it takes longer.
        """
        if not self.flux > 0:
            return None
        # eigenvectors would do, but such matrices are far from normal: double the time instead, then halve it
        powers, reached, weights = [self.transition], 0, np.asarray(start, float) / np.sum(start)
        while 1 << len(powers) <= limit and not self._near(weights @ powers[-1], tolerance):
            powers.append(powers[-1] @ powers[-1])
        for place in range(len(powers) - 1, -1, -1):
            later = weights @ powers[place]
            if not self._near(later, tolerance):
                weights, reached = later, reached + (1 << place)
        return reached + 1 if reached < limit else None

    def _near(self, weights: Floats, tolerance: float) -> bool:
        """Whether weights are so near the steady state's that the flux is, then and later."""
        ahead = weights
        for _ in range(4):  # a flux that only passes through J is not settled
            if abs(ahead @ self.arrival / self.flux - 1) > tolerance:
                return False
            ahead = ahead @ self.transition
        return True


def stationary(transition: Floats) -> Floats:
    """Return the stationary distribution of a chain all of whose states are reached from all others, (n,).

    By elimination without subtractions (Grassmann, Taksar and Heyman, Operations Research 33, 1107, 1985): every entry
    has full relative accuracy, be it 1e-12 of the largest.
    """
    matrix = np.array(transition, np.float64)
    n = len(matrix)
    for last in range(n - 1, 0, -1):
        matrix[:last, last] /= matrix[last, :last].sum()
        matrix[:last, :last] += np.outer(matrix[:last, last], matrix[last, :last])
    found = np.ones(n)
    for place in range(1, n):
        found[place] = found[:place] @ matrix[:place, place]
    return np.asarray(found / found.sum())


def recurrent(flow: Floats) -> NDArray[np.bool_]:
    """Return which cells reach the one of greatest flow, and are reached from it, (n,).

    Parameters
    ----------
    flow : (n, n) float64
        Weight that went from cell to cell.
    """
    goes = flow > 0
    begin = int(np.argmax(flow.sum(1)))
    return _reached(goes, begin) & _reached(goes.T, begin)


def _reached(goes: NDArray[np.bool_], begin: int) -> NDArray[np.bool_]:
    found = np.zeros(len(goes), bool)
    found[begin] = True
    new = found.copy()
    while new.any():
        new = goes[new].any(0) & ~found
        found |= new
    return found
