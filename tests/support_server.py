"""A server with something to send, for the tests of the server and its thread."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests import support
from tombs.address import Address
from tombs.runtime.background import Background
from tombs.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tombs.runtime.conversation import Limits

TIMEOUT = 20.0
LINE = b'{"function": "app.never_called_%06d"}\n'

PROGRAM = """if True:
    import os, signal, sys, time
    from tests.support_server import *
    from tombs.runtime import server
    server.ASK_AGAIN = 0.05
    path = sys.argv[1]
    source = Source(60_000)
    whole = b"json:" + source.text
    leader = FileLeader(path + ".lead")
    running = Running(source, Address("unix", path), leader).start(forks=True)

    def ended(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


class Source:
    """What a graveyard is to the server: lines in two formats, and raw bytes, in pieces."""

    def __init__(self, lines: int = 3, piece: int = 64 * 1024) -> None:
        self.text = b"".join(LINE % number for number in range(lines))
        self.piece = piece
        self.pulled = 0
        self.news: list[bytes] = []
        self.fault: Exception | None = None

    def lines(self, format: str) -> Iterator[bytes | memoryview]:  # noqa: A002
        """Give the lines, with the format's name ahead."""
        yield from self._pieces(format.encode() + b":" + self.text)

    def raw(self) -> Iterator[bytes | memoryview]:
        """Give something that isn't lines."""
        yield from self._pieces(b"\0raw\0" + self.text)

    def changes(self, resume: str) -> Iterator[bytes | memoryview]:
        """Give the start, then what a test puts into `news`, without an end."""
        yield b"changes:" + resume.encode() + b"\n" + self.text
        while True:
            yield self.news.pop(0) if self.news else b""

    def _pieces(self, content: bytes) -> Iterator[bytes | memoryview]:
        if self.fault is not None:
            raise self.fault
        for at in range(0, len(content), self.piece):
            self.pulled += 1
            yield memoryview(content)[at : at + self.piece]


class FileLeader:
    """The right to serve, as an flock; with no path, nobody else wants it."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.fd = -1
        self.reborn()

    def reborn(self) -> None:
        """Open the file anew: an flock belongs to the open file, which a fork shares."""
        if self.path is not None:
            if self.fd >= 0:
                os.close(self.fd)
            self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_lead(self) -> bool:
        """Take the lock if it is free."""
        if self.fd >= 0:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def resign(self) -> None:
        """Free the lock."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)


class Running:
    """A server with its background thread; forks find it out of the way when it says so."""

    def __init__(
        self,
        source: Source,
        address: Address,
        leader: FileLeader | None = None,
        limits: Limits | None = None,
        token: bytes | None = None,
    ) -> None:
        self.told: list[str] = []
        self.leader = leader or FileLeader()
        self.server = Server(source, address, self.leader, limits=limits, token=token)
        self.background = Background([self.server], self.told.append)
        self.address = address

    def start(self, *, forks: bool = False) -> Running:
        """Begin to serve."""
        self.server.open()
        if forks:
            os.register_at_fork(
                before=self.background.park,
                after_in_parent=self.background.unpark,
                after_in_child=self._reborn,
            )
        self.background.start()
        return self

    def _reborn(self) -> None:
        self.leader.reborn()
        self.background.reborn()

    def stop(self) -> None:
        """End it."""
        assert self.background.stop(TIMEOUT)
        self.server.close(unlink=True)


@contextmanager
def serving(
    source: Source, path: object, limits: Limits | None = None, *, forks: bool = False
) -> Iterator[Running]:
    """Serve at a unix socket of this name until the end of the block."""
    running = Running(source, Address("unix", str(path)), limits=limits).start(forks=forks)
    try:
        yield running
    finally:
        running.stop()


def tcp_address() -> Address:
    """Give a port of loopback at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return Address("tcp", host="127.0.0.1", port=probe.getsockname()[1])


def connect(address: Address) -> socket.socket:
    """Connect, with a deadline for everything that follows."""
    if address.kind == "tcp":
        return socket.create_connection((address.host, address.port), TIMEOUT)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(TIMEOUT)
    try:
        client.connect(address.path)
    except OSError:
        client.close()
        raise
    return client


def rest(client: socket.socket) -> bytes:
    """Read until the server closes."""
    with client:
        return b"".join(iter(lambda: client.recv(1 << 20), b""))


def ask(address: Address, request: bytes = b"tombs\n") -> bytes:
    """Connect, ask, and read the whole answer."""
    client = connect(address)
    client.sendall(request)
    return rest(client)


def wait_until(condition: Callable[[], object]) -> None:
    """Ask again until it is so, or until the deadline."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def serving_program(tmp_path: object, code: str, *options: str) -> str:
    """Run a program with a server, warnings being errors; give what it printed."""
    words = ["-W", "error", *options, "-c", PROGRAM + code, f"{tmp_path}/s"]
    done = support.python(words, timeout=TIMEOUT * 2)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout
