"""Old generations are compacted while their release is started: forced at each place between."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.client.test_kept import Process, states
from tombs import rundir
from tombs.client import kept
from tombs.client.source import load
from tombs.errors import GraveyardError
from tombs.evidence.standing import ALIVE, DEAD
from tombs.runtime import ending, opening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Once:
    """Does something the first time that it is called, and then always what was called."""

    def __init__(self, action: Callable[[], object], called: Callable[..., Any]) -> None:
        self._action: Callable[[], object] | None = action
        self._called = called

    @property
    def done(self) -> bool:
        """Whether it was called."""
        return self._action is None

    def before(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as what is called
        """Do it, then call."""
        self._act()
        return self._called(*args, **named)

    def after(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as what is called
        """Call, then do it."""
        given = self._called(*args, **named)
        self._act()
        return given

    def _act(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the generations of six releases, of which 0 is the oldest."""
    os.chmod(tmp_path, 0o700)
    for number in range(6):
        process = Process(tmp_path, str(number))
        if number == 0:
            process.call("a")
        process.end()
        os.utime(process.graveyard.path, (number, number))
    return tmp_path


def compact(place: Path) -> int:
    """Compact as the start of another release does."""
    return kept.compact(str(place), rundir.kept_id("web", "9", ("m",)))


def together(one: Process, other: Process) -> None:
    """Hold that two processes have one file and one lock."""
    assert os.path.samestat(*(os.fstat(it.graveyard.region.fd()) for it in (one, other)))
    assert one.graveyard.region.there()
    assert one.graveyard.lock.acquire(0)
    assert not other.graveyard.lock.acquire(0), "two locks for one graveyard"
    one.graveyard.lock.release()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["FileLock", "Region", "Liveness"])
def test_a_start_whose_graveyard_is_taken_away_begins_anew(
    what: str, when: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends up in a file that others find, with a lock that others take, and nothing is lost."""
    taken: list[int] = []
    once = Once(lambda: taken.append(compact(place)), getattr(opening, what))
    monkeypatch.setattr(opening, what, getattr(once, when))
    process = Process(place, "0")
    assert once.done
    held = what == "Liveness" and when == "after"  # then it can't be taken away any more
    assert taken == [2 if held else 3]
    assert process.first == (not held)
    other = Process(place, "0")
    assert not other.first
    together(process, other)
    process.call("b")
    process.end()
    assert states(place, monkeypatch) == {"a": ALIVE, "b": ALIVE, "c": DEAD}
    other.end()


@pytest.mark.parametrize("what", ["FileLock", "Region"])
@pytest.mark.parametrize("by", ["compaction", "hand"])
def test_two_starts_of_a_release_that_is_taken_away(
    what: str, by: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has its lock, or its file, from before, the other comes after: in the end both share."""
    others: list[Process] = []

    def between() -> None:
        if by == "hand":  # whose lock stays
            os.unlink(rundir.generations(str(place), "web")[0])
        else:
            compact(place)
        others.append(Process(place, "0"))

    once = Once(between, getattr(opening, what))
    monkeypatch.setattr(opening, what, once.after)
    process = Process(place, "0")
    assert others[0].first
    assert not process.first
    together(process, others[0])
    others[0].call("b")
    process.call("c")
    for one in (process, *others):
        one.end()
    a = ALIVE if by == "compaction" else DEAD
    assert states(place, monkeypatch) == {"a": a, "b": ALIVE, "c": ALIVE}


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_start_between_reading_and_removing(
    goes_on: bool,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The generation stays, with what was called since; another time it is united with the rest."""
    started: list[Process] = []

    def between() -> None:
        started.append(Process(place, "0"))
        started[0].call("b")
        if not goes_on:
            started[0].end(in_order=False)

    once = Once(between, kept.files.write)
    monkeypatch.setattr(kept.files, "write", once.after)
    assert compact(place) == 2
    if goes_on:
        started[0].call("c")
        started[0].end()
    assert os.path.exists(started[0].graveyard.path)
    wanted = {"a": ALIVE, "b": ALIVE, "c": ALIVE if goes_on else DEAD}
    assert states(place, monkeypatch) == wanted
    os.utime(started[0].graveyard.path, (1, 1))
    assert compact(place) == 1
    assert states(place, monkeypatch) == wanted


def test_whoever_registers_at_this_moment_is_left_alone(place: Path) -> None:
    """A lock that is held says that somebody makes the graveyard anew, or writes to it."""
    old = rundir.generations(str(place), "web")[0]
    lock = opening.FileLock(rundir.stem(old) + rundir.LOCK)
    assert lock.acquire(0)
    assert compact(place) == 2
    assert os.path.exists(old)
    lock.close()
    assert compact(place) == 1


def test_another_file_in_its_place_is_not_removed(place: Path) -> None:
    """What was locked is gone, and what stands there is somebody's."""
    old, other = rundir.generations(str(place), "web")[:2]
    with open(old, "rb") as file:
        os.rename(other, old)
        assert not rundir.remove(old, file.fileno())
    assert os.path.exists(old)


def test_a_sweep_takes_no_graveyard_from_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where a program removes old ones itself."""
    os.chmod(tmp_path, 0o700)
    first = Process(tmp_path, "0")
    first.end()
    monkeypatch.setattr(ending, "KEPT", 0)
    family = rundir.family(first.run)
    once = Once(lambda: ending.sweep(str(tmp_path), family), opening.Region)
    monkeypatch.setattr(opening, "Region", once.after)
    process = Process(tmp_path, "0")
    assert once.done
    assert process.first
    assert process.graveyard.region.there()
    process.end()


def test_an_unusable_file_is_put_aside_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two starts find it at once: the second doesn't put aside what the first has made."""
    path = rundir.generations(str(place), "web")[0]
    with open(path, "r+b") as file:
        file.seek(8)
        file.write((99).to_bytes(4, "little"))
    others: list[Process] = []
    once = Once(lambda: others.append(Process(place, "0")), opening._put_aside)
    monkeypatch.setattr(opening, "_put_aside", once.before)
    process = Process(place, "0")
    assert others[0].first
    assert not process.first
    assert len([name for name in os.listdir(place) if name.endswith(".spoiled")]) == 1
    for one in (process, *others):
        one.end()


def test_who_reads_while_generations_are_united_misses_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation that goes between the listing and the reading has become history."""
    from tombs.client import source

    monkeypatch.setenv("TOMBS_DIR", str(place))
    once = Once(lambda: compact(place), source.items)
    monkeypatch.setattr(source, "items", once.before)
    found = states(place, monkeypatch)
    assert found == {"a": ALIVE, "b": DEAD, "c": DEAD}
    (spoiled, *_) = rundir.generations(str(place), "web")
    with open(spoiled, "r+b") as file:
        file.truncate(100)
    with pytest.raises(GraveyardError, match="no graveyard"):
        load("web")
