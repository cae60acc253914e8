"""Work on several processes: in order, and done even where a process is lost."""

from __future__ import annotations

import os

import pytest

from tombs.parallel import mapped

PARENT = "TOMBS_TEST_PARENT"


def squared(number: int) -> tuple[int, int]:
    """Give the square, and the process that found it."""
    return number * number, os.getpid()


def lost(number: int) -> int:
    """Give the number, where this process is the first; else end with it."""
    if os.environ[PARENT] != str(os.getpid()):
        os._exit(1)
    return number


def faulty(number: int) -> int:
    """Fail at one item."""
    if number == 20:
        raise RuntimeError("it is the work's own")
    return number


def test_results_come_in_order_from_other_processes() -> None:
    """Nothing is done here, and nothing out of order."""
    found = list(mapped(squared, range(50), 2))
    assert [square for square, _ in found] == [number * number for number in range(50)]
    assert os.getpid() not in {process for _, process in found}


def test_one_worker_is_this_process() -> None:
    """No other is started for little."""
    assert {process for _, process in mapped(squared, range(3), 1)} == {os.getpid()}


def test_a_lost_process_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process didn't do is done here."""
    monkeypatch.setenv(PARENT, str(os.getpid()))
    assert list(mapped(lost, range(30), 2)) == list(range(30))


def test_a_fault_of_the_work_is_told() -> None:
    """It is not taken for a lost process."""
    results = mapped(faulty, range(40), 2)
    assert [next(results) for _ in range(16)] == list(range(16))
    with pytest.raises(RuntimeError, match="the work's own"):
        list(results)
