"""Evidence as values: runs, modules with what was seen of their functions, and listed source.

Evidence is a union by nature. A module is told apart by everything that doesn't change while it is
watched (its name, file and functions with their hashes), so that two releases of one module stand
side by side, and what was seen of each only ever grows:

    of a function     two bits: 1 "may have been called", 2 "was called". 0 is a tomb, 1 unknown,
                      3 alive; 2 can't be. Joining is OR, so that one run which saw a call is enough
                      for "alive", and one run that could not see is enough against "dead".
                      When: the earliest first call, the latest last one with its release, the most
                      processes of a run, the latest stack.
    of a module       for each run that loaded it, when it was first registered: the earliest stays
    of a run          the larger counters, the later times, all notes

So `add` is associative, commutative and idempotent, whatever order evidence comes in.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from tombs.evidence.calls import Calls

TOMB: Final = "0"
UNKNOWN: Final = "1"
ALIVE: Final = "3"
STATES: Final = TOMB + UNKNOWN + ALIVE


class Function(NamedTuple):
    """One function of a module, as compiled."""

    qualname: str
    start: int
    end: int
    method: bool
    hash: str  # 16 hex digits; empty where it isn't known


class Module(NamedTuple):
    """What doesn't change of a module while it is watched."""

    name: str
    file: str
    code: str  # the bytecode that the hashes speak of: Python's magic number; empty: not known
    functions: tuple[Function, ...]  # in the order of their first lines

    def line(self) -> str:
        """Write it down, in the one way there is."""
        rows = [[*row[:3], int(row[3]), row[4]] for row in self.functions]
        return compact(
            {"module": self.name, "file": self.file, "code": self.code, "functions": rows}
        )

    def digest(self) -> bytes:
        """Give the bytes by which it is found again."""
        # Of columns, which are written faster than rows.
        columns = zip(*self.functions, strict=True)
        return digest(compact([self.name, self.file, self.code, *columns]).encode())


class Stack(NamedTuple):
    """Who called a function that had long not been called."""

    at: int  # nanoseconds since the epoch
    frames: tuple[tuple[str, str, int], ...]  # file, function, line: itself, its caller, ...


class Seen(NamedTuple):
    """What was seen of a module's functions."""

    module: Module
    states: str  # one character a function
    runs: dict[str, int]  # run's key: when the run registered it, nanoseconds since the epoch
    calls: Calls | None = None  # when they were called, where that is known
    stacks: dict[int, Stack] = {}  # noqa: RUF012 - never written to; by a function's index: of those that came back from the dead


class Note(NamedTuple):
    """Functions that a run did not watch, and why."""

    kind: str  # `dropped` or `unwatched`
    module: str
    functions: int  # 0 where nobody knows
    reason: str


class Run(NamedTuple):
    """One run of the program: what makes its graveyard evidence."""

    about: dict[str, Any]  # what identifies it; never changes
    created: int  # nanoseconds since the epoch, as all times
    seen: int
    ended: int  # 0 while it has not ended in order
    processes: int
    dropped: int  # functions without room, beyond those in notes
    notes: frozenset[Note]
    paused: int = 0  # nanoseconds of the time between created and seen, when nobody watched

    @property
    def key(self) -> str:
        """What tells it from every other run."""
        told = (self.about.get(name, "") for name in ("host", "run", "cache_tag"))
        return "/".join((*map(str, told), str(self.created)))

    @property
    def application(self) -> str:
        """Name of the program."""
        return str(self.about.get("application", ""))

    @property
    def release(self) -> str:
        """Label of the deployment; empty where it was given none."""
        return str(self.about.get("release") or "")

    def join(self, other: Run) -> Run:
        """Unite two readings of the same run."""
        return Run(
            max(self.about, other.about, key=_labelled_first),
            self.created,
            max(self.seen, other.seen),
            max(self.ended, other.ended),
            max(self.processes, other.processes),
            max(self.dropped, other.dropped),
            self.notes | other.notes,
            max(self.paused, other.paused),
        )


