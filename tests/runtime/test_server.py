"""The server: what a client gets, and what no client can do to the others or to the program."""

from __future__ import annotations

import os
import resource
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support_server import (
    FileLeader,
    Running,
    Source,
    ask,
    connect,
    rest,
    serving,
    wait_until,
)
from tombs.address import Address
from tombs.runtime import server
from tombs.runtime.conversation import GATHER, SHARE, Limits
from tombs.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SILENT = 0.02
QUICK = Limits(request=SILENT, stall=0.3, crowded=0.05, patience=0.6, leave=0.2)
BIG = 60_000  # lines: more than any socket buffer takes
SOME = Source(1000)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Running]:
    """Serve an answer that fits any buffer."""
    with serving(SOME, tmp_path / "s") as running:
        yield running


@pytest.fixture
def big(tmp_path: Path) -> Iterator[Running]:
    """Serve an answer that fits none, to clients that have little time."""
    with serving(Source(BIG), tmp_path / "s", QUICK) as running:
        yield running


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"tombs\n", b"json:" + SOME.text),
        (b"tombs\r\n", b"json:" + SOME.text),
        (b"tombs json\n", b"json:" + SOME.text),
        (b"tombs function\n", b"function:" + SOME.text),
        (b"graveyard\n", b"\0raw\0" + SOME.text),
        (b"\n", b"json:" + SOME.text),
        (b"tombs xml\n", b"json:" + SOME.text),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"json:" + SOME.text),
        (b"\xff\0" * 5000 + b"\n", b"json:" + SOME.text),
        (b"tombs function\ngraveyard\n", b"function:" + SOME.text),
    ],
)
def test_request_gets_its_answer(small: Running, request_: bytes, answer: bytes) -> None:
    """A request line chooses the answer; what is no request gets the usual one."""
    assert ask(small.address, request_) == answer


@pytest.mark.parametrize("at", range(1, len(b"tombs function\n")))
def test_request_may_come_in_two_pieces(tmp_path: Path, at: int) -> None:
    """A request is the same wherever the network cuts it."""
    with serving(SOME, tmp_path / "s", Limits(request=5.0)) as running:
        client = connect(running.address)
        client.sendall(b"tombs function\n"[:at])
        _wait_until_read(client)
        client.sendall(b"tombs function\n"[at:])
        assert rest(client) == b"function:" + SOME.text


def test_silence_is_the_usual_request(small: Running) -> None:
    """A client that says nothing, as `nc -U` does, has its answer soon."""
    assert rest(connect(small.address)) == b"json:" + SOME.text


def test_end_of_input_is_the_usual_request(tmp_path: Path) -> None:
    """A client that closes its side doesn't have to wait."""
    with serving(SOME, tmp_path / "s", Limits(request=20.0)) as running:
        client = connect(running.address)
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"json:" + SOME.text


def test_empty_answer_is_an_end(tmp_path: Path) -> None:
    """Where there is nothing to send the connection just ends."""
    source = Source()
    source.lines = lambda _: iter(())  # type: ignore[method-assign]
    with serving(source, tmp_path / "s") as running:
        assert ask(running.address) == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp_gives_the_same(host: str) -> None:
    """A TCP socket gives what a unix socket gives, also to who sends more than it asks."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            pytest.skip(f"no {host} here")
        port = probe.getsockname()[1]
    source = Source(BIG)
    running = Running(source, Address("tcp", host=host, port=port)).start()
    try:
        assert ask(running.address) == b"json:" + source.text
        assert ask(running.address, b"x" * 100_000) == b"json:" + source.text
    finally:
        running.stop()


def test_who_never_reads_keeps_nobody_waiting(big: Running) -> None:
    """Clients that take nothing are closed, and others are served meanwhile."""
    stuck = [connect(big.address) for _ in range(5)]
    for client in stuck:
        client.sendall(b"tombs\n")
    assert ask(big.address) == b"json:" + Source(BIG).text
    wait_until(lambda: not big.server._clients)
    for client in stuck:
        assert 0 < len(rest(client)) < len(Source(BIG).text)


def test_more_who_never_read_than_places(big: Running) -> None:
    """Where they take every place, they lose it the sooner."""
    stuck = [connect(big.address) for _ in range(20)]
    for client in stuck:
        client.sendall(b"tombs\n")
    assert ask(big.address) == b"json:" + Source(BIG).text
    for client in stuck:
        client.close()


def test_a_byte_at_a_time_ends(big: Running) -> None:
    """Who reads, but far too slowly, is closed when its time is up."""
    client = connect(big.address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(b"tombs\n")
    begun = time.monotonic()
    read = 0
    while got := client.recv(1 if read < 50 else 1 << 20):
        read += len(got)
        if read < 50:
            time.sleep(0.02)  # this is the slowness
    client.close()
    assert read < len(Source(BIG).text)
    assert time.monotonic() - begun < 10


def test_a_thousand_clients(small: Running) -> None:
    """All are served, and no more than eight are the program's to hold at once."""
    before = len(os.listdir("/dev/fd"))
    most = 0
    waiting: list[socket.socket] = []
    for number in range(1000):
        client = connect(small.address)
        client.sendall(b"tombs\n")
        waiting.append(client)
        if len(waiting) == 100:
            most = max(most, len(os.listdir("/dev/fd")) - before - len(waiting))
            assert all(rest(one) == b"json:" + SOME.text for one in waiting), number
            waiting.clear()
    assert most <= 8 + 2


