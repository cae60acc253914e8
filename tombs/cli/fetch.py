"""The command `tombs fetch`: prints the tombs of a program, running or finished."""

from __future__ import annotations

import os
import stat
import sys
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

import click

from tombs import address, snapshot, wire
from tombs.cli.sources import chosen, reading_options, source_argument, token_file
from tombs.client.connect import fetch
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

    SOURCE is a unix:// or tcp:// address, a socket's path, or a graveyard file, live or finished.
    Reading the file costs the program nothing. Without SOURCE the only live graveyard of the run
    directory is read.
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
    return snapshot.read(source).lines(form)


def _harmless(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Escape what a terminal would obey; a pipe gets every byte as it is."""
    decoder = getincrementaldecoder("utf-8")("backslashreplace")  # a character may be cut in two
    for piece in pieces:
        text = decoder.decode(piece)
        yield "\n".join(map(clean, text.split("\n"))).encode()


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
