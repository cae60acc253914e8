"""Kept graveyards: one file for each release, and the old ones compacted into a history.

A generation is the graveyard of one release (and namespace): `NAME@KEY-cpython-312.graveyard`. It
is whole in itself, so that two releases that run side by side during a deployment don't meet. When
a program is started, generations that have ended are united into `NAME.history.gz`, a saved
snapshot, but for the newest few; the file is there, whole, before any of them is removed, and
uniting the same evidence twice changes nothing. So a process that is killed in between loses
nothing, and a generation that goes on in between is left for another time.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from tombs import rundir
from tombs.client.graveyards import alive
from tombs.client.source import load
from tombs.errors import GraveyardError, TombsError
from tombs.evidence import files, saved, taken
from tombs.evidence.model import Evidence
from tombs.snapshot import read

if TYPE_CHECKING:
    from typing import Final

NEWEST: Final = 3  # ended generations that stay as they are
RUNS: Final = 100  # of so many runs the history tells; it doesn't grow without end


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
    old = [
        path
        for path in rundir.generations(directory, name)[:-NEWEST]
        if not os.path.basename(path).startswith(run)
    ]
    if not old:
        return 0
    evidence = load(history) if os.path.exists(history) else Evidence()
    found = {}
    for path in old:
        own = _ended(path)
        if own is not None:
            found[path] = own
            for item in own.items():
                evidence.add(item)
    if found:
        files.write(history, saved.write(_bounded(evidence)))
    return sum(_remove(path, own) for path, own in found.items())


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


def _bounded(evidence: Evidence) -> Evidence:
    """Leave out the oldest runs, and what no other run has seen."""
    if len(evidence.runs) <= RUNS:
        return evidence
    newest = sorted(evidence.runs, key=lambda key: evidence.runs[key].seen)[-RUNS:]
    kept = Evidence(evidence.runs[key] for key in newest)
    for seen in evidence.modules.values():
        runs = {key: when for key, when in seen.runs.items() if key in kept.runs}
        if runs:
            kept.add(seen._replace(runs=runs))
    return kept