def test_a_flood_of_garbage(small: Running) -> None:
    """Who sends without end is cut off, and its bytes are not kept."""
    before = _resident()
    client = connect(small.address)
    sent = 0
    with suppress(BrokenPipeError, ConnectionResetError), client:
        while sent < 64 << 20:
            sent += client.send(b"x" * (1 << 20))
    assert sent < 64 << 20
    assert _resident() - before < 16 << 20
    assert ask(small.address) == b"json:" + SOME.text


def test_who_vanishes_is_no_trouble(big: Running) -> None:
    """A client that goes away, before its answer or within it, is nobody's loss."""
    for part in (0, 1, 5000, 300_000):
        client = connect(big.address)
        if part:
            client.sendall(b"tombs\n")
            client.recv(part, socket.MSG_WAITALL)
        client.close()
    assert ask(big.address) == b"json:" + Source(BIG).text
    assert big.told == []


def test_no_descriptor_left(small: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the program's descriptors used up, clients wait until there are some."""
    monkeypatch.setattr(server, "ASK_AGAIN", 0.1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.socket(socket.AF_UNIX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/dev/fd"))) + 1, hard))
    used: list[int] = []
    try:
        with suppress(OSError):
            while True:
                used.append(os.dup(0))
        busy = time.process_time()
        client.connect(small.address.path)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert time.process_time() - busy < 0.2
    finally:
        for fd in used:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    client.settimeout(20)
    assert rest(client) == b"json:" + SOME.text


def test_pieces_are_pulled_as_they_go(tmp_path: Path) -> None:
    """What is held for a client that doesn't read has a bound, whatever there is to send."""
    source = Source(BIG * 4)
    with (
        serving(source, tmp_path / "s", Limits(stall=20.0)) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"tombs\n")
        client.recv(1)
        wait_until(lambda: source.pulled >= 2)
        ask(running.address)  # a whole round later
        pulled = source.pulled - len(source.text) // source.piece - 1
        assert pulled * source.piece < 4 * (SHARE + GATHER)


def test_fault_of_the_source_ends_the_server_alone(tmp_path: Path) -> None:
    """What goes wrong in there is told once; the socket is closed, and the program goes on."""
    source = Source()
    source.fault = ValueError("the markers are gone")
    with serving(source, tmp_path / "s") as running:
        assert ask(running.address) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(running.address)
        assert running.told == ["the socket is switched off: the markers are gone"]


def test_program_closes_every_descriptor(small: Running) -> None:
    """A program that daemonises closes our descriptors; the server notices, and makes others."""
    listener = small.server._listener
    os.closerange(200, 4096)
    wait_until(lambda: small.server._listener not in (listener, None))
    assert ask(small.address) == b"json:" + SOME.text


def test_program_takes_a_descriptor_for_its_own(small: Running) -> None:
    """A number that has become the program's is never touched again."""
    listener = small.server._listener
    assert listener is not None
    small.background.park()
    number = listener.sock.fileno()
    os.dup2(0, number)
    small.background.unpark()
    wait_until(lambda: small.server._listener not in (listener, None))
    assert ask(small.address) == b"json:" + SOME.text
    assert os.path.samestat(os.fstat(number), os.fstat(0))
    os.close(number)


def test_the_last_one_leaves_no_socket_also_where_another_served(tmp_path: Path) -> None:
    """Who served has left it to the others, and the last of them ended before it took over."""
    address = Address("unix", str(tmp_path / "s"))
    one, two = (Server(Source(), address, FileLeader(str(tmp_path / "lead"))) for _ in range(2))
    one.open()
    two.open()
    assert (one.leading, two.leading) == (True, False)
    one.close(unlink=False)
    assert os.path.exists(address.path)
    two.close(unlink=True)
    assert not os.path.exists(address.path)


def test_the_last_one_leaves_a_socket_at_which_another_listens(tmp_path: Path) -> None:
    """It is another run's, or a sibling's that is about to lead."""
    address = Address("unix", str(tmp_path / "s"))
    one, two = (Server(Source(), address, FileLeader(str(tmp_path / p))) for p in "ab")
    one.open()
    two.close(unlink=True)
    assert os.path.exists(address.path)
    one.close(unlink=True)
    assert not os.path.exists(address.path)


def _wait_until_read(client: socket.socket) -> None:
    """Wait until the server has read all that was sent."""
    import array
    import fcntl
    import termios

    left = array.array("i", [1])
    wait_until(lambda: fcntl.ioctl(client, termios.TIOCOUTQ, left) == 0 and left[0] == 0)


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
