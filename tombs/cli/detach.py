"""The command `tombs detach`: ends what `tombs attach` began."""

from __future__ import annotations

import click

from tombs import attached
from tombs.cli.remote import order
from tombs.cli.several import Several
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
@click.option("--children", is_flag=True, help="Also their children, and the children of these.")
@click.argument("pid", metavar="PID...", type=click.IntRange(min=1), nargs=-1, required=True)
def command(pid: tuple[int, ...], timeout: float, *, children: bool) -> int:
    """Watch the processes PID no longer, to which `tombs attach` attached.

    Nothing of Tombs is active in them then; the graveyard stays as it is.
    """
    several = Several(lambda target: order(target, "end", {}, timeout, several.given_up))
    several.order(several.add(pid), named=True)
    if children:
        watched = [one for one in several.add_children() if one.graveyard()]
        several.order(watched, named=False)
    ended: dict[str, None] = {}
    for one in several.outcomes:
        if one.state == attached.DETACHED:
            click.echo(f"process {one.pid} is watched no longer")
            ended[one.path] = None
        elif one.state == attached.NOTHING:
            click.echo(f"process {one.pid} is not attached to")
        elif one.state == attached.STARTED:
            several.fault(
                f"process {one.pid} was started with Tombs, and not attached to",
                "It is watched until it ends, or until it calls tombs.stop() itself.",
            )
        else:
            several.fault(f"process {one.pid} could not stop Tombs", " ".join(one.told))
    for path in ended:
        click.echo(f"  {clean(path)}")
    return 2 if several.failed else 0
