"""The gates a diff must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tombs.evidence.standing import DEAD
from tombs.ignore import Ignore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tombs.diff import Diff
    from tombs.ignore import Entry


class Gate(NamedTuple):
    """One demand on a diff."""

    name: str
    passed: bool
    told: str


class Limits:
    """What is demanded.

    Args:
        fail_on: classes of which there may be none.
        max_dead: how many dead functions there may be.
        max_growth: how many more than before.
    """

    def __init__(
        self,
        fail_on: Iterable[str] = (),
        max_dead: int | None = None,
        max_growth: int | None = None,
    ) -> None:
        self.fail_on = tuple(fail_on)
        self.max_dead = max_dead
        self.max_growth = max_growth


class Outcome:
    """A diff, and what came of it.

    Args:
        diff: the diff.
        limits: what is demanded of it.
        ignore: what is left out of account.
    """

    def __init__(
        self, diff: Diff, limits: Limits | None = None, ignore: Ignore | None = None
    ) -> None:
        self.diff = diff
        self.ignore = ignore or Ignore()
        self.ignored: dict[str, Entry] = {}
        for change in diff.changes:
            entry = self.ignore.of(change.function.name)
            if entry is not None:
                self.ignored[change.function.id] = entry
        self.gates = self._gates(limits or Limits())

    @property
    def passed(self) -> bool:
        """Whether every gate was passed."""
        return all(gate.passed for gate in self.gates)

    def failing(self) -> set[str]:
        """Give the classes whose gate failed."""
        return {gate.name.partition(" ")[2] for gate in self.gates if not gate.passed}

    def _gates(self, limits: Limits) -> list[Gate]:
        gates = []
        for kind in limits.fail_on:
            left = sum(
                change.kind == kind and change.function.id not in self.ignored
                for change in self.diff.changes
            )
            gates.append(Gate(f"--fail-on {kind}", not left, _counted(left)))
        before, now = self._dead()
        if limits.max_dead is not None:
            told = f"{now:,} dead"
            gates.append(Gate(f"--max-dead {limits.max_dead}", now <= limits.max_dead, told))
        if limits.max_growth is not None:
            told = f"{before:,} dead before, {now:,} now"
            name = f"--max-dead-growth {limits.max_growth}"
            gates.append(Gate(name, now - before <= limits.max_growth, told))
        gates += [
            Gate("--ignore", False, f"{entry.place}: {entry.pattern} expired on {entry.until}")  # noqa: FBT003 - the field says it
            for entry in self.ignore.expired
        ]
        return gates

    def _dead(self) -> tuple[int, int]:
        """Count the dead before and now, without those ignored."""
        before, now = self.diff.old.dead, self.diff.new.dead
        for change in self.diff.changes:
            if change.function.id in self.ignored:
                before -= change.old is not None and change.old.state == DEAD
                now -= change.new is not None and change.new.state == DEAD
        return before, now


def _counted(number: int) -> str:
    return "1 function" if number == 1 else f"{number:,} functions"
