"""The command `tombs detach`: ends what `tombs attach` began."""

from __future__ import annotations

import click

from tombs import attached
from tombs.cli.remote import order
from tombs.cli.target import Target
from tombs.errors import TombsError
from tombs.formats.words import clean


@click.command("detach")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the process to run Python in its main thread.",
)
@click.argument("pid", metavar="PID", type=click.IntRange(min=1))
def command(pid: int, timeout: float) -> None:
    """Watch the process PID no longer, to which `tombs attach` attached.

    Nothing of Tombs is active in it then; the graveyard stays as it is.
    """
    state, path, _, *told = order(Target(pid), "end", {}, timeout)
    if state == attached.DETACHED:
        click.echo(f"process {pid} is watched no longer\n  {clean(path)}")
    elif state == attached.NOTHING:
        click.echo(f"process {pid} is not attached to")
    elif state == attached.STARTED:
        raise TombsError(
            f"process {pid} was started with Tombs, and not attached to",
            "It is watched until it ends, or until it calls tombs.stop() itself.",
        )
    else:
        raise TombsError(f"process {pid} could not stop Tombs", clean(" ".join(told)))
