"""A running process, looked at from outside: whose it is, which Python it runs, what it allows.

All of it is read from /proc, without touching the process. Where there is no /proc, the attempt
itself has to tell.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tombs import rundir
from tombs.errors import TombsError

if TYPE_CHECKING:
    from typing import Final

FIRST: Final = (3, 14)
_COOKIE: Final = b"xdebugpy"  # begins the section that describes a Python, since 3.13
_SECTION: Final = b".PyRuntime"
_NAMED: Final = re.compile(r"(?:lib)?python(3)\.(\d+)(t?)")
_YAMA: Final = "/proc/sys/kernel/yama/ptrace_scope"
_CAP_SYS_PTRACE: Final = 19
_OFTEN: Final = 0.02


class Python(NamedTuple):
    """The Python that a process runs."""

    version: tuple[int, int]
    free_threaded: bool


class Ended(TombsError):  # noqa: N818 - an outcome, as often as not
    """A process that has ended."""


class Target:
    """One process.

    Args:
        pid: its id.

    Raises:
        TombsError: it isn't there, isn't ours to look at, or runs no Python.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            raise Ended(f"there is no process {pid}", "`ps -ef` lists those there are.") from None
        except PermissionError:
            raise self._foreign() from None
        self._born = self._start_time()
        try:
            found = os.stat(f"/proc/{pid}")
            self.owner = (found.st_uid, found.st_gid)
        except OSError:
            self.owner = (os.geteuid(), os.getegid())
        if self.owner[0] != os.geteuid() and os.geteuid():
            raise self._foreign()
        self.exe = self._exe()

    def _foreign(self) -> TombsError:
        return TombsError(
            f"process {self.pid} belongs to another user",
            "Run the command as that user, or as root.",
        )

    def _exe(self) -> str:
        try:
            return os.readlink(f"/proc/{self.pid}/exe")
        except PermissionError:
            raise self.no_rights() from None
        except OSError:
            if os.path.isdir("/proc/self"):
                if self._state() in ("Z", "X", ""):
                    raise Ended(f"process {self.pid} has ended") from None
                message = f"process {self.pid} is part of the system, and runs no Python"
                raise TombsError(message) from None
            return ""

    def alive(self) -> bool:
        """Tell whether it is still there, and still the same."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return self._start_time() == self._born and self._state() not in {"Z", "X"}

    def gone(self, seconds: float) -> bool:
        """Tell whether it ends within a while."""
        end = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(_OFTEN)
        return True

    def _stat(self) -> list[str]:
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:
                return file.read().rpartition(")")[2].split()
        except OSError:
            return []

    def _state(self) -> str:
        return next(iter(self._stat()), "")

    def _start_time(self) -> str:
        return "".join(self._stat()[19:20])

    def graveyard(self) -> str | None:
        """Give the path of the graveyard that it holds open: that it is watched in."""
        try:
            numbers = os.listdir(f"/proc/{self.pid}/fd")
        except OSError:
            return None
        for number in numbers:
            try:
                path = os.readlink(f"/proc/{self.pid}/fd/{number}")
            except OSError:
                continue
            if path.endswith(rundir.GRAVEYARD):
                return path
        return None

    def command(self) -> str:
        """Name what it runs: its script or module; nothing where that can't be known."""
        try:
            with open(f"/proc/{self.pid}/cmdline", encoding="utf-8", errors="replace") as file:
                words = file.read().split("\0")[1:]
        except OSError:
            return ""
        named = [word for word in words if word and word[0] != "-"]
        return os.path.basename(named[0]) if named else ""

    def stopped(self) -> bool:
        """Tell whether it is stopped, by a signal or a debugger."""
        return self._state() in {"T", "t"}

    def python(self) -> Python | None:
        """Find out which Python it runs; None where that can't be known (without a /proc).

        Raises:
            TombsError: none.
        """
        if not self.exe:
            return None
        named: Python | None = None
        for path in self.images():
            found = _described(f"/proc/{self.pid}/root{path}") or _described(path)
            if found is not None:
                return found
            match = _NAMED.match(os.path.basename(path))
            if match is not None:
                named = Python((int(match[1]), int(match[2])), bool(match[3]))
        if named is None:
            raise TombsError(f"process {self.pid} runs no Python, but {self.exe}")
        return named

    def images(self) -> list[str]:
        """Give the program and the libraries of Python that are mapped."""
        paths = [self.exe]
        try:
            with open(f"/proc/{self.pid}/maps", encoding="utf-8", errors="replace") as file:
                mapped = {line[line.find("/") :].rstrip("\n") for line in file if "/" in line}
        except OSError:
            return paths
        return paths + sorted(
            path for path in mapped if os.path.basename(path).startswith("libpython")
        )

    def no_rights(self) -> TombsError:
        """Say why this process may not reach into that one, as far as the system tells."""
        message = f"the system doesn't let this command reach into process {self.pid}"
        scope = _read(_YAMA)
        if os.geteuid() and scope not in {"", "0"}:
            return TombsError(
                f"{message}: kernel.yama.ptrace_scope is {scope}",
                "Run the command as root (sudo), or allow it until the next start of the machine:\n"
                "echo 0 | sudo tee /proc/sys/kernel/yama/ptrace_scope",
            )
        if not os.geteuid() and not _may_trace():
            return TombsError(
                f"{message}: it lacks CAP_SYS_PTRACE",
                "Give it to the container (docker run --cap-add SYS_PTRACE, or securityContext"
                " capabilities in Kubernetes), or run the command outside, as root.",
            )
        return TombsError(
            message,
            "Run the command as root; in a container it needs CAP_SYS_PTRACE and a seccomp profile"
            " that allows process_vm_writev.",
        )


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _may_trace() -> bool:
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
    return True


def _described(path: str) -> Python | None:
    """Read from a 64-bit ELF file which Python it is; None where it doesn't say."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head[:5] != b"\x7fELF\x02":
                return None
            order = "<" if head[5] == 1 else ">"
            (at,) = struct.unpack_from(f"{order}Q", head, 40)
            size, count, names = struct.unpack_from(f"{order}HHH", head, 58)
            file.seek(at)
            table = file.read(size * count)
            section = struct.Struct(f"{order}IIQQQQ")
            rows = [section.unpack_from(table, number * size) for number in range(count)]
            file.seek(rows[names][4])
            texts = file.read(rows[names][5])
            for name, _, _, _, offset, _ in rows:
                if texts[name:].startswith(_SECTION + b"\0"):
                    file.seek(offset)
                    cookie, version, threads = struct.unpack(f"{order}8sQQ", file.read(24))
                    if cookie == _COOKIE:
                        return Python((version >> 24 & 255, version >> 16 & 255), bool(threads))
    except (OSError, struct.error, IndexError):
        return None
    return None


def of_this_command(python: Python | None) -> bool:
    """Tell whether a process runs the same minor version as this command."""
    return python is None or python.version == sys.version_info[:2]
