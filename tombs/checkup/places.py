"""The places: the run directory, the cache, the socket, and the limits that they must fit in."""

from __future__ import annotations

import os
import resource
import socket
import stat
import tempfile
from typing import TYPE_CHECKING

from tombs import address, layout, rundir, secret
from tombs.checkup.findings import Section
from tombs.errors import AddressError, TombsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from tombs.config import Settings

_DESCRIPTORS: Final = 64  # fewer leave ours among the program's own
_ROOM: Final = 1 << 20  # bytes: a graveyard of a few thousand functions
_PATIENCE: Final = 1.0


def look_at_places(
    settings: Settings, environ: Mapping[str, str], stem_of: tuple[str, str]
) -> Section:
    """Look at where the program's files would be.

    Args:
        settings: what was settled.
        environ: the environment of the program.
        stem_of: the name of a run, and the tag of its Python: what files are called by.
    """
    section = Section("places")
    directory = _run_directory(section, settings, environ)
    if directory:
        _room(section, directory, settings)
    _cache(section, settings, directory, environ)
    _socket(section, settings, directory, "-".join(stem_of) + rundir.SOCKET)
    _token(section, settings)
    _descriptors(section)
    return section


def _run_directory(section: Section, settings: Settings, environ: Mapping[str, str]) -> str:
    """Find the run directory as a start would, making none; empty where there is none to be had."""
    chosen = settings.dir
    # What is kept outlives the machine's restart where it can.
    lasting = list(rundir.state(environ)) if settings.kept and not chosen else []
    usual = [*lasting, *rundir.places(environ)]
    for path in [os.path.abspath(chosen)] if chosen else usual:
        fault = usable(path, make_parents=chosen is not None or path in lasting)
        if not fault:
            there = "" if os.path.isdir(path) else " (it will be made)"
            section.ok(f"run directory: {path}{there}")
            return path
        if chosen is None:
            section.note(f"not used as run directory: {fault}")
        else:
            section.problem(
                f"run directory: {fault}", "Name a directory of your own with --dir or TOMBS_DIR."
            )
    if chosen is None:
        section.problem("no run directory", "Name a directory of your own with --dir or TOMBS_DIR.")
    return ""


