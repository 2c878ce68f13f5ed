"""Errors that a user of the manager may meet.

```text
WepyError
+-- ConfigurationError      the configuration (file or arguments) is wrong: what, where, what to do
|   +-- ResumeError         a run that cannot be gone on with as asked; says what can be done
+-- BinningError            an order parameter that fits no bin, or is not a number
+-- SegmentError            dynamics of one walker failed; names the cycle and the walker
+-- StoreError              the run's file or journal can no longer be written (a full disk, a file that is gone)
+-- DispatchError           workers could not be started or reached
    +-- WorkerLost          an item's worker died too often
```
"""

from __future__ import annotations

from collections.abc import Iterable


class WepyError(Exception):
    """Base of all errors raised by `wepy` on purpose; the message is meant for the user."""


class ConfigurationError(WepyError):
    """A configuration that cannot be run."""


class ResumeError(ConfigurationError):
    """A run that cannot be gone on with."""


class BinningError(WepyError):
    """Walkers that fit no bin."""


class SegmentError(WepyError):
    """A walker's dynamics failed or returned something that is not a number."""


class StoreError(WepyError):
    """A run's file or journal can no longer be written; what was committed is safe."""


class DispatchError(WepyError):
    """Workers could not be started or reached."""


class WorkerLost(DispatchError):  # noqa: N818 (a name, not a kind of error)
    """An item's worker died more often than is tolerated."""


def refuse(problems: Iterable[str]) -> None:
    """Raise one `ConfigurationError` that names all problems, a line for each; do nothing if there are none."""
    found = list(problems)
    if found:
        raise ConfigurationError("\n".join(found))
