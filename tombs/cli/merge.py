"""The command `tombs merge`: unites saved snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tombs.cli.sources import output_option, pieces, progress, reading_options
from tombs.evidence import files, saved
from tombs.merge import Merging

if TYPE_CHECKING:
    from tombs.evidence.reading import Known


@click.command("merge")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@output_option
@click.option(
    "--across-applications",
    is_flag=True,
    help="Mix evidence of several applications: only sensible for code that they share.",
)
@reading_options
def command(sources: tuple[str, ...], output: str, *, across_applications: bool) -> None:
    """Unite evidence of several runs, hosts and releases into one snapshot.

    What was called in any is alive. Each SOURCE is as `tombs snapshot` takes it. The order doesn't
    matter, nor does it when one is given twice.
    """
    merging = Merging(one_application=not across_applications)
    known: Known = {}
    for source in progress(sources, "merging", len(sources)):
        merging.add(pieces(source, known), source)
    files.write(output, saved.write(merging.evidence))
