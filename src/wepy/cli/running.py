"""The commands that run cycles: `wepy run`, `wepy resume` and `wepy branch`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import wepy_data as wd
from wepy.cli.outcome import go
from wepy.errors import ConfigurationError, ResumeError

if TYPE_CHECKING:
    from wepy.config import Configuration
    from wepy.config.model import DispatchSection
    from wepy.protocols import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

_path = click.Path(path_type=Path)
_config_option = click.option("--config", type=_path, help="A changed configuration, instead of the one in RUN.")
_seed_option = click.option("--seed", type=click.IntRange(min=0), help="Seed, instead of the configuration's.")
_overwrite_option = click.option("--overwrite", is_flag=True, help="Replace the run's file if it exists.")


def _dispatch_options(command: Command) -> Command:
    kinds = click.Choice(["serial", "processes", "scoop"])
    with_kind = click.option("--dispatch", type=kinds, help="Who runs the segments.")(command)
    for option in (
        click.option("--ssh", help="The command ssh with options, as `ssh -F config`."),
        click.option("--insecure", is_flag=True, default=None, help="No key: whoever reaches the port can run code."),
        click.option("--listen", metavar="ADDRESS[:PORT]", help="Let workers of other machines join (wepy worker)."),
        click.option("--hostfile", type=_path, help="Hosts to start workers on by ssh: lines of `name workers`."),
        click.option("--hosts", metavar="NAME[:N],...", help="Hosts to start workers on by ssh."),
    ):
        with_kind = option(with_kind)
    help = "Number of workers on this machine; SCOOP's unless --dispatch says else. 0 with --hosts or --listen."
    return click.option("--workers", type=click.IntRange(min=0), help=help)(with_kind)


@click.command()
@click.argument("config", type=_path)
@_dispatch_options
@click.option("--cycles", type=click.IntRange(min=1), help="Number of cycles, instead of the configuration's.")
@_seed_option
@click.option("-o", "--output", type=_path, help="The run's file, instead of the configuration's.")
@_overwrite_option
def run(config: Path, output: Path | None, *, overwrite: bool, **choices: Any) -> None:
    """Run the simulation that the TOML file CONFIG describes.

    The configuration, the files that it names, the seed and every step go into one HDF5 file. Segments run on SCOOP
    workers of this machine with --workers, else as the configuration says; the result is the same, bit for bit.

    Ctrl-C (or SIGTERM) stops after the running cycle, a second one at once: `wepy resume` goes on from either.

    \b
    Example:
      wepy run alanine-dipeptide.toml --workers 4 --cycles 200 -o long.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.config import build_simulation, read_configuration
    from wepy.forecast import forecast_line

    settings = _chosen(read_configuration(config), output=None if output is None else output.absolute(), **choices)
    with _naming(config):
        simulation = build_simulation(settings, config.parent, overwrite=overwrite)
    where = config.parent / settings.run.output
    simulation.check_store()
    _tell(forecast_line(simulation, settings.run.cycles, where))
    go(simulation, where, lambda: simulation.run(cycles=settings.run.cycles), settings.run.cycles)


