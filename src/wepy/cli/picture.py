"""A live view of a run as a picture for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wepy.cli.glance import Dimension, Glance

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 40  # characters of a sparkline
_FULL_WIDTH = 92  # of the whole picture; narrower ones have one column
_DECADES = 8.0  # of weight that a distribution shows
_STATES = {"growing": ("●", "green"), "stopped": ("■", "yellow"), "sealed": ("✔", "cyan")}


def picture(glance: Glance, width: int = _FULL_WIDTH) -> RenderableType:
    """Return a run as it is now, to be printed by rich; in less than 92 columns, one below the other."""
    narrow = width < _FULL_WIDTH
    mark, colour = _STATES[glance.state]
    parts: list[RenderableType] = [_progress(glance, colour, narrow=narrow), Text()]
    if glance.n_cycles:
        parts += [_facts(glance, narrow=narrow), Text(), _order_parameter(glance.dimensions, narrow=narrow)]
        if glance.recycles:
            parts += [Text(), _flux(glance, narrow=narrow)]
    else:
        parts.append(Text("no cycle is committed yet", "dim"))
    title = Text.assemble((f"{mark} ", colour), (_plain(glance.path.name), "bold"), f"  {glance.state} ")
    return Panel(
        Group(*parts), title=title, title_align="left", subtitle=Text(f" run {_plain(glance.run_id)} ", "dim"),
        subtitle_align="right", border_style=colour, box=box.ROUNDED, padding=(1, 1 if narrow else 2),
        width=min(width, _FULL_WIDTH),
    )  # fmt: skip


def _progress(glance: Glance, colour: str, *, narrow: bool) -> RenderableType:
    grid = _Grid(narrow=narrow)
    total = glance.target or 0
    grid.add_row("cycles", _bar(glance.n_cycles, total, colour), _of(glance.n_cycles, total))
    running = glance.running
    if running is not None:
        done = _of(running.n_finished, running.n_walkers)
        grid.add_row(f"cycle {running.cycle}", _bar(running.n_finished, running.n_walkers, "blue"), f"{done} segments")
    return grid.table


class _Grid:
    """Rows of a label, a picture and a remark, which has a line of its own where there is little room."""

    def __init__(self, *, narrow: bool) -> None:
        self._narrow, self.table = narrow, Table.grid(padding=(0, 2))
        self.table.add_column(style="dim", width=14)
        self.table.add_column(width=_WIDTH)
        if not narrow:
            self.table.add_column()

    def add_row(self, label: RenderableType = "", middle: RenderableType = "", remark: str = "") -> None:
        if not self._narrow:
            self.table.add_row(label, middle, remark)
            return
        self.table.add_row(label, middle)
        if remark:
            self.table.add_row("", remark)


def _bar(done: int, total: int, colour: str) -> RenderableType:
    if not total:
        return Text("")
    return ProgressBar(
        total=total, completed=min(done, total), width=_WIDTH, complete_style=colour, finished_style=colour
    )


def _of(done: int, total: int) -> str:
    return f"{done:,} of {total:,}" if total else f"{done:,}"


def _facts(glance: Glance, *, narrow: bool) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    columns = (("dim", 14), ("", 25), ("dim", 9), ("", 28))
    for style, width in (("dim", 14), ("", _WIDTH)) if narrow else columns:
        grid.add_column(style=style, width=width)
    weight, speed, walkers = glance.weight, glance.speed, glance.n_walkers
    low, high = int(walkers.min()), int(walkers.max())
    facts = [
        ("walkers", f"{int(walkers[-1]):,}" + (f"  ({low:,} to {high:,})" if low < high else "")),
        ("speed", _speed(glance)),
        ("weights", f"{weight.min():.2g} to {weight.max():.2g}"),
        ("", f"{_amount(speed.segments_per_second)} segments/s" if speed else ""),
        ("effective", f"{glance.effective:.1f} walkers"),
        ("", f"{_time(speed.ps_per_second * 86400)} per day" if speed and speed.ps_per_second else ""),
        ("segments", f"{glance.n_segments:,}"),
        ("time left", _left(glance)),
        ("simulated", _time(glance.simulated) if glance.simulated else "no frames stored"),
        ("workers", _workers(glance)),
        ("on disk", _bytes(glance.bytes_on_disk)),
        ("last", f"{_duration(max(0.0, glance.now - glance.ended))} ago"),
    ]
    if narrow:
        for label, value in (*facts[::2], *facts[1::2]):
            if value:
                grid.add_row(label, value)
        return grid
    for (left, one), (right, other) in zip(facts[::2], facts[1::2], strict=True):
        grid.add_row(left, one, right, other)
    return grid


def _speed(glance: Glance) -> str:
    if glance.speed is None:
        return "not known"
    return f"{_amount(60 / glance.speed.seconds_per_cycle)} cycles/min"


def _left(glance: Glance) -> str:
    if glance.seconds_left is None:
        growing = "no end is set" if glance.target is None else "not known"
        return {"sealed": "done", "stopped": "stopped: wepy resume goes on"}.get(glance.state, growing)
    return _duration(glance.seconds_left)


def _workers(glance: Glance) -> str:
    count, hosts = glance.workers.total(), list(glance.workers)
    if not count:
        return "not known"
    where = _plain(hosts[0]) if len(hosts) == 1 else f"{len(hosts)} hosts"
    return f"{count} on {where}"


def _order_parameter(dimensions: Sequence[Dimension], *, narrow: bool) -> RenderableType:
    grid = _Grid(narrow=narrow)
    for place, dimension in enumerate(dimensions):
        if place:
            grid.add_row()
        spread = f"{dimension.low:.3g} … [bold]{dimension.mean:.3g}[/] … {dimension.high:.3g}"
        low, high = (f"{end:.3g}" for end in dimension.seen)
        shares = Text(spark(_logarithm(dimension.weights)), "magenta")
        grid.add_row(Text(_plain(dimension.heading), "bold"), shares, spread)
        grid.add_row("  log weight", f"[dim]{low}{high:>{_WIDTH - len(low)}}[/]", "[dim]lowest … mean … highest now[/]")
        grid.add_row("  mean so far", Text(spark(_squeezed(dimension.history)), "blue"))
    return grid.table


def _flux(glance: Glance, *, narrow: bool) -> RenderableType:
    grid = _Grid(narrow=narrow)
    cycles = max(1, glance.n_cycles // 2)
    flux, total = glance.flux(cycles), math.fsum(glance.recycled.tolist())
    grid.add_row(
        Text("recycled", "bold"), Text(spark(_squeezed(glance.recycled), zero=True), "green"), f"{total:.3g} in all"
    )
    per_time = ""
    if glance.speed is not None and glance.speed.ps_per_cycle:
        per_time = f"  =  [bold]{flux / glance.speed.ps_per_cycle:.3g}[/] per ps"
    grid.add_row("  flux", f"[bold]{flux:.3g}[/] per cycle{per_time}", f"[dim]last {_plural(cycles, 'cycle')}[/]")
    return grid.table


def spark(values: NDArray[np.float64], *, zero: bool = False) -> str:
    """Return numbers as a line of bars, lowest to highest (with `zero`: from 0); a blank where there is none (NaN).

    Examples
    --------
    >>> spark(np.array([0.0, 1.0, 2.0, np.nan, 3.5]))
    '▁▃▅ █'
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return " " * len(values)
    low, high = (0.0 if zero else known.min()), known.max()
    level = np.full(len(values), 0.5) if high <= low else (values - low) / (high - low)
    if high <= low and zero:
        level = np.zeros(len(values))
    height = np.where(np.isfinite(values), 1 + np.floor(np.nan_to_num(level) * 7 + 0.5), 0).astype(int)
    return "".join(_BARS[h] for h in height.tolist())


def _logarithm(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of weights, those of many decades below the largest at the bottom, NaN for none."""
    with np.errstate(divide="ignore"):
        found = np.log10(weights)
    return np.where(weights > 0, np.maximum(found, found.max() - _DECADES), np.nan)


def _squeezed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over equal stretches, as many as fit a line."""
    if len(values) <= _WIDTH:
        return values
    edges = np.linspace(0, len(values), _WIDTH + 1).astype(int)
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _plural(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' if count != 1 else ''}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"


def _time(ps: float) -> str:
    for size, unit in ((1e9, "ms"), (1e6, "µs"), (1e3, "ns"), (1.0, "ps")):
        if ps >= size:
            return f"{ps / size:.3g} {unit}"
    return f"{ps:.3g} ps"


def _bytes(size: int) -> str:
    power = min(int(math.log(max(size, 1), 1000)), 4)
    return f"{size / 1000**power:.{1 if power else 0}f} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{int(hours)} h {int(minutes) % 60} min" if hours < 48 else f"{days:.1f} days"
