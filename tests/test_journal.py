"""The journal: what a process has called before it registered it, as every reader sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import NAMES, SOURCE, module_image, opened, register, told
from tombs import changes, layout
from tombs.block import digest
from tombs.changes import Changes
from tombs.client.view import View
from tombs.client.watched import GraveyardFile
from tombs.journal import ROOM
from tombs.runtime.mapped import Mapped
from tombs.snapshot import Snapshot, read

if TYPE_CHECKING:
    from pathlib import Path

    from tombs.journal import Journal
    from tombs.runtime.graveyard import Graveyard

M = digest(module_image(SOURCE))


def journal_of(graveyard: Graveyard, of: bytes = M) -> Journal:
    """Begin a journal."""
    made = graveyard.journal(of)
    assert made is not None
    return made


def names(data: bytes) -> list[str]:
    """Give the tombs of a graveyard's bytes."""
    return b"".join(Snapshot(data, "sent").lines("function")).decode().splitlines()


def every_way(graveyard: Graveyard) -> list[str]:
    """Give the tombs, which must be the same by whatever way they are read."""
    lines = told(graveyard)
    assert b"".join(read(graveyard.path).lines("function")).decode().splitlines() == lines
    assert names(b"".join(graveyard.raw())) == lines
    with GraveyardFile(graveyard.path) as file:
        for place in (file, Mapped(graveyard.region)):
            view = View()
            view.connected()
            text = b""
            for piece in Changes(place).pieces():
                if not piece:
                    break
                text += bytes(piece)
            for line in text.splitlines():
                list(view.feed(line))
            assert sorted(view.names(changes.POPULATED)) == sorted(lines)
    return lines


def test_what_stands_in_it_is_not_called_dead_until_it_is_settled(tmp_path: Path) -> None:
    """What others have registered, before or after; what was called is marked meanwhile."""
    graveyard = opened(tmp_path)
    register(graveyard, "def other(): pass\n", "n")
    journal = journal_of(opened(tmp_path))
    assert journal.add(M)
    assert read(graveyard.path).waiting == 1
    base = register(graveyard).base
    assert every_way(graveyard) == ["n.other"]
    graveyard.vacate(base)
    assert every_way(graveyard) == ["n.other"]
    journal.settle()
    assert every_way(graveyard) == ["n.other", *NAMES[1:]]
    assert read(graveyard.path).waiting == 0


def test_one_that_was_killed_leaves_it_in_doubt_for_good(tmp_path: Path) -> None:
    """Settled by another is another's."""
    graveyard = opened(tmp_path)
    left, other = journal_of(opened(tmp_path)), journal_of(opened(tmp_path))
    assert left.add(M)
    assert other.add(M)
    register(graveyard)
    other.settle()
    assert every_way(graveyard) == []


def test_nobody_needs_one_for_what_is_registered(tmp_path: Path) -> None:
    """It is known then, though this process hadn't read so far before it asked."""
    graveyard, other = opened(tmp_path), opened(tmp_path)
    at = graveyard._index.known.get(M)
    assert at is None
    register(other)
    used = graveyard.region.words[layout.USED]
    assert graveyard.known(M) is None
    assert graveyard.journal(M) is None
    assert graveyard.known(M) is not None
    assert graveyard.region.words[layout.USED] == used


@pytest.mark.parametrize("why", ["full", "locked"])
def test_there_may_be_none(tmp_path: Path, why: str) -> None:
    """No room for it, or another process has the lock."""
    graveyard = opened(tmp_path)
    other = opened(tmp_path)
    if why == "locked":
        assert other.lock.acquire(1.0)
    else:
        while graveyard.journal(M) is not None:
            pass
    used = graveyard.region.words[layout.USED]
    assert graveyard.journal(M) is None
    assert graveyard.region.words[layout.USED] == used


def test_its_room(tmp_path: Path) -> None:
    """So many modules, each as it is."""
    graveyard = opened(tmp_path)
    journal = journal_of(graveyard)
    for number in range(ROOM):
        assert journal.add(number.to_bytes(16, "big")[::-1] if number else M)
    assert not journal.add(M)
    assert read(graveyard.path).waiting == ROOM
    register(graveyard)
    assert every_way(graveyard) == []


def test_a_follower_is_told_of_what_is_called_early(tmp_path: Path) -> None:
    """It is unknown from then on, and what it is when all is settled."""
    graveyard = opened(tmp_path)
    base = register(graveyard).base
    other = opened(tmp_path)
    stream = Changes(Mapped(graveyard.region)).pieces()
    started = b"".join(bytes(piece) for piece in iter(lambda: next(stream), b""))
    assert b'"states": "000"' in started
    journal = journal_of(other, bytes(16))
    assert next(stream) == b""  # an empty one changes nothing
    assert journal.add(M)

    def events() -> list[bytes]:
        said = b"".join(bytes(piece) for piece in iter(lambda: next(stream), b""))
        return [line[: line.index(b",", 12)] for line in said.splitlines()]

    assert events() == [b'{"event": "unknown"'] * 3
    assert events() == []
    other.vacate(base)
    journal.settle()
    assert events() == [b'{"event": "vacated"', *[b'{"event": "populated"'] * 2]
