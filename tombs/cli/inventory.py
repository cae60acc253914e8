"""The command `tombs inventory`: lists every function of a source tree."""

from __future__ import annotations

import click

from tombs.cli.sources import add_inventory, namespace_option, save
from tombs.evidence.model import Evidence
from tombs.formats.words import clean


@click.command("inventory")
@click.option(
    "--source",
    "trees",
    metavar="DIR",
    multiple=True,
    required=True,
    help="Directory from which the modules are imported, or a package's own.",
)
@namespace_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Save it, to be merged with snapshots; .gz and .zst as with `tombs snapshot`.",
)
def command(trees: tuple[str, ...], namespace: tuple[str, ...], output: str | None) -> None:
    """List every function that a source tree has, without importing it.

    One line each: file and line, dotted name, and what makes it a stub where it is one.
    """
    evidence = Evidence()
    for tree in trees:
        add_inventory(evidence, tree, namespace)
    if output is not None:
        save(output, evidence)
        return
    for listed in sorted(evidence.listed.values()):
        for function in listed.functions:
            stub = f"  [{function.stub}]" if function.stub else ""
            place = f"{listed.file}:{function.start}"
            click.echo(clean(f"{place}  {listed.name}.{function.qualname}{stub}"))
