"""History: when a function was called, written with the first call of an epoch."""

from __future__ import annotations

import ctypes
import sys
import time
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support_graveyard import opened, register
from tombs import layout
from tombs.evidence import taken
from tombs.evidence.model import Seen
from tombs.runtime import history as module
from tombs.runtime.epochs import PAUSE, STEP, Epochs
from tombs.runtime.history import RETURNED_MOST, WORDS, History
from tombs.runtime.vacate import Vacate
from tombs.snapshot import Snapshot, read

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

CREATED = 1_700_000_000


class Clock:
    """The time, as the test says it."""

    def __init__(self) -> None:
        self.now = float(CREATED)

    def __call__(self) -> float:
        """Give it."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put one in the place of the time."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def rows(slots: int = 8) -> ctypes.Array[ctypes.c_uint32]:
    """Make rows in this process's own memory."""
    return (ctypes.c_uint32 * (WORDS * slots))()


def test_the_first_call_is_kept_and_the_last_one_follows(clock: Clock) -> None:
    """Seconds since the graveyard was made, from 1; within an epoch nothing is written again."""
    found = rows()
    history = History(found, CREATED)
    history.touch(2)
    clock.now += 50
    history.touch(2)
    assert list(found[8:12]) == [1, 1, 0, 0]
    history.turn()
    history.touch(2)
    assert list(found[8:12]) == [1, 51, 0, 0]
    assert sum(found[:8]) + sum(found[12:]) == 0


def test_slots_of_which_nothing_is_called_take_no_memory() -> None:
    """A process has room for 65,536 functions, and calls some hundreds of them."""
    found = rows(65_536)
    tracemalloc.start()
    try:
        history = History(found, CREATED)
        history.touch(0)
        history.touch(65_535)
        history.reborn()
        taken_up, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken_up < 8192
    history.touch(65_535)
    history.fold()
    assert found[-2] == 1


def test_a_clock_that_was_set_back_changes_nothing(clock: Clock) -> None:
    """Neither before the graveyard's creation nor before the last call."""
    found = rows()
    history = History(found, CREATED)
    clock.now += 100
    history.touch(0)
    for back in (50, 500):
        clock.now = CREATED + 100 - back
        history.turn()
        history.touch(0)
    history.touch(1)
    assert list(found[:6]) == [101, 101, 0, 0, 1, 1]


def test_each_process_counts_once_however_often_it_folds(clock: Clock) -> None:
    """Epochs and repeated folding add nothing; a forked child is another process."""
    found = rows()
    history = History(found, CREATED)
    for _ in range(300):  # more turns than a byte holds
        clock.now += 1
        history.touch(3)
        history.turn()
        history.fold()
    assert found[3 * WORDS + 2] == 1
    history.reborn()
    history.touch(3)
    history.fold()
    assert found[3 * WORDS + 2] == 2


def test_who_calls_after_a_long_time_is_kept(clock: Clock) -> None:
    """File, function and line of the callers, and no frame of ours; not too many."""
    found = rows(2 * RETURNED_MOST)
    history = History(found, CREATED, returned=1000)
    vacate = Vacate((ctypes.c_uint8 * len(found))(), 0, None, history)

    def caller() -> None:
        vacate(0)

    caller()
    clock.now += 1000
    history.turn()
    caller()
    assert not history.stacks
    clock.now += 1001
    history.turn()
    caller()
    (stack,) = history.stacks
    text = stack.json().decode()
    assert f"{__file__}" in text
    assert "<locals>.caller" in text
    assert "vacate.py" not in text
    assert not stack.first
    for slot in range(1, 2 * RETURNED_MOST):
        vacate(slot)
    assert len(history.stacks) == RETURNED_MOST


def test_a_vacate_that_was_put_off_has_no_caller(clock: Clock) -> None:
    """Who registers a module is not who called its functions."""
    history = History(rows(), CREATED, returned=10)
    clock.now += 100
    vacate = Vacate((ctypes.c_uint8 * 8)(), None, None, history)
    vacate(1)
    vacate.place(0)
    assert not history.stacks


def test_times_are_read_back(tmp_path: Path) -> None:
    """From the file and from what a server sends; a function that wasn't called has none."""
    graveyard = opened(tmp_path)
    record = register(graveyard)
    before = time.time_ns()
    graveyard.vacate(record.base + 1)
    graveyard.fold(1.0)
    for snapshot in (read(graveyard.path), Snapshot(b"".join(graveyard.raw()), "sent")):
        seen = [item for item in taken.items(snapshot) if isinstance(item, Seen)]
        assert seen[0].calls
        ((index, call),) = seen[0].calls.each().items()
        assert index == 1
        assert before - 2 * 10**9 <= call.first == call.last <= time.time_ns()
        assert call.processes == 1


