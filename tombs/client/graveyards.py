"""The graveyards of this machine: which there are, and which of them live."""

from __future__ import annotations

import fcntl
import os

from tombs import rundir, snapshot
from tombs.errors import GraveyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Found:
    """One graveyard file.

    Args:
        path: the file.
        live: whether a process of its run lives.
    """

    __slots__ = ("live", "path")

    def __init__(self, path: str, *, live: bool) -> None:
        self.path = path
        self.live = live


def alive(path: str) -> bool:
    """Tell whether a process of a graveyard's run lives: each holds a shared lock on the file.

    Raises:
        GraveyardError: the file can't be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as fault:
        raise GraveyardError(f"{path}: {fault.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def find(chosen: str | None, environ: Mapping[str, str]) -> list[Found]:
    """List the graveyards of this user, oldest first.

    Args:
        chosen: a run directory, or None for all places where one is looked for.
        environ: where XDG_RUNTIME_DIR and TMPDIR are looked up.

    Raises:
        GraveyardError: the chosen directory isn't there, or isn't this user's.
    """
    directories = rundir.find(chosen, environ)
    if chosen and not directories:
        raise GraveyardError(
            f"{chosen}: there is no run directory of yours",
            "It must be a directory that you own and that others can't write to.",
        )
    found = []
    for directory in directories:
        for path in rundir.graveyards(directory):
            try:
                found.append(Found(path, live=alive(path)))
            except GraveyardError:  # swept away since it was listed
                continue
    return found


def the_live_one(chosen: str | None, environ: Mapping[str, str]) -> str:
    """Give the path of the only live graveyard.

    Raises:
        GraveyardError: there is none, or there are several; they are listed.
    """
    found = find(chosen, environ)
    live = [one.path for one in found if one.live]
    if len(live) == 1:
        return live[0]
    if live:
        described = "\n".join(f"  {describe(path)}" for path in live)
        raise GraveyardError(f"several programs run under Tombs:\n{described}", "Name one of them.")
    told = "Start one with tombs-run, or name an address, a graveyard file or a saved snapshot."
    if found:
        told = f"The newest finished one is {found[-1].path}; `tombs ls` lists them."
    raise GraveyardError("no program runs under Tombs", told)


def describe(path: str) -> str:
    """Say in a line what a graveyard is of."""
    try:
        identity = snapshot.read(path).identity()
    except GraveyardError:
        return path
    command = "".join(char if char.isprintable() else "?" for char in str(identity.get("command")))
    return f"{path}  (pid {identity.get('pid')}: {command[:60]})"
