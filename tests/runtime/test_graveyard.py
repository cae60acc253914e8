"""The graveyard in use: slots allotted once for all processes, and what doesn't fit told."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from tests.support_graveyard import (
    NAMES,
    SOURCE,
    ended,
    forked,
    module_image,
    opened,
    register,
    told,
)
from tombs import layout
from tombs.block import digest
from tombs.errors import GraveyardError
from tombs.runtime import served
from tombs.runtime.committing import Refused
from tombs.runtime.graveyard import Graveyard
from tombs.snapshot import Snapshot, read


@pytest.fixture
def graveyard(tmp_path: Path) -> Graveyard:
    """Open an empty graveyard."""
    return opened(tmp_path)


def test_a_registered_module_is_all_tombs(graveyard: Graveyard) -> None:
    """Before anything is called, every function is a tomb."""
    assert told(graveyard) == []
    assert not graveyard.anything()
    record = register(graveyard)
    assert (record.base, record.image.count) == (0, 3)
    assert graveyard.anything()
    assert told(graveyard) == NAMES


def test_a_vacated_function_is_no_tomb(graveyard: Graveyard) -> None:
    """One stored byte takes one line away."""
    base = register(graveyard).base
    graveyard.markers[base + 1] = layout.VACATED
    assert told(graveyard) == [NAMES[0], NAMES[2]]


def test_an_unknown_function_is_no_tomb(graveyard: Graveyard) -> None:
    """What can't be watched is never called dead; what was seen called stays seen."""
    base = register(graveyard).base
    graveyard.markers[base] = layout.VACATED
    graveyard.unknown(base)
    graveyard.unknown(base + 1)
    assert told(graveyard) == NAMES[2:]
    assert list(graveyard.markers[:3]) == [layout.VACATED, layout.UNKNOWN, layout.POPULATED]


def test_a_late_module_has_no_tombs(graveyard: Graveyard) -> None:
    """Who knows what of it was called before."""
    base = register(graveyard, late=True).base
    assert told(graveyard) == []
    assert graveyard.markers[base] == layout.UNKNOWN


def test_a_module_that_is_late_somewhere_has_no_tombs(tmp_path: Path) -> None:
    """One process watched it from its start, another did not: together they know of no dead."""
    one, other = opened(tmp_path), opened(tmp_path)
    base = register(one).base
    one.markers[base] = layout.VACATED
    assert register(other, late=True).base == base
    assert told(one) == []
    assert one.markers[base] == layout.VACATED


def test_a_module_that_is_late_somewhere_has_no_tombs_while_it_is_looked_for(
    tmp_path: Path,
) -> None:
    """Who is killed before it has found the functions has called them unseen all the same."""
    one, two = opened(tmp_path), opened(tmp_path)
    register(one)
    vacated = register(one, "def other(): pass\n", "n")
    one.vacate(vacated.base)
    assert two.pend("m", "/srv/m.py", late=True) is None
    assert two.pend("n", "/srv/m.py", late=True) is None
    assert told(one) == []
    assert one.markers[vacated.base] == layout.VACATED
    assert two.pend("m", "/srv/m.py") is None


def test_modules_without_functions_do_not_fill_the_file(tmp_path: Path) -> None:
    """What one process had nothing to register of, no other writes down that it will register."""
    yards = [opened(tmp_path) for _ in range(3)]
    pending = yards[0].pend("m", "/srv/m.py")
    assert pending is not None
    killed = yards[1].pend("m", "/srv/m.py")  # nobody knows yet that there is nothing
    assert killed is not None
    yards[0].settled(pending)
    used = yards[2].region.words[layout.USED]
    assert yards[2].pend("m", "/srv/m.py") is None
    assert yards[2].pend("m", "/srv/m.py", late=True) is not None  # it may have become another
    assert yards[2].pend("n", "/srv/m.py") is not None
    assert yards[2].region.words[layout.USED] == used + 2 * 80
    register(yards[2])
    assert told(yards[0]) == []  # the killed one may have called what is there


def test_the_same_module_is_registered_once(tmp_path: Path) -> None:
    """Two processes that load it share its slots, and a call in either vacates."""
    one, other = opened(tmp_path), opened(tmp_path)
    assert register(one).base == register(one).base == register(other).base == 0
    other.markers[0] = layout.VACATED
    assert told(one) == told(other) == NAMES[1:]


def test_another_version_of_a_module_gets_slots_of_its_own(graveyard: Graveyard) -> None:
    """A reload with new code doesn't inherit what was called of the old."""
    old = register(graveyard).base
    graveyard.markers[old] = layout.VACATED
    new = register(graveyard, SOURCE.replace("3", "4")).base
    assert new == old + 3
    assert told(graveyard) == NAMES[1:] + NAMES