def test_a_stack_is_read_back_unless_the_module_is_new(tmp_path: Path, clock: Clock) -> None:
    """What was registered a moment ago can't come back from the dead."""
    graveyard = opened(tmp_path)
    graveyard.returned = 10**9 * 1000
    record = register(graveyard)
    clock.now = graveyard.region.words[layout.CREATED] / 10**9 + 2000
    graveyard.vacate(record.base)
    graveyard.fold(1.0)
    assert len(read(graveyard.path).stacks()) == 1
    graveyard._index.records[0].when += 1500 * 10**9
    graveyard.vacate(record.base + 1)
    graveyard.fold(1.0)
    assert len(read(graveyard.path).stacks()) == 1


def test_code_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that bring their code each time don't fill the memory until the epoch ends."""
    monkeypatch.setattr("tombs.runtime.history._TIDIED", 100)
    history = History(rows(), CREATED, codes=True)
    kept = [compile(str(number), "<x>", "eval") for number in range(60)]
    for number in range(2000):
        history.called(compile("0", "<x>", "eval"))
        if number % 40 == 0:
            history.called(kept[number // 40])
    assert history.codes is not None
    assert len(history.codes) < 200
    assert history.turn() == kept[:50]
    assert history.turn() == []


def test_an_epoch_arms_all_that_was_called_little_by_little() -> None:
    """At most a step at a time, each once, none before the epoch has ended."""
    codes = [compile(str(number), "<x>", "eval") for number in range(3 * STEP)]
    armed: list[CodeType] = []
    turns: list[int] = []

    def turn() -> list[CodeType]:
        turns.append(1)
        return list(codes)

    duty = Epochs(turn, armed.append, time.time(), 3600)
    wait = duty.tick(0.0)
    assert 3599 < wait < 3601
    assert not turns
    duty._created -= 3600
    now, steps = 0.0, [0]
    while (wait := duty.tick(now)) < 100:
        steps.append(len(armed) - sum(steps))
        now += wait
    steps.append(len(armed) - sum(steps))
    assert len(turns) == 1
    assert sorted(map(id, armed)) == sorted(map(id, codes))
    assert steps[1:] == [STEP] * 3
    assert 30 < now < 60  # a minute, less the wait behind the last step


def test_a_short_epoch_arms_more_at_a_time() -> None:
    """All are armed within a quarter of it, and the thread wakes no oftener than it may."""
    codes = [compile("0", "<x>", "eval") for _ in range(10_000)]
    armed: list[CodeType] = []
    duty = Epochs(lambda: codes, armed.append, time.time(), 10)
    duty._created -= 10
    now, waits = 0.0, []
    while len(armed) < len(codes):
        waits.append(duty.tick(now))
        now += waits[-1]
    assert min(waits[:-1]) > 0.99 * PAUSE
    assert sum(waits[:-1]) <= 2.5


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="this Python has no monitoring")
def test_no_other_tool_is_armed_again() -> None:
    """What another tool has disabled stays disabled when we arm a function again."""
    from tombs.loader.monitoring import Monitoring
    from tombs.loader.namespace import Namespace

    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - not there before 3.12
    event = monitoring.events.PY_START
    others: list[str] = []

    def called() -> None:
        pass

    monitoring.use_tool_id(1, "other")
    monitoring.register_callback(
        1, event, lambda code, _: (others.append(code.co_name), monitoring.DISABLE)[1]
    )
    seen: list[CodeType] = []
    engine = Monitoring(SimpleNamespace(), Namespace((), ()), lambda: None)  # type: ignore[arg-type]
    engine._enter = lambda code, _found: seen.append(code)  # type: ignore[method-assign]
    try:
        monitoring.set_events(1, event)
        assert engine.start()
        assert engine.remember(seen.append)
        engine._files[called.__code__.co_filename] = [object()]  # type: ignore[list-item]
        for _ in range(3):
            called()
            called()
            engine.rearm(called.__code__)
    finally:
        engine.stop()
        monitoring.set_events(1, 0)
        monitoring.free_tool_id(1)
    assert others.count("called") == 1
    assert [code.co_name for code in seen].count("called") == 3


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="this Python has no monitoring")
def test_what_was_marked_later_is_armed_again_too() -> None:
    """What there was no room for when it started, or that started before it was found."""
    from tombs.loader.monitoring import Monitoring
    from tombs.loader.namespace import Namespace

    class Known:
        def enter(self, code: CodeType) -> None:
            entered.append(code)

    entered: list[CodeType] = []
    called: list[CodeType] = []
    engine = Monitoring(SimpleNamespace(), Namespace((), ()), lambda: None)  # type: ignore[arg-type]
    try:
        assert engine.remember(called.append)
        missed = test_times_are_read_back.__code__
        early = test_code_that_is_gone_is_forgotten.__code__
        engine._missed.append(missed)
        engine.settle()
        assert not called  # of no module that is watched
        engine._files[missed.co_filename] = [Known()]  # type: ignore[list-item]
        engine._missed.append(missed)
        engine.settle()
        engine._early.append(early)
        assert list(engine.looked()) == [False]
        assert entered == called == [missed, early]
    finally:
        engine.stop()
