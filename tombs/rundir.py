"""The run directory: where graveyards and sockets live, and what they are called.

Only a directory that is ours is used: owned by this user, no link, and closed to others. Where the
system gives a user a directory of this kind (XDG_RUNTIME_DIR, on a tmpfs) that is taken; else one
is made in shared memory or the directory for temporary files. Its name there can be foreseen, so
another user may squat on it; then the next place is tried, and never is anything written or read in
a directory that isn't ours.
"""

from __future__ import annotations

import fcntl
import os
import stat

from tombs.errors import TombsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GRAVEYARD = ".graveyard"
LOCK = ".lock"
SERVE = ".serve"
SOCKET = ".sock"
HISTORY = ".history.gz"  # of a kept graveyard: its old generations
SPOILED = ".spoiled"  # what another version of Tombs made, put aside
KEPT = "@"
SUFFIXES = (GRAVEYARD, SERVE, SOCKET, LOCK)  # in the order in which they are removed

# Whoever may write there: what is found is used only if it is ours.
_SHARED = "/dev/shm"  # noqa: S108
_TEMPORARY = "/tmp"  # noqa: S108
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def places(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the directories to try where none was chosen, best first."""
    uid = os.geteuid()
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime):
        yield os.path.join(runtime, "tombs")
    elif os.path.isdir(f"/run/user/{uid}"):
        yield f"/run/user/{uid}/tombs"
    if os.path.isdir(_SHARED):
        yield os.path.join(_SHARED, f"tombs-{uid}")
    yield os.path.join(environ.get("TMPDIR") or _TEMPORARY, f"tombs-{uid}")


def state(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the directory for what outlives the machine's restart; none where there is no home."""
    base = environ.get("XDG_STATE_HOME") or ""
    if not os.path.isabs(base):
        home = environ.get("HOME") or ""
        if not (os.path.isabs(home) and os.path.isdir(home)):
            return
        base = os.path.join(home, ".local", "state")
    yield os.path.join(base, "tombs")


def choose(chosen: str | None, environ: Mapping[str, str], *, kept: bool = False) -> str:
    """Make sure of a run directory.

    Args:
        chosen: the directory of the settings, or None.
        environ: where XDG_RUNTIME_DIR, XDG_STATE_HOME, HOME and TMPDIR are looked up.
        kept: the graveyard is to outlive the run, and the machine's restart where it can.

    Returns:
        The absolute path of a directory that is there and ours.

    Raises:
        TombsError: the chosen directory, or every place there is, can't be used; each with its
        reason.
    """
    faults = []
    lasting = tuple(state(environ)) if kept and not chosen else ()
    for path in (os.path.abspath(chosen),) if chosen else (*lasting, *places(environ)):
        fault = _prepare(path, make_parents=chosen is not None or path in lasting)
        if fault is None:
            return path
        faults.append(fault)
    message = "no run directory: " + "; ".join(faults)
    raise TombsError(message, "Name a directory of your own with --dir or TOMBS_DIR.")


def cache(chosen: str | None, directory: str, environ: Mapping[str, str]) -> str | None:
    """Find the place of the cache; it is made when something is written.

    Args:
        chosen: the directory of the settings, `0` for none, or None for the usual place.
        directory: the run directory, which serves where this user has no home; may be empty.
        environ: where XDG_CACHE_HOME and HOME are looked up.

    Returns:
        An absolute path that is ours or not there yet; None where there is to be no cache.
    """
    if chosen == "0":
        return None
    base = environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(base):
        home = environ.get("HOME") or ""
        # A home that isn't there is not for us to make.
        there = os.path.isabs(home) and os.path.isdir(home)
        base = os.path.join(home, ".cache") if there else directory
    if not (chosen or base):
        return None
    path = os.path.abspath(chosen) if chosen else os.path.join(base, "tombs")
    return path if not os.path.lexists(path) or flaw(path) is None else None


def find(chosen: str | None, environ: Mapping[str, str]) -> list[str]:
    """Give the run directories that are there and ours, without making any."""
    paths = (os.path.abspath(chosen),) if chosen else (*places(environ), *state(environ))
    return [path for path in dict.fromkeys(paths) if flaw(path) is None]


def _prepare(path: str, *, make_parents: bool) -> str | None:
    try:
        if make_parents:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)  # whatever the umask
    except FileExistsError:
        pass
    except OSError as fault:
        return f"{path}: {fault.strerror}"
    fault_found = flaw(path)
    if fault_found is None and not os.access(path, os.W_OK | os.X_OK):
        return f"{path}: not writable"
    return fault_found


def flaw(path: str) -> str | None:
    """Say what is wrong with a directory that is to be ours; None where nothing is."""
    try:
        found = os.lstat(path)
    except OSError as fault:
        return f"{path}: {fault.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path}: not a directory"
    if found.st_uid != os.geteuid():
        return f"{path}: owned by user {found.st_uid}"
    if found.st_mode & _WRITABLE_BY_OTHERS:
        return f"{path}: writable by others (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def run_id(application: str) -> str:
    """Name a run: the application, and eight random digits."""
    return f"{_plain(application)}-{os.urandom(4).hex()}"


def kept_id(name: str, release: str | None, watched: Sequence[str]) -> str:
    """Name a generation of a kept graveyard: all starts of one release have the same.

    Args:
        name: of the graveyard.
        release: label of the deployment.
        watched: what else makes another generation: the namespaces.
    """
    from binascii import crc32  # noqa: PLC0415 - only for kept graveyards

    told = "\0".join((release or "", *watched)).encode("utf-8", "surrogatepass")
    return f"{_plain(name)}{KEPT}{crc32(told):08x}"


def _plain(name: str) -> str:
    kept = "".join(
        char if char.isalnum() or char in "_.-" else "-" for char in name if char.isascii()
    )
    return kept.strip("-.")[:24] or "python"


def application(run: str) -> str:
    """Give the application's part of a run's name."""
    return family(run)[:-1]


def family(run: str) -> str:
    """Give what the names of an application's runs have in common; kept ones are another family."""
    return run[:-8]


def graveyards(directory: str) -> list[str]:
    """List the graveyard files in a run directory, oldest first."""
    found = [
        (entry.stat(follow_symlinks=False).st_mtime_ns, entry.path)
        for entry in os.scandir(directory)
        if entry.name.endswith(GRAVEYARD) and entry.is_file(follow_symlinks=False)
    ]
    return [path for _, path in sorted(found)]


def stem(path: str) -> str:
    """Give the path that a graveyard's companions (lock, socket) begin with."""
    return path[: -len(GRAVEYARD)]


def remove(path: str, held: int) -> bool:
    """Remove a graveyard and its companions, which nobody else can be about to open then.

    Args:
        path: the file.
        held: its descriptor, by which the caller holds the file's lock alone.

    Returns:
        Whether it is removed; not where another file stands there by now, or where somebody
        registers or makes one at this moment.
    """
    first = stem(path)
    lock = os.open(first + LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(held), os.stat(path, follow_symlinks=False)):
            return False
        for suffix in SUFFIXES:
            try:
                os.unlink(first + suffix)
            except FileNotFoundError:
                continue
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def generations(directory: str, name: str) -> list[str]:
    """List the files of a kept graveyard's generations, oldest first."""
    found = graveyards(directory)
    return [path for path in found if os.path.basename(path).startswith(name + KEPT)]


def kept(directory: str, name: str) -> list[str]:
    """List all that is known under a kept graveyard's name: its history, and its generations."""
    history = os.path.join(directory, name + HISTORY)
    return [*([history] if os.path.exists(history) else ()), *generations(directory, name)]
