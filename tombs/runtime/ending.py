"""The end of a run: the dump, and the graveyards that are kept no longer."""

from __future__ import annotations

import os
import sys
import time

from tombs import rundir
from tombs.runtime.locks import try_alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

KEPT: Final = 20
KEPT_FOR: Final = 7 * 24 * 3600.0


def dump_to_path(path: str, chunks: Iterator[bytes]) -> None:
    """Write the tombs to a file, all of them or nothing.

    Raises:
        OSError: it can't be written; what was there before is untouched.
    """
    unready = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    fd = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # whatever the umask
        for chunk in chunks:
            _write(fd, chunk)
        os.rename(unready, path)
    except BaseException:
        os.unlink(unready)
        raise
    finally:
        os.close(fd)


def dump_to_descriptor(fd: int, chunks: Iterator[bytes]) -> None:
    """Write the tombs to a descriptor, behind what the program has printed there.

    Raises:
        OSError: it can't be written.
    """
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if fd == number and stream is not None:
            stream.flush()
    for chunk in chunks:
        _write(fd, chunk)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sweep(directory: str, family: str, now: float | None = None) -> list[str]:
    """Remove an application's finished graveyards but the newest 20 of 7 days; a live one never.

    Args:
        directory: the run directory.
        family: whose, as `rundir.family` gives it; kept ones stay for however long.
        now: seconds since the epoch.

    Returns:
        The graveyards that were removed.
    """
    now = time.time() if now is None else now
    removed = []
    kept = 0
    try:
        found = rundir.graveyards(directory)
    except OSError:  # the program closes all descriptors at this moment
        return []
    for path in reversed(found):
        name = os.path.basename(path)
        if rundir.family(name.rpartition("-cpython")[0]) != family:
            continue
        kept += 1
        try:
            old = now - os.stat(path).st_mtime > KEPT_FOR and family[-1:] != rundir.KEPT
            if (kept > KEPT or old) and _remove(path):
                removed.append(path)
        except OSError:  # another process was quicker
            continue
    return removed


def _remove(path: str) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return try_alone(fd) and rundir.remove(path, fd)
    finally:
        os.close(fd)
