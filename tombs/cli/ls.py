"""The command `tombs ls`: lists the graveyards of this machine."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime

import click

from tombs import layout, snapshot
from tombs.cli.sources import directory, directory_option
from tombs.client.graveyards import Found, find
from tombs.client.kept import room
from tombs.errors import GraveyardError
from tombs.formats.words import size

HEADS = (
    "STATE",
    "PID",
    "FUNCTIONS",
    "VACATED",
    "TOMBS",
    "UNKNOWN",
    "DROPPED",
    "SIZE",
    "SINCE",
    "NAMESPACE",
)
_NUMBERS = range(1, 8)


@click.command("ls")
@directory_option
def command() -> None:
    """List the graveyards of this machine, live and finished, newest last.

    FUNCTIONS are those that were loaded; VACATED were called, TOMBS were not, of UNKNOWN nobody can
    say, and DROPPED had no room. SIZE is what the file takes on disk by now. The command and the
    file stand below each row.
    """
    rows: list[tuple[str, ...]] = [HEADS]
    below = [""]
    for found in find(directory(), os.environ):
        try:
            shot = snapshot.read(found.path)
            row = _row(found, shot)
            more = f"  {clean(shot.identity().get('command', ''))}\n  {clean(found.path)}"
        except GraveyardError as fault:
            click.echo(f"tombs: {clean(fault.message)}", err=True)
        else:
            rows.append(row)
            below.append(more)
    if len(rows) == 1:
        click.echo("tombs: no graveyards yet; run a program under tombs-run", err=True)
        return
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row, more in zip(rows, below, strict=True):
        cells = (
            cell.rjust(width) if at in _NUMBERS else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())
        for line in more.splitlines():
            click.echo(line[:room])


def _row(found: Found, shot: snapshot.Snapshot) -> tuple[str, ...]:
    identity = shot.identity()
    namespace = identity.get("namespace")
    listed = ",".join(map(str, namespace)) if isinstance(namespace, list) else ""
    return (
        "live" if found.live else "finished",
        clean(identity.get("pid", "?")),
        str(shot.functions),
        str(shot.count(layout.VACATED)),
        str(shot.count(layout.POPULATED)),
        str(shot.count(layout.UNKNOWN)),
        str(dropped(shot)),
        size(room([found.path]).taken),
        datetime.fromtimestamp(shot.created / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        clean(listed or "first-party"),
    )


def dropped(shot: snapshot.Snapshot) -> int:
    """Count the functions for which there was no room."""
    noted = (note.get("functions") for note in shot.notes() if note.get("note") == "dropped")
    known: int = shot.dropped
    return known + sum(number for number in noted if isinstance(number, int))


def clean(value: object) -> str:
    """Make a text harmless to a terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(value))
