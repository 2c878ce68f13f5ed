"""Honest exit codes for a command line: mistakes of the user are one line on stderr and code 2, never a traceback.

| code | meaning |
|---|---|
| 0 | done |
| 1 | the command's own answer is no (`check` found problems), or a fault in the program, with its traceback |
| 2 | a mistake of the user: wrong arguments, files that are missing, in the way or of another kind |
| 130 | interrupted (Ctrl-C) |
| 141 | whoever read the output has gone (a closed pipe) |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "USER_ERROR", "HonestGroup"]

USER_ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141


class HonestGroup(click.Group):
    """A group of commands that ends with one line and an honest exit code, whatever happens.

    Parameters
    ----------
    user_errors : sequence of exception types
        What counts as a mistake of the user. Anything else is a fault in the program and keeps its traceback.
    **settings
        As `click.Group` takes them.

    Examples
    --------
    ```python
    @click.group(cls=HonestGroup, user_errors=(DataError, OSError))
    def main() -> None: ...
    ```
    """

    def __init__(self, *args: Any, user_errors: Sequence[type[BaseException]] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.user_errors = tuple(user_errors)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # click's
    ) -> Any:  # whatever the command returns
        """Run the command line; ends the process unless `standalone_mode` is false."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else self.name or ""
            code = _complain(where, f"{error.format_message()} ({where} --help says more)")
        except click.ClickException as error:
            code = _complain(self.name or "", error.format_message())
        except click.Abort:
            code = INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; without any, say what there is."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(USER_ERROR)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its failures become exit codes."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _silence_stdout()
            ctx.exit(PIPE_CLOSED)
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except self.user_errors as error:
            ctx.exit(_complain(ctx.info_name or self.name or "wepy", _message(error)))
        return result


def _complain(where: str, message: str) -> int:
    click.echo(f"{where}: {message}", err=True)
    return USER_ERROR


def _message(error: BaseException) -> str:
    """Return what an error says, in one line of printable characters."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    printable = "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
    return printable or type(error).__name__


def _silence_stdout() -> None:
    """Keep the interpreter from complaining once more when it flushes stdout at its end."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a real file
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
