"""The background thread: unseen by the program, out of the way of forks, and ended in time.

Most of it is about a whole process, so most tests run a child.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

import pytest

from tests import support
from tests.support_server import PROGRAM, TIMEOUT, serving_program, wait_until
from tombs.runtime import background
from tombs.runtime.background import Background, Duty


class Told(list[str]):
    """What was told, and a background thread that tells it."""

    def run(self, *duties: Duty) -> Background:
        """Start with these duties."""
        thread = Background(duties, self.append)
        thread.start()
        return thread


class Counting(Duty):
    """A duty that counts how often it was looked at."""

    def __init__(self, pause: float = 3600.0) -> None:
        self.ticks = 0
        self.pause = pause

    def tick(self, now: float) -> float:
        """Count."""
        assert now <= time.monotonic()
        self.ticks += 1
        return self.pause


class Failing(Counting):
    """A duty that fails at its second look, and at being switched off."""

    name = "the failing duty"
    off = 0

    def tick(self, now: float) -> float:
        """Fail."""
        super().tick(now)
        if self.ticks == 2:
            raise LookupError("no such thing")
        return 0.0

    def switch_off(self) -> None:
        """Fail again."""
        self.off += 1
        raise OSError


class Busy(Counting):
    """A duty whose step takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.until = allocate_lock()
        self.until.acquire()

    def tick(self, now: float) -> float:
        """Wait."""
        super().tick(now)
        self.until.acquire()
        return 0.0


def test_duty_is_looked_at_when_due_and_when_woken() -> None:
    """A duty says when it is due, and anybody may have it looked at before."""
    often, seldom = Counting(0.001), Counting()
    thread = Told().run(often, seldom)
    wait_until(lambda: often.ticks > 5)
    assert thread.stop(TIMEOUT)

    thread = Told().run(seldom)
    before = seldom.ticks
    wait_until(lambda: seldom.ticks > before)
    thread.wake()
    wait_until(lambda: seldom.ticks > before + 1)
    assert thread.stop(TIMEOUT)


def test_fault_of_a_duty_ends_that_duty_alone() -> None:
    """It is told once, the duty is switched off, and the others go on."""
    told = Told()
    failing, other = Failing(), Counting(0.001)
    thread = told.run(failing, other)
    wait_until(lambda: failing.off)
    before = other.ticks
    wait_until(lambda: other.ticks > before + 3)
    assert thread.stop(TIMEOUT)
    assert told == ["the failing duty is switched off: no such thing"]
    assert (failing.ticks, failing.off) == (2, 1)


def test_stopping_twice_is_harmless() -> None:
    """So is stopping what never started, and starting what was stopped."""
    counting = Counting()
    thread = Background([counting], print)
    assert thread.stop(TIMEOUT)
    thread.start()
    assert thread.stop(TIMEOUT)
    assert counting.ticks == 0
    thread = Told().run(counting)
    thread.start()
    assert thread.stop(TIMEOUT)
    assert thread.stop(TIMEOUT)


def test_first_round_comes_after_a_rest_or_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is soon over has none; and whoever needs it at once needn't wait for it."""
    monkeypatch.setattr(background, "_REST", 3_600_000)
    counting = Counting()
    assert Told().run(counting).stop(TIMEOUT)
    assert counting.ticks == 0
    thread = Told().run(counting)
    thread.wake()
    wait_until(lambda: counting.ticks)
    assert thread.stop(TIMEOUT)


def test_stop_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A duty that doesn't come to an end keeps nobody: not the exit, and not a fork."""
    monkeypatch.setattr(background, "PATIENCE", 0.05)
    busy = Busy()
    thread = Told().run(busy)
    wait_until(lambda: busy.ticks == 1)
    begun = time.monotonic()
    thread.park()
    thread.unpark()
    assert not thread.stop(0.05)
    assert time.monotonic() - begun < 5
    busy.until.release()
    assert thread.stop(TIMEOUT)


def test_busy_thread_goes_on_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that could not wait for a duty doesn't end the thread afterwards."""
    monkeypatch.setattr(background, "PATIENCE", 0.05)
    busy = Busy()
    thread = Told().run(busy)
    wait_until(lambda: busy.ticks == 1)
    thread.park()
    thread.unpark()
    busy.until.release()
    wait_until(lambda: busy.ticks == 2)
    busy.until.release()
    wait_until(lambda: busy.ticks == 3)
    busy.until.release()
    assert thread.stop(TIMEOUT)


def test_two_forks_at_once_in_two_threads() -> None:
    """The thread goes on when the last of them is done."""
    counting = Counting(0.001)
    thread = Told().run(counting)
    thread.park()
    thread.park()
    thread.unpark()
    still = counting.ticks
    time.sleep(0.02)
    assert counting.ticks == still
    thread.unpark()
    wait_until(lambda: counting.ticks > still)
    assert thread.stop(TIMEOUT)


