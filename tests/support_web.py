"""Talk to servers under test: HTTP over a unix socket, the gate that holds workers, leadership.

A gate makes workers answer in turn without any luck: a request stays inside its worker, which says
so through one pipe and waits at another, so that the next request can only reach another worker.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support_runs import DEADLINE, wait_for


class Gate:
    """Two named pipes: workers write a byte into `arrived`, and read one from `leave`."""

    def __init__(self, place: Path) -> None:
        """Make both pipes, and hold them open so that nobody waits at the opening."""
        self.ends = []
        for name in ("arrived", "leave"):
            os.mkfifo(place / name)
            self.ends.append(os.open(place / name, os.O_RDWR))

    def wait_arrived(self) -> None:
        """Wait until one more worker is inside."""
        ready, _, _ = select.select([self.ends[0]], [], [], DEADLINE)
        assert ready, "no worker came to the gate"
        os.read(self.ends[0], 1)

    def open(self, count: int) -> None:
        """Let a number of workers go on."""
        os.write(self.ends[1], b"." * count)

    def close(self) -> None:
        """Close both pipes."""
        for end in self.ends:
            os.close(end)


@contextmanager
def gate(place: Path) -> Iterator[Gate]:
    """A gate in a directory, closed at the end."""
    made = Gate(place)
    try:
        yield made
    finally:
        made.close()


def ask(path: Path, target: str) -> socket.socket:
    """Send a GET over a unix socket; the answer is read with `answer`."""
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(DEADLINE)
    asked.connect(str(path))
    asked.sendall(f"GET {target} HTTP/1.0\r\nHost: here\r\n\r\n".encode())
    return asked


def answer(asked: socket.socket) -> str:
    """Read a whole answer and give its body; it must be a good one."""
    head, _, body = read_all(asked).partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0], head
    return body.decode()


def read_all(asked: socket.socket) -> bytes:
    """Read until the other side closes."""
    with asked:
        data = b""
        while more := asked.recv(65536):
            data += more
        return data


def get(path: Path, target: str) -> str:
    """GET over a unix socket."""
    return answer(ask(path, target))


def wait_for_server(path: Path) -> None:
    """Wait until somebody accepts on a unix socket."""

    def connects() -> bool | None:
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(str(path))
                return True
        except OSError:
            return None

    wait_for(connects, f"a server on {path}", DEADLINE)


def tombs_socket(rundir: Path) -> Path:
    """The one socket in a run directory, when somebody accepts on it."""
    path = wait_for(lambda: next(rundir.glob("*.sock"), None), f"a socket in {rundir}")
    wait_for_server(path)
    return path


def fetch(path: Path) -> list[str]:
    """What Tombs sends to a client that asks nothing, as `nc -U` does."""
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(DEADLINE)
    asked.connect(str(path))
    return read_all(asked).decode().splitlines()


def try_fetch(path: Path) -> list[str] | None:
    """The same, or None while nobody serves."""
    try:
        return fetch(path)
    except OSError:
        return None


def leader(rundir: Path) -> int:
    """The process that serves: the one that holds the lock on the `.serve` file."""
    return wait_for(lambda: _holder(next(rundir.glob("*.serve"), None)), "a leader")


def _holder(path: Path | None) -> int | None:
    if path is None:
        return None
    inode = str(path.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
            return int(words[4])
    return None


def kill(pid: int) -> None:
    """End one process the hard way, and wait until it runs no more."""
    os.kill(pid, signal.SIGKILL)

    def dead() -> bool | None:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return True if state in "ZX" else None

    wait_for(dead, f"the end of {pid}")
