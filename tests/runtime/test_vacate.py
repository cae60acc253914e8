"""The vacate: one byte, once, whatever happens around it."""

from __future__ import annotations

import builtins
import copy
import ctypes
import pickle
import subprocess
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING

import cloudpickle
import pytest

from tests.support import environment, python
from tombs.loader import poke
from tombs.loader.splice import splice
from tombs.runtime.vacate import NAME, Fallback, Vacate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType


def markers(count: int = 16) -> ctypes.Array[ctypes.c_uint8]:
    """Make markers in this process's own memory."""
    return (ctypes.c_uint8 * count)()


def watched(index: int = 0) -> CodeType:
    """Make a function's code that calls the vacate."""

    def function(x: int) -> int:
        return x + 1

    return splice(function.__code__, index)


def test_a_call_marks_its_slot() -> None:
    """The marker at the module's base plus the function's index becomes 1, and no other."""
    found = markers()
    vacate = Vacate(found, 5)
    vacate(3)
    vacate(3)
    assert list(found) == [0] * 8 + [1] + [0] * 7


def test_unknown_becomes_vacated() -> None:
    """A function that was not watched from the start is known once it is called."""
    found = markers()
    found[5] = 2
    Vacate(found, 5)(0)
    assert found[5] == 1


def test_the_prologue_is_erased_where_allowed() -> None:
    """What erases is given the frame of the function that called."""
    found = markers()
    frames: list[str] = []

    def erase(frame: FrameType) -> bool:
        frames.append(frame.f_code.co_name)
        return True

    function = FunctionType(watched(), {NAME: Vacate(found, 0, erase)})
    assert function(1) == 2
    assert frames == ["function"]


def test_erasing_that_fails_is_tried_once() -> None:
    """A prologue that stays costs a call each time, but not another look at the code."""
    tries: list[FrameType] = []

    def erase(frame: FrameType) -> bool:
        tries.append(frame)
        return False

    found = markers()
    vacate = Vacate(found, 0, erase)
    function = FunctionType(watched(2), {NAME: vacate})
    assert [function(n) for n in range(5)] == [1, 2, 3, 4, 5]
    assert len(tries) == 1
    assert found[2] == 1


def test_calls_before_the_base_is_known_are_replayed() -> None:
    """A module whose registration waits loses no call."""
    found = markers()
    vacate = Vacate(found, None)
    vacate(0)
    vacate(4)
    vacate(4)
    assert not any(found)
    vacate.place(8)
    assert [slot for slot, marker in enumerate(found) if marker] == [8, 12]
    vacate(1)
    assert found[9] == 1


def test_what_is_erased_before_the_base_is_known_is_remembered() -> None:
    """A prologue doesn't wait for the base: what a program calls as it imports, it calls often."""
    marked: list[list[int]] = []

    def erase(_frame: FrameType) -> bool:
        vacate.place(8)  # whoever does it from here on finds the index
        marked.append(list(found))
        return True

    found = markers()
    vacate = Vacate(found, None, erase)
    assert FunctionType(watched(4), {NAME: vacate})(1) == 2
    assert marked == [[0] * 12 + [1] + [0] * 3]


@pytest.mark.skipif(not poke.can_erase(), reason="here prologues stay")
def test_a_prologue_is_gone_before_the_base_is_known() -> None:
    """The second call needs nothing of ours."""
    found = markers()
    vacate = Vacate(found, None, poke.erase)
    function = FunctionType(watched(4), {NAME: vacate})
    assert function(1) == 2
    del function.__globals__[NAME]
    assert function(1) == 2
    vacate.place(8)
    assert list(found) == [0] * 12 + [1] + [0] * 3


def test_a_base_that_comes_between_loses_no_call() -> None:
    """Threads that call while the base is placed: every index is marked in the end."""
    rounds, count = 50, 64
    for _ in range(rounds):
        found = markers(count)
        vacate = Vacate(found, None)
        start = threading.Barrier(3)

        def calls(first: int) -> None:
            start.wait(30)  # noqa: B023 - joined within the round
            for index in range(first, count, 2):
                vacate(index)  # noqa: B023

        threads = [threading.Thread(target=calls, args=(first,)) for first in (0, 1)]
        for thread in threads:
            thread.start()
        start.wait(30)
        vacate.place(0)
        for thread in threads:
            thread.join(30)
        assert list(found) == [1] * count


