"""Functions that start in a process that doesn't have their module: marked, or in doubt."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import SOURCE, compiled, ended, forked, opened, register, told
from tombs import layout
from tombs.loader import strangers
from tombs.loader.strangers import Strangers

if TYPE_CHECKING:
    from pathlib import Path

    from tombs.runtime.graveyard import Graveyard


@pytest.fixture
def owner(tmp_path: Path) -> Graveyard:
    """Give the graveyard as the process has it that has the module."""
    return opened(tmp_path)


def first() -> CodeType:
    """Give the code of the module's first function, as another process gets it."""
    return next(one for one in compiled(SOURCE).co_consts if isinstance(one, CodeType))


def started(directory: Path) -> Strangers:
    """Give the strangers of a process in which that function has started."""
    found = Strangers(opened(directory), str)
    found.add(first(), "/srv/m.py")
    return found


def test_what_is_registered_is_marked(owner: Graveyard, tmp_path: Path) -> None:
    """At the first look, and then it is over."""
    register(owner)
    here = started(tmp_path)
    assert not here.find()
    assert not here.waiting
    assert "m.first" not in told(owner)


def test_what_will_be_registered_is_in_doubt_until_it_is(owner: Graveyard, tmp_path: Path) -> None:
    """It has begun before its own process had the time: nothing of the module is dead meanwhile."""
    pending = owner.pend("m", "/srv/m.py")
    assert pending is not None
    here = started(tmp_path)
    assert here.find()
    assert here.waiting
    register(owner)
    owner.settled(pending)
    assert told(owner) == []
    assert not here.find()
    assert told(owner) == ["m.Second::method", "m.Second.method.<locals>.<lambda>"]


def test_who_is_gone_by_then_leaves_the_doubt(owner: Graveyard, tmp_path: Path) -> None:
    """What it called is known to nobody: nothing of the module is called dead."""
    pending = owner.pend("m", "/srv/m.py")
    assert pending is not None
    assert ended(forked(lambda: not started(tmp_path).find())) == 0
    register(owner)
    owner.settled(pending)
    assert told(owner) == []


def test_what_nobody_will_register_is_let_go(owner: Graveyard, tmp_path: Path) -> None:
    """It is some library's, and not watched."""
    owner.pend("other", "/srv/other.py")
    here = started(tmp_path)
    assert not here.find()
    assert not here.waiting


def called_m(directory: Path) -> Strangers:
    """Give the strangers where that function has started under its module's name."""
    here = Strangers(opened(directory), str)
    here.wanted = lambda name, file: (name, file) == ("m", "/srv/m.py")
    here.add(first(), "/srv/m.py", "m")
    return here


def test_what_nobody_has_said_to_register_is_in_doubt_by_its_name(
    owner: Graveyard, tmp_path: Path
) -> None:
    """Its own process has put it off, and says nothing until it does it."""
    here = called_m(tmp_path)
    assert here.find()
    assert not here.waiting  # nobody waits for it at the end: it may never come
    register(owner)
    assert told(owner) == []
    assert not here.find()
    assert told(owner) == ["m.Second::method", "m.Second.method.<locals>.<lambda>"]


def test_what_is_registered_very_late_stays_in_doubt(owner: Graveyard, tmp_path: Path) -> None:
    """It isn't looked for without an end; what was called then is known to nobody."""
    here = called_m(tmp_path)
    looks = 0
    while here.find():
        looks += 1
    assert looks == strangers._OFTEN
    register(owner)
    assert not here.find()
    assert told(owner) == []


def test_doubts_of_many_processes_do_not_fill_the_file(owner: Graveyard, tmp_path: Path) -> None:
    """Each of a month's workers may run such a function."""
    for _ in range(20):
        called_m(tmp_path).find()
    before = owner.region.words[layout.USED]
    for _ in range(20):
        called_m(tmp_path).find()
    assert owner.region.words[layout.USED] == before
    register(owner)
    assert told(owner) == []


def test_a_lock_that_is_held_loses_nothing(owner: Graveyard, tmp_path: Path) -> None:
    """It is looked again, and soon; not for ever."""
    register(owner)
    here = started(tmp_path)
    assert owner.lock.acquire(0.0)
    looks = 0
    while here.find():
        looks += 1
    assert looks == strangers._SOON - 1
    assert here.waiting
    owner.lock.release()
    here.find()
    assert not here.waiting
    assert "m.first" not in told(owner)


def test_they_are_bounded(owner: Graveyard, tmp_path: Path) -> None:
    """Code that is made anew over and over takes no memory without an end."""
    assert owner.lock.acquire(0.0)
    here = Strangers(opened(tmp_path), str)
    for _ in range(strangers.MOST + 10):
        here.add(first(), "/srv/m.py")
    assert len(here._codes) == strangers.MOST
    owner.lock.release()
