"""Target counts of fixed bins: one for all, one for each, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wepy.errors import ConfigurationError, refuse
from wepy.whole_number import count_problems, is_count

TargetCounts = int | Mapping[int, int] | None
"""Walkers wanted in every bin, or in the named bins; None leaves it to the balancer."""


def checked_targets(targets: object, n_bins: int) -> int | dict[int, int] | None:
    """Return target counts with plain integers; keys may be text, as JSON has them.

    Raises
    ------
    ConfigurationError
        Naming every bin that does not exist and every count that is none.
    """
    if targets is None or is_count(targets):
        return targets  # type: ignore[return-value]
    if not isinstance(targets, Mapping):
        raise ConfigurationError(
            f"target_counts: expected a number of walkers or a mapping of bin to number, got {targets!r}"
        )
    checked: dict[int, int] = {}
    problems = []
    for key, count in targets.items():
        index = int(key) if isinstance(key, str) and key.isdecimal() else key
        if not is_count(index) or index >= n_bins:
            problems.append(f"target_counts: no bin {key!r}: these bins are 0 to {n_bins - 1}")
        elif wrong := list(count_problems(f"target_counts[{key}]", count, 0)):
            problems += wrong
        else:
            checked[int(index)] = int(count)
    refuse(problems)
    return checked


def checked_target(target: object) -> int | None:
    """Return one target count for all bins, or None; `ConfigurationError` if it is none."""
    if target is None:
        return None
    refuse(count_problems("target_count", target, 0))
    return int(target)  # type: ignore[call-overload, no-any-return]


def target_of(targets: TargetCounts, index: int) -> int:
    """Return the target count of a bin, -1 if it is left to the balancer."""
    if isinstance(targets, Mapping):
        return targets.get(index, -1)
    return -1 if targets is None else targets


def targets_to_json(targets: TargetCounts) -> Any:
    """Return target counts as JSON values: keys become text."""
    return {str(index): count for index, count in targets.items()} if isinstance(targets, Mapping) else targets