@click.command()
@click.argument("path", metavar="RUN", type=_path)
@_dispatch_options
@click.option("--cycles", type=click.IntRange(min=1), help="Number of cycles that the run is to have in the end.")
@click.option("--more", type=click.IntRange(min=1), help="Number of cycles to add to those that it has.")
@_config_option
@click.option("--force", is_flag=True, help="Go on with another engine, balancer, seed or number of steps.")
def resume(
    path: Path, cycles: int | None, more: int | None, config: Path | None, *, force: bool, **choices: Any
) -> None:
    """Go on with RUN, whatever ended it: a crash, a stop, or its last cycle.

    Nothing that was finished runs again, and the run is the one it would have been without the interruption, on any
    number of workers. All that is needed is in RUN and the journal beside it.

    \b
    Example:
      wepy resume run.h5                 # up to the number of cycles that it was last to have
      wepy resume run.h5 --more 100 --workers 4
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.branch import start_settings
    from wepy.config import build_simulation
    from wepy.standing import target_cycles

    if cycles is not None and more is not None:
        raise click.UsageError("--cycles says how many in the end, --more how many to add: give one of them")
    with _settings(path, config, choices) as (settings, folder, run, header):
        asked = None if config is not None else target_cycles(header)
        total = cycles or (run.n_cycles + more if more else asked or settings.run.cycles)
        if run.sealed and total <= run.n_cycles:
            raise ResumeError(
                f"{path} has its {run.n_cycles} cycles and is sealed: say how many to add (--more), "
                "or how many it is to have in the end (--cycles)"
            )
        if config is not None:
            _refuse_other_start(path, header, settings, folder)
        states = start_settings(header)
        with _naming(config or path):
            simulation = build_simulation(settings, folder, store=path, begin=lambda engine: states)
        done = run.n_cycles
    go(simulation, path, lambda: simulation.resume(cycles=total, force=force, tell=_tell), total, done)


@click.command()
@click.argument("path", metavar="RUN", type=_path)
@click.option("--cycle", type=int, required=True, help="Last cycle that both runs share; -1 is the last one.")
@click.option("-o", "--output", type=_path, required=True, help="The new run's file.")
@_dispatch_options
@click.option("--cycles", type=click.IntRange(min=1), help="Number of cycles of the new run.")
@_seed_option
@_config_option
@_overwrite_option
def branch(path: Path, cycle: int, output: Path, config: Path | None, *, overwrite: bool, **choices: Any) -> None:
    """Start a new run from any cycle of RUN; RUN is only read.

    The walkers that RUN had planned after the cycle are the founders of the new run, which names RUN, cycle and
    segments. With the same seed and settings it repeats what RUN did next, provided that RUN has kept the states in
    full precision; it always has after the last cycle of a sealed run, else with `states = "all"` in [storage].
    Without --cycles, the new run has as many cycles as RUN was still to have after this one.

    \b
    Example:
      wepy branch run.h5 --cycle 50 -o other.h5 --seed 2 --cycles 100
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.branch import branch_point
    from wepy.config import build_simulation, restart_states
    from wepy.difference import setting_changes
    from wepy.heading import run_header
    from wepy.standing import target_cycles

    if output.exists() and path.exists() and output.samefile(path):
        raise ResumeError(f"{output} is the run to branch from, and is only read: choose another name (-o)")
    choices["output"] = output.absolute()
    with _settings(path, config, choices) as (settings, folder, run, header):
        planned = (None if config is not None else target_cycles(header)) or settings.run.cycles
        left = planned - (cycle % run.n_cycles if run.n_cycles else 0) - 1
        total = choices["cycles"] or (left if left > 0 else settings.run.cycles)
        settings = settings.model_copy(update={"run": settings.run.model_copy(update={"cycles": total})})
        sources = config is not None and _has_other_sources(header, settings, folder)

        def begin(engine: Engine) -> dict[str, Any]:
            found = branch_point(path, cycle, engine).settings
            return found | {"sources": restart_states(settings, engine, folder)} if sources else found

        with _naming(config or path):
            simulation = build_simulation(settings, folder, overwrite=overwrite, store=output, begin=begin)
    simulation.check_store()
    changes: list[object] = [*setting_changes(header, run_header(simulation))]
    if sources:
        changes.append("recycled walkers restart from the states of the configuration now")
    if changes:
        _tell("\n".join([f"other settings than those of {path}:", *(f"  {change}" for change in changes)]))
    if simulation.origin is not None and not simulation.origin.exact:
        _tell(
            f"not exact: {path} has not kept the states after cycle {cycle} in full precision, so the new run starts "
            "from its frames and differs from the first step on"
        )
    go(simulation, output, lambda: simulation.run(cycles=total), total)


