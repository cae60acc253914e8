"""Opening a run's graveyard: the first process makes it, all others find it."""

from __future__ import annotations

import os
import sys
import time

from tombs import layout, rundir
from tombs.errors import GraveyardError
from tombs.identity import bytecode
from tombs.runtime.graveyard import Graveyard
from tombs.runtime.locks import FileLock
from tombs.runtime.region import Region, make
from tombs.version import __version__
from tombs.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

_PATIENCE: Final = 1.0
_COMMAND_MOST: Final = 1000
_LIST_MOST: Final = 1000
# What evidence can't do without; short whatever the program is called.
_NEEDED: Final = (
    "run",
    "application",
    "release",
    "pid",
    "host",
    "python",
    "cache_tag",
    "bytecode",
    "tombs",
)


def stem(directory: str, run: str) -> str:
    """Give the path that all files of a run begin with; Pythons of two versions share none."""
    return os.path.join(directory, f"{run}-{sys.implementation.cache_tag}")


def open_graveyard(
    path_stem: str, slots: int, strings: int, identity: dict[str, object], *, kept: bool = False
) -> tuple[Graveyard, bool]:
    """Open a run's graveyard, or make it.

    Args:
        path_stem: the path its files begin with.
        slots: how many markers a new one has.
        strings: bytes of a new one's strings region.
        identity: what identifies the run, for a new one.
        kept: it may be there from an earlier start; one that can't be used any more is put aside.

    Returns:
        The graveyard, and whether this process made it: the first of the run.

    Raises:
        OSError: no room, no right.
        GraveyardError: there is a file in its place that is none, or somebody else's.
    """
    path = path_stem + rundir.GRAVEYARD
    lock = FileLock(path_stem + rundir.LOCK)
    try:
        first = _make_sure(path, lock, slots, strings, encode(identity))
        try:
            return Graveyard(Region(path), lock), first
        except GraveyardError:
            if not kept:
                raise
            os.rename(path, f"{path}.{time.time_ns()}.spoiled")  # of another version, most likely
        first = _make_sure(path, lock, slots, strings, encode(identity))
        return Graveyard(Region(path), lock), first
    except BaseException:
        lock.close()
        raise


def _make_sure(path: str, lock: FileLock, slots: int, strings: int, identity: bytes) -> bool:
    """Make the file, if it isn't there; gives whether it was made.

    A file that is there is whole: it is opened without the lock, which a stopped process may hold.
    """
    if os.path.lexists(path):
        return False
    if not lock.acquire(_PATIENCE):
        message = f"{rundir.stem(path)}{rundir.LOCK} is held by another process"
        raise TimeoutError(message)
    try:
        first = not os.path.lexists(path)
        if first:
            make(path, slots, strings, identity, time.time_ns())
        return first
    finally:
        lock.release()


def identity(
    run: str,
    namespace: Sequence[str],
    exclude: Sequence[str],
    engine: str,
    release: str | None = None,
) -> dict[str, object]:
    """Say what the run is, for whoever reads its graveyard."""
    command = os.environ.get("TOMBS_COMMAND") or " ".join(sys.orig_argv)
    return {
        "run": run,
        "application": rundir.application(run),
        "release": release or "",
        "command": command[:_COMMAND_MOST],
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "namespace": list(namespace),
        "exclude": list(exclude),
        "engine": engine,
        "python": ".".join(map(str, sys.version_info[:3])),
        "cache_tag": sys.implementation.cache_tag or "",
        "bytecode": bytecode(),
        "tombs": __version__,
    }


def encode(values: dict[str, object]) -> bytes:
    """Write an identity as JSON, small enough for its place."""
    parts = []
    for key, value in values.items():
        if isinstance(value, list):
            kept, size = [], 0
            for item in value:
                size += len(item)
                if size > _LIST_MOST:
                    break
                kept.append(quote(item))
            text = "[" + ", ".join(kept) + "]"
        else:
            text = str(value) if isinstance(value, int) else quote(str(value))
        parts.append(f"{quote(key)}: {text}")
    data = ("{" + ", ".join(parts) + "}").encode()
    if len(data) > layout.IDENTITY_MOST:  # names that take many bytes a character
        return encode({key: values[key] for key in _NEEDED})
    return data
