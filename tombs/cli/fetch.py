"""The command `tombs fetch`: prints the tombs of a program, running or finished."""

from __future__ import annotations

import os
import stat
import sys
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

import click

from tombs import address, layout, snapshot, wire
from tombs.cli.sources import chosen, gather, reading_options, source_argument, token_file
from tombs.client.connect import fetch
from tombs.evidence.standing import DEAD, MAIN, Standings
from tombs.formats.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command("fetch")
@source_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(wire.FORMATS),
    default="json",
    show_default=True,
    help="How each tomb is written.",
)
@reading_options
def command(source: str | None, form: str) -> None:
    """Print the tombs of a program, a line each.

    SOURCE is a unix:// or tcp:// address, a socket's path, a graveyard file, live or finished, a
    saved snapshot, the name of a kept graveyard, or - for standard input. Reading the file costs
    the program nothing. Without SOURCE the only live graveyard of the run directory is read.
    """
    out = sys.stdout.buffer
    pieces = tombs(chosen(source), form)
    for piece in _harmless(pieces) if sys.stdout.isatty() else pieces:
        out.write(piece)


def tombs(source: str, form: str) -> Iterator[bytes]:
    """Give the wire lines of a source in pieces.

    Raises:
        TombsError: it can't be reached or read.
    """
    if "://" in source or _is_socket(source):
        place = address.parse(source)
        if place is not None:
            return fetch(place, f"tombs {form}", token_file=token_file())
    if _is_graveyard(source):
        return snapshot.read(source).lines(form)
    return _saved(source, form)


def _saved(source: str, form: str) -> Iterator[bytes]:
    """Give the wire lines of evidence that is no graveyard: saved, kept under a name, or piped."""
    for one in Standings(gather(source)).functions.values():
        if one.state != DEAD:
            continue
        module = MAIN if one.module.startswith(f"{MAIN}(") else one.module
        scope, name = None, f"{module}.{one.qualname}"
        if one.method:
            scope, _, name = name.rpartition(".")
        line = wire.line(one.file, one.start, one.end, scope, name).encode()
        yield line if form == "json" else wire.function_line(line)


def _harmless(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Escape what a terminal would obey; a pipe gets every byte as it is."""
    decoder = getincrementaldecoder("utf-8")("backslashreplace")  # a character may be cut in two
    for piece in pieces:
        text = decoder.decode(piece)
        yield "\n".join(map(clean, text.split("\n"))).encode()


def _is_graveyard(path: str) -> bool:
    try:
        with open(path if os.path.isfile(path) else os.devnull, "rb") as file:
            return file.read(len(layout.MAGIC)) == layout.MAGIC
    except OSError:
        return False


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
