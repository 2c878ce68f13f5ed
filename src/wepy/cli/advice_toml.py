"""Advice from a run as tables of a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import wepy_data as wd

_LEAST = 2  # walkers of a bin


def toml(advice: wd.Advice, run: str, n_dims: int) -> str:
    """Return the tables `[binner]` and `[balancer]` that advice amounts to; the former if one dimension is divided.

    Parameters
    ----------
    advice : Advice
        As `wepy_data.advise` returns it.
    run : str
        What the run is called, for a comment.
    n_dims : int
        Dimensions of its order parameter.
    """
    name = "".join(c if c.isprintable() else "?" for c in run)
    lines = [
        f"# from {name}: {advice.n_cycles} cycles, the first {advice.burn_in} left out,"
        f" {advice.arrivals.independent} independent arrivals",
        *(f"# warning: {line}" for line in advice.warnings),
        "",
    ]
    if advice.division is not None:
        edges = ["[-inf, inf]"] * n_dims
        edges[advice.dim or 0] = _numbers([float("-inf"), *advice.division.edges, float("inf")])
        lines += ["[binner]", 'kind = "rectilinear"', f"edges = [{', '.join(edges)}]", ""]
    walkers = sum(advice.division.walkers if advice.division else (one.advised for one in advice.bins))
    lines += [
        "[balancer]",
        'kind = "optimal-allocation"',
        f"n_walkers = {walkers}",
        f"least = {min(_LEAST, walkers)}",
        "",
    ]
    return "\n".join([*lines, *_within(advice), "", *_variance(advice), ""])


def _within(advice: wd.Advice) -> list[str]:
    lines = ["[balancer.within]", 'kind = "systematic"']
    return lines if advice.dim is None else [*lines, f"sort_by = {advice.dim}"]


def _variance(advice: wd.Advice) -> list[str]:
    if advice.dim is None:
        return ["[balancer.variance]", *(f'"{one.bin}" = {one.deviation**2:.4g}' for one in advice.bins)]
    profile = advice.profile
    points, values = _numbers(profile.centre.tolist()), _numbers(profile.variance.tolist())
    return ["[balancer.variance_along]", f"dimension = {advice.dim}", f"points = {points}", f"values = {values}"]


def _numbers(values: Iterable[float]) -> str:
    return f"[{', '.join(map(_number, values))}]"


def _number(value: float) -> str:
    """Return a TOML float: with a point, an exponent, or `inf`."""
    text = f"{value:.6g}"
    return text if any(c in text for c in ".ein") else f"{text}.0"