def test_the_base_is_read_again_after_remembering() -> None:
    """The one order that could lose a call: placed after the first look, before the add."""
    found = markers()
    vacate = Vacate(found, None)

    class Placing(set[int]):
        def add(self, index: int) -> None:
            vacate.place(0)
            super().add(index)

    vacate._waiting = Placing({7})
    vacate(3)
    assert found[3] == 1


def test_a_handler_s_recursion_error_is_the_program_s() -> None:
    """It was raised while the place was asked for, and not by that."""
    vacate = Vacate(markers(), None)

    def called(_file: str) -> bool:
        raise RecursionError

    vacate.await_call(called, "/srv/m.py")
    with pytest.raises(RecursionError):
        vacate(3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, SystemExit])
def test_what_others_raise_goes_through(error: type[BaseException]) -> None:
    """An exception that a signal handler raises inside a vacate reaches the program."""

    def erase(_frame: FrameType) -> bool:
        raise error

    found = markers()
    function = FunctionType(watched(), {NAME: Vacate(found, 0, erase)})
    with pytest.raises(error):
        function(1)


def test_a_signal_inside_a_vacate_reaches_the_program() -> None:
    """A handler that raises while vacates are called without end: its exception ends the loop."""
    program = (
        "import signal, sys\n"
        "from tombs.runtime.vacate import Vacate\n"
        "class Ours(Exception): pass\n"
        "def handler(signum, frame): raise Ours\n"
        "signal.signal(signal.SIGALRM, handler)\n"
        "vacate = Vacate(bytearray(4), 0, lambda frame: True)\n"
        "def function():\n"
        "    while True: vacate(1)\n"
        "got = 0\n"
        "for _ in range(200):\n"
        "    try:\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.0005)\n"
        "        function()\n"
        "    except Ours: got += 1\n"
        "print(got)\n"
    )
    assert python(["-c", program], check=True).stdout == "200\n"


def test_a_fallback_finds_the_module_by_its_file() -> None:
    """Code under foreign globals vacates the tomb of the function it was taken from."""
    found = markers()
    erased: list[str] = []

    def erase(frame: FrameType) -> bool:
        erased.append(frame.f_code.co_name)
        return True

    vacate = Vacate(found, 4, erase)
    asked: list[tuple[str, str, int]] = []

    def resolve(frame: FrameType, index: int) -> Vacate | None:
        asked.append((frame.f_code.co_filename, frame.f_code.co_name, index))
        return vacate

    function = FunctionType(watched(2), {NAME: Fallback(resolve)})
    assert function(1) == 2
    assert asked == [(__file__, "function", 2)]
    assert found[6] == 1
    assert erased == ["function"]


def test_a_fallback_that_finds_nothing_does_nothing() -> None:
    """Code that isn't of this run behaves as if it had no prologue."""
    function = FunctionType(watched(2), {NAME: Fallback(lambda *_: None)})
    assert function(1) == 2


def test_builtins_serve_foreign_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    """`FunctionType(f.__code__, {})` finds the fallback among the builtins."""
    asked: list[int] = []
    fallback = Fallback(lambda _frame, index: asked.append(index))
    monkeypatch.setattr(builtins, NAME, fallback, raising=False)
    assert FunctionType(watched(3), {})(1) == 2
    assert asked == [3]


@pytest.mark.parametrize("make", [lambda: Vacate(markers(), 0), lambda: Fallback(lambda *_: None)])
def test_copies_are_the_same(make: Callable[[], Vacate | Fallback]) -> None:
    """A copied namespace has the vacate of the module it came from."""
    one = make()
    assert copy.copy(one) is one
    assert copy.deepcopy({NAME: one})[NAME] is one


def pickled() -> bytes:
    """Pickle a watched function by value, with its globals."""
    names = {NAME: Vacate(markers(), 0), "__name__": "__main__"}
    return bytes(cloudpickle.dumps(FunctionType(watched(5), names)))


def test_a_worker_without_tombs_runs_pickled_functions() -> None:
    """In a process that has never heard of Tombs the call does nothing."""
    program = (
        "import pickle, sys\n"
        "function = pickle.loads(sys.stdin.buffer.read())\n"
        "print(function(1), 'tombs' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickled(),
        env=environment(PYTHONPATH=None),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"2 False\n"


def test_a_worker_with_tombs_vacates_by_its_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process that runs under Tombs the call goes to that process's own graveyard."""
    asked: list[tuple[str, int]] = []
    fallback = Fallback(lambda frame, index: asked.append((frame.f_code.co_name, index)))
    monkeypatch.setattr(builtins, NAME, fallback, raising=False)
    assert pickle.loads(pickled())(1) == 2
    assert asked == [("function", 5)]
