"""Asking a running program: what comes back, and what is said when nothing does."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support_server import Running, Source, serving, tcp_address
from tombs.address import Address
from tombs.client.connect import REQUESTS, fetch
from tombs.errors import ServerError, TombsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def stranger(place: Path, behave: Callable[[socket.socket], object]) -> Iterator[Address]:
    """Listen with a server that isn't ours, and behave so to its one client."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                behave(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address("unix", str(place))
        thread.join()


@pytest.mark.parametrize("request_", REQUESTS)
def test_fetch_gives_the_answer(tmp_path: Path, request_: str) -> None:
    """Every request gets what the server has for it."""
    source = Source(20_000)
    start = {"tombs function": b"function:", "graveyard": b"\0raw\0"}.get(request_, b"json:")
    with serving(source, tmp_path / "s") as running:
        assert b"".join(fetch(running.address, request_)) == start + source.text


def test_fetch_over_tcp() -> None:
    """A TCP address does too."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = Address("tcp", host="127.0.0.1", port=probe.getsockname()[1])
    source = Source()
    running = Running(source, address).start()
    try:
        assert b"".join(fetch(address)) == b"json:" + source.text
    finally:
        running.stop()


def test_nothing_listens(tmp_path: Path) -> None:
    """No socket and a dead socket are the same to a person."""
    path = tmp_path / "s"
    message = "nothing is listening at unix://.*/s\nIs the program running"
    with pytest.raises(ServerError, match=message):
        next(fetch(Address("unix", str(path))))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ServerError, match=message):
        next(fetch(Address("unix", str(path))))


def test_path_that_is_no_socket(tmp_path: Path) -> None:
    """A path through a file is told with the system's reason."""
    (tmp_path / "s").write_text("")
    with pytest.raises(ServerError, match=r"can't connect to unix://.*/s/t: Not a directory"):
        next(fetch(Address("unix", str(tmp_path / "s" / "t"))))


def test_silence_ends(tmp_path: Path) -> None:
    """A server that sends nothing is given up after the timeout."""
    done = threading.Event()
    with stranger(tmp_path / "s", lambda _: done.wait(20)) as address:
        with pytest.raises(ServerError, match=r"sent nothing for 0\.05 seconds"):
            next(fetch(address, timeout=0.05))
        done.set()


def test_full_queue_ends(tmp_path: Path) -> None:
    """So is one that accepts nobody."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(tmp_path / "s"))
            with pytest.raises(ServerError, match="did not accept a connection within"):
                next(fetch(Address("unix", str(tmp_path / "s")), timeout=0.05))


def test_reset_before_the_answer(tmp_path: Path) -> None:
    """A connection that is closed in our face is told with the likely reason."""
    with (
        stranger(tmp_path / "s", lambda client: client.recv(1)) as address,
        pytest.raises(ServerError, match="without an answer\nIt answers the user"),
    ):
        next(fetch(address))


def test_reset_within_the_answer(tmp_path: Path) -> None:
    """An answer that breaks off is never taken for a whole one."""
    with (
        stranger(tmp_path / "s", lambda client: (client.recv(1), client.send(b"{}\n"))) as address,
        pytest.raises(ServerError, match="went away in the middle of its answer"),
    ):
        list(fetch(address))


def test_end_within_a_line(tmp_path: Path) -> None:
    """Nor is one that ends in the middle of a line; a graveyard has no lines."""

    def behave(client: socket.socket) -> None:
        client.recv(100)
        client.send(b'{}\n{"fun')

    with stranger(tmp_path / "s", behave) as address:
        with pytest.raises(ServerError, match="in the middle of a line"):
            list(fetch(address))
        os.unlink(address.path)
    with stranger(tmp_path / "s", behave) as address:
        assert list(fetch(address, "graveyard")) == [b'{}\n{"fun']


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Give the path of a token file."""
    path = tmp_path / "token"
    path.write_text("the-token-of-the-tests\n")
    path.chmod(0o600)
    return str(path)


def test_a_token_is_said_over_tcp(token: str) -> None:
    """Each request gets its answer; without the token, or with another, that is an error."""
    source = Source(20_000)
    running = Running(source, tcp_address(), token=b"the-token-of-the-tests").start()
    try:
        for request in REQUESTS:
            assert b"".join(fetch(running.address, request, 20, token)).endswith(source.text)
        with open(token, "a") as file:
            file.write("\b")
        with pytest.raises(TombsError, match="more than one line"):
            list(fetch(running.address, token_file=token))
        with open(token, "w") as file:
            file.write("another-token-of-somebody")
        for path in (None, token):
            for request in REQUESTS:
                with pytest.raises(ServerError, match=r"without an answer\nIt may want a token"):
                    list(fetch(running.address, request, token_file=path))
    finally:
        running.stop()


def test_no_answer_is_told_from_no_tombs(token: str) -> None:
    """A program without tombs answers with nothing too; that is no error."""
    source = Source()
    source.lines = lambda _: iter(())  # type: ignore[method-assign]
    running = Running(source, tcp_address(), token=b"the-token-of-the-tests").start()
    try:
        assert list(fetch(running.address, token_file=token)) == []
        with pytest.raises(ServerError, match="without an answer"):
            list(fetch(running.address))
    finally:
        running.stop()


def test_a_unix_socket_is_not_told_the_token(tmp_path: Path, token: str) -> None:
    """Who listens there hears the request alone, and the file isn't even looked at."""
    heard: list[bytes] = []

    def behave(client: socket.socket) -> None:
        heard.append(client.recv(1000))
        client.sendall(b"{}\n")

    for path in (token, "/no/such/file"):
        with stranger(tmp_path / "s", behave) as address:
            assert b"".join(fetch(address, token_file=path)) == b"{}\n"
        os.unlink(address.path)
    assert heard == [b"tombs\n"] * 2
