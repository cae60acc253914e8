"""A module that is registered while a graveyard is read: what was called in it is never dead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import NAMES, opened, register, told
from tombs.snapshot import Snapshot, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tombs.runtime.graveyard import Graveyard


@pytest.fixture
def served(tmp_path: Path) -> Graveyard:
    """Make a graveyard that is read, with another module before the one that it is about."""
    made = opened(tmp_path)
    register(made, "def other(): pass\n", "n")
    return made


@pytest.fixture
def settle(tmp_path: Path, served: Graveyard) -> Callable[[], None]:
    """Have a process register what two have loaded; give what the other does after it."""
    assert served  # first
    one, other = opened(tmp_path), opened(tmp_path)
    first, second = (yard.pend("m", "/srv/m.py") for yard in (one, other))
    assert first is not None
    assert second is not None
    base = register(one).base
    one.settled(first)

    def finish() -> None:
        other.vacate(base)  # it was called long ago
        other.settled(second)

    return finish


def test_settled_while_lines_are_asked_for(
    served: Graveyard, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who awaits nothing any more looks at the markers after that."""
    index = served._served._index
    awaited = type(index).awaited

    def later(_: object) -> list[bytes]:
        settle()
        return awaited(index)

    monkeypatch.setattr(type(index), "awaited", later)
    assert told(served) == ["n.other", *NAMES[1:]]


def test_settled_while_the_graveyard_is_sent(served: Graveyard, settle: Callable[[], None]) -> None:
    """What is sent of its blocks may be newer than its markers."""
    chunks = []
    for chunk in served.raw():
        chunks.append(bytes(chunk))
        if sum(map(len, chunks)) == served.region.strings_at:
            settle()
    assert tombs_of(Snapshot(b"".join(chunks), "sent")) == ["n.other"]
    assert tombs_of(Snapshot(b"".join(served.raw()), "sent")) == ["n.other", *NAMES[1:]]


@pytest.mark.parametrize("reads", range(1, 8))
def test_settled_while_the_file_is_read(
    served: Graveyard, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    """Between whatever two reads of the file that is."""
    pread = os.pread
    left = [reads]

    def little(fd: int, size: int, at: int) -> bytes:
        left[0] -= 1
        if not left[0]:
            settle()
        return pread(fd, min(size, 200 if at >= served.region.strings_at else 4096), at)

    monkeypatch.setattr(os, "pread", little)
    found = tombs_of(read(served.path))
    assert left[0] <= 0
    assert found in (["n.other"], ["n.other", *NAMES[1:]])


def tombs_of(snapshot: Snapshot) -> list[str]:
    """Give the names of its tombs."""
    return b"".join(snapshot.lines("function")).decode().splitlines()
