"""Runs a click command, and turns whatever ends it into a message and an exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Sequence


def invoke(command: click.Command, argv: Sequence[str] | None, name: str) -> int:
    """Run a command with these arguments (None: the process's own) and give its exit code.

    A command's own result is its exit code where it is a number. Every error is 2; a process that
    is interrupted, or whose reader went away, ends with the code that a shell gives for the signal.
    """
    # Not click's own main: a broken pipe is exit code 1 there, which here says that a gate failed.
    args = list(sys.argv[1:] if argv is None else argv)
    # A command makes many objects, all of them needed until it ends: looking for garbage among them
    # again and again was a quarter of its time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with command.make_context(name, args) as context:
            result = command.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as fault:
        fault.show()
        return 2
    except TombsError as fault:
        tell(name, fault.message, fault.help)
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Python would flush into the same pipe at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    finally:
        if collecting:
            gc.enable()
    return result if isinstance(result, int) else 0


def tell(name: str, message: str, advice: str = "") -> None:
    """Say on stderr what happened, to which thing, and what to do now."""
    from tombs.formats.words import clean  # noqa: PLC0415 - not where there is nothing to say

    for line in (*message.splitlines(), *advice.splitlines()):
        click.echo(f"{name}: {clean(line)}", err=True)
