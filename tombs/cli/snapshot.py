"""The command `tombs snapshot`: saves a graveyard with all that makes it evidence."""

from __future__ import annotations

import click

from tombs import values
from tombs.cli.sources import (
    chosen,
    gather,
    namespace_option,
    output_option,
    reading_options,
    save,
    source_argument,
    tree_option,
)
from tombs.merge import labelled


def _release(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else values.release(value)
    except ValueError as fault:
        raise click.BadParameter(f"{value!r} {fault}") from None


@click.command("snapshot")
@source_argument
@output_option
@tree_option(
    "Add every function that this source tree has: it then tells never loaded from removed."
)
@namespace_option
@click.option(
    "--release",
    metavar="NAME",
    callback=_release,
    help="Label of the deployment, for runs that were started without one (tombs-run --release).",
)
@reading_options
def command(
    source: str | None,
    output: str,
    trees: tuple[str, ...],
    namespace: tuple[str, ...],
    release: str | None,
) -> None:
    """Save a graveyard, dead and alive, with what makes it evidence.

    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, the name of a kept
    graveyard, or - for standard input; without it, the only live graveyard of the run directory.
    The file is written whole or not at all.
    """
    evidence = gather(chosen(source), trees, namespace)
    save(output, labelled(evidence, release) if release else evidence)
