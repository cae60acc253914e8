"""How an answer is cut into writes, and what of it is held meanwhile."""

from __future__ import annotations

import mmap
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support_server import Source, ask, connect, serving, wait_until
from tombs.runtime import conversation, sockets
from tombs.runtime.conversation import BUFFERS, GATHER, LEAST, MOST, SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support_server import Running

LINES = 60_000  # more than any socket buffer takes


class Writes:
    """The writes that were made: what was given, and what went; None where nothing did.

    A test may have them wait for the client, leave them room for less than a share, and give them
    less than there is.
    """

    def __init__(self) -> None:
        self.wait = self.tight = False
        self.given: list[int] = []
        self.went: list[int | None] = []
        self.bite: Callable[[Sequence[bytes]], Sequence[bytes]] = lambda buffers: buffers


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    """Watch the writes of all servers."""
    made = Writes()

    class Watched(sockets._socket.socket):
        def sendmsg(self, buffers: Sequence[bytes], *others: object) -> int:
            assert 0 < len(buffers) <= BUFFERS
            made.given.append(sum(map(len, buffers)))
            if made.wait:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 60, 0))
            if made.tight:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, GATHER)
            went = None
            try:
                went = super().sendmsg(made.bite(buffers), *others)
            finally:
                made.went.append(went)
            return went

    monkeypatch.setattr(sockets._socket, "socket", Watched)
    return made


@contextmanager
def stuck(running: Running, writes: Writes) -> Iterator[socket.socket]:
    """Ask, and read nothing until a write went in part."""
    before = len(writes.went)
    writes.tight = True
    with connect(running.address) as client:
        client.sendall(b"tombs\n")
        wait_until(lambda: writes.went[before:] != writes.given[before : len(writes.went)])
        yield client


@pytest.mark.parametrize("hold", [conversation.HOLD, -1.0])
@pytest.mark.parametrize("piece", [100, 20_000, 1_000_000])
@pytest.mark.parametrize("bite", [5000, 1 << 20])
def test_writes_are_large(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    writes: Writes,
    piece: int,
    bite: int,
    hold: float,
) -> None:
    """None is smaller than 16 KiB but the last, however the pieces come and the client reads."""
    monkeypatch.setattr(conversation, "HOLD", hold)
    source = Source(LINES, piece)
    with serving(source, tmp_path / "s") as running, connect(running.address) as client:
        client.sendall(b"tombs\n")
        read = sum(len(got) for got in iter(lambda: client.recv(bite), b""))
    sizes = [size for size in writes.went if size is not None]
    assert read == sum(sizes) == len(b"json:" + source.text)
    assert min(sizes[:-1]) >= LEAST
    assert max(sizes) <= MOST


def test_a_share_is_gathered_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: Writes
) -> None:
    """Where pieces take time to make, less of them go at once: the program waits meanwhile."""
    monkeypatch.setattr(conversation, "HOLD", -1.0)  # each took too long
    source = Source(LINES, 1000)
    with serving(source, tmp_path / "s") as running:
        assert ask(running.address) == b"json:" + source.text
    assert max(writes.given) < LEAST + source.piece


def test_writes_that_go_in_part(tmp_path: Path, writes: Writes) -> None:
    """Wherever in its pieces a write ends, the next one goes on from there."""
    sizes = iter([1, 999, 1000, 1001, 2999, 50_000, 1_000_000] * 99)
    ends = set()

    def bite(buffers: Sequence[bytes]) -> Sequence[bytes]:
        first = b"".join(buffers)[: next(sizes)]
        ends.add((len(first) == len(buffers[0]), len(first) > len(buffers[0])))
        return (first,)

    writes.bite = bite
    source = Source(LINES, 1000)
    with serving(source, tmp_path / "s") as running:
        assert ask(running.address) == b"json:" + source.text
    assert ends == {(False, False), (True, False), (False, True)}


def test_more_at_once_for_who_keeps_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: Writes
) -> None:
    """Shares grow while they are taken in time."""
    for name in ("HOLD", "AHEAD"):
        monkeypatch.setattr(conversation, name, 60.0)
    writes.wait = True
    source = Source(LINES * 16)
    with serving(source, tmp_path / "s") as running:
        assert ask(running.address) == b"json:" + source.text
    assert writes.given[:6] == [SHARE, 2 * SHARE, 4 * SHARE, 8 * SHARE, MOST, MOST]


def test_little_at_once_for_who_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: Writes
) -> None:
    """A client that takes its time gets less at once; the next one is not taken for it."""
    monkeypatch.setattr(conversation, "HOLD", 60.0)
    monkeypatch.setattr(conversation, "AHEAD", 1e-9)
    writes.wait = True
    source = Source(LINES)
    with serving(source, tmp_path / "s") as running:
        for _ in range(2):
            writes.given.clear()
            assert ask(running.address) == b"json:" + source.text
            assert writes.given[0] == SHARE
            assert set(writes.given[1:-1]) == {GATHER}


def test_nothing_of_the_mapping_is_held_for_who_is_gone(tmp_path: Path, writes: Writes) -> None:
    """A client that doesn't read holds on to what it gets from; once it is closed, nothing does."""
    source = Source(LINES)
    with mmap.mmap(-1, len(source.text)) as mapped:
        mapped[:] = source.text

        def lines(_: str) -> Iterator[memoryview]:
            for at in range(0, len(mapped), 1000):
                yield memoryview(mapped)[at : at + 1000]

        source.lines = lines  # type: ignore[method-assign, assignment]
        with serving(source, tmp_path / "s") as running:
            assert ask(running.address) == source.text
            with stuck(running, writes), pytest.raises(BufferError):
                mapped.close()
            wait_until(lambda: not running.server._clients)
            mapped.close()
