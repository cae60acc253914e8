"""What became of each function between two deployments.

Functions are matched by identity: module, qualified name, and number among equals. A function that
was moved to another module is one removed and one added. Nothing is claimed that the evidence
doesn't carry: what isn't there is *removed* only where its module was loaded without it or the
source is known not to have it, and a body is *changed* only where both hashes speak of the same
bytecode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.standing import (
    ALIVE,
    DEAD,
    NEVER_LOADED,
    STATES,
    STUB,
    UNKNOWN,
)

if TYPE_CHECKING:
    from typing import Final

    from tombs.evidence.standing import Standing, Standings

NEWLY_DEAD: Final = "newly-dead"
RESURRECTED: Final = "resurrected"
STILL_DEAD: Final = "still-dead"
ADDED: Final = "added-never-called"
REMOVED_DEAD: Final = "removed-dead"
REMOVED_ALIVE: Final = "removed-alive"
CHANGED: Final = "changed"
UNLOADED: Final = "no-longer-loaded"
NOT_KNOWN: Final = "unknown"

# In the order in which people want to see them, and what each means.
CLASSES: Final = {
    NEWLY_DEAD: "called before, never called now",
    ADDED: "new code that was never called",
    REMOVED_ALIVE: "called before, and not there any more",
    UNLOADED: "called before; now its module was never loaded",
    RESURRECTED: "never called before, called now",
    CHANGED: "other code under the same name",
    REMOVED_DEAD: "never called before, and not there any more",
    STILL_DEAD: "never called, before and now",
    NOT_KNOWN: "the evidence doesn't tell",
}

_BOTH: Final = {
    (ALIVE, DEAD): NEWLY_DEAD,
    (ALIVE, NEVER_LOADED): UNLOADED,
    (ALIVE, UNKNOWN): NOT_KNOWN,
    (DEAD, ALIVE): RESURRECTED,
    (DEAD, DEAD): STILL_DEAD,
    (DEAD, NEVER_LOADED): STILL_DEAD,
    (DEAD, UNKNOWN): NOT_KNOWN,
    (NEVER_LOADED, DEAD): STILL_DEAD,
    (UNKNOWN, DEAD): NOT_KNOWN,
}


class Change:
    """What became of one function.

    Args:
        kind: one of CLASSES.
        old: what was known of it before; None where it wasn't there.
        new: what is known of it now; None where it isn't there.
        body: `same`, `changed` or `unknown`; empty where there are not two.
        why: what must be said beside it.
    """

    __slots__ = ("body", "kind", "new", "old", "why")

    def __init__(
        self, kind: str, old: Standing | None, new: Standing | None, body: str = "", why: str = ""
    ) -> None:
        self.kind = kind
        self.old = old
        self.new = new
        self.body = body
        self.why = why

    @property
    def function(self) -> Standing:
        """The function as it is now, or as it was where it is no more."""
        function = self.new or self.old
        assert function is not None  # noqa: S101 - a change is of something
        return function


class Side:
    """One of the two deployments.

    Args:
        name: where the evidence came from.
        standings: what is known of its functions.
    """

    def __init__(self, name: str, standings: Standings) -> None:
        self.name = name
        self.exposure = standings.exposure
        self.windows = standings.windows
        self.counts = dict.fromkeys(STATES, 0)
        self.bytecode: set[str] = set()
        for standing in standings.functions.values():
            self.counts[standing.state] += 1
            for code, _ in standing.hashes:
                self.bytecode.add(code)

    @property
    def dead(self) -> int:
        """How many functions are dead."""
        return self.counts[DEAD]


class Diff:
    """Two deployments compared.

    Args:
        old: name and standings of the one before.
        new: name and standings of the one now.
    """

    def __init__(self, old: tuple[str, Standings], new: tuple[str, Standings]) -> None:
        share_stubs(old[1], new[1])
        share_stubs(new[1], old[1])
        self.old = Side(*old)
        self.new = Side(*new)
        self.changes = compare(old[1], new[1])
        self.counts = dict.fromkeys(CLASSES, 0)
        for change in self.changes:
            self.counts[change.kind] += 1

    @property
    def bodies_known(self) -> bool:
        """Whether bodies of both sides can be compared at all."""
        return bool(self.old.bytecode & self.new.bytecode)

    def of(self, kind: str) -> list[Change]:
        """Give the changes of one class."""
        return [change for change in self.changes if change.kind == kind]


def share_stubs(one: Standings, other: Standings) -> None:
    """Let one side's source speak for the other, where that has none and the body is not another.

    Else a stub would be dead on one side only, and dead functions seem to grow.
    """
    for key, standing in one.functions.items():
        twin = other.functions.get(key) if standing.stub else None
        if twin is None or twin.source or twin.state not in {DEAD, UNKNOWN}:
            continue
        if body(standing, twin) != "changed":
            twin.state, twin.why, twin.stub = STUB, standing.stub, standing.stub


def compare(old: Standings, new: Standings) -> list[Change]:
    """Find all changes, ordered by module, line and name; what needs no words is left out."""
    changes = []
    before, after = old.functions, new.functions
    for key, was in before.items():
        now = after.get(key)
        change = _gone(was, new) if now is None else _both(was, now)
        if change is not None:
            changes.append(change)
    for key, now in after.items():
        if key not in before:
            change = _added(now, old)
            if change is not None:
                changes.append(change)
    changes.sort(key=_place)
    return changes


def _place(change: Change) -> tuple[str, int, str, int]:
    function = change.function
    return function.module, function.start, function.qualname, function.ordinal


def _both(was: Standing, now: Standing) -> Change | None:
    code = body(was, now)
    kind = _BOTH.get((was.state, now.state))
    refused = (was.refused or now.refused) and STUB not in {was.state, now.state}
    if kind is None and refused and now.state != ALIVE:
        kind = NOT_KNOWN
    if kind is None:
        if code == "changed" and STUB not in {was.state, now.state}:
            return Change(CHANGED, was, now, code)
        return None
    why = ""
    if kind == NOT_KNOWN:
        why = f"now: {now.why}" if now.state == UNKNOWN else f"before: {was.why}"
    elif kind == STILL_DEAD and was.state != now.state:
        why = "its module was never loaded " + ("before" if was.state != DEAD else "now")
    return Change(kind, was, now, code, why)


def body(was: Standing, now: Standing) -> str:
    """Compare a function's code on both sides: `same`, `changed` or `unknown`."""
    if was.hashes == now.hashes and was.hashes:
        return "same"
    both = {code for code, _ in was.hashes} & {code for code, _ in now.hashes}
    if not both:
        return "unknown"
    before = {pair for pair in was.hashes if pair[0] in both}
    return "same" if before == {pair for pair in now.hashes if pair[0] in both} else "changed"


