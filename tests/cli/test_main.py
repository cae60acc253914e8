"""The group `tombs`, and how any command ends."""

from __future__ import annotations

import errno
import gc
import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

import click
import pytest

import tombs
from tests.support import python
from tombs.cli.entry import invoke
from tombs.cli.main import COMMANDS, group, main
from tombs.errors import TombsError


def test_help_shows_every_command_without_loading_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of commands costs nothing but the table."""
    loaded = set(sys.modules)
    assert main(["--help"]) == 0
    assert not {f"tombs.cli.{name}" for name in COMMANDS} & (set(sys.modules) - loaded)
    shown = capsys.readouterr().out
    assert all(f"{name}  " in shown and summary[:20] in shown for name, summary in COMMANDS.items())


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there(name: str) -> None:
    """Each row of the table has its module, and the module its command."""
    assert find_spec(f"tombs.cli.{name}") is not None
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.help


def test_the_version_is_told() -> None:
    """Both programs tell the one version there is."""
    for module in ("tombs.cli.main", "tombs.cli.run"):
        assert tombs.__version__ in python(["-m", module, "--version"], check=True).stdout


def test_an_unknown_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name ends with 2 and is named."""
    assert main(["fetsh"]) == 2
    assert "fetsh" in capsys.readouterr().err


def raising(error: BaseException) -> click.Command:
    """Make a command that ends with this error."""

    def fail() -> NoReturn:
        raise error

    return click.Command("it", callback=fail)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (TombsError("what\nhappened", "what to do"), 2, "it: what\nit: happened\nit: what to do\n"),
        (click.UsageError("so not"), 2, "Error: so not"),
        (KeyboardInterrupt(), 128 + signal.SIGINT, ""),
    ],
)
def test_an_end_has_its_code_and_message(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each way to end has its exit code, and says what there is to say on stderr."""
    assert invoke(raising(error), [], "it") == code
    out, err = capsys.readouterr()
    assert told in err
    assert not out


def test_a_number_that_a_command_returns_is_its_exit_code() -> None:
    """A gate that fails returns 1; a command that returns nothing is fine."""
    assert invoke(click.Command("gate", callback=lambda: 1), [], "gate") == 1
    assert invoke(click.Command("fine", callback=lambda: None), [], "fine") == 0


def test_no_garbage_is_looked_for_while_a_command_runs() -> None:
    """What it makes it needs; who called it has the collector back."""
    told: list[bool] = []
    assert invoke(click.Command("seen", callback=lambda: told.append(gc.isenabled())), [], "x") == 0
    assert (told, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_reader_that_goes_away_is_no_error_to_talk_about(size: int) -> None:
    """`tombs ... | head` ends quietly, with the code that a shell gives for it."""
    program = (
        "import click, os, sys; from tombs.cli.entry import invoke\n"
        "read, write = os.pipe(); os.dup2(write, 1); os.close(read); os.close(write)\n"
        f"say = lambda: click.echo('x' * {size})\n"
        "sys.exit(invoke(click.Command('say', callback=say), [], 'say'))"
    )
    done = python(["-c", program])
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_an_error_of_the_system_is_not_hidden() -> None:
    """What nobody foresaw keeps its traceback."""
    with pytest.raises(OSError, match="No space"):
        invoke(raising(OSError(errno.ENOSPC, "No space")), [], "it")