def usable(path: str, *, make_parents: bool) -> str:
    """Say what is wrong with a directory that isn't to be made now; empty where nothing is."""
    if os.path.lexists(path):
        fault = rundir.flaw(path)
        if fault is None and not os.access(path, os.W_OK | os.X_OK):
            fault = f"{path}: not writable"
        return fault or ""
    parent = os.path.dirname(path)
    while make_parents and not os.path.lexists(parent) and parent != os.path.dirname(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        return f"{path}: there is no directory {parent}"
    try:  # what may be done in /proc, say, is known only by doing it
        os.rmdir(tempfile.mkdtemp(prefix=".tombs-", dir=parent))
    except OSError as fault:
        return f"{path}: can't be made: {parent}: {fault.strerror}"
    return ""


def _there(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _room(section: Section, directory: str, settings: Settings) -> None:
    size = layout.regions(settings.slots, settings.strings)[2]
    try:
        found = os.statvfs(_there(directory))
    except OSError as fault:
        section.note(f"how much room there is can't be known: {fault.strerror}")
        return
    free = found.f_bavail * found.f_frsize
    shown = f"{megabytes(free)} free for a graveyard of at most {megabytes(size)}"
    if found.f_flag & os.ST_RDONLY:
        section.problem(f"{directory} lies in a file system that can only be read")
    elif free < min(size, _ROOM):
        section.problem(f"{directory}: {shown}", "Make room there, or name another with --dir.")
    elif free < size:
        section.note(f"{shown}: what doesn't fit is counted as dropped, and unknown")
    else:
        section.ok(shown)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if most not in (resource.RLIM_INFINITY, -1) and most < size:
        section.problem(
            f"files may have {megabytes(most)} (RLIMIT_FSIZE), a graveyard has {megabytes(size)}",
            "Raise the limit (ulimit -f), or lower --strings.",
        )


def megabytes(size: int) -> str:
    """Write a number of bytes for a person."""
    return f"{size / (1 << 20):,.0f} MB" if size >= 10 << 20 else f"{size / (1 << 10):,.0f} KB"


def _cache(
    section: Section, settings: Settings, directory: str, environ: Mapping[str, str]
) -> None:
    if settings.cache == "0":
        section.note("the cache is off: each start makes anew what it could keep")
        return
    path = rundir.cache(settings.cache, directory or os.sep, environ)
    # An unusable place gives None there; why is for us to say.
    wanted = path or os.path.abspath(settings.cache or _usual_cache(environ))
    fault = usable(wanted, make_parents=True)
    if fault:
        section.note(f"no cache: {fault}; each start makes anew what it could keep")
    else:
        section.ok(f"cache: {wanted}{'' if os.path.isdir(wanted) else ' (it will be made)'}")


def _usual_cache(environ: Mapping[str, str]) -> str:
    base = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "", ".cache")
    return os.path.join(base, "tombs")


def _socket(section: Section, settings: Settings, directory: str, name: str) -> None:
    if settings.socket is None and not directory:
        return
    try:
        place = address.parse(settings.socket or f"unix://{os.path.join(directory, name)}")
    except AddressError as fault:
        section.problem(
            f"the socket would be off: {fault.message}; {fault.help}",
            "The graveyard file is written all the same, and can be read.",
        )
        return
    if place is None:
        section.note("the socket is off: the graveyard file can be read all the same")
        return
    flaw = _unix(place.path, directory) if place.kind == "unix" else _tcp(place)
    if flaw:
        section.problem(
            f"the socket would be off: {place}: {flaw}",
            "The graveyard file is written all the same; choose another place with --socket.",
        )
    elif settings.socket is None:
        room = address.UNIX_PATH_BYTES - len(os.fsencode(place.path))
        section.ok(f"socket: in the run directory ({room} bytes of its path to spare)")
    else:
        section.ok(f"socket: {place}")


def _unix(path: str, directory: str) -> str:  # noqa: PLR0911 - each fault is one
    parent = os.path.dirname(os.path.abspath(path))
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        if parent == directory:  # it may be still to be made
            return ""
        if not os.path.isdir(parent):
            return f"there is no directory {parent}"
        return "" if os.access(parent, os.W_OK | os.X_OK) else f"{parent} is not writable"
    except OSError as fault:
        return fault.strerror or str(fault)
    if not stat.S_ISSOCK(found.st_mode):
        return "a file that isn't a socket is there"
    if _answers(socket.AF_UNIX, path):
        return "somebody listens there"
    return "" if found.st_uid == os.geteuid() else "another user's socket is there"


def _answers(family: int, where: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(where)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True


def _tcp(place: address.Address) -> str:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as fault:
            return fault.strerror or str(fault)
    return ""


def _token(section: Section, settings: Settings) -> None:
    """Read the token file as a start would: whose it is, its mode, and whether it holds one."""
    if settings.token_file is None:
        return
    try:
        secret.read(settings.token_file)
    except TombsError as fault:
        section.problem(f"the socket would be off: {fault.message}", fault.help)
    else:
        section.ok(f"token file: {settings.token_file}")
    if settings.socket is None or not settings.socket.startswith("tcp:"):
        section.note("the token is asked for over TCP only, and the socket is none")


def _descriptors(section: Section) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY or soft >= 200 + _DESCRIPTORS:
        section.ok(f"descriptors: {'any number' if soft < 0 else soft}; ours lie from 200 upwards")
    elif soft > _DESCRIPTORS:
        section.note(f"descriptors: {soft}; ours lie from {_DESCRIPTORS} upwards")
    else:
        section.note(f"descriptors: only {soft} (RLIMIT_NOFILE); ours lie among the program's")