def test_modules_of_two_processes_lie_side_by_side(tmp_path: Path) -> None:
    """Each finds what the other registered, and nobody's slots overlap."""
    one, other = opened(tmp_path), opened(tmp_path)
    bases = [register((one, other)[number % 2], SOURCE, f"m{number}").base for number in range(8)]
    assert bases == list(range(0, 24, 3))
    assert len(told(one)) == len(told(other)) == 24


def test_slots_full_refuses_what_does_not_fit(tmp_path: Path) -> None:
    """A module is recorded whole or not at all, and a smaller one may still fit."""
    graveyard = opened(tmp_path, slots=4)
    register(graveyard)
    with pytest.raises(Refused) as caught:
        register(graveyard, SOURCE, "n")
    assert (caught.value.reason, caught.value.final) == ("slots full", True)
    register(graveyard, "def f(): pass\n", "o")
    assert told(graveyard) == [*NAMES, "o.f"]


def test_strings_full_refuses_and_can_still_be_noted(tmp_path: Path) -> None:
    """The end of the region is kept for saying so."""
    graveyard = opened(tmp_path, slots=10_000)
    big = "".join(f"def f{number}(): pass\n" for number in range(900))
    with pytest.raises(Refused, match="strings full") as caught:
        register(graveyard, big)
    assert caught.value.final
    assert graveyard.drop(b"1" * 16, "big", 3, "strings full")
    snapshot = read(graveyard.path)
    assert snapshot.notes()[0]["module"] == "big"
    assert snapshot.dropped == 0


def test_what_was_dropped_is_told_once_in_all_processes(tmp_path: Path) -> None:
    """Only the first module that the run drops is news; each is counted once."""
    one, other = opened(tmp_path), opened(tmp_path)
    assert one.note(b"0" * 16, "unwatched", "z", 0, "was loaded before")
    news = [
        one.drop(b"1" * 16, "a", 3, "slots full"),
        one.drop(b"1" * 16, "a", 3, "slots full"),
        other.drop(b"1" * 16, "a", 3, "slots full"),
        other.drop(b"2" * 16, "b", 4, "slots full"),
        one.drop(b"3" * 16, "c", 5, "slots full"),
    ]
    assert news == [True, False, False, False, False]
    dropped = [note for note in read(one.path).notes() if note["note"] == "dropped"]
    assert [note["functions"] for note in dropped] == [3, 4, 5]


def test_notes_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    """With no room even for a note, the number of functions is kept."""
    graveyard = opened(tmp_path)
    for number in range(2000):
        graveyard.note(number.to_bytes(16, "big"), "unwatched", "m", 0, "r" * 60)
    news = [graveyard.drop(bytes([number]) * 16, "m", 5, "strings full") for number in (200, 201)]
    assert news == [True, False]
    assert read(graveyard.path).dropped == 10


def test_a_full_disk_refuses_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room on disk is a reason like the others."""
    graveyard = opened(tmp_path, slots=1000, strings=1 << 20)
    register(graveyard)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    big = "".join(f"def f{number}(): pass\n" for number in range(900))
    with pytest.raises(Refused, match="no room on disk"):
        graveyard.register(module_image(big), b"b" * 16)
    assert told(graveyard) == NAMES
    assert read(graveyard.path).functions == 3


def test_a_lock_that_can_not_be_had_refuses_for_now(tmp_path: Path) -> None:
    """The module is to be tried again, and nothing of it is in the file."""
    one, other = opened(tmp_path), opened(tmp_path)
    assert one.lock.acquire(0)
    data = module_image()
    with pytest.raises(Refused, match="held by another process") as caught:
        other.register(data, digest(data), deadline=0.01)
    assert not caught.value.final
    one.lock.release()
    assert other.register(data, digest(data), deadline=0.01).base == 0


def test_a_module_that_is_known_needs_no_lock(tmp_path: Path) -> None:
    """Loading it again never waits."""
    one, other = opened(tmp_path), opened(tmp_path)
    register(one)
    assert other.lock.acquire(0)
    assert register(one).base == 0


def test_who_is_killed_half_way_leaves_nothing(tmp_path: Path) -> None:
    """A block without its commit is nobody's, and its slots are given to the next."""
    graveyard = opened(tmp_path)
    register(graveyard)
    used = graveyard.region.words[layout.USED]

    def die() -> None:
        child = opened(tmp_path)
        record = register(child, SOURCE, "n")
        for slot in range(record.base, record.base + 3):
            child.markers[slot] = layout.VACATED
        # What is on the disk of somebody who died one instruction before the commit.
        child.region.words[layout.USED] = used
        child.lock.acquire(1)
        os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(die)) == -signal.SIGKILL
    assert told(graveyard) == NAMES
    assert register(graveyard, SOURCE, "o").base == 3
    assert told(graveyard) == [*NAMES, *[name.replace("m.", "o.", 1) for name in NAMES]]


