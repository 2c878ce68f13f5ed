"""Differences between a run as it was and a simulation that is to go on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wepy_data as wd
from wepy.errors import ResumeError

_FIXED = ("order_parameter", "binner", "recycling")  # their rows in the file would mean two things
_FREE = ("dispatcher", "engine.openmm", "engine.reproducible", "manager.walkers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting that is not what it was.

    Parameters
    ----------
    key : str
        Which one.
    before, now : object
        What it was and is, JSON values.
    forced : bool
        Whether a run can go on with it, if told to.
    """

    key: str
    before: Any
    now: Any
    forced: bool

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.before)} in the run, {_short(self.now)} now"


def allowed_changes(path: Path, before: wd.Header, now: wd.Header, *, force: bool) -> list[Change]:
    """Return what is different from the run at `path`; refuse what would make it another run, or is not forced.

    Raises
    ------
    ResumeError
        Lists every change, and says what can be done.
    """
    found = changes(before, now)
    fatal = [change for change in found if not change.forced]
    if fatal or (found and not force):
        way = "branch it into a run of its own (wepy branch)" if fatal else "branch it (wepy branch), or force it"
        lines = [f"{path} was run with other settings; undo this, or {way}:", *(f"  {change}" for change in found)]
        raise ResumeError("\n".join(lines))
    return found


def changes(before: wd.Header, now: wd.Header) -> list[Change]:
    """Return what is different in physics, not in who computes it or how long.

    Parameters
    ----------
    before : wepy_data.Header
        Of the run; its last start counts.
    now : wepy_data.Header
        Of the simulation that is to go on with it.
    """
    found = [Change(key=key, before=a, now=b, forced=False) for key, a, b in _storage(before, now)]
    return found + setting_changes(before, now)


def start_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return what is different in where walkers start and restart, JSON values by key."""
    return [Change(key=key, before=a, now=b, forced=False) for key, a, b in _leaves("", before, now)]


def setting_changes(before: wd.Header, now: wd.Header) -> list[Change]:
    """Return what is different in the settings alone: a branch may start from other states, and store others."""
    old, new = before.provenance[-1], now.provenance[-1]
    found = [
        Change(key=key, before=a, now=b, forced=key.split(".")[0] not in _FIXED)
        for key, a, b in _leaves("", old.get("components", {}), new["components"])
        if not any(key == free or key.startswith(f"{free}.") for free in _FREE)
    ]
    if old.get("seed") != new["seed"]:
        found.append(Change(key="seed", before=old.get("seed"), now=new["seed"], forced=True))
    return found


def _leaves(key: str, before: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in sorted({*before, *now}):
            yield from _leaves(f"{key}.{name}" if key else name, before.get(name), now.get(name))
    elif before != now:
        yield key, before, now


def _storage(before: wd.Header, now: wd.Header) -> Iterator[tuple[str, Any, Any]]:
    """Yield what the run's file has no room for: other datasets, states or particles."""
    old, new = before.layout.growing, now.layout.growing
    for path in [*old, *(path for path in new if path not in old)]:
        a, b = (_type(layout[path]) if path in layout else None for layout in (old, new))
        if a != b:
            yield path, a, b
    for path in sorted({*before.static, *now.static}):
        left, right = before.static.get(path), now.static.get(path)
        if left is None or right is None or not _same(np.asarray(left), np.asarray(right)):
            yield path, "nothing" if left is None else "other values", "nothing" if right is None else "these values"


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")


def _type(column: wd.Column) -> str:
    return f"{column.dtype}{list(column.shape)} {column.unit}".strip()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
