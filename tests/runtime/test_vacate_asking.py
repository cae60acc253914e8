"""The vacate of a module that awaits its place: it asks for it, once, and loses no call."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.runtime.test_vacate import markers
from tombs.runtime.vacate import Vacate

if TYPE_CHECKING:
    from types import FrameType


def test_a_place_is_asked_for_with_the_first_call() -> None:
    """Whoever is told gives it, and the call is marked there; later calls tell nobody."""
    found = markers()
    told: list[str] = []
    erased: list[FrameType] = []

    def called(file: str) -> bool:
        told.append(file)
        vacate.place(5, 4)
        return True

    vacate = Vacate(found, None, lambda frame: erased.append(frame) is None)
    vacate.await_call(called, "/srv/m.py")
    vacate(3)
    vacate(1)
    vacate(4)  # the module has no such function
    assert told == ["/srv/m.py"]
    assert list(found) == [0] * 6 + [1, 0, 1] + [0] * 7
    assert len(erased) == 3


@pytest.mark.parametrize("early", [False, True])
def test_a_place_that_comes_later(early: bool) -> None:
    """What was called meanwhile is marked then; its prologue goes where it is written down."""
    found = markers()
    told: list[str] = []
    erased: list[FrameType] = []

    def called(file: str) -> bool:
        told.append(file)
        return not early

    vacate = Vacate(found, None, lambda frame: erased.append(frame) is None)
    vacate.await_call(called, "/srv/m.py")
    vacate(3)
    vacate(1)
    assert told == ["/srv/m.py"] * 2
    assert not any(found)
    assert len(erased) == (2 if early else 0)
    vacate.place(5, 4)
    assert list(found) == [0] * 6 + [1, 0, 1] + [0] * 7
    vacate(0)
    assert len(told) == 2


def test_who_asks_for_the_place_writes_its_time_down_itself() -> None:
    """Written down as the place is given, who called it would not be seen."""
    found = markers()
    seen: list[tuple[int, str]] = []

    class Times:
        def touch(self, slot: int) -> None:
            seen.append((slot, sys._getframe(1).f_code.co_name))

    early = [True]

    def called(_file: str) -> bool:
        return not early.pop() if early else vacate.place(5, 4) is None

    vacate = Vacate(found, None, None, Times())  # type: ignore[arg-type]
    vacate.await_call(called, "/srv/m.py")
    vacate(1)
    assert seen == []
    vacate(2)
    assert seen == [(6, "_mark"), (7, "__call__")]
    assert list(found) == [0] * 6 + [1, 1] + [0] * 8


def test_no_room_for_the_time_of_an_early_call() -> None:
    """At the limit of recursion what waited is marked all the same, the rest the next time."""
    found = markers()
    touched: list[int] = []

    class Times:
        def touch(self, slot: int) -> None:
            touched.append(slot)
            if len(touched) == 1:
                raise RecursionError

    vacate = Vacate(found, None, None, Times())  # type: ignore[arg-type]
    vacate.await_call(lambda _: False, "/srv/m.py")
    vacate(1)
    vacate(2)
    with pytest.raises(RecursionError):
        vacate.place(5, 4)
    assert list(found) == [0] * 6 + [1, 1] + [0] * 8
    vacate.place(5, 4)
    assert {6, 7} <= set(touched)


def test_asking_for_the_place_calls_us_again() -> None:
    """As an audit hook that is told of the locks: that call is remembered, and asks nothing."""
    found = markers()
    asked: list[str] = []

    def called(file: str) -> bool:
        asked.append(file)
        vacate(2)
        return False

    vacate = Vacate(found, None)
    vacate.await_call(called, "/srv/m.py")
    vacate(1)
    assert len(asked) == 1
    vacate.place(5, 4)
    assert list(found) == [0] * 6 + [1, 1] + [0] * 8


@pytest.mark.parametrize("placed", [False, True])
def test_no_room_to_ask_for_a_place(placed: bool) -> None:
    """At the limit of recursion the call is remembered, or marked if another has the place now."""
    found = markers()
    names: dict[str, object] = {"__name__": "tombs.loader.enlisted"}
    exec("def called(file):\n    come()\n    raise RecursionError", names)
    vacate = Vacate(found, None)
    names["come"] = lambda: vacate.place(5, 4) if placed else None
    vacate.await_call(names["called"], "/srv/m.py")  # type: ignore[arg-type]
    vacate(3)
    if not placed:
        assert not any(found)
        vacate.place(5, 4)
    assert list(found) == [0] * 8 + [1] + [0] * 7
