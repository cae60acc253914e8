"""Kept graveyards: one file for each release, and the old ones compacted into a history.

A generation is the graveyard of one release (and namespace): `NAME@KEY-cpython-312.graveyard`. It
is whole in itself, so that two releases that run side by side during a deployment don't meet. When
a program is started, generations that have ended are united into `NAME.history.gz`, a saved
snapshot, but for the newest few; the file is there, whole, before any of them is removed, and
uniting the same evidence twice changes nothing. So a process that is killed in between loses
nothing, and a generation that goes on in between is left for another time.

A generation without a label goes on over deployments, and what they change adds to it. Once that
has left no room for something, the next start unites it, too, and begins another file.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tombs import layout, rundir
from tombs.client.graveyards import alive, describe
from tombs.client.source import load
from tombs.client.watched import GraveyardFile
from tombs.errors import GraveyardError, TombsError
from tombs.evidence import files, saved, taken
from tombs.evidence.forget import newest
from tombs.evidence.model import Evidence
from tombs.snapshot import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

NEWEST: Final = 3  # ended generations that stay as they are
RUNS: Final = 500  # of so many runs the history tells: more than a year of daily releases
_BLOCK: Final = 512  # bytes, of those that a file's blocks are counted in


class Room(NamedTuple):
    """What a kept graveyard takes.

    Args:
        generations: how many files there are.
        history: whether there are older ones.
        taken: bytes on disk, of all together.
        most: bytes that the largest generation can take.
    """

    generations: int
    history: bool
    taken: int
    most: int


def room(paths: Iterable[str]) -> Room:
    """Measure the files of a kept graveyard; one that is gone meanwhile takes nothing."""
    generations = taken = most = 0
    history = False
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            continue
        taken += found.st_blocks * _BLOCK
        if path.endswith(rundir.HISTORY):
            history = True
        else:
            generations += 1
            most = max(most, found.st_size)  # they are made in full, and filled by and by
    return Room(generations, history, taken, most)


def running(paths: Iterable[str]) -> str | None:
    """Choose the generation that runs among the files of a kept graveyard, or ran last.

    Returns:
        Its file; None where there is no generation.

    Raises:
        GraveyardError: several run side by side; they are listed.
    """
    generations = [path for path in paths if path.endswith(rundir.GRAVEYARD)]
    live = [path for path in generations if alive(path)]
    if len(live) > 1:
        described = "\n".join(f"  {describe(path)}" for path in live)
        raise GraveyardError(f"several generations run side by side:\n{described}", "Name one.")
    return next(reversed(live or generations), None)


def compact(directory: str, run: str) -> int:
    """Unite the old generations of a run's graveyard into its history.

    What can't be read is left where it is: it harms nobody, and somebody may want to see it.

    Args:
        directory: the run directory.
        run: the run that is about to begin; its own generation stays.

    Returns:
        How many generations were united.
    """
    name = rundir.application(run)
    history = os.path.join(directory, name + rundir.HISTORY)
    try:
        lock = os.open(history + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return 0
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _unite(directory, name, run, history)
    except (OSError, TombsError):  # another start is at it; or there is no room: the next one will
        return 0
    finally:
        os.close(lock)


def _unite(directory: str, name: str, run: str, history: str) -> int:
    for path in rundir.generations(directory, name):
        _put_aside(path)
    found = rundir.generations(directory, name)
    own = {path for path in found if os.path.basename(path).startswith(run)}
    old = [path for path in found[:-NEWEST] if path not in own]
    old += [path for path in own if _outgrown(path)]
    united = {path: ended for path in old if (ended := _ended(path)) is not None}
    if not united:  # nor is the history read, at each start beside a release that goes on
        return 0
    evidence = load(history) if os.path.exists(history) else Evidence()
    for ended in united.values():
        for item in ended.items():
            evidence.add(item)
    files.write(history, saved.write(newest(evidence, RUNS)))
    return sum(_remove(path, ended) for path, ended in united.items())


def _put_aside(path: str) -> None:
    """Take an ended generation out of the way that no reader of this version can read.

    Another version of Tombs has made it, most likely. While it lay there nothing could be read
    under the name.
    """
    try:
        with GraveyardFile(path):
            return
    except GraveyardError:
        pass
    with suppress(OSError, GraveyardError):
        if not alive(path):
            os.rename(path, f"{path}.{time.time_ns()}{rundir.SPOILED}")


def _outgrown(path: str) -> bool:
    """Tell whether something had no room in a generation that holds several states of a module.

    Where there is one state of each, another file would be as full.
    """
    try:
        with open(path, "rb") as file:
            header = layout.HEADER.unpack(file.read(layout.HEADER.size))
        slots, strings, used, rows = header[3], header[6], header[9], header[10]
        if 2 * used < strings and 2 * rows < slots:  # as nearly always; the rest takes its time
            return False
        shot = read(path)
        lost = shot.dropped or any(note.get("note") == "dropped" for note in shot.notes())
    except (OSError, struct.error, GraveyardError):
        return False
    places = [(image.module, image.file) for _, image in shot.modules]
    return bool(lost) and len(set(places)) < len(places)


def _ended(path: str) -> Evidence | None:
    """Give the evidence of a generation that has ended; None where it lives or can't be read."""
    try:
        return None if alive(path) else Evidence(taken.items(read(path)))
    except GraveyardError:
        return None


def _remove(path: str, united: Evidence) -> bool:
    """Remove a generation, unless it is more by now than what was united.

    A start of its release may have come in between; it may even have ended again.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # From here on a start of this release waits: for as long as it takes to read the file.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Evidence(taken.items(read(path))) == united and rundir.remove(path, fd)
    except (OSError, GraveyardError):
        return False
    finally:
        os.close(fd)
