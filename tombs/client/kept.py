"""Kept graveyards: one file for each release, and the old ones compacted into a history.

A generation is the graveyard of one release (and namespace): `NAME@KEY-cpython-312.graveyard`. It
is whole in itself, so that two releases that run side by side during a deployment don't meet. When
a program is started, generations that have ended are united into `NAME.history.gz`, a saved
snapshot, but for the newest few; the file is there, whole, before any of them is removed, and
uniting the same evidence twice changes nothing. So a process that is killed in between loses
nothing.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from tombs import rundir
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
    united = []
    try:
        for path in old:
            held = _alone(path)
            if held is None:
                continue
            united.append((path, held))
            for item in taken.items(read(path)):
                evidence.add(item)
        files.write(history, saved.write(_bounded(evidence)))
        for path, _ in united:
            for suffix in rundir.SUFFIXES:
                with suppress(FileNotFoundError):
                    os.unlink(rundir.stem(path) + suffix)
    finally:
        for _, held in united:
            os.close(held)
    return len(united)


def _alone(path: str) -> int | None:
    """Take a graveyard for oneself, so that no process begins in it; None where it can't be had."""
    try:
        read(path)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, GraveyardError):
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


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
