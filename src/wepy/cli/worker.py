"""The command `wepy worker`: joins a running manager from anywhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

import click

from wepy.dispatch.scoop.worker import PATIENCE, Settings, leave, serve
from wepy.errors import ConfigurationError

_KEY_VARIABLE = "WEPY_KEY"


@click.command()
@click.option(
    "--connect", metavar="HOST:PORT", required=True, help="Where the manager listens; it says so at its start."
)
@click.option(
    "--key-file", type=click.Path(path_type=Path), help=f"The run's key; or its text in the variable {_KEY_VARIABLE}."
)
@click.option("--insecure", is_flag=True, help="Join a manager that was started with --insecure, without a key.")
@click.option(
    "--patience", type=click.FloatRange(min=1), default=PATIENCE, show_default=True,
    help="Seconds to wait for a manager that is out of reach.",
)  # fmt: skip
def worker(connect: str, key_file: Path | None, *, insecure: bool, patience: float) -> None:
    """Join a running manager from this machine, at any time, and leave when the run ends.

    The manager must listen for others (wepy run --listen), and writes the key that lets workers in to a file beside
    the run, readable by its owner; copy that file here. Ctrl-C or SIGTERM leaves at once: what this worker was doing is
    done by another.

    \b
    Example:
      wepy run alanine-dipeptide.toml --listen 10.0.0.5:5555      # on 10.0.0.5
      scp 10.0.0.5:run.h5.key .                                   # anywhere else
      wepy worker --connect 10.0.0.5:5555 --key-file run.h5.key
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    import faulthandler

    faulthandler.enable()
    endpoint, key = f"tcp://{_host_and_port(connect)}", _key(key_file, insecure=insecure)
    for number in (signal.SIGINT, signal.SIGTERM):  # not an error of the segment that runs, nor to its blame
        signal.signal(number, _leave)
    serve(Settings(endpoint=endpoint, key=key, patience=patience), tell=lambda text: click.echo(text, err=True))
    click.echo("the run has ended", err=True)


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise ConfigurationError(f"--connect {text}: expected host:port, as the manager has said at its start")
    return text


def _key(key_file: Path | None, *, insecure: bool) -> str:
    from wepy.dispatch.scoop.key import RunKey, read_key

    if insecure:
        return ""
    if key_file is not None:
        return read_key(key_file).text
    if os.environ.get(_KEY_VARIABLE):
        return RunKey.from_text(os.environ[_KEY_VARIABLE]).text
    raise ConfigurationError(
        f"a worker needs the run's key: give the file that the manager has written (--key-file, or its text in "
        f"{_KEY_VARIABLE}); a manager that was started with --insecure wants none (--insecure)"
    )


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"\nleft; the manager gives what this worker was doing to another\n")
    leave()
    os._exit(128 + number)
