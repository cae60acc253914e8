"""The locks between processes: who has them, for how long one waits, what a fork makes of them."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support_graveyard import ended, forked
from tombs.runtime import locks
from tombs.runtime.descriptors import Held
from tombs.runtime.locks import FileLock, Leader, Liveness, try_alone


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Name a lock file; it is there, as a graveyard would be."""
    (tmp_path / "lock").write_text("")
    return str(tmp_path / "lock")


def child(action: Callable[[], object]) -> bool:
    """Tell whether something is true in a forked child."""
    return ended(forked(lambda: bool(action()))) == 1


def test_a_lock_is_had_once(path: str) -> None:
    """While one has it another waits in vain, and has it afterwards."""
    one, other = FileLock(path), FileLock(path)
    assert one.acquire(0)
    began = time.monotonic()
    assert not other.acquire(0.05)
    assert 0.05 <= time.monotonic() - began < 1
    one.release()
    assert other.acquire(0)
    other.release()


def test_a_thread_never_waits_for_itself(path: str) -> None:
    """Asked from a signal handler while it has the lock, it gets no, and at once."""
    lock = FileLock(path)
    told: dict[str, object] = {"__name__": "tombs.runtime.graveyard", "lock": lock}
    exec("def registers(handler): return lock.acquire(0) and handler()", told)
    began = time.monotonic()
    assert told["registers"](lambda: lock.acquire(5)) is False  # type: ignore[operator]
    assert time.monotonic() - began < 1
    lock.release()
    assert lock.acquire(0)


def test_a_lock_that_a_handlers_exception_left_held_is_had_again(path: str) -> None:
    """Nobody is at what it was taken for: the next who asks has it, in this thread or another."""
    lock, other = FileLock(path), FileLock(path)
    assert lock.acquire(0)
    assert lock.acquire(0)
    assert in_thread(lambda: lock.acquire(0))
    assert not other.acquire(0)
    lock.release()
    assert other.acquire(0)


def in_thread(action: Callable[[], bool]) -> bool:
    """Do something in a thread of its own."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(action()))
    thread.start()
    thread.join(20)
    return answers == [True]


def test_threads_take_turns(path: str) -> None:
    """What one thread does under the lock no other sees half done."""
    lock = FileLock(path)
    inside = 0
    most = []

    def work() -> None:
        nonlocal inside
        for _ in range(50):
            assert lock.acquire(10)
            inside += 1
            most.append(inside)
            inside -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(most) == 200
    assert set(most) == {1}


def test_a_child_takes_the_lock_for_itself(path: str) -> None:
    """Reborn, it doesn't have what its parent has, and what it takes the parent doesn't have."""
    lock = FileLock(path)
    assert lock.acquire(0)

    def reborn() -> bool:
        lock.reborn()
        return not lock.acquire(0.01)

    assert child(reborn)
    lock.release()
    assert child(lambda: lock.reborn() or lock.acquire(0.01))
    assert lock.acquire(0)


def test_a_release_counts_although_a_child_has_the_same_open_file(path: str) -> None:
    """A child that never took it anew doesn't keep the others from it."""
    lock, other = FileLock(path), FileLock(path)
    assert lock.acquire(0)
    reading, writing = os.pipe()

    def stay() -> None:
        os.close(writing)
        os.read(reading, 1)

    pid = forked(stay)
    lock.release()
    assert other.acquire(0)
    os.close(writing)
    assert ended(pid) == 0
    os.close(reading)


def test_a_lock_outlives_the_closing_of_its_descriptor(path: str, tmp_path: Path) -> None:
    """A program that closed it, and got its number, keeps its file; the lock is opened anew."""
    lock, other = FileLock(path), FileLock(path)
    assert lock._held is not None
    taken = lock._held.fd
    os.dup2(os.open(tmp_path / "own", os.O_RDWR | os.O_CREAT), taken)
    assert lock.acquire(0)
    assert not other.acquire(0)
    lock.release()
    assert os.path.samestat(os.fstat(taken), os.stat(tmp_path / "own"))
    lock.close()
    os.fstat(taken)


def test_a_lock_that_can_not_be_opened_is_not_had(path: str) -> None:
    """Its directory may be gone: then there is no lock, and no error."""
    lock = FileLock(path)
    lock.close()
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    assert not lock.acquire(0)


