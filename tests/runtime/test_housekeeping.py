"""Housekeeping: what is done now and then, when, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support_graveyard import opened
from tombs.runtime import housekeeping
from tombs.runtime.housekeeping import BEAT, NOTHING_AFTER, Housekeeping
from tombs.runtime.locks import Liveness
from tombs.snapshot import read


class Keeping:
    """A housekeeping with real files, and its calls remembered."""

    def __init__(self, directory: Path) -> None:
        self.graveyard = opened(directory)
        self.liveness = Liveness(self.graveyard.path)
        self.settled = 0
        self.left = 0
        self.flushed = 0
        self.nothing = 0
        self.modules = 0
        self.waits = True
        self.duty = Housekeeping(
            self.graveyard,
            self.liveness,
            self._settle,
            lambda: self._count("flushed"),
            lambda: (self.modules, self.waits),
            (str(directory), "app"),
            lambda: self._count("nothing"),
        )

    def _count(self, name: str) -> None:
        setattr(self, name, getattr(self, name) + 1)

    def _settle(self, seconds: float) -> int:
        assert seconds > 0
        self.settled += 1
        return self.left


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    """Make one."""
    return Keeping(tmp_path)


def test_a_process_is_counted_once(keeping: Keeping) -> None:
    """However often it ticks; a forked child counts once more."""
    for now in (1.0, 2.0, 3.0):
        keeping.duty.tick(now)
    assert read(keeping.graveyard.path).processes == 1
    keeping.duty.reborn()
    keeping.duty.tick(4.0)
    assert read(keeping.graveyard.path).processes == 2


def test_the_sign_of_life_is_renewed_every_beat(keeping: Keeping) -> None:
    """At once, and again after half a minute, not in between."""
    beats = []
    for now in (100.0, 100.0 + BEAT / 2, 100.0 + BEAT):
        before = read(keeping.graveyard.path).seen
        keeping.duty.tick(now)
        beats.append(read(keeping.graveyard.path).seen > before)
    assert beats == [True, False, True]


def test_an_idle_process_is_left_alone(keeping: Keeping) -> None:
    """Where nothing waits, the thread wakes no more than once a beat, when it has tidied up."""
    waits = [keeping.duty.tick(float(now)) for now in (10, 12, 13)]
    assert waits == [2, BEAT - 2, BEAT - 3]
    assert keeping.flushed == 1
    assert keeping.duty.tick(10 + BEAT) == BEAT
    assert keeping.flushed == 2


def test_what_waits_is_tried_again_soon(keeping: Keeping) -> None:
    """In a fraction of a second, until nothing is left."""
    keeping.left = 1
    wait = keeping.duty.tick(10.0)
    assert 0 < wait <= 1
    keeping.left = 0
    keeping.duty.tick(10.0 + wait)
    assert keeping.settled == 2


def test_old_graveyards_are_removed_once(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the process that started, not by those that it forks."""
    calls: list[Any] = []
    monkeypatch.setattr(housekeeping, "sweep", lambda *given: calls.append(given))
    keeping.duty.tick(1.0)
    keeping.duty.tick(2.0)
    assert not calls, "the program may be closing all descriptors, as daemons do at their start"
    keeping.duty.tick(3.0)
    keeping.duty.tick(4.0)
    keeping.duty.reborn()
    keeping.duty.tick(6.0)
    assert len(calls) == 1
    assert calls[0][1] == "app"


def test_what_was_not_tidied_is_at_the_end(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that takes a second leaves its cache, and no heap of graveyards."""
    calls: list[Any] = []
    monkeypatch.setattr(housekeeping, "sweep", lambda *given: calls.append(given))
    keeping.duty.tick(1.0)
    keeping.duty.tidy()
    assert (len(calls), keeping.flushed) == (1, 1)


def test_that_nothing_is_watched_is_looked_at_once_after_a_while(keeping: Keeping) -> None:
    """A program needs time to import something."""
    keeping.duty.tick(5.0)
    keeping.duty.tick(5.0 + NOTHING_AFTER - 1)
    assert keeping.nothing == 0
    keeping.duty.tick(5.0 + NOTHING_AFTER)
    keeping.duty.tick(5.0 + 2 * NOTHING_AFTER)
    assert keeping.nothing == 1


def test_a_sign_of_life_that_can_not_be_given_stops_nothing_else(keeping: Keeping) -> None:
    """A worker that lost its descriptor and gave up its rights still settles what waits."""
    keeping.liveness._held = None
    keeping.liveness._path += ".none"
    keeping.duty.tick(1.0)
    keeping.duty.tick(1.0 + BEAT)
    assert keeping.settled == 2


def test_imports_are_waited_for(keeping: Keeping) -> None:
    """While modules come one after another nothing is made of them; soon after the last it is."""
    keeping.left = 1
    for turn in range(20):
        keeping.modules += 1
        assert 0 < keeping.duty.tick(100 + turn / 100) <= 0.02 + 1e-6
    assert keeping.settled == 0
    keeping.duty.tick(100.3)
    assert keeping.settled == 1


def test_while_nothing_waits_imports_are_seldom_disturbed(keeping: Keeping) -> None:
    """All modules are known and registered: there is no reason to be awake as they come."""
    keeping.waits = False
    keeping.modules += 1
    assert 0.05 < keeping.duty.tick(100) < 1
    keeping.modules += 1
    keeping.waits = True
    assert 0 < keeping.duty.tick(100.01) <= 0.02 + 1e-6


def test_imports_without_an_end_are_not_waited_for(keeping: Keeping) -> None:
    """A program that loads modules all the time gets its share of the work done meanwhile."""
    keeping.left = 1
    for turn in range(1000):
        keeping.modules += 1
        keeping.duty.tick(100 + turn / 100)
        if keeping.settled:
            break
    assert 5 <= turn / 100 < 6
