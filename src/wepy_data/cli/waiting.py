"""Signs of life on a terminal when something takes more than a second; silence elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

_PATIENCE = 1.0  # s


@contextlib.contextmanager
def spinning(what: str) -> Iterator[None]:
    """Show a spinner while the block runs, from the second second on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.markup import escape

    status = Console(stderr=True).status(escape(what))
    timer = threading.Timer(_PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function that shows how much is done of how much, from the second second on; None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        bar = Progress(console=Console(stderr=True), transient=True)
        task = bar.add_task(escape(what), total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not bar.live.is_started and time.monotonic() - began > _PATIENCE:
                stack.enter_context(bar)

        yield tell
