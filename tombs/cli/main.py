"""The command `tombs`: a group whose commands are loaded only when they are asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from tombs.cli.entry import invoke
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

# Name of the command, which is its module's too, and what `tombs --help` says of it.
# The module's `command` is the click command.
COMMANDS: Final = {
    "fetch": "Print the tombs of a program, running or finished.",
    "ls": "List the graveyards of this machine, live and finished.",
    "status": "Tell how much is dead, and how long it was watched.",
    "report": "Show where the dead code is, in the terminal or as one HTML page.",
    "watch": "Show functions being vacated as it happens.",
    "why": "Tell everything that is known of one function.",
    "snapshot": "Save a graveyard, dead and alive, with what makes it evidence.",
    "merge": "Unite saved snapshots into one.",
    "inventory": "List every function that a source tree has, without importing it.",
    "attach": "Watch a process that runs already (Python 3.14 and later).",
    "detach": "Watch it no longer.",
    "diff": "Compare two deployments, and hold them against limits.",
    "doctor": "Tell what would be watched and what wouldn't, and why.",
}

_MANUAL: Final = """Read graveyards: what a program under `tombs-run` has loaded and never called.

\b
    tombs-run -n shop gunicorn shop.web:app     watch a program
    tombs status                                how much is dead, since when
    tombs report --source src --html it.html    where it is, as a page
    tombs why Invoice.void --source src         may I delete this?
    tombs snapshot --source src -o new.json.gz  keep what is known now
    tombs diff old.json.gz new.json.gz --fail-on newly-dead

A SOURCE is a unix:// or tcp:// address, a graveyard file, live or finished, a saved snapshot, the
name of a kept graveyard, or - for standard input; without one it is the only program that runs. The
exit code is 0 where all is fine, 1 where a gate failed, 2 on an error.
"""


class LazyGroup(click.Group):
    """Knows its commands by name and summary; loads the module of the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Give the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"tombs.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a module of ours without its command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it so
        """Write the summaries without loading a single module."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    help=_MANUAL,
    epilog="`tombs COMMAND --help` tells more of a command.",
)
@click.version_option(__version__, prog_name="tombs")
def group() -> None:
    """Hold the commands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tombs` and give its exit code."""
    return invoke(group, argv, "tombs")


if __name__ == "__main__":
    sys.exit(main())
