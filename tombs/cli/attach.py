"""The command `tombs attach`: watches a process that was started without Tombs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from tombs import attached, config, snapshot
from tombs.cli.entry import tell
from tombs.cli.remote import order
from tombs.cli.run import option_of, settle
from tombs.cli.target import Target
from tombs.errors import ConfigError, GraveyardError, TombsError
from tombs.formats.words import clean, count

if TYPE_CHECKING:
    from typing import Final

_LEFT_OUT: Final = ("engine",)  # what runs already can't be rewritten
_OPTIONS: Final = tuple(one for one in config.OPTIONS if one.name not in _LEFT_OUT)
_OFTEN: Final = 0.1


def attach(pid: int, timeout: float, **flags: str | tuple[str, ...] | None) -> None:
    """Have the process start Tombs, and tell what came of it."""
    target = Target(pid)
    settings = _settle(flags, target)
    state, path, address, *told = order(target, "begin", config.to_environ(settings), timeout)
    if state != attached.FAILED:
        for line in told:
            tell("tombs", clean(line))
    where = f"  {clean(path)}"
    if state == attached.ALREADY:
        click.echo(f"process {pid} was attached to before\n{where}")
    elif state == attached.STARTED:
        click.echo(f"process {pid} was started with Tombs already\n{where}")
    elif state == attached.ATTACHED:
        found = _found(path, timeout)
        click.echo(f"process {pid} is attached to\n{where}")
        if address:
            click.echo(f"  {clean(address)}")
        click.echo(f"  {found}")
    else:
        raise TombsError(f"process {pid} could not start Tombs", clean(" ".join(told)))


def _settle(flags: dict[str, str | tuple[str, ...] | None], target: Target) -> config.Settings:
    """Settle the options as tombs-run does; the target chooses what depends on its user."""
    flags = {option.name: flags.get(option.name) for option in config.OPTIONS}
    chosen = flags["dir"] or os.environ.get("TOMBS_DIR")
    settings = settle(flags, os.environ, os.getcwd())
    settings.engine = "monitoring"
    if isinstance(settings.dump, int):
        raise ConfigError([f"--dump: {settings.dump} is a descriptor; attach takes a path"])
    if not chosen:
        settings.dir = None
    elif os.geteuid() == 0 and target.owner[0]:
        raise ConfigError(
            ["--dir: the process belongs to another user, and chooses a directory of its own"]
        )
    return settings


def _found(path: str, seconds: float) -> str:
    """Wait until what is loaded has been found, and count it."""
    end = time.monotonic() + seconds
    while True:
        try:
            shot = snapshot.read(path)
        except GraveyardError as fault:
            return f"the graveyard can't be read here: {fault.message}"
        left = shot.waiting
        found = f"{count(shot.functions, 'function')} of {count(len(shot.modules), 'module')}"
        if not left:
            return f"{found}, loaded before: unknown until called"
        if time.monotonic() > end:
            return f"{found}, loaded before; {count(left, 'module')} to be looked through yet"
        time.sleep(_OFTEN)


command = click.Command(
    "attach",
    callback=attach,
    params=[
        *(option_of(option) for option in _OPTIONS),
        click.Option(
            ("--timeout",),
            type=click.FloatRange(min=0.1),
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the process to run Python in its main thread.",
        ),
        click.Argument(["pid"], metavar="PID", type=click.IntRange(min=1)),
    ],
    help="Watch the running process PID (Python 3.14 and later), which started without Tombs.\n\n"
    "What was loaded before is unknown until it is called; what is loaded from now on is watched"
    " as under tombs-run. Children that the process forks are watched, too.",
    epilog="Each option is a key of [tool.tombs] in pyproject.toml, too.",
)
