"""The command `tombs snapshot`: saves a graveyard with all that makes it evidence."""

from __future__ import annotations

import click

from tombs.cli.sources import chosen, directory_option, gather, token_option
from tombs.evidence import files, saved


@click.command("snapshot")
@click.argument("source", metavar="[SOURCE]", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    help="Where to; compressed where the name ends in .gz or .zst; - is standard output.",
)
@click.option(
    "--source",
    "trees",
    metavar="DIR",
    multiple=True,
    help="Add every function that this source tree has: it then tells never loaded from removed.",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    multiple=True,
    help="Of the source tree, take only modules with this dotted prefix.",
)
@directory_option
@token_option
def command(
    source: str | None,
    output: str,
    trees: tuple[str, ...],
    namespace: tuple[str, ...],
    directory: str | None,
) -> None:
    """Save a graveyard, dead and alive, with what makes it evidence.

    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, or - for standard
    input; without it, the only live graveyard of the run directory. The file is written whole or
    not at all.
    """
    evidence = gather(chosen(source, directory), trees, namespace)
    files.write(output, saved.write(evidence))
