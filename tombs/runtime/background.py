"""The one background thread of a process, for all that no thread of the program should wait for.

Rules, each of which somebody's program depends on:

- All signals are blocked in the thread before it runs its first instruction, by starting it with
  them blocked. One that isn't would be chosen to deliver a signal that the program waits for with
  `sigwait`, and the signal's default action would end the program. The four that a processor
  raises stay open: blocked, they would get past faulthandler.
- `threading` doesn't know the thread: it can't be enumerated or joined by the program, and a
  `threading` that gevent or eventlet patches later finds nothing of ours. For the same reason the
  pipe is read and written by `posix`.
- No duty is ever forked in the middle of a step: `park` holds the thread between two steps until
  `unpark`. It may be in `poll` meanwhile, which holds nothing that a child could miss. (That Python
  3.12 and later warn of it is told in hush.py.)
- Every wait has an end. When a duty takes longer than PATIENCE, the fork goes ahead beside it.
- A thread rests before its first round. The program's main thread is starting meanwhile, and each
  call of the system in a round would have the two pass the interpreter to each other; a program
  that is soon over has none of that.
- What a duty raises ends that duty alone, and is told once.
- A program that closes all descriptors closes the pipe; then the thread opens nothing for a moment,
  since the program is at it still, and a number of ours might be its own when we close it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal would import enum
import os
import time
from select import POLLIN

from tombs.runtime.originals import original
from tombs.runtime.recursive import RecursiveLock
from tombs.runtime.waker import Waker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final, TypeVar

    from tombs.runtime.hush import Hush

    T = TypeVar("T")

PATIENCE: Final = 0.25
LONGEST: Final = 3600.0
_LOST: Final = 200  # milliseconds
_REST: Final = 20  # milliseconds
_FAULTS: Final = (_signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL)
_BLOCKED: Final = frozenset(_signal.valid_signals()).difference(_FAULTS)


class Duty:
    """Something to do in the background. All but `reborn` is called by its thread alone."""

    name = "a duty"

    def watch(self) -> Iterable[tuple[int, int]]:
        """Give the descriptors to wait for, each with its poll events."""
        return ()

    def ready(self, fd: int, event: int) -> None:
        """Take notice of what poll found at one of them."""

    def tick(self, now: float) -> float:
        """Do what is due.

        Args:
            now: the moment, by `time.monotonic`.

        Returns:
            The seconds until something is due again.
        """
        del now
        return LONGEST

    def reborn(self) -> None:
        """Let go, in a forked child and before its thread starts, of what is the parent's."""

    def switch_off(self) -> None:
        """Close everything: this duty has failed, and is called no more."""


_alive: list[_Life] = []  # every background thread of this process


class _Life:
    """One thread, from its start to its end."""

    __slots__ = ("gone", "halt", "ident", "pid")

    def __init__(self, allocate_lock: Callable[[], Any]) -> None:
        self.halt = False
        self.ident = 0
        self.pid = os.getpid()
        self.gone = allocate_lock()  # free once the thread has done its last
        self.gone.acquire()


