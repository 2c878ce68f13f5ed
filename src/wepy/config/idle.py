"""Settings that could do nothing, given the other sections of a configuration: bins, frames, limits of weights."""

from __future__ import annotations

from collections.abc import Iterator

from wepy.binning.nested import n_leaves_of
from wepy.config.balancer import OptimalAllocationSection, REVOSection, WExploreSection
from wepy.config.model import Configuration
from wepy.protocols import AdaptiveBinner, Binner


def idle_problems(config: Configuration, binner: Binner | AdaptiveBinner | None) -> Iterator[str]:
    """Yield which settings nothing would come of; `binner` is that of the configuration."""
    yield from _bin_problems(config, binner)
    yield from _frame_problems(config)


def stuck_problems(config: Configuration) -> Iterator[str]:
    """Yield why walkers that all weigh the same could never be resampled, if founders do."""
    section, n_walkers = config.balancer, config.run.walkers
    if not isinstance(section, REVOSection | WExploreSection) or len(config.states) > 1:
        return
    both, half = 2 / n_walkers, 0.5 / n_walkers
    wanted = getattr(section, "n_walkers", None) or n_walkers
    if isinstance(section, REVOSection):  # each step clones and merges, within limits that are not reached
        too_heavy, too_light, above, below = both >= section.pmax, half <= section.pmin, "more than", "less than"
    else:
        too_heavy, too_light = both > section.pmax and wanted <= n_walkers, half < section.pmin and wanted >= n_walkers
        above, below = "at least", "at most"
    every = f"each of the {n_walkers} walkers (run.walkers) begins with weight {1 / n_walkers:.3g}, and"
    if too_heavy:
        raise_it = f"expected {above} {both:.3g}, found {section.pmax}; raise it, or " if both < 1 else ""
        yield f"balancer.pmax: {every} no two could ever merge: {raise_it}have more walkers"
    if too_light:
        yield (
            f"balancer.pmin: {every} none could ever be cloned: expected {below} {half:.3g}, found {section.pmin};"
            " lower it, or have fewer walkers"
        )


def _bin_problems(config: Configuration, binner: Binner | AdaptiveBinner | None) -> Iterator[str]:
    count = 1 if binner is None else n_leaves_of(binner)
    if count is None:  # bins are made as walkers move, or not counted
        return
    section = config.balancer
    key = "variance" if isinstance(section, OptimalAllocationSection) else "target_counts"
    there = (
        "all walkers are in bin 0, as there is no [binner]" if binner is None else f"they are in bins 0 to {count - 1}"
    )
    for index in getattr(section, key, None) or {}:
        if int(index) >= count:
            yield f"balancer.{key}.{index}: no walker is ever in bin {index}: {there}; name another, or leave it out"


def _frame_problems(config: Configuration) -> Iterator[str]:
    """Yield what asks for more frames of a segment than the engine makes."""
    stride, steps = config.engine.stride, config.run.steps
    if stride is not None and stride > steps:
        yield (
            f"engine.stride: a segment has {steps} steps (run.steps), and its end is always a frame: expected at most"
            f" {steps}, found {stride}; lower it, or leave it out"
        )
    if stride is not None and stride < steps:
        return
    found = "none" if stride is None else stride
    way_out = f"expected engine.stride less than run.steps, {steps}, found {found}; set it, or leave this out"
    if config.storage.stride > 1:
        yield f"storage.stride: the end of a segment is its only frame, and always kept: {way_out}"
    sections = {f"boundaries[{place}]": section for place, section in enumerate(config.boundaries)}
    for key, section in {"recycling": config.recycling, **sections}.items():
        if section is not None and section.every_frame:
            yield f"{key}.every_frame: the end of a segment is its only frame, and always tested: {way_out}"
