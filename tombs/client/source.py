"""Opens evidence wherever it is: a running program, a graveyard file, a saved snapshot, a pipe."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from tombs import address, layout, rundir
from tombs.client.connect import fetch
from tombs.errors import GraveyardError
from tombs.evidence import taken
from tombs.evidence.compression import faults, reader
from tombs.evidence.model import Evidence
from tombs.evidence.reading import Reader
from tombs.snapshot import Snapshot, history_of
from tombs.snapshot import read as read_graveyard

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from typing import Final

    from tombs.evidence.reading import Item, Known

STANDARD_INPUT: Final = "-"
_LARGEST: Final = 5 << 30  # bytes of a graveyard: the most strings and slots that can be asked for
_BUFFER: Final = 256 << 10  # bytes read at a time: a fleet's snapshots are many calls else
_HELP: Final = (
    "Evidence is a unix:// or tcp:// address, a graveyard file, what `tombs snapshot` saved, or -."
)
_ASIDE: Final = (
    "Move it away to go without what it knows; the next tombs-run does, when it isn't in use."
)


class Access(NamedTuple):
    """What is needed to come to evidence.

    Args:
        token_file: for a program that demands a token.
        directory: where kept graveyards lie; without it, TOMBS_DIR or where they are looked for.
        timeout: seconds to wait for a program's answer.
    """

    token_file: str | None = None
    directory: str | None = None
    timeout: float = 30.0


def load(source: str, access: Access | None = None) -> Evidence:
    """Read all evidence of one source.

    Args:
        source: a `unix://` or `tcp://` address, the path of a socket, of a graveyard file or of a
            saved snapshot (compressed or not), `-` for either of the two on standard input, or the
            name of a kept graveyard: its generations and its history.
        access: what is needed to come to it.

    Raises:
        TombsError: it can't be reached or read, with its name and, where it has lines, the line.
    """
    evidence = Evidence()
    for item, key in items(source, {}, access):
        evidence.add(item, key)
    return evidence


def items(source: str, known: Known, access: Access | None = None) -> Iterator[Item]:
    """Yield a source's evidence in pieces, each with its digest where that is known.

    Args:
        source: as `load` takes it.
        known: modules that were read before; they are added to.
        access: what is needed to come to it.
    """
    access = access or Access()
    while True:
        named = kept_files(source, access.directory)
        try:
            for one in named or [source]:
                yield from _items(one, known, access)
        except GraveyardError as fault:
            # A generation that became history since they were listed is found there; what was read
            # already may come again, since evidence is a union.
            if set(kept_files(source, access.directory)) >= set(named):
                raise GraveyardError(
                    fault.message, fault.help or (_ASIDE if named else "")
                ) from None
        else:
            return


def kept_files(source: str, directory: str | None) -> list[str]:
    """Give the files of a kept graveyard of this name; none where it is the name of a file."""
    if "/" in source or source == STANDARD_INPUT or os.path.lexists(source):
        return []
    directories = rundir.find(directory or os.environ.get("TOMBS_DIR"), os.environ)
    return [path for one in directories for path in rundir.kept(one, source)]


def _items(source: str, known: Known, access: Access) -> Iterator[Item]:
    if "://" in source or _is_socket(source):
        place = address.parse(source)
        if place is not None:
            data = b"".join(fetch(place, "graveyard", access.timeout, access.token_file))
            yield from _taken(Snapshot(data, str(place)))
            return
    with _opened(source) as (stream, name):
        try:
            plain = reader(stream, name)
            first = plain.peek(len(layout.MAGIC))[: len(layout.MAGIC)]
        except faults() as fault:
            raise GraveyardError(f"{name}:1: can't be read: {fault}", _HELP) from None
        if first == layout.MAGIC:
            # A file of its own is sparse, and known to be there as a whole.
            whole = plain is stream and name == source and os.path.isfile(source)
            yield from _taken(read_graveyard(source) if whole else _graveyard(plain, name))
        elif first[:1] in {b"", b"{"}:
            yield from Reader(plain, name, known).items()
        else:
            raise GraveyardError(f"{name}:1: neither a graveyard nor a saved snapshot", _HELP)


def _taken(snapshot: Snapshot) -> Iterator[Item]:
    for item in taken.items(snapshot):
        yield item, None


def _graveyard(stream: io.BufferedReader, name: str) -> Snapshot:
    """Read a graveyard that isn't a file of its own, no further than it says."""
    try:
        data = stream.read(layout.HEADER_SIZE)
        if len(data) == layout.HEADER_SIZE:
            fields = layout.HEADER.unpack_from(data)
            size = min(fields[5] + fields[9], _LARGEST)
            data += stream.read(max(size - len(data), 0))
            end = min(layout.regions(fields[3], fields[6])[2], _LARGEST)
            rows = history_of(data[: layout.HEADER_SIZE], end)
            at = len(data)
            # To its end: who writes into a pipe isn't cut off.
            while at < end and (piece := stream.read(min(end - at, 1 << 20))):
                data += piece[max(rows[0] - at, 0) : max(rows[1] - at, 0)]
                at += len(piece)
    except faults() as fault:
        raise GraveyardError(f"{name}: can't be read on: {fault}") from None
    return Snapshot(data, name)


@contextmanager
def _opened(source: str) -> Iterator[tuple[io.BufferedReader, str]]:
    if source == STANDARD_INPUT:
        yield cast("io.BufferedReader", sys.stdin.buffer), "standard input"
        return
    try:
        with open(source, "rb", _BUFFER) as file:
            yield cast("io.BufferedReader", file), source
    except (FileNotFoundError, IsADirectoryError, PermissionError, NotADirectoryError) as fault:
        raise GraveyardError(f"{source}: {fault.strerror}", _HELP) from None


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
