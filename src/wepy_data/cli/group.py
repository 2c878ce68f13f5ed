"""The group of commands `wepy-data`, and what its commands share: arguments, options, opening a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wepy_data.cli.exits import HonestGroup
from wepy_data.errors import DamagedRunError, DataError
from wepy_data.version import __version__

if TYPE_CHECKING:
    from wepy_data.query.run import Run
    from wepy_data.query.runs import Runs

Command = TypeVar("Command", bound=Callable[..., Any])

run_argument = click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
runs_argument = click.argument("paths", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
cycle_option = click.option("--cycle", type=int, default=-1, show_default=True, help="Cycle; -1 is the last one.")
walker_option = click.option("--walker", type=int, default=0, show_default=True, help="Walker within the cycle.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")


def output_option(help: str, *, required: bool = True) -> Callable[[Command], Command]:
    """Return the option that names the file to write."""
    return click.option("-o", "--output", type=click.Path(path_type=Path), required=required, help=help)


@click.group(
    cls=HonestGroup,
    name="wepy-data",
    user_errors=(DataError, OSError),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="wepy-data")
def main() -> None:
    """Ask weighted-ensemble runs, check them, and take things out of them.

    RUN is a run's HDF5 file: growing, crashed or sealed. Its writer is never disturbed; only repair and compute change
    a file, and neither one that is being written.

    \b
    Example:
      wepy-data info run.h5
      wepy-data ancestry run.h5 --cycle 99 --walker 3
    """  # noqa: D301 (click's mark of a paragraph as it stands)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Run]:
    """Yield an open run; what fails because the run is not what it should be is reported as damage."""
    from wepy_data.query.run import open_run

    with open_run(path) as run:
        try:
            yield run
        except (DataError, click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            damage = _damage(path, error)
            if not damage:  # a fault in the program, or in the files that it writes
                raise
            raise DamagedRunError(
                f"{path} is damaged ({damage}): wepy-data check {quote(str(path))} says more"
            ) from error


@contextlib.contextmanager
def opened_all(paths: tuple[Path, ...]) -> Iterator[Run | Runs]:
    """Yield an open run, or several as one; as `opened` does."""
    from wepy_data.query.runs import Runs

    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(opened(path)) for path in paths]
        yield runs[0] if len(runs) == 1 else Runs(runs)


def _damage(path: Path, error: Exception) -> str:
    """Return what is wrong with a run that a command has failed on; empty if nothing is."""
    from wepy_data.store.check import check as problems_of

    if isinstance(error, OSError):  # HDF5's have no number
        return str(error) if error.errno is None and str(error).startswith("Can't") else ""
    return next((str(problem) for problem in problems_of(path)), "")
