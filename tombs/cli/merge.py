"""The command `tombs merge`: unites saved snapshots."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from tombs.cli.progress import progress
from tombs.cli.sources import output_option, pieces, reading_options, save
from tombs.client.source import items
from tombs.merge import Merging
from tombs.parallel import mapped

if TYPE_CHECKING:
    from typing import Final

    from tombs.evidence.model import Evidence
    from tombs.evidence.reading import Known

_MANY: Final = 64  # files from which on other processes are worth their start
_PARTS: Final = 8  # of many files: each costs the way back of what it united


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
    if len(sources) < _MANY or not all(map(os.path.isfile, sources)):
        known: Known = {}
        for source in progress(sources, "merging", len(sources)):
            merging.add(pieces(source, known), source)
    else:
        each = -(-len(sources) // _PARTS)
        parts = [
            Part(sources[at : at + each], one_application=not across_applications)
            for at in range(0, len(sources), each)
        ]
        for evidence, first in progress(mapped(merged, parts, at_once=1), "merging", len(parts)):
            merging.add(evidence.keyed(), first)
    save(output, merging.evidence)


class Part(NamedTuple):
    """Some of many files."""

    sources: tuple[str, ...]
    one_application: bool


def merged(part: Part) -> tuple[Evidence, str]:
    """Unite the evidence of some files, by whichever process.

    Returns:
        It, and the first file that names its application.
    """
    merging = Merging(one_application=part.one_application)
    known: Known = {}
    for source in part.sources:
        merging.add(items(source, known), source)
    return merging.evidence, merging.first[1] if merging.first else part.sources[0]