def test_thread_is_unknown_to_threading(tmp_path: object) -> None:
    """The program's own count of its threads doesn't change."""
    code = """
    import threading
    assert ask(running.address) == whole
    print(threading.active_count(), len(threading.enumerate()))
    running.stop()
    """
    assert serving_program(tmp_path, code) == "1 1\n"


def test_signals_reach_the_program(tmp_path: object) -> None:
    """A program that waits for a signal gets it, and one with a handler handles it."""
    code = """
    wanted = {signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    for number in sorted(wanted):
        os.kill(os.getpid(), number)
        assert signal.sigwait(wanted) == number
    signal.signal(signal.SIGALRM, lambda *_: print("handled"))
    os.kill(os.getpid(), signal.SIGALRM)
    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()) == wanted)
    running.stop()
    """
    assert serving_program(tmp_path, code) == "handled\nTrue\n"


def test_half_sent_answer_goes_on_in_the_parent(tmp_path: object) -> None:
    """A client in the middle of its answer gets all of it, and its end, while the child lives."""
    code = """
    waiting = connect(running.address)
    waiting.sendall(b"tombs\\n")
    begun = waiting.recv(1000)
    hold, let_go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(let_go)
        os.read(hold, 1)
        os._exit(0)
    assert begun + rest(waiting) == whole
    os.close(let_go)
    print(ended(pid))
    running.stop()
    """
    assert serving_program(tmp_path, code) == "0\n"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
@pytest.mark.parametrize("gone", [False, True], ids=["socket in place", "socket gone"])
def test_child_serves_when_the_parent_is_killed(tmp_path: object, gone: bool) -> None:
    """A forked process goes on where the killed one stopped, with the clients that waited."""
    code = f"""
    parent = os.getpid()
    if os.fork() == 0:  # the one that leads is killed; this is its child, and goes on
        os.kill(parent, signal.SIGSTOP)
        stat = os.open(f"/proc/{{parent}}/stat", os.O_RDONLY)
        wait_until(lambda: b") T " in os.pread(stat, 1000, 0))
        waiting = connect(running.address)
        if {gone}:
            os.unlink(path)
            waiting.close()
        os.kill(parent, signal.SIGKILL)
        if {gone}:
            wait_until(lambda: running.server._listener and running.server._listener.in_place())
            waiting = connect(running.address)
        assert rest(waiting) == whole
        assert ask(running.address) == whole
        print(running.server.leading, running.told)
        running.stop()
        os._exit(sys.stdout.flush() or 0)
    os.wait()
    """
    words = ["-W", "error", "-c", PROGRAM + code, f"{tmp_path}/s"]
    done = support.python(words, timeout=TIMEOUT * 2)
    assert (done.stdout, done.stderr, done.returncode) == ("True []\n", "", -9)


def test_stranger_to_the_socket_leaves_the_lead_to_one_that_has_it(tmp_path: object) -> None:
    """A process that can't bind, since a sibling holds the socket, doesn't keep the sibling."""
    code = """
    other = server.Server(source, running.address, FileLeader(path + ".lead"))
    other.open()
    assert not other.leading
    running.server._leading = False
    leader.resign()
    other.tick(time.monotonic() + 2)
    assert not other.leading
    other.close(unlink=False)
    running.background.wake()
    assert ask(running.address) == whole
    print(running.told)
    running.stop()
    """
    assert serving_program(tmp_path, code) == "[]\n"


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit(0)",
        "os._exit(0)",
        "running.stop()",
        "import atexit; atexit.register(fork)",
    ],
)
def test_exit_within_a_send(tmp_path: object, end: str) -> None:
    """However the program ends, with the thread in the middle of a send, it ends in silence."""
    code = f"""
    def fork():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        ended(pid)
    from tombs.runtime.conversation import Limits
    running.server._limits = Limits(stall=60.0)
    waiting = [connect(running.address) for _ in range(4)]
    for client in waiting:
        client.sendall(b"tombs\\n")
        client.recv(1000)
    import gc; gc.freeze()
    {end}
    os._exit(0) if {end!r} != "pass" else None
    """
    options = ("-W", "ignore::ResourceWarning")
    assert serving_program(tmp_path, code, *options) == ""


def test_stopped_in_the_child_and_the_parent(tmp_path: object) -> None:
    """A forked child stops its own thread, and the parent's goes on."""
    code = """
    pid = os.fork()
    if pid == 0:
        ok = running.background.stop(5.0) and running.background.stop(5.0)
        running.server.close(unlink=False)
        os._exit(not ok)
    assert ended(pid) == 0
    assert ask(running.address) == whole
    running.stop()
    print(os.path.exists(path))
    """
    assert serving_program(tmp_path, code) == "False\n"
