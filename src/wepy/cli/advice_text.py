"""Advice from a run in tables and sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    import wepy_data as wd

_SCHEMES = {
    "brute-force": "brute force",
    "as-run": "as this run was",
    "uniform": "its bins, uniform",
    "optimal": "its bins, optimal",
    "level-sets": "advised bins, optimal",
    "maximum": "the best there can be",
}
_LOSS = 0.9  # of the gain that longer cycles may keep to be called as good


def tables(advice: wd.Advice, error: float, cycles: int) -> list[Table]:
    """Return tables of gains, longer cycles, and bins, to be printed by rich.

    Parameters
    ----------
    advice : Advice
        As `wepy_data.advise` returns it.
    error : float
        Relative standard error of the flux that is wanted.
    cycles : int
        Cycles after the burn-in to get it in.
    """
    return [_gains(advice, error, cycles), _lags(advice), _bins(advice)]


def sentences(advice: wd.Advice) -> list[str]:
    """Return what there is to say of advice, one paragraph each, warnings last."""
    came = advice.arrivals
    found = [
        f"Flux: {came.flux:.4g} per cycle after {advice.burn_in} cycles of burn-in: a mean first passage time of"
        f" {_time(advice, advice.passage)}. Runs like this one should scatter by {advice.relative_error:.1%} of it.",
        f"It was carried by {came.independent:,} independent arrivals ({came.effective:.0f} effectively;"
        f" {came.count:,} walkers). A crossing takes {_time(advice, came.crossing)}.",
        "Gains are those of many walkers in each bin: with fewer than about 10, resampling costs more. That of this run"
        " is what its weights and merges were.",
        f"Burn-in: {_settled(advice)}",
        f"Steps of a cycle: {_tau(advice)}",
    ]
    if advice.division is not None:
        cuts = " ".join(f"{edge:g}" for edge in advice.division.edges)
        found.append(f"Bins along {_plain(advice.label)}, open at both ends: {cuts}")
    return [*found, *(f"Warning: {line}." for line in advice.warnings)]


def _gains(advice: wd.Advice, error: float, cycles: int) -> Table:
    wanted = f"a standard error of {error:.3g} of the flux in {cycles:,} cycles after the burn-in"
    table = _table(f"gains over brute force, and walkers for {wanted}")
    for heading in ("", "gain", "resampling paid", "walkers", "steps in all"):
        table.add_column(heading, justify="left" if not heading else "right")
    for scheme in advice.schemes:
        walkers = advice.walkers_for(error, cycles, scheme.name)
        steps = "" if advice.steps is None else f"{walkers * cycles * advice.steps:.2g}"
        many = f"{math.ceil(walkers):,}" if math.isfinite(walkers) else "-"
        row = (f"{scheme.gain:.3g}", f"{scheme.gain_drawn:.3g}", many, steps if many != "-" else "-")
        table.add_row(_SCHEMES[scheme.name], *row)
    return table


def _lags(advice: wd.Advice) -> Table:
    table = _table("longer cycles")
    for heading in ("cycles in one", "steps", "best gain", "its bins, optimal", "its bins, uniform"):
        table.add_column(heading, justify="right")
    for one in advice.lags:
        steps = "" if advice.steps is None else f"{one.lag * advice.steps:,.0f}"
        table.add_row(f"{one.lag}", steps, f"{one.maximum:.3g}", f"{one.optimal:.3g}", f"{one.uniform:.3g}")
    return table


def _bins(advice: wd.Advice) -> Table:
    table = _table("bins of this run")
    headings = ["bin", "weight", "v", "walkers", "advised"]
    if advice.dim is not None:
        headings.insert(1, f"mean {_plain(advice.label)}")
    for heading in headings:
        table.add_column(heading, justify="right")
    for one in advice.bins:
        row = [f"{one.bin}", f"{one.weight:.3g}", f"{one.deviation:.3g}", f"{one.walkers:.1f}", f"{one.advised}"]
        if advice.dim is not None:
            row.insert(1, f"{one.place:.3g}")
        table.add_row(*row)
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _settled(advice: wd.Advice) -> str:
    if advice.settled is None:
        return "the flux takes longer to settle than can be seen."
    return f"the flux is within 1 % of its steady state after {_time(advice, advice.settled)}."


def _tau(advice: wd.Advice) -> str:
    known = {one.lag: one.maximum for one in advice.lags}
    words = [] if advice.steps is None else [f"{advice.steps:g} now."]
    if 1 in known and len(known) > 1:
        kept = max(lag for lag, gain in known.items() if gain >= _LOSS * known[1])
        lag = kept if kept > 1 else min(lag for lag in known if lag > 1)
        words.append(f"Cycles {lag} times as long keep {known[lag] / known[1]:.0%} of the best gain.")
    rule = advice.longest_tau
    if math.isfinite(rule):
        so = "not longer than" if rule >= 1 else "longer than"
        words.append(f"The present ones are {so} a thirtieth of a crossing, {_time(advice, rule)}, a rule of thumb.")
    return " ".join([*words, "Shorter ones cannot be seen from this run."])


def _time(advice: wd.Advice, cycles: float) -> str:
    """Return a time in cycles, and in steps and ps if they are known."""
    words = [f"{_amount(cycles)} cycles"]
    if advice.steps is not None:
        words.append(f"{_amount(cycles * advice.steps)} steps")
    if advice.ps is not None:
        words.append(f"{_amount(cycles * advice.ps)} ps")
    return words[0] if len(words) == 1 else f"{words[0]} ({', '.join(words[1:])})"


def _amount(value: float) -> str:
    """Return a number in four digits, its thousands divided by commas."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if 1e3 <= rounded < 1e9 else f"{rounded:.4g}"


def _plain(text: str) -> str:
    """Return a text from a file without characters that would drive the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