@contextlib.contextmanager
def _settings(
    path: Path, config: Path | None, choices: dict[str, Any]
) -> Iterator[tuple[Configuration, Path, wd.FileRun, wd.Header]]:
    """Yield the configuration to go on with, the folder of the files that it names, the open run, and its header."""
    from wepy.config import read_configuration, unpacked
    from wepy.config.read import parse_configuration
    from wepy.standing import known_header, lone_journal

    alone = lone_journal(path)
    if alone:
        raise ResumeError(alone)
    with wd.FileRun(path) as run:
        header = known_header(path, run.header)
        if config is not None:
            yield _chosen(read_configuration(config), **choices), config.parent, run, header
            return
        if not header.config:
            raise ResumeError(
                f"{path} holds no configuration, so it was started from Python: go on with it from there "
                "(Simulation(..., store=...).resume()), or give a configuration (--config)"
            )
        found = parse_configuration(header.config, f"{path}, /config")
        with unpacked(_chosen(found, **choices), header.inputs) as (settings, folder):
            yield settings, folder, run, header


def _start_sections(
    header: wd.Header, settings: Configuration, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return where walkers start and restart, by a run's configuration and by another; None if the run has none."""
    from wepy.config import parse_configuration, read_inputs, start_sections

    try:
        own = parse_configuration(header.config)
    except ConfigurationError:  # a script has started it, and may have put anything there
        return None
    return start_sections(own, header.inputs), start_sections(settings, read_inputs(settings, folder))


def _refuse_other_start(path: Path, header: wd.Header, settings: Configuration, folder: Path) -> None:
    """Refuse other start states: those of a run are in its file, and have been used."""
    from wepy.difference import start_changes

    found = _start_sections(header, settings, folder)
    if found is None:
        _tell(f"start states and sources are those that {path} holds, whatever the configuration says")
        return
    changes = start_changes(*found)
    if changes:
        lines = [
            f"{path} was run with other states; undo this, or start a run of its own (wepy run; wepy branch for other "
            "sources):",
            *(f"  {change}" for change in changes),
        ]
        raise ResumeError("\n".join(lines))


def _has_other_sources(header: wd.Header, settings: Configuration, folder: Path) -> bool:
    """Whether recycled walkers are to restart from other states than those of the run."""
    from wepy.config import recycles, restart_sections

    found = _start_sections(header, settings, folder)
    if found is None or not recycles(settings):
        return False
    before, now = map(restart_sections, found)
    return before != now


def _chosen(
    settings: Configuration,
    *,
    output: Path | None = None,
    workers: int | None = None,
    cycles: int | None = None,
    dispatch: str | None = None,
    seed: int | None = None,
    **others: Any,
) -> Configuration:
    run = {"cycles": cycles, "seed": seed, "output": output}
    return settings.model_copy(
        update={
            "run": settings.run.model_copy(update={key: value for key, value in run.items() if value is not None}),
            "dispatch": _dispatch(settings.dispatch, dispatch, workers, others),
        }
    )


def _dispatch(given: DispatchSection, kind: str | None, workers: int | None, others: dict[str, Any]) -> DispatchSection:
    """Return what the configuration says of workers, changed by what the command line says."""
    from wepy.config.read import dispatch_section

    said = {key: value for key, value in others.items() if value is not None}
    if "hosts" in said or "hostfile" in said:  # instead of those in the configuration
        said = {"hosts": [], "hostfile": None, **said}
    if said.get("hosts"):
        said["hosts"] = [said["hosts"]]
    if said.get("hostfile") is not None:
        said["hostfile"] = said["hostfile"].absolute()
    kept = given.model_dump(exclude={"kind", "workers"})
    if kind is None:
        kind = "scoop" if (workers is not None or said) and given.kind == "serial" else given.kind
    elif kind != "scoop":
        kept = {}
    if workers is None and kind != "serial":
        workers = given.workers
    chosen = {**kept, **said, "kind": kind, "workers": None if kind == "serial" else workers}
    return dispatch_section(chosen, "who runs the segments (--dispatch, --workers, --hosts, ...)")


@contextlib.contextmanager
def _naming(config: Path) -> Iterator[None]:
    """Name the configuration in errors of what is built from it."""
    try:
        yield
    except ResumeError:
        raise
    except ConfigurationError as error:
        raise ConfigurationError(f"{config}: {error}") from error


def _tell(text: str) -> None:
    click.echo(text, err=True)