def test_what_is_settled_is_awaited_no_more(tmp_path: Path) -> None:
    """A module is in doubt until each process has registered it that was about to."""
    one, two = opened(tmp_path), opened(tmp_path)
    flags = [yard.pend("m", "/srv/m.py") for yard in (one, two)]
    other = one.pend("n", "/srv/n.py")
    register(one)
    for flag, tombs in ((flags[1], []), (flags[0], NAMES)):
        assert told(one) == []
        assert told(one) == []
        assert flag is not None
        one.settled(flag)
        assert told(one) == tombs
    for flag in (other, two.pend("n", "/srv/n.py", late=True)):
        assert one.others() == (one._index.records, [("n", "/srv/n.py")])
        assert flag is not None
        one.settled(flag)
    assert one.others() == (one._index.records, [])


@pytest.mark.parametrize("blocks", [1, 2, 3, 100])
def test_a_graveyard_is_read_some_blocks_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    """Who asks first has all of it read; others get at the interpreter's lock meanwhile."""
    made = opened(tmp_path)
    names = "abcdef"
    for name in names:
        register(made, f"def {name}(): pass\n", name)
    made.note(b"n" * 16, "unwatched", "odd", 0, "was loaded before watching began")
    pauses: list[float] = []
    monkeypatch.setattr(served, "_BLOCKS", blocks)
    monkeypatch.setattr(served, "_sleep", pauses.append)
    assert told(made) == [f"{name}.{name}" for name in names]
    assert len(pauses) == (len(names) + 1 - 1) // blocks
    register(made, "def g(): pass\n", "g")
    assert told(made)[-1] == "g.g"
    assert len(pauses) == (len(names) + 1 - 1) // blocks


def test_both_formats_and_the_file_itself_are_served(graveyard: Graveyard) -> None:
    """What a server sends as the graveyard is the graveyard."""
    register(graveyard)
    graveyard.markers[0] = layout.VACATED
    json_lines = told(graveyard, "json")
    assert len(json_lines) == 2
    assert json_lines[0].startswith('{"location": {"file": "/srv/m.py", "start": 5')
    sent = Snapshot(b"".join(graveyard.raw()), "sent")
    assert b"".join(sent.lines("function")).decode().splitlines() == told(graveyard)


def test_lines_are_those_of_the_moment_they_were_asked_for(graveyard: Graveyard) -> None:
    """A call that comes while a slow client reads doesn't tear what it gets."""
    register(graveyard)
    lines = graveyard.lines("function")
    graveyard.markers[0] = layout.VACATED
    assert b"".join(lines).decode().splitlines() == NAMES


def test_a_spoiled_graveyard_is_an_error_that_says_where(graveyard: Graveyard) -> None:
    """Reading on in a file that somebody wrote over is no endless loop and no crash."""
    register(graveyard)
    graveyard.region.map[graveyard.region.strings_at] = 0
    with pytest.raises(GraveyardError, match="byte 0"):
        told(opened(Path(graveyard.path).parent))


def test_processes_and_times_are_written_down(graveyard: Graveyard) -> None:
    """How many took part, when it was last alive, and whether it ended in order."""
    graveyard.join()
    graveyard.join()
    os.utime(graveyard.path, (1, 1))
    graveyard.beat()
    assert os.stat(graveyard.path).st_mtime > 1
    alive = read(graveyard.path)
    assert (alive.processes, alive.ended) == (2, 0)
    assert alive.seen > alive.created
    graveyard.end()
    ended = read(graveyard.path)
    assert ended.ended == ended.seen >= alive.seen


def test_a_clock_that_was_set_back_changes_nothing(graveyard: Graveyard) -> None:
    """The newest sign of life stays the newest."""
    graveyard.region.words[layout.SEEN] = 1 << 63
    graveyard.beat()
    assert graveyard.region.words[layout.SEEN] == 1 << 63


def test_markers_stay_when_the_graveyard_is_closed(graveyard: Graveyard) -> None:
    """Code that is still armed may store into them; the descriptors are given back."""
    base = register(graveyard).base
    before = len(os.listdir("/dev/fd"))
    graveyard.close()
    assert len(os.listdir("/dev/fd")) == before - 2
    graveyard.markers[base] = layout.VACATED
    assert told(graveyard) == NAMES[1:]
