"""The script that a running process is made to run, and the answer that comes back.

It lies in a directory of its own that only the target's user can read, beside a file `wanted`. The
script does next to nothing where it is run (in the main thread, between two instructions of the
program): it starts a thread. That thread takes `wanted` away, by which it is decided whether the
order holds or was withdrawn, does what it was ordered, and writes the answer.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import tombs
from tombs.cli.target import Ended
from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Event
    from typing import Final, Self

PACKAGE: Final = os.path.dirname(os.path.abspath(tombs.__file__))
_SHARED: Final = "/dev/shm"  # noqa: S108 - mkdtemp makes a directory of our own in it
_ANSWER_MOST: Final = 64 * 1024
_OFTEN: Final = 0.02

_SCRIPT: Final = """\
order = {order!r}

def tell(lines):
    import os
    new = order["answer"] + ".new"
    text = "\\n".join(line.replace("\\n", " ") for line in lines)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text.encode("utf-8", "replace"))
    finally:
        os.close(fd)
    os.rename(new, order["answer"])

def obey(main):
    try:
        import os, sys
        try:
            os.rename(order["wanted"], order["wanted"] + ".taken")
        except OSError:
            return
        try:
            if order["do"] == "begin" and "tombs" not in sys.modules:
                from _frozen_importlib import _load
                from _frozen_importlib_external import spec_from_file_location
                _load(spec_from_file_location(
                    "tombs", order["package"] + "/__init__.py",
                    submodule_search_locations=[order["package"]]))
            if "tombs" not in sys.modules:
                lines = ["nothing", "", ""]
            else:
                from tombs import attached
                if order["do"] == "begin":
                    lines = attached.begin(order["environ"], main)
                else:
                    lines = attached.end()
        except BaseException as fault:
            lines = ["failed", "", "", type(fault).__name__ + ": " + str(fault)]
        tell(lines)
    except BaseException:
        pass

def start():
    import sys, _signal
    try:
        gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
        if hasattr(gevent, "get_original"):
            new, ident = gevent.get_original("_thread", ["start_new_thread", "get_ident"])
        else:
            import _thread
            if hasattr(eventlet, "original"):
                _thread = eventlet.original("_thread")
            new, ident = _thread.start_new_thread, _thread.get_ident
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, order["signals"])
        try:
            new(obey, (ident(),))
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    except Exception as fault:
        try:
            tell(["failed", "", "", "no thread can be started: " + str(fault)])
        except OSError:
            pass

start()
"""


class Script:
    """One order to one process, with a directory that is gone when the block is left.

    Args:
        pid: the process.
        owner: user and group that it runs as.
        do: `begin` or `end`.
        environ: for `begin`, the settings.

    Raises:
        TombsError: there is no place that both can see.
    """

    def __init__(
        self, pid: int, owner: tuple[int, int], do: str, environ: Mapping[str, str]
    ) -> None:
        self._pid = pid
        self.directory = _directory(pid, owner)
        self.path = os.path.join(self.directory, "script.py")
        self._answer = os.path.join(self.directory, "answer")
        self._wanted = os.path.join(self.directory, "wanted")
        order = {
            "do": do,
            "package": PACKAGE,
            "environ": dict(environ),
            "wanted": self._wanted,
            "answer": self._answer,
            "signals": _signals(),
        }
        for path, text in ((self.path, _SCRIPT.format(order=order)), (self._wanted, "")):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                file.write(text)
                if os.geteuid() == 0:
                    os.fchown(fd, *owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait(
        self, seconds: float, alive: Callable[[], bool], given_up: Event | None = None
    ) -> list[str] | None:
        """Wait for the answer: at least three lines; None where none came in time.

        Args:
            seconds: how long.
            alive: tells whether the process is there still.
            given_up: set by whoever wants no answer any more.

        Raises:
            Ended: the process ended.
        """
        end = time.monotonic() + seconds
        while (found := self._read()) is None:
            if not alive():
                raise Ended(f"process {self._pid} has ended meanwhile")
            if time.monotonic() > end or (given_up is not None and given_up.is_set()):
                return None
            time.sleep(_OFTEN)
        return found

    def withdraw(self) -> bool:
        """Take the order back; False where the process is at it already."""
        try:
            os.rename(self._wanted, self._wanted + ".withdrawn")
        except OSError:
            return False
        return True

    def _read(self) -> list[str] | None:
        try:
            fd = os.open(self._answer, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        with open(fd, "rb") as file:
            lines = file.read(_ANSWER_MOST).decode("utf-8", "replace").split("\n")
        return [*lines, "", "", ""][: max(len(lines), 3)]


def _signals() -> tuple[int, ...]:
    import signal  # noqa: PLC0415 - for this alone

    faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
    return tuple(sorted(int(one) for one in signal.valid_signals() - faults))


def _directory(pid: int, owner: tuple[int, int]) -> str:
    """Make a directory that the target sees under the same path, and no other user."""
    for place in (None, _SHARED):
        try:
            path = tempfile.mkdtemp(prefix="tombs-attach-", dir=place)
        except OSError:
            continue
        if visible(pid, path):
            if os.geteuid() == 0:
                os.chown(path, *owner)
            return path
        os.rmdir(path)
    raise TombsError(
        f"process {pid} sees other directories than this command",
        "It runs in a container, or in a mount namespace of its own: run `tombs attach` in there.",
    )


def visible(pid: int, path: str) -> bool:
    """Tell whether a process finds the same thing under a path."""
    if not sys.platform.startswith("linux"):
        return True
    try:
        return os.path.samefile(f"/proc/{pid}/root{path}", path)
    except PermissionError:
        return True  # what that means is told when the attempt is made
    except OSError:
        return False
