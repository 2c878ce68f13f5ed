"""Errors that a user of the manager may meet.

```text
WepyError
+-- ConfigurationError      the configuration (file or arguments) is wrong: what, where, what to do
+-- BinningError            an order parameter that fits no bin, or is not a number
+-- SegmentError            dynamics of one walker failed; names the cycle and the walker
+-- DispatchError           workers could not be started or reached
    +-- WorkerLost          an item's worker died too often
```
"""

from __future__ import annotations


class WepyError(Exception):
    """Base of all errors raised by `wepy` on purpose; the message is meant for the user."""


class ConfigurationError(WepyError):
    """A configuration that cannot be run."""


class BinningError(WepyError):
    """Walkers that fit no bin."""


class SegmentError(WepyError):
    """A walker's dynamics failed or returned something that is not a number."""


class DispatchError(WepyError):
    """Workers could not be started or reached."""


class WorkerLost(DispatchError):  # noqa: N818 (a name, not a kind of error)
    """An item's worker died more often than is tolerated."""
