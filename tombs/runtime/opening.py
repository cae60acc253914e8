"""Opening a run's graveyard: the first process makes it, all others find it.

Old graveyards are removed while programs start, and a path may lead to another file, or to none,
at any moment until a process holds its sign of life. So these are the rules. Whoever removes a
graveyard holds it alone, and its registration lock (tombs.rundir.remove). Whoever makes one holds
that lock, and has seen that it is the one which others will find. And who takes part in one looks,
when all is held, whether all of it is still there, and begins anew where it isn't.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from tombs import layout, rundir
from tombs.errors import GraveyardError
from tombs.identity import bytecode
from tombs.runtime.graveyard import Graveyard
from tombs.runtime.locks import FileLock, Liveness
from tombs.runtime.region import Region, make
from tombs.version import __version__
from tombs.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

_PATIENCE: Final = 1.0
_TRIES: Final = 10
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


def take_part(
    path_stem: str, slots: int, strings: int, identity: dict[str, object], *, kept: bool = False
) -> tuple[Graveyard, Liveness, bool]:
    """Open a run's graveyard, or make it, and hold the sign of life, so that it stays.

    Args and what is raised are those of `open_graveyard`.

    Returns:
        The graveyard, the sign of life, and whether this process made it: the first of the run.
    """
    for tries in range(_TRIES):
        graveyard: Graveyard | None = None
        liveness: Liveness | None = None
        try:
            graveyard, first = open_graveyard(path_stem, slots, strings, identity, kept=kept)
            liveness = Liveness(graveyard.path)
            if graveyard.region.there() and graveyard.lock.there():
                return graveyard, liveness, first
        except FileNotFoundError:  # it was removed between two lines
            if tries == _TRIES - 1:
                _let_go(graveyard, liveness)
                raise
        except BaseException:
            _let_go(graveyard, liveness)
            raise
        _let_go(graveyard, liveness)
    message = f"{path_stem}{rundir.GRAVEYARD} is removed again and again"
    raise TimeoutError(message)


def _let_go(graveyard: Graveyard | None, liveness: Liveness | None) -> None:
    if liveness is not None:
        liveness.leave()
    if graveyard is not None:
        graveyard.close()


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
        _put_aside(path, lock)
        first = _make_sure(path, lock, slots, strings, encode(identity))
        return Graveyard(Region(path), lock), first
    except BaseException:
        lock.close()
        raise


def _put_aside(path: str, lock: FileLock) -> None:
    """Take a file out of the way that can't be used, of another version most likely."""
    _hold(path, lock)
    try:
        Region(path).close()  # another start was quicker
    except GraveyardError:
        os.rename(path, f"{path}.{time.time_ns()}{rundir.SPOILED}")
    finally:
        lock.release()


def _hold(path: str, lock: FileLock) -> None:
    """Take the registration lock.

    Raises:
        TimeoutError: somebody else has it.
        FileNotFoundError: its file was removed: another will be the one that others take.
    """
    if not lock.acquire(_PATIENCE):
        message = f"{rundir.stem(path)}{rundir.LOCK} is held by another process"
        raise TimeoutError(message)
    if not lock.there():
        lock.release()
        raise FileNotFoundError(errno.ENOENT, "its lock was removed", path)


def _make_sure(path: str, lock: FileLock, slots: int, strings: int, identity: bytes) -> bool:
    """Make the file, if it isn't there; gives whether it was made.

    A file that is there is whole: it is opened without the lock, which a stopped process may hold.
    """
    if os.path.lexists(path):
        return False
    _hold(path, lock)
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