class Source(NamedTuple):
    """One function, as the source has it."""

    qualname: str
    start: int
    end: int
    stub: str  # why it isn't meant to be called; empty: it is


class Listed(NamedTuple):
    """One module of the source."""

    name: str
    file: str  # relative to the directory that was listed
    functions: tuple[Source, ...]

    def line(self) -> str:
        """Write it down, in the one way there is."""
        return compact({"listed": self.name, "file": self.file, "functions": self.functions})

    def digest(self) -> bytes:
        """Give the bytes by which it is found again."""
        return digest(self.line().encode())


class Evidence:
    """All that is known, from however many runs.

    Args:
        items: what to begin with.
    """

    __slots__ = ("listed", "modules", "runs")

    def __init__(self, items: Iterable[Run | Seen | Listed] = ()) -> None:
        self.runs: dict[str, Run] = {}
        self.modules: dict[bytes, Seen] = {}
        self.listed: dict[bytes, Listed] = {}
        for item in items:
            self.add(item)

    def add(self, item: Run | Seen | Listed, key: bytes | None = None) -> None:
        """Take something in.

        Args:
            item: a run, what was seen of a module, or a listed module.
            key: the item's digest, where it is known already.
        """
        if isinstance(item, Run):
            before = self.runs.get(item.key)
            self.runs[item.key] = item if before is None else before.join(item)
        elif isinstance(item, Listed):
            self.listed[key or item.digest()] = item
        else:
            key = key or item.module.digest()
            known = self.modules.get(key)
            self.modules[key] = _own(item) if known is None else _join(known, item)

    def items(self) -> Iterable[Run | Seen | Listed]:
        """Give all of it, in pieces that `add` takes; the order says nothing."""
        return (item for item, _ in self.keyed())

    def keyed(self) -> Iterable[tuple[Run | Seen | Listed, bytes | None]]:
        """Give all of it as `items` does, each with its digest where that is known."""
        for run in self.runs.values():
            yield run, None
        for key, seen in self.modules.items():
            yield seen, key
        for key, listed in self.listed.items():
            yield listed, key

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Evidence)
            and self.runs == other.runs
            and self.modules == other.modules
            and self.listed == other.listed
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    def applications(self) -> list[str]:
        """Name the programs whose runs these are."""
        return sorted({run.application for run in self.runs.values()})


def _own(seen: Seen) -> Seen:
    return Seen(seen.module, seen.states, dict(seen.runs), seen.calls, dict(seen.stacks))


def _join(known: Seen, more: Seen) -> Seen:
    """Unite what was seen of one module; the runs of the first are added to in place."""
    for run, when in more.runs.items():
        if when < known.runs.get(run, when + 1):
            known.runs[run] = when
    states = known.states
    if states != more.states:
        states = join_states(states, more.states)
    calls = known.calls or more.calls
    if known.calls is not None and more.calls is not None and known.calls != more.calls:
        calls = known.calls.join(more.calls)
    stacks = known.stacks
    for index, stack in more.stacks.items():
        stacks[index] = max(stack, stacks.get(index, stack))
    return Seen(known.module, states, known.runs, calls, stacks)


def join_states(one: str, other: str) -> str:
    """OR two rows of states: their characters' two low bits are the bits meant."""
    if len(one) != len(other):
        message = f"{len(one)} states can't be joined to {len(other)}"
        raise ValueError(message)
    number = int.from_bytes(one.encode()) | int.from_bytes(other.encode())
    return number.to_bytes(len(one)).decode()


def _labelled_first(about: dict[str, Any]) -> tuple[bool, str]:
    """Order what identifies a run: who was given a release later has the larger."""
    return bool(about.get("release")), json.dumps(about, sort_keys=True)


def compact(value: object) -> str:
    """Write JSON in the one way there is; half surrogates are escaped, so that it is UTF-8."""
    return json.dumps(value, separators=(",", ":"))


def digest(line: bytes) -> bytes:
    """Give 16 bytes that stand for a line."""
    return blake2b(line, digest_size=16).digest()