def _gone(was: Standing, new: Standings) -> Change | None:
    state = was.refused or was.state
    if state not in {ALIVE, DEAD, NEVER_LOADED}:
        return None
    if was.module in new.notes:
        return Change(NOT_KNOWN, was, None, why=f"now: {new.notes[was.module]}")
    if was.module not in new.loaded and not covers(new, was.module):
        if state == NEVER_LOADED:
            return None
        why = "now: its module was not loaded; only the source (--source) tells whether it is there"
        return Change(NOT_KNOWN, was, None, why=why)
    if was.refused:
        return Change(NOT_KNOWN, was, None, why=f"before: {was.why}")
    return Change(REMOVED_ALIVE if was.state == ALIVE else REMOVED_DEAD, was, None)


def _added(now: Standing, old: Standings) -> Change | None:
    known = now.module in old.loaded or covers(old, now.module)
    if now.refused and (known or now.refused == DEAD):
        return Change(NOT_KNOWN, None, now, why=f"now: {now.why}")
    if now.state == DEAD:
        if now.module in old.notes:
            return Change(NOT_KNOWN, None, now, why=f"before: {old.notes[now.module]}")
        return Change(ADDED, None, now, why="" if known else "its module was not loaded before")
    if now.state == NEVER_LOADED and known:
        return Change(ADDED, None, now, why="its module was never loaded")
    return None


def covers(standings: Standings, module: str) -> bool:
    """Tell whether the listed source would have a module, if there were one."""
    return module.partition(".")[0] in standings.tops