def test_one_leads_until_it_resigns(path: str) -> None:
    """Asking again is harmless, and the next one leads when the first is gone."""
    one, other = Leader(path), Leader(path)
    assert one.try_lead()
    assert one.try_lead()
    assert not other.try_lead()
    one.resign()
    one.resign()
    assert other.try_lead()
    other.close()
    assert not other.leads
    assert one.try_lead()


def test_a_child_does_not_lead(path: str) -> None:
    """What its parent has it has not, and it can't take it."""
    leader = Leader(path)
    assert leader.try_lead()
    assert child(lambda: leader.reborn() or not (leader.leads or leader.try_lead()))
    assert leader.leads


def test_a_leader_whose_descriptor_was_closed_takes_the_lead_again(path: str) -> None:
    """It notices, since the lock went with the descriptor."""
    leader, other = Leader(path), Leader(path)
    assert leader.try_lead()
    assert leader._held is not None
    os.close(leader._held.fd)
    assert other.try_lead()
    assert not leader.try_lead()
    other.resign()
    assert leader.try_lead()


def alone(path: str) -> bool:
    """Ask as a reader does whether nobody lives."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return try_alone(fd)
    finally:
        os.close(fd)


def test_the_last_one_knows_that_it_is_the_last(path: str) -> None:
    """Of several signs of life the last to leave is told so; a second leave says nothing."""
    one, other = Liveness(path), Liveness(path)
    assert not alone(path)
    assert not one.leave()
    assert not alone(path)
    assert other.leave()
    assert not other.leave()
    assert alone(path)


def test_a_child_lives_on_its_own(path: str) -> None:
    """It counts beside its parent, and its end is not the parent's."""
    liveness = Liveness(path)

    def live() -> bool:
        liveness.hold()
        return not liveness.leave() and not alone(path)

    assert child(live)
    assert not alone(path)
    assert liveness.leave()


def test_a_child_that_can_not_hold_its_own_lets_go_of_its_parents(path: str) -> None:
    """Without the right to open the file, it must not end the sign of life that it inherited."""
    liveness = Liveness(path)

    def fail() -> bool:
        liveness._path = path + ".none"
        try:
            liveness.hold()
        except FileNotFoundError:
            return not liveness.leave() and not alone(path)
        return False

    assert child(fail)
    assert not alone(path)


@pytest.mark.parametrize("end", ["keep", "leave"])
def test_life_goes_on_when_every_descriptor_was_closed(path: str, end: str) -> None:
    """A daemon closes all it finds: the next beat sets the sign of life again, or the end."""
    liveness = Liveness(path)
    assert liveness._held is not None
    os.close(liveness._held.fd)
    assert alone(path)
    if end == "keep":
        liveness.keep()
        assert not alone(path)
    assert liveness.leave()


def test_life_is_set_again_where_the_number_is_ours_without_the_lock(path: str) -> None:
    """Closed by the program and reopened by another part of us, the number alone proves nothing."""
    liveness = Liveness(path)
    assert liveness._held is not None
    number = liveness._held.fd
    other = os.open(path, os.O_RDWR)
    os.dup2(other, number)
    assert alone(path)
    liveness.keep()
    assert not alone(path)


def test_a_wait_for_the_sign_of_life_has_an_end(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped reader that sits on it costs a second, not for ever."""
    monkeypatch.setattr(locks, "_LONGEST", 0.05)
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(TimeoutError, match="who lives"):
        Liveness(path)
    fcntl.flock(fd, fcntl.LOCK_UN)
    assert Liveness(path).leave()
    os.close(fd)


def test_a_marked_descriptor_is_known_by_its_place_alone(tmp_path: Path) -> None:
    """What the program opens under the number is no longer it, though it be the same file."""
    path = tmp_path / "file"
    path.touch()
    held = Held(os.open(path, os.O_RDWR))
    held.mark()
    assert held.ok()
    os.close(held.fd)
    assert not held.ok()
    taken = os.open(path, os.O_RDWR)
    os.dup2(taken, held.fd)
    try:
        assert not held.ok()
    finally:
        os.close(held.fd)
        if taken != held.fd:
            os.close(taken)
