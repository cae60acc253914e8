"""What a reader of the stream of changes knows, line by line (tombs.changes has the lines)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tombs import changes, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from tombs.tomb import Tomb

# The kinds of event that a view has; who follows a source adds LOST, BACK, QUIET and ENDED.
START: Final = "start"  # all that there is has been read, of the first run or of another one
MODULE: Final = "module"
VACATED: Final = "vacated"
UNKNOWN: Final = "unknown"
POPULATED: Final = "populated"  # was unknown, and isn't any more
DROPPED: Final = "dropped"
UNWATCHED: Final = "unwatched"
_OF_STATE: Final = {
    changes.POPULATED: POPULATED,
    changes.VACATED: VACATED,
    changes.UNKNOWN: UNKNOWN,
}


class Event(NamedTuple):
    """Something that happened.

    Args:
        kind: what.
        time: when it was told, seconds since the epoch.
        module: the module's name, or nothing.
        tomb: the function, of what happens to one.
        number: of functions, of what happens to several.
        text: more, for people.
        away: it happened while the connection was lost.
    """

    kind: str
    time: float
    module: str = ""
    tomb: Tomb | None = None
    number: int = 0
    text: str = ""
    away: bool = False


class Module:
    """A module, and how many of its functions are in which state."""

    __slots__ = ("base", "counts", "file", "functions", "name")

    def __init__(self, name: str, file: str, base: int, functions: int) -> None:
        self.name = name
        self.file = file
        self.base = base
        self.functions = functions
        self.counts = {changes.POPULATED: functions, changes.VACATED: 0, changes.UNKNOWN: 0}

    @property
    def vacated(self) -> int:
        """How many were called."""
        return self.counts[changes.VACATED]

    @property
    def unknown(self) -> int:
        """Of how many nobody can say."""
        return self.counts[changes.UNKNOWN]


class View:
    """A graveyard as it is known from the stream.

    It outlives the connection: `resume` is what the next one asks to go on from, and what is told
    twice changes nothing.
    """

    def __init__(self) -> None:
        self.live = False  # whether the start of this connection has been read
        self._based = False  # whether that of any connection to this graveyard has
        self._handlers: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
            "start": self._start,
            "module": self._module,
            "note": self._note,
            "dropped": self._drop,
            "states": self._told,
            "live": self._live,
            **dict.fromkeys(_OF_STATE.values(), self._happened),
        }
        self._forget()

    def _forget(self) -> None:
        self.identity: dict[str, object] = {}
        self.created = 0
        self.resume = ""
        self.modules: list[Module] = []
        self.dropped = 0  # functions that had no room
        self._noted = self._unnoted = 0
        self._states = bytearray()
        self._owners: list[Module] = []
        self._lines: list[bytes] = []
        self._based = False
        self._left = 0
        self._next_resume = ""

    @property
    def functions(self) -> int:
        """How many functions are recorded."""
        return len(self._states)

    @property
    def vacated(self) -> int:
        """How many were called."""
        return self._states.count(changes.VACATED)

    @property
    def unknown(self) -> int:
        """Of how many nobody can say."""
        return self._states.count(changes.UNKNOWN)

    def names(self, state: int) -> set[str]:
        """Give the names of the functions in a state (`changes.VACATED`, for one)."""
        found = zip(self._lines, self._states, strict=True)
        return {wire.parse(line).name for line, own in found if own == state}

    def connected(self) -> None:
        """Begin with another connection: what it says first is its start."""
        self.live = False
        if self._left:  # its lines broke off in the middle: it comes once more
            del self._lines[self.modules.pop().base :]
            self._left = 0

    def feed(self, line: bytes) -> Iterator[Event]:
        """Take in one line.

        Yields:
            What happened by it.

        Raises:
            ValueError: it is no line of such a stream.
        """
        if self._left:
            wire.parse(line)
            self._lines.append(line)
            self._left -= 1
            if not self._left:
                yield from self._registered()
            return
        value = json.loads(line)
        if not isinstance(value, dict) or "event" not in value:
            raise ValueError("it has no event")
        handle = self._handlers.get(str(value["event"]))
        if handle is None:  # what a later version adds is none of ours
            return
        try:
            yield from handle(value)
        except (KeyError, TypeError, AttributeError, IndexError) as fault:
            raise ValueError(f"{type(fault).__name__}: {fault}") from fault

    def _start(self, value: dict[str, Any]) -> Iterator[Event]:
        if value["tombs"] != changes.VERSION:
            raise ValueError(f"its version is {value['tombs']}; this Tombs reads {changes.VERSION}")
        if not value["resumed"]:
            self._forget()
        identity, created = value["identity"], value["created"]
        if not isinstance(identity, dict) or not isinstance(created, int):
            raise TypeError("the start has no identity")
        self.identity, self.created = identity, created
        return iter(())

    def _module(self, value: dict[str, Any]) -> Iterator[Event]:
        base, count, resume = value["slot"], value["functions"], value["resume"]
        if not (isinstance(base, int) and isinstance(count, int) and isinstance(resume, str)):
            raise TypeError("a module without numbers")
        if not 0 <= base <= len(self._states) or count < 0:
            raise ValueError("its slots are wrong")
        module = Module(str(value["module"]), str(value["file"]), base, count)
        while self.modules and self.modules[-1].base + self.modules[-1].functions > base:
            self.modules.pop()
        self.modules.append(module)
        del self._states[base:], self._owners[base:], self._lines[base:]
        self._left, self._next_resume = count, resume
        return iter(()) if count else self._registered()

    def _registered(self) -> Iterator[Event]:
        module = self.modules[-1]
        self._states += bytes((changes.POPULATED,)) * module.functions
        self._owners += [module] * module.functions
        self.resume = self._next_resume
        if self._based:
            yield Event(
                MODULE, time.time(), module.name, number=module.functions, away=not self.live
            )

    def _note(self, value: dict[str, Any]) -> Iterator[Event]:
        note = value["note"]
        if not isinstance(note, dict):
            raise TypeError("a note that is none")
        self.resume = str(value["resume"])
        number = note.get("functions")
        number = number if isinstance(number, int) else 0
        kind = DROPPED if note.get("note") == "dropped" else UNWATCHED
        if kind == DROPPED:
            self._noted += number
            self.dropped = self._noted + self._unnoted
        if self._based:
            name, reason = str(note.get("module", "")), str(note.get("reason", ""))
            yield Event(kind, time.time(), name, number=number, text=reason, away=not self.live)

    def _drop(self, value: dict[str, Any]) -> Iterator[Event]:
        number: int = value["functions"]
        more, self._unnoted = number - self._unnoted, number
        self.dropped = self._noted + number
        if self._based and more > 0:
            yield Event(DROPPED, time.time(), number=more, text="no room", away=not self.live)

    def _told(self, value: dict[str, Any]) -> Iterator[Event]:
        return self._compare(value["slot"], value["states"].encode("ascii"))

    def _happened(self, value: dict[str, Any]) -> Iterator[Event]:
        code = next(code for code, name in _OF_STATE.items() if name == value["event"])
        return self._compare(value["slot"], bytes((code,)))

    def _compare(self, slot: int, states: bytes) -> Iterator[Event]:
        if slot < 0 or slot + len(states) > len(self._states) or states.strip(b"012"):
            raise ValueError("its states are wrong")
        if self._states[slot : slot + len(states)] == states:
            return
        now = time.time()
        for at, state in enumerate(states, slot):
            before = self._states[at]
            if state != before:
                owner = self._owners[at]
                owner.counts[before] -= 1
                owner.counts[state] += 1
                self._states[at] = state
                if self._based:
                    tomb = wire.parse(self._lines[at])
                    kind = _OF_STATE[state]
                    yield Event(kind, now, owner.name, tomb, away=not self.live)

    def _live(self, _value: dict[str, Any]) -> Iterator[Event]:
        self.live = True
        if not self._based:
            self._based = True
            yield Event(START, time.time(), number=self.functions)
