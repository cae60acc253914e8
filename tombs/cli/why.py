"""The command `tombs why`: everything that is known of one function."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from tombs.cli.demands import demand_options
from tombs.cli.sources import chosen, gather, reading_options, source_argument, tree_option
from tombs.errors import TombsError
from tombs.evidence.durations import moment
from tombs.evidence.standing import ALIVE, DEAD, NEVER_LOADED, STUB, UNKNOWN, Standings
from tombs.formats.paths import Paths
from tombs.formats.words import call_lines, clean, count, exposure_lines, window_line
from tombs.inventory import importable
from tombs.references import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from tombs.evidence.standing import Standing
    from tombs.evidence.windows import Demands

_MOST: Final = 20
_WIDTH: Final = 80
_TOLD: Final = {
    DEAD: "dead: loaded, and never called while it was watched",
    ALIVE: "alive: it was called",
    UNKNOWN: "unknown",
    NEVER_LOADED: "never loaded: its module was never imported",
    STUB: "a stub: nobody is meant to call it",
}


@click.command("why")
@click.argument("name")
@source_argument
@tree_option("A source tree: tells never loaded from never called, knows stubs, finds references.")
@demand_options
@reading_options
def command(
    name: str,
    source: str | None,
    trees: tuple[str, ...],
    demands: Demands,
) -> None:
    """Tell everything that is known of one function.

    NAME is its dotted name, or the end of it: app.billing.Invoice.void, Invoice.void, or void.
    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, the name of a kept
    graveyard, or - for standard input; without it, the only live graveyard of the run directory.
    """
    place = chosen(source)
    standings = Standings(gather(place, trees), demands)
    found = find(standings, name)
    if not found:
        raise TombsError(
            f"{clean(place)}: there is no function {clean(name)}",
            "Neither was it loaded, nor does the source have it."
            if trees
            else "It may never have been loaded: --source DIR adds what the source has.",
        )
    paths = Paths(below=[*trees, *map(importable, trees)])
    for standing in found[:_MOST]:
        for line in _told(standing, paths):
            click.echo(line)
        click.echo()
    if len(found) > _MOST:
        click.echo(f"and {len(found) - _MOST} more of that name; say more of it")
        return
    if not trees:
        click.echo("references: --source DIR searches its source for them")
    else:
        for line in _references(trees, {one.qualname.rpartition(".")[2] for one in found}):
            click.echo(line)


def find(standings: Standings, name: str) -> list[Standing]:
    """Find functions by dotted name or identity, or else by the end of it."""
    wanted = name.replace("::", ".").replace(":", ".")
    everything = standings.functions.values()
    exact = [one for one in everything if one.name == wanted]
    ending = f".{wanted}"
    return exact or sorted(
        (one for one in everything if one.name.endswith(ending) or f".{one.qualname}" == ending),
        key=lambda one: one.id,
    )


def _told(standing: Standing, paths: Paths) -> Iterator[str]:
    yield clean(standing.name)
    why = f" ({clean(standing.why)})" if standing.why else ""
    yield f"  {_TOLD[standing.state]}{why}"
    if standing.stub and standing.state != STUB:
        yield f"  a stub in the source ({standing.stub})"
    elif standing.source and standing.state in {DEAD, NEVER_LOADED}:
        yield "  no stub: it has a body of its own"
    yield f"  {clean(paths.of(standing))}:{standing.start}-{standing.end}"
    for line in exposure_lines(standing.exposure):
        yield f"  {line}"
    asked = window_line(standing.window)
    if asked:
        yield f"  {asked}"
    if standing.call is not None:
        yield from (f"  {line}" for line in call_lines(standing.call))
    yield from _callers(standing)


def _callers(standing: Standing) -> Iterator[str]:
    """Say who called it when it was marked, or came back from the dead."""
    if standing.stack is None:
        return
    frames = standing.stack.frames
    if frames and frames[0][1] == standing.qualname:  # where it begins itself says nothing new
        frames = frames[1:]
    first = standing.call is not None and standing.stack.at <= standing.call.first
    when = "first called" if first else "back from the dead"
    by = ", by" * bool(frames)
    yield f"  {when} {moment(standing.stack.at)}{by}"
    for file, name, at in frames:
        yield f"    {clean(file)}:{at} in {clean(name)}"


def _references(trees: Sequence[str], names: set[str]) -> Iterator[str]:
    for name in sorted(names - {"<lambda>"}):
        found = [one for tree in trees for one in islice(references(tree, name), _MOST + 1)]
        yield f"{count(min(len(found), _MOST), 'reference')} to {clean(name)} in the source" + (
            " and more" if len(found) > _MOST else ""
        )
        yield "  (a search, not a proof: other things may have this name, calls may hide it)"
        for one in found[:_MOST]:
            place = f"  {clean(one.file)}:{one.line}  "
            yield place + clean(one.text)[: max(_WIDTH - len(place), 30)]
