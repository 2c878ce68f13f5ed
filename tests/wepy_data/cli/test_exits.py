"""Exit codes, whatever happens."""

import click
import pytest
from click.testing import CliRunner

from wepy_data.cli.exits import HonestGroup


class OwnError(Exception):
    pass


@click.group(cls=HonestGroup, name="tool", user_errors=(OwnError, OSError))
def tool():
    """A tool."""


def failing(error):
    @click.command()
    def command():
        raise error

    tool.add_command(command, "fail")
    return CliRunner().invoke(tool, ["fail"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OwnError("a, then b"), "tool: a, then b"),
        (OwnError("first:\n  - second\n  - third"), "tool: first:; - second; - third"),
        (OwnError("bell \a and \x1b[31m red"), r"tool: bell \x07 and \x1b[31m red"),
        (OwnError(), "tool: OwnError"),
        (PermissionError(13, "Permission denied", "/root/run.h5"), "tool: /root/run.h5: Permission denied"),
        (FileNotFoundError("x.h5: no such file"), "tool: x.h5: no such file"),
        (IsADirectoryError(21, "Is a directory", b"d"), "tool: d: Is a directory"),
    ],
)
def test_mistake_is_one_line_and_code_2(error, line):
    result = failing(error)
    assert result.exit_code == 2
    assert result.stderr == line + "\n"
    assert result.stdout == ""


def test_fault_in_the_program_keeps_its_traceback():
    result = failing(ZeroDivisionError("1/0"))
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_interrupt_is_130():
    assert failing(KeyboardInterrupt()).exit_code == 130


def test_closed_pipe_is_quiet():
    result = failing(BrokenPipeError(32, "Broken pipe"))
    assert (result.exit_code, result.output) == (141, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["fail", "--nonsense"], ["fail", "more"]])
def test_wrong_usage_is_one_line_and_code_2(arguments):
    failing(OwnError())
    result = CliRunner().invoke(tool, arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "--help says more" in result.stderr


def test_no_arguments_show_what_there_is():
    result = CliRunner().invoke(tool, [])
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_code_that_a_command_chooses_is_kept():
    @tool.command("seven")
    @click.pass_context
    def seven(ctx):
        ctx.exit(7)

    assert CliRunner().invoke(tool, ["seven"]).exit_code == 7
