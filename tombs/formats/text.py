"""A diff for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.diff import ADDED, CLASSES, NEWLY_DEAD, NOT_KNOWN, REMOVED_ALIVE, STILL_DEAD, UNLOADED
from tombs.formats.words import clean, count, evidence, remark, side_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.diff import Change, Diff
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

_WIDTH: Final = 80
_SHORT: Final = frozenset({STILL_DEAD, NOT_KNOWN})  # counted, listed only on demand
_BAD: Final = frozenset({NEWLY_DEAD, ADDED, REMOVED_ALIVE, UNLOADED})


def render(
    outcome: Outcome, paths: Paths, *, everything: bool = False, color: bool = False
) -> Iterator[str]:
    """Write a diff in lines.

    Args:
        outcome: the diff, and what came of it.
        paths: finds the files.
        everything: list also what is only counted otherwise.
        color: the terminal shows colours.
    """
    paint = _paint if color else _plain
    diff = outcome.diff
    for head, side in (("OLD", diff.old), ("NEW", diff.new)):
        yield f"{paint(head, '1')}  {clean(side.name)}"
        for line in side_lines(side):
            yield f"     {line}"
    yield from _doubts(diff)
    for kind, meaning in CLASSES.items():
        changes = diff.of(kind)
        if not changes:
            continue
        yield ""
        title = paint(f"{kind} ({len(changes):,})", "1;31" if kind in _BAD else "1")
        if kind in _SHORT and not everything:
            yield f"{title}: {meaning}; --all lists them"
            continue
        yield f"{title}: {meaning}"
        for change in changes:
            yield from _change(outcome, change, paths)
    if not diff.changes:
        yield ""
        yield "nothing changed: no function is dead on either side"
    yield from _gates(outcome, color=color)


def _doubts(diff: Diff) -> Iterator[str]:
    if not diff.bodies_known:
        yield ""
        yield "Whether bodies changed is unknown: the two ran on Pythons with other bytecode."


def _change(outcome: Outcome, change: Change, paths: Paths) -> Iterator[str]:
    function = change.function
    name = clean(function.name)
    place = f"{clean(paths.of(function))}:{function.start}"
    if len(name) + len(place) + 4 <= _WIDTH:
        yield f"  {name}{place.rjust(_WIDTH - 2 - len(name))}"
    else:
        yield f"  {name}"
        yield f"      {place}"
    for said in filter(None, (remark(change), evidence(change))):
        yield f"      {said}"
    entry = outcome.ignored.get(function.id)
    if entry is not None:
        yield f"      ignored until {entry.until}: {clean(entry.reason)}"


def _gates(outcome: Outcome, *, color: bool) -> Iterator[str]:
    if not outcome.gates:
        return
    paint = _paint if color else _plain
    yield ""
    for gate in outcome.gates:
        word = paint("passed", "32") if gate.passed else paint("FAILED", "1;31")
        yield f"{word}  {clean(gate.name)}: {clean(gate.told)}"
    if outcome.ignored:
        yield f"        {count(len(outcome.ignored), 'function')} ignored"


def _plain(text: str, code: str) -> str:  # noqa: ARG001 - as _paint
    return text


def _paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m"
