"""Dispatch within this process, one item after the other: what the other dispatchers are tested against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from wepy.dispatch.identity import worker_identity
from wepy.protocols import Description, Outcome

Item = TypeVar("Item")
Result = TypeVar("Result")


class Serial:
    """Runs every item here and now, in order.

    Nothing is pickled, so that any callable will do. Ctrl-C is not an outcome: it ends the run.

    Examples
    --------
    >>> with Serial() as dispatcher:
    ...     [outcome.value for outcome in dispatcher.run(abs, [-1, 2])]
    [1, 2]
    """

    @property
    def slots(self) -> int:
        """How many items run at the same time: 1."""
        return 1

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item, in order."""
        return (_outcome(function, index, item) for index, item in enumerate(items))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "serial"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _outcome(function: Callable[[Item], Result], index: int, item: Item) -> Outcome[Result]:
    try:
        return Outcome(index=index, value=function(item))
    except Exception as error:  # noqa: BLE001 (an item's error is its outcome)
        error.add_note(f"raised in {worker_identity()}")
        return Outcome(index=index, error=error)