class Background:
    """The background thread of this process, and what it has to do.

    Args:
        duties: what to do.
        tell: says a line to the people who run the program.
    """

    def __init__(self, duties: Iterable[Duty], tell: Callable[[str], None]) -> None:
        self._duties = list(duties)
        self._tell = tell
        self._start_new_thread = original("_thread", "start_new_thread")
        self._allocate_lock = original("_thread", "allocate_lock")
        self._get_ident = original("_thread", "get_ident")
        self._poll = original("select", "poll")
        self._life: _Life | None = None
        self._started = self._stopped = False
        self._waker = Waker()
        self._hush: Hush | None = None  # made with the first fork
        self._hushed = 0.0
        # Held during each step, and from `park` to `unpark`. Recursive: a handler of the program's
        # may fork while its thread is in `park`, and a finalizer while the background thread steps.
        self._step = RecursiveLock()

    def add(self, duty: Duty) -> None:
        """Take on something to do."""
        self._duties.append(duty)

    def start(self) -> None:
        """Start the thread; does nothing when it was started before.

        Raises:
            RuntimeError: there can be no other thread.
            OSError: no descriptor is left.
        """
        if self._started or self._stopped:
            return
        self._waker.fd()
        self._launch()
        self._started = True

    def stop(self, timeout: float) -> bool:
        """End the thread for good; False if it wasn't gone in time. A second stop does nothing."""
        self._stopped = True
        life = self._life
        if life is not None and life.ident != self._get_ident():
            life.halt = True
            self._waker.wake()
            if not life.gone.acquire(timeout=timeout):
                return False
            life.gone.release()
        self._waker.close()
        self._warn_again()
        return True

    def wake(self) -> None:
        """Have every duty looked at now. Any thread may call this."""
        self._waker.wake()

    def hold(self) -> bool:
        """Wait for the end of a step, and keep the thread from the next until `let_go`.

        Returns:
            Whether it is held; False where the step takes longer than PATIENCE.
        """
        return self._step.acquire(timeout=PATIENCE)

    def let_go(self) -> None:
        """Have the thread go on; for who has held it."""
        self._step.release()

    # The three around os.fork

    def park(self) -> None:
        """Hold the thread, before a fork."""
        life = self._life
        if life is not None and life.gone.locked():
            self._step.acquire(timeout=PATIENCE)
            self._warn_not()

    def unpark(self) -> None:
        """Let it go on, in the parent."""
        try:  # noqa: SIM105 - contextlib is an import that costs the program
            self._step.release()
        except RuntimeError:  # it was too busy to be held
            pass

    def reborn(self) -> None:
        """Go on in the child: no other thread is there, and its locks may be held for ever."""
        self._step = RecursiveLock()
        self._life = None
        _alive[:] = [life for life in _alive if life.pid == os.getpid()]
        self._warn_again()
        self._waker.close()
        for duty in tuple(self._duties):
            self._guard(duty, duty.reborn)
        if self._started and not self._stopped:
            try:
                # Made by the thread, it could meet the child's closing of all descriptors half-way,
                # and close a number that has become the child's own.
                self._waker.fd()
                self._launch()
            except (RuntimeError, OSError) as fault:
                self._tell(f"no background thread in process {os.getpid()}: {fault}")

    def _warn_not(self) -> None:
        if self._hush is None:
            try:  # tombs.runtime.forking has imported it, where that can be done
                from tombs.runtime.hush import Hush  # noqa: PLC0415 - most programs never fork
            except ImportError:
                return
            self._hush = Hush()
        self._hush.put(len(_alive))
        self._hushed = time.monotonic()

    def _warn_again(self) -> None:
        if self._hush is not None:
            self._hush.lift()

    def _launch(self) -> None:
        self._life = life = _Life(self._allocate_lock)
        # Each pthread_sigmask may run a handler of the program's, and that may raise.
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, _BLOCKED)
            _alive.append(life)
            self._start_new_thread(self._run, (life,))
        except (RuntimeError, OSError):
            self._life = None
            if life in _alive:
                _alive.remove(life)
            raise
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)

    # The thread

    def _run(self, life: _Life) -> None:
        life.ident = self._get_ident()
        try:
            self._rest()
            while self._life is life and not life.halt:
                self._round(life)
        except Exception as fault:  # noqa: BLE001 - there is nobody to hand it to
            self._tell(f"the background thread stopped: {type(fault).__name__}: {fault}")
        finally:
            if life in _alive:
                _alive.remove(life)
            life.ident = 0  # the next thread of the program may get the same
            life.gone.release()

    def _rest(self) -> None:
        poller = self._poll()
        poller.register(self._waker.fd(looked=True), POLLIN)
        poller.poll(_REST)

    def _round(self, life: _Life) -> None:
        poller = self._poll()
        owners: dict[int, Duty] = {}
        wait = LONGEST
        with self._step:
            for duty in tuple(self._duties):
                due = self._guard(duty, duty.tick, time.monotonic())
                wait = wait if due is None else min(wait, due)
                for fd, events in self._guard(duty, duty.watch) or ():
                    owners[fd] = duty
                    poller.register(fd, events)
            if self._hush and time.monotonic() > self._hushed + self._hush.lasts:
                self._warn_again()
            lost = self._waker.lost()
        if lost:
            self._poll().poll(_LOST)
        with self._step:
            if life.halt:
                return
            wake_fd = self._waker.fd(looked=not lost)
        if life.halt:  # asked only now: what is asked from here on comes through the pipe
            return
        poller.register(wake_fd, POLLIN)
        found = poller.poll(max(0.0, wait) * 1000)
        with self._step:
            for fd, event in found:
                owner = owners.get(fd)
                if owner is not None:
                    self._guard(owner, owner.ready, fd, event)
                else:
                    self._waker.drain()

    def _guard(self, duty: Duty, call: Callable[..., T], *args: object) -> T | None:
        """Call a duty. What goes wrong in it stays here: from then on there is no such duty."""
        if duty not in self._duties:
            return None
        try:
            return call(*args)
        except Exception as fault:  # noqa: BLE001 - see above
            self._duties.remove(duty)
            self._tell(f"{duty.name} is switched off: {str(fault) or type(fault).__name__}")
            try:  # noqa: SIM105 - contextlib is an import that costs the program
                duty.switch_off()
            except Exception:  # noqa: BLE001, S110 - told already
                pass
        return None
