"""The command `tombs status`: how much is dead, and what that is worth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tombs.cli.demands import demand_options
from tombs.cli.sources import (
    chosen,
    directory,
    gather,
    reading_options,
    source_argument,
    tree_option,
)
from tombs.client.kept import room
from tombs.client.source import kept_files
from tombs.evidence import durations
from tombs.evidence.durations import moment
from tombs.evidence.standing import ALIVE, DEAD, STATES, Standings
from tombs.formats.structured import exposed, listed_windows
from tombs.formats.words import (
    clean,
    count,
    exposure_lines,
    size,
    states_line,
    unlike,
    window_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tombs.client.kept import Room
    from tombs.evidence.calls import Call
    from tombs.evidence.exposure import Exposure
    from tombs.evidence.model import Evidence
    from tombs.evidence.standing import Standing
    from tombs.evidence.windows import Demands

_WIDTH = 80


@click.command("status")
@source_argument
@tree_option("A source tree: tells never loaded from never called, and knows stubs.")
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many parts of a dotted name make a package of the table.",
)
@click.option(
    "--idle",
    metavar="TIME",
    help="List also what was called, and is not known to be called for so long (90d).",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@demand_options
@reading_options
def command(
    source: str | None,
    trees: tuple[str, ...],
    depth: int,
    idle: str | None,
    form: str,
    demands: Demands,
) -> None:
    """Tell how much is dead, in total and by package, and first what the evidence is worth.

    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, the name of a kept
    graveyard, or - for standard input; without it, the only live graveyard of the run directory.
    """
    try:
        since = None if idle is None else durations.parse(idle)
    except ValueError as fault:
        raise click.BadParameter(f"{idle!r} {fault}", param_hint="--idle") from None
    place = chosen(source)
    evidence = gather(place, trees)
    standings = Standings(evidence, demands)
    kept = kept_files(place, directory())
    taken = room(kept) if kept else None
    if form == "text":
        for line in _text(evidence, standings, depth, taken):
            click.echo(line)
        for line in () if since is None else _idle_lines(standings, since):
            click.echo(line)
    else:
        click.echo(_json(standings, depth, taken, since))


class Package:
    """What is known of a package's functions.

    Attributes:
        counts: how many there are by state.
        exposures: those of the functions of which it matters how long they were watched.
    """

    __slots__ = ("counts", "exposures")

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATES, 0)
        self.exposures: set[Exposure] = set()


def packages(standings: Standings, depth: int) -> dict[str, Package]:
    """Count the functions of each package by state."""
    found: dict[str, Package] = {}
    names: dict[str, Package] = {}
    for standing in standings.functions.values():
        package = names.get(standing.module)
        if package is None:
            name = ".".join(standing.module.split(".")[:depth])
            if standing.module.startswith("__main__("):
                name = standing.module
            package = names[standing.module] = found.setdefault(name, Package())
        package.counts[standing.state] += 1
        if standing.awaited:
            package.exposures.add(standing.exposure)
    return dict(sorted(found.items()))


def _total(found: dict[str, Package]) -> dict[str, int]:
    return {state: sum(one.counts[state] for one in found.values()) for state in STATES}


def _text(
    evidence: Evidence, standings: Standings, depth: int, taken: Room | None
) -> Iterator[str]:
    for application in evidence.applications():
        yield clean(application)
    for line in exposure_lines(standings.exposure):
        yield f"  {line}"
    if taken is not None:
        yield from (f"  {line}" for line in _kept(taken))
    yield from _gaps(evidence)
    found = packages(standings, depth)
    total = _total(found)
    yield ""
    yield states_line(total)
    for line in window_lines(standings.windows):
        yield f"  {line}"
    if not found:
        return
    yield ""
    shown = [state for state in STATES if total[state]]
    heads = ["functions", *shown, "% dead"]
    room = _WIDTH - sum(len(head) + 2 for head in heads)
    names = [_short(clean(name), max(room, 16)) for name in found]
    width = max(map(len, ("package", *names)))
    yield "package".ljust(width) + "".join(f"  {head}" for head in heads)
    for name, package in zip(names, found.values(), strict=True):
        one = package.counts
        functions = sum(one.values())
        cells = [f"{functions:,}", *(f"{one[state]:,}" for state in shown)]
        cells.append(f"{100 * one[DEAD] / functions:.0f}")
        row = (cell.rjust(len(head) + 2) for cell, head in zip(cells, heads, strict=True))
        yield name.ljust(width) + "".join(row)
        own = unlike(package.exposures, standings.exposure)
        if own:
            yield f"  {own}"


def _kept(taken: Room) -> Iterator[str]:
    """Say what a kept graveyard takes."""
    history = " and the history of older ones" if taken.history else ""
    yield f"kept: {count(taken.generations, 'generation')}{history}, {size(taken.taken)} on disk"
    if taken.most:
        yield f"a generation takes {size(taken.most)} at most"


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _gaps(evidence: Evidence) -> Iterator[str]:
    """Say what was not watched."""
    notes = {note for run in evidence.runs.values() for note in run.notes}
    lost = max((run.dropped for run in evidence.runs.values()), default=0)
    for kind, told in (("dropped", "dropped for want of room"), ("unwatched", "not watched")):
        chosen_notes = sorted(note for note in notes if note.kind == kind)
        if chosen_notes or (kind == "dropped" and lost):
            number = sum(note.functions for note in chosen_notes) + (lost * (kind == "dropped"))
            functions = f", {count(number, 'function')}" if number else ""
            yield f"  {told}: {count(len(chosen_notes), 'module')}{functions}"
            for note in chosen_notes[:5]:
                yield f"    {clean(note.module)}: {clean(note.reason)}"
            if len(chosen_notes) > 5:
                yield f"    and {len(chosen_notes) - 5} more"


def idle_since(standings: Standings, length: int) -> list[tuple[Standing, Call]]:
    """Give what was called, and not within so long before the end of what is known; oldest first.

    A function of which no time is known isn't among them.
    """
    before = standings.exposure.until - length
    found = [
        (one, one.call)
        for one in standings.functions.values()
        if one.state == ALIVE and one.call is not None and one.call.last < before
    ]
    return sorted(found, key=lambda pair: (pair[1].last, pair[0].id))


def _idle_lines(standings: Standings, length: int) -> Iterator[str]:
    found = idle_since(standings, length)
    when = f"in the {durations.show(length)} before {moment(standings.exposure.until)}"
    yield ""
    yield f"{count(len(found), 'function')}: called, and not known to be {when}"
    yield "  (without --epoch a process sees nothing but a function's first call)"
    for standing, call in found:
        label = f"  ({clean(call.release)})" if call.release else ""
        yield f"  {moment(call.last)}  {clean(standing.name)}{label}"


def _json(standings: Standings, depth: int, taken: Room | None, idle: int | None) -> str:
    found = packages(standings, depth)
    told: dict[str, object] = {
        "exposure": exposed(standings.exposure),
        "functions": _total(found),
        "windows": listed_windows(standings.windows),
        "kept": None if taken is None else taken._asdict(),
        "packages": {
            name: {**package.counts, "watched": _least(package)} for name, package in found.items()
        },
    }
    if idle is not None:
        told["idle"] = [
            {"function": one.id, "last": call.last, "release": call.release}
            for one, call in idle_since(standings, idle)
        ]
    return json.dumps(told, indent=1)


def _least(package: Package) -> dict[str, int] | None:
    """Give the least that any of its functions was watched which nobody saw called."""
    if not package.exposures:
        return None
    return {
        "least": min(one.watched for one in package.exposures),
        "processes": min(one.processes for one in package.exposures),
    }
