"""Early calls: whoever settles, and whenever, no function that was called is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tombs.loader.early import MOST, Early

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

FILE = "/srv/m.py"


def code_of(name: str) -> CodeType:
    """Make a function's code."""
    names: dict[str, Callable[[], None]] = {}
    exec(f"def {name}(): pass", names)
    return names[name].__code__


A, B, C = map(code_of, "abc")


class Graveyard:
    """Has journals of little room, and writes down what is done to them."""

    def __init__(self, room: int = 3) -> None:
        self.room = room
        self.told: list[str] = []
        self.journals: list[Journal] = []
        self.refuses = False
        self.adds: Callable[[], object] = lambda: None
        self.begins: Callable[[], object] = lambda: None

    def journal(self, digest: bytes) -> Journal | None:
        """Begin one."""
        assert digest
        if self.refuses:
            return None
        self.begins()
        self.journals.append(Journal(self))
        return self.journals[-1]

    def mark(self, code: CodeType) -> None:
        """Mark a function."""
        self.told.append(f"marked {code.co_name}")


class Journal:
    """One of its journals."""

    def __init__(self, graveyard: Graveyard) -> None:
        self.graveyard = graveyard
        self.digests: list[bytes] = []
        self.settled = False

    def add(self, digest: bytes) -> bool:
        """Write a module down, whatever happens at that moment."""
        adds, self.graveyard.adds = self.graveyard.adds, lambda: None
        adds()
        if len(self.digests) >= self.graveyard.room:
            return False
        self.digests.append(digest)
        return True

    def settle(self) -> None:
        """Settle it."""
        self.settled = True
        self.graveyard.told.append(f"settled {len(self.digests)}")


def early_of(graveyard: Graveyard) -> Early:
    """Make what a process has called early."""
    return Early(graveyard, str.encode, graveyard.mark)  # type: ignore[arg-type]


def settled(early: Early, end: float | None = None) -> bool:
    """Settle it, as who settles does it: what awaits is registered between the two."""
    early.turn(whole=end is None)
    return early.settle(end)


def test_what_was_called_is_marked_before_the_journal_is_settled() -> None:
    """A module is written down once, with its first function."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)
    assert early.started(B, FILE)
    assert early.started(C, "/srv/n.py")
    assert early.entered("/srv/o.py")
    assert [one.digests for one in graveyard.journals] == [
        [b"/srv/m.py", b"/srv/n.py", b"/srv/o.py"]
    ]
    assert graveyard.told == []
    assert settled(early)
    assert graveyard.told == ["marked a", "marked b", "marked c", "settled 3"]
    assert settled(early)
    assert len(graveyard.told) == 4


def test_there_is_time_for_a_part() -> None:
    """The journal is settled when all is marked."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)
    assert not settled(early, time.thread_time() - 1)
    assert graveyard.told == []
    assert settled(early, time.thread_time() + 60)
    assert graveyard.told == ["marked a", "settled 1"]


def test_what_cannot_be_written_down_is_not_remembered() -> None:
    """It is to be registered at once: no journal, no room in the last, or nothing to write."""
    graveyard = Graveyard(room=1)
    early = early_of(graveyard)
    for number in range(MOST):
        assert early.started(A, f"/srv/{number}.py")
    assert not early.started(B, "/srv/more.py")
    assert not early.entered("/srv/more.py")
    assert settled(early)
    assert graveyard.told == ["marked a"] * MOST + ["settled 1"] * MOST
    refusing = Graveyard()
    refusing.refuses = True
    assert not early_of(refusing).started(A, FILE)
    nothing = Early(graveyard, lambda _: None, graveyard.mark)  # type: ignore[arg-type]
    assert not nothing.started(A, FILE)


@pytest.mark.parametrize("when", ["begins", "adds"])
def test_it_is_settled_while_a_call_is_written_down(when: str) -> None:
    """Then the caller is told to mark it, and no journal is left open that nobody settles."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)
    graveyard.room = 1  # the next one begins another
    setattr(graveyard, when, lambda: settled(early))
    assert not early.started(B, "/srv/n.py")
    assert settled(early)
    assert all(one.settled for one in graveyard.journals)
    assert "marked a" in graveyard.told
    assert early.started(C, "/srv/o.py")


def test_it_is_settled_while_a_function_is_remembered() -> None:
    """Either the one finds it, or the other is told."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)

    class Settling(list[object]):
        def append(self, one: object) -> None:
            settled(early)
            super().append(one)

    early._book.codes = Settling(early._book.codes)  # type: ignore[assignment]
    assert not early.started(B, FILE)
    assert graveyard.told == ["marked a", "settled 1"]


def test_another_thread_settles_while_something_is_marked() -> None:
    """It marks that as well before it settles: the first one may never come to it."""
    graveyard = Graveyard()
    told: list[str] = []

    def mark(code: CodeType) -> None:
        if not told:
            told.append("first")
            assert settled(early)
        graveyard.mark(code)

    early = Early(graveyard, str.encode, mark)  # type: ignore[arg-type]
    assert early.started(A, FILE)
    assert early.started(B, FILE)
    assert settled(early)
    assert graveyard.told[:3] == ["marked a", "marked b", "settled 1"]


def test_what_is_called_after_the_turn_waits_for_the_next() -> None:
    """Its module may not be registered by now."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.entered(FILE)
    early.turn(whole=True)
    assert early.entered("/srv/n.py")  # between the turn and the settling
    assert not early.settle(None)
    assert [one.settled for one in graveyard.journals] == [True, False]
    early.turn(whole=False)
    assert early.settle(None)
    assert [one.settled for one in graveyard.journals] == [True, True]


def test_there_are_few_books_while_the_first_is_not_settled() -> None:
    """Whoever has little time for it begins no other; who has all the time leaves none."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)
    assert not settled(early, time.thread_time() - 1)
    assert early.started(B, FILE)
    assert not settled(early, time.thread_time() - 1)
    assert len(early._closing) == 1
    assert settled(early)
    assert graveyard.told == ["marked a", "settled 1", "marked b", "settled 1"]


def test_what_fails_is_marked_the_next_time() -> None:
    """A handler's exception, or no room at the limit of recursion."""
    graveyard = Graveyard()
    left = [1]

    def mark(code: CodeType) -> None:
        if left and code is B:
            left.pop()
            raise RecursionError
        graveyard.mark(code)

    early = Early(graveyard, str.encode, mark)  # type: ignore[arg-type]
    assert early.started(A, FILE)
    assert early.started(B, FILE)
    with pytest.raises(RecursionError):
        settled(early)
    assert graveyard.told == ["marked a"]
    assert settled(early)
    assert graveyard.told == ["marked a", "marked b", "settled 1"]


def test_a_child_writes_into_no_journal_of_its_parent() -> None:
    """Nor does it settle one."""
    graveyard = Graveyard()
    early = early_of(graveyard)
    assert early.started(A, FILE)
    early.reborn()
    assert early.started(B, FILE)
    assert settled(early)
    assert [one.settled for one in graveyard.journals] == [False, True]
    assert graveyard.told == ["marked b", "settled 1"]
