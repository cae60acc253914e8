"""Clients that ask for changes: what they get, and that they are in nobody's way."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.support_server import Running, Source, ask, connect, rest, serving, wait_until
from tombs.runtime import conversation, server
from tombs.runtime.conversation import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = b'{"tombs": 1, "event": "full", "most": 4}\n'


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Serve, and look for changes without much of a pause."""
    monkeypatch.setattr(conversation, "POLL", 0.01)
    with serving(Source(), tmp_path / "s") as one:
        yield one


def following(running: Running, request: bytes = b"tombs changes\n") -> socket.socket:
    """Ask for changes, and read the start."""
    client = connect(running.address)
    client.sendall(request)
    read(client, 1 + source(running).text.count(b"\n"))
    return client


def source(running: Running) -> Source:
    """Give what is served."""
    found = running.server._source
    assert isinstance(found, Source)
    return found


def read(client: socket.socket, lines: int) -> list[bytes]:
    """Read so many lines, and not a byte more."""
    got = b""
    while got.count(b"\n") < lines:
        byte = client.recv(1)
        assert byte, got
        got += byte
    return got.splitlines()


@pytest.mark.parametrize(
    ("request_", "resume"),
    [
        (b"tombs changes\n", b""),
        (b"tombs changes\r\n", b""),
        (b"tombs changes 1-2-3\n", b"1-2-3"),
        (b"tombs changes " + b"z" * 200 + b"\n", b"z" * 200),
    ],
)
def test_the_request_and_what_it_goes_on_from(
    running: Running, request_: bytes, resume: bytes
) -> None:
    """The stream begins with what there is, and then tells what happens."""
    client = connect(running.address)
    client.sendall(request_)
    assert read(client, 1) == [b"changes:" + resume]
    read(client, 3)
    for word in (b"one", b"two"):
        source(running).news.append(word + b"\n")
        assert read(client, 1) == [word]
    client.close()


@pytest.mark.parametrize(
    "request_", [b"tombs changesx\n", b"changes\n", b"tombs  changes\n", b"tombs changes" * 99]
)
def test_what_is_nearly_that_request_gets_the_tombs(running: Running, request_: bytes) -> None:
    """And an end."""
    assert ask(running.address, request_) == b"json:" + source(running).text


def test_a_beat_where_nothing_happens(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides notice by it when the other is gone."""
    monkeypatch.setattr(conversation, "QUIET", 0.02)
    with following(running) as client:
        assert read(client, 3) == [b'{"event": "beat"}'] * 3


def test_followers_take_no_place_of_the_others(running: Running) -> None:
    """Four follow, the fifth is told that they do, and the tombs are there for all the same."""
    before = len(os.listdir("/dev/fd"))
    followers = [following(running) for _ in range(server.FOLLOWERS)]
    for _ in range(3):
        assert ask(running.address, b"tombs changes\n") == FULL
    for _ in range(20):
        assert ask(running.address) == b"json:" + source(running).text
    wait_until(lambda: len(running.server._clients) == server.FOLLOWERS)
    assert len(os.listdir("/dev/fd")) <= before + 2 * server.FOLLOWERS
    followers.pop().close()
    wait_until(lambda: len(running.server._clients) == server.FOLLOWERS - 1)
    followers.append(following(running))
    for client in followers:
        client.close()
    wait_until(lambda: not running.server._clients)


def test_who_follows_outlives_the_deadlines_of_others(tmp_path: Path) -> None:
    """To have nothing to say to a client is not to wait for it."""
    limits = Limits(stall=0.05, crowded=0.05, patience=0.05, leave=0.05)
    with serving(Source(), tmp_path / "s", limits) as running, following(running) as client:
        ask(running.address)
        time.sleep(0.3)  # six times what anybody else has
        source(running).news.append(b"still there\n")
        assert read(client, 1) == [b"still there"]


def test_who_stops_reading_is_cut_off(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is to be told, and by beats alone where nothing happens."""
    monkeypatch.setattr(running.server, "_limits", Limits(stall=0.2))
    for quiet in (0.001, 60.0):
        monkeypatch.setattr(conversation, "QUIET", quiet)
        client = following(running)
        other = following(running) if quiet > 1 else None
        if other is not None:
            source(running).news += [b"x" * 40_000 + b"\n"] * 20
            other.close()
        wait_until(lambda: not running.server._clients)
        rest(client)
    assert running.told == []


def test_a_start_that_is_not_read_is_cut_off(tmp_path: Path) -> None:
    """The start is an answer like others, and so is its deadline."""
    limits = Limits(stall=0.2, patience=0.4)
    with serving(Source(60_000), tmp_path / "s", limits) as running:
        stuck = [connect(running.address) for _ in range(server.FOLLOWERS)]
        for client in stuck:
            client.sendall(b"tombs changes\n")
        assert ask(running.address) == b"json:" + source(running).text
        wait_until(lambda: not running.server._clients)
        for client in stuck:
            assert 0 < len(rest(client)) < len(source(running).text)


def test_half_a_connection_is_enough(running: Running) -> None:
    """A client that has closed its side still is told; when it is gone, its place is free."""
    with following(running) as client:
        client.shutdown(socket.SHUT_WR)
        for _ in range(3):
            source(running).news.append(b"told\n")
            assert read(client, 1) == [b"told"]
    wait_until(lambda: not running.server._clients)


def test_who_talks_without_end_is_left(running: Running) -> None:
    """What a follower says is thrown away, and no more than a megabyte of it."""
    client = following(running)
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        client.sendall(b"x" * (64 << 20))
    client.close()
    wait_until(lambda: not running.server._clients)


def test_nobody_follows_and_nothing_is_done(running: Running) -> None:
    """Without a follower the thread sleeps until it is to ask for the lead again."""
    with following(running):
        wait_until(lambda: running.server.tick(time.monotonic()) <= conversation.POLL)
    wait_until(lambda: not running.server._clients)
    now = time.monotonic()
    running.server._look = now + server.ASK_AGAIN
    assert running.server.tick(now) == pytest.approx(server.ASK_AGAIN)
