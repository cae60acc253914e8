"""The command `tombs status`: how much is dead, and what that is worth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tombs.cli.sources import chosen, demand_options, directory_option, gather
from tombs.evidence.standing import DEAD, STATES, Demands, Standings
from tombs.formats.structured import exposed
from tombs.formats.words import clean, count, exposure_lines, states_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tombs.evidence.model import Evidence

_WIDTH = 80


@click.command("status")
@click.argument("source", metavar="[SOURCE]", required=False)
@click.option(
    "--source",
    "trees",
    metavar="DIR",
    multiple=True,
    help="A source tree: tells never loaded from never called, and knows stubs.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many parts of a dotted name make a package of the table.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@demand_options
@directory_option
def command(
    source: str | None,
    trees: tuple[str, ...],
    depth: int,
    form: str,
    min_window: int,
    min_processes: int,
    directory: str | None,
) -> None:
    """Tell how much is dead, in total and by package, and first what the evidence is worth.

    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, or - for standard
    input; without it, the only live graveyard of the run directory.
    """
    evidence = gather(chosen(source, directory), trees)
    standings = Standings(evidence, Demands(min_window, min_processes))
    for line in _text(evidence, standings, depth) if form == "text" else _json(standings, depth):
        click.echo(line)


def packages(standings: Standings, depth: int) -> dict[str, dict[str, int]]:
    """Count the functions of each package by state."""
    found: dict[str, dict[str, int]] = {}
    names: dict[str, dict[str, int]] = {}
    for standing in standings.functions.values():
        counts = names.get(standing.module)
        if counts is None:
            package = ".".join(standing.module.split(".")[:depth])
            if standing.module.startswith("__main__("):
                package = standing.module
            counts = found.setdefault(package, dict.fromkeys(STATES, 0))
            names[standing.module] = counts
        counts[standing.state] += 1
    return dict(sorted(found.items()))


def _total(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    return {state: sum(one[state] for one in counts.values()) for state in STATES}


def _text(evidence: Evidence, standings: Standings, depth: int) -> Iterator[str]:
    for application in evidence.applications():
        yield clean(application)
    for line in exposure_lines(standings.exposure):
        yield f"  {line}"
    yield from _gaps(evidence)
    counts = packages(standings, depth)
    yield ""
    yield states_line(_total(counts))
    if not counts:
        return
    yield ""
    shown = [state for state in STATES if any(one[state] for one in counts.values())]
    heads = ["functions", *shown, "% dead"]
    room = _WIDTH - sum(len(head) + 2 for head in heads)
    names = [_short(clean(name), max(room, 16)) for name in counts]
    width = max(map(len, ("package", *names)))
    yield "package".ljust(width) + "".join(f"  {head}" for head in heads)
    for name, one in zip(names, counts.values(), strict=True):
        total = sum(one.values())
        cells = [f"{total:,}", *(f"{one[state]:,}" for state in shown)]
        cells.append(f"{100 * one[DEAD] / total:.0f}")
        row = (cell.rjust(len(head) + 2) for cell, head in zip(cells, heads, strict=True))
        yield name.ljust(width) + "".join(row)


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


def _json(standings: Standings, depth: int) -> Iterator[str]:
    counts = packages(standings, depth)
    told = {
        "exposure": exposed(standings.exposure),
        "functions": _total(counts),
        "packages": counts,
    }
    yield json.dumps(told, indent=1)
