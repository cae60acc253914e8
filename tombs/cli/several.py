"""Several processes that are to do the same: who they are, and what came of it for each.

Of a server, the master comes first and its children after it: what it forks meanwhile is already as
the master is, and none is missed.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from tombs import attached
from tombs.cli.entry import tell
from tombs.cli.target import Ended, Target
from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final, NoReturn

    from tombs.cli.target import Python

_AT_ONCE: Final = 8  # most of the time is waiting until a process runs Python
_TRACKER: Final = b"multiprocessing.resource_tracker"  # sleeps until its parent ends


class Outcome(NamedTuple):
    """What came of an order to one process.

    Args:
        pid: the process.
        state: as tombs.attached says it.
        path: of the graveyard.
        address: of the socket.
        told: what was told in the process.
    """

    pid: int
    state: str
    path: str
    address: str
    told: tuple[str, ...]


class Several:
    """Processes, and an order to them.

    Args:
        obey: has a process do it, and gives the answer; raises TombsError.
    """

    def __init__(self, obey: Callable[[Target], list[str]]) -> None:
        self._obey = obey
        self._had: set[int] = set()
        self.targets: list[Target] = []
        self.outcomes: list[Outcome] = []
        self.failed = False
        self.given_up = Event()  # somebody has ended the command

    def add(self, pids: Iterable[int]) -> list[Target]:
        """Take on processes that were named; one that can't be looked at has failed."""
        found = []
        for pid in dict.fromkeys(pids):
            self._had.add(pid)
            try:
                found.append(Target(pid))
            except TombsError as fault:
                self._fault(fault)
        self.targets += found
        return found

    def add_children(self) -> list[Target]:
        """Take on the descendants that run the same Python as one of the processes."""
        pythons = {(target.exe, _python(target)) for target in self.targets}
        found = []
        for pid in descendants(target.pid for target in self.targets):
            if pid in self._had:
                continue
            self._had.add(pid)
            try:
                target = Target(pid)
            except TombsError:  # it has ended, or is none of ours
                continue
            if (target.exe, _python(target)) in pythons and _TRACKER not in _words(pid):
                found.append(target)
        self.targets += found
        return found

    def order(self, targets: list[Target], *, named: bool) -> None:
        """Have processes do it, some at a time, and keep what came of it.

        Args:
            targets: the processes.
            named: by a person; of others it is no fault that they end.
        """
        before = signal.signal(signal.SIGTERM, _end)
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                answers = [(one, pool.submit(self._obey, one)) for one in targets]
                try:
                    wait(answer for _, answer in answers)
                except BaseException:  # no order is left behind
                    self.given_up.set()
                    raise
        finally:
            signal.signal(signal.SIGTERM, before)
        for target, answer in answers:
            try:
                state, path, address, *told = answer.result()
            except Ended as fault:
                if named:
                    self._fault(fault)
            except TombsError as fault:
                self._fault(fault)
            else:
                self.outcomes.append(Outcome(target.pid, state, path, address, tuple(told)))

    def watched(self, targets: list[Target]) -> list[Target]:
        """Keep of those that are watched that they are; gives the others.

        What was forked by a process that is watched needs no order.
        """
        left = []
        for target in targets:
            path = target.graveyard()
            if path is None:
                left.append(target)
            else:
                self.outcomes.append(Outcome(target.pid, attached.ALREADY, path, "", ()))
        return left

    def _fault(self, fault: TombsError) -> None:
        self.failed = True
        tell("tombs", fault.message, fault.help)

    def fault(self, message: str, advice: str = "") -> None:
        """Tell what is wrong with a process's answer."""
        self._fault(TombsError(message, advice))


def descendants(pids: Iterable[int]) -> list[int]:
    """List the children of processes, their children, and so on; nothing without a /proc."""
    children: dict[int, list[int]] = {}
    try:
        listed = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    for pid in listed:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(pids)
    for pid in waiting:  # it grows
        below = sorted(children.get(pid, ()))
        found += below
        waiting += below
    return list(dict.fromkeys(found))


def _python(target: Target) -> Python | None:
    try:
        return target.python()
    except TombsError:
        return None


def _words(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _end(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
