"""The command `tombs watch`: shows functions being vacated as it happens."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from tombs.cli.entry import tell
from tombs.cli.sources import chosen, directory, reading_options, source_argument, token_file
from tombs.client import follow as following
from tombs.client import view as viewing
from tombs.client.follow import follow
from tombs.client.kept import running
from tombs.client.source import kept_files
from tombs.client.view import View
from tombs.evidence import durations
from tombs.formats.words import clean, count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final, NoReturn

    from tombs.client.view import Event

_PATIENCE: Final = "30s"


@click.command("watch")
@source_argument
@click.option("--plain", is_flag=True, help="A line for each event, also on a terminal.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="jsonl writes each event as a JSON object, a line each.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many parts of a dotted name make a package of the screen.",
)
@click.option(
    "--patience",
    default=_PATIENCE,
    show_default=True,
    metavar="TIME",
    help="For how long a program that has gone may come back.",
)
@reading_options
def command(
    source: str | None,
    form: str,
    depth: int,
    patience: str,
    *,
    plain: bool,
) -> None:
    """Show functions being vacated as it happens, until Ctrl-C or the end of the run.

    SOURCE is a unix:// or tcp:// address, a socket's path, a graveyard file, or the name of a kept
    graveyard, of which the generation that runs is watched: reading the file costs the program
    nothing, and needs no place among those that a program serves. Without SOURCE it is the only
    live graveyard of the run directory. On a terminal there is a screen, for which
    rich must be installed (the extra tombs[watch]); else each event is a line.
    """
    try:
        seconds = durations.parse(patience) / durations.SECOND
    except ValueError as fault:
        raise click.BadParameter(f"{patience!r} {fault}", param_hint="--patience") from None
    gc.enable()  # unlike other commands it may run for weeks
    try:
        view = View()
        events = follow(_place(source), view, seconds, token_file=token_file())
        if not plain and form == "text" and _screen():
            from tombs.cli import screen  # noqa: PLC0415 - rich is not everybody's

            signal.signal(signal.SIGTERM, _end)
            screen.show(events, view, depth)
            return
        _print(events, view, form)
    except KeyboardInterrupt:  # that is how one stops watching
        return


def _print(events: Iterator[Event], view: View, form: str) -> None:
    # Not within the `try` that Ctrl-C ends: the compiler leaves a jump back to the loop's head out
    # of it (3.13), where the interrupt would go past.
    for event in events:
        line = _json(event, view) if form == "jsonl" else _text(event, view)
        if line:
            click.echo(line)
            sys.stdout.flush()


def _place(source: str | None) -> str:
    kept = kept_files(source, directory()) if source else []
    return running(kept) or chosen(source)


def _screen() -> bool:
    """Tell whether there is a terminal and what it takes to draw on it."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    if find_spec("rich") is None:
        tell("tombs", "a line for each event: the screen needs rich", "pip install 'tombs[watch]'")
        return False
    return True


def _end(number: int, _frame: object) -> NoReturn:
    # By an exception, so that the terminal is put back.
    raise SystemExit(128 + number)


def _text(event: Event, view: View) -> str:
    """Write an event as a line for people; nothing where it isn't worth one."""
    when = datetime.fromtimestamp(event.time, UTC).astimezone().strftime("%H:%M:%S")
    away = "  (while the connection was lost)" if event.away else ""
    if event.tomb is not None:
        place = f"{clean(event.tomb.file)}:{event.tomb.start}"
        return f"{when} {event.kind}  {clean(event.tomb.name)}  {place}{away}"
    told = {
        viewing.START: f"{clean(summary(view))}",
        viewing.MODULE: f"{clean(event.module)}: {count(event.number, 'function')}{away}",
        viewing.DROPPED: _reason(event),
        viewing.UNWATCHED: _reason(event),
        following.LOST: clean(event.text),
        following.BACK: "connected again",
        following.ENDED: f"the run has ended; {summary(view)}",
    }.get(event.kind, "")
    return f"{when} {event.kind}  {told}" if told else ""


def _reason(event: Event) -> str:
    number = f"{count(event.number, 'function')}: " if event.number else ""
    return f"{clean(event.module)}  {number}{clean(event.text)}".strip()


def summary(view: View) -> str:
    """Say in a line what a graveyard has."""
    tombs = view.functions - view.vacated - view.unknown
    parts = [count(view.functions, "function"), f"{view.vacated:,} vacated", count(tombs, "tomb")]
    if view.unknown:
        parts.append(f"{view.unknown:,} unknown")
    if view.dropped:
        parts.append(f"{view.dropped:,} dropped")
    return ", ".join(parts)


def _json(event: Event, view: View) -> str:
    if event.kind == following.QUIET:
        return ""
    value: dict[str, object] = {"event": event.kind, "time": round(event.time, 3)}
    if event.module:
        value["module"] = event.module
    tomb = event.tomb
    if tomb is not None:
        value["location"] = {"file": tomb.file, "start": tomb.start, "end": tomb.end}
        value |= {"scope": tomb.scope} if tomb.scope is not None else {}
        value["function"] = tomb.function
    if event.kind in (viewing.START, following.ENDED):
        value |= {
            "application": view.identity.get("application", ""),
            "run": view.identity.get("run", ""),
            "functions": view.functions,
            "vacated": view.vacated,
            "unknown": view.unknown,
            "dropped": view.dropped,
        }
    elif event.number:
        value["functions"] = event.number
    value |= {"text": event.text} if event.text else {}
    value |= {"away": True} if event.away else {}
    return json.dumps(value)
