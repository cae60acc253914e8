"""A diff for GitHub Actions: annotations on the lines of a pull request.

GitHub shows ten errors, ten warnings and ten notices of a step; what is beyond is in the job's
summary, of which it takes 1 MiB a step (docs: workflow commands; usage limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.diff import (
    ADDED,
    CHANGED,
    CLASSES,
    NEWLY_DEAD,
    NOT_KNOWN,
    REMOVED_ALIVE,
    RESURRECTED,
    UNLOADED,
)
from tombs.formats.words import clean, count, remarks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.diff import Change
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

SUMMARY_MOST: Final = 1 << 20
_A_TYPE: Final = 10
_LEVELS: Final = {
    NEWLY_DEAD: "warning",
    ADDED: "warning",
    REMOVED_ALIVE: "warning",
    UNLOADED: "warning",
    RESURRECTED: "notice",
    CHANGED: "notice",
}


def render(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write workflow commands: an annotation for each change as far as GitHub shows them."""
    failing = outcome.failing()
    room = dict.fromkeys(("error", "warning", "notice"), _A_TYPE)
    for gate in outcome.gates:
        if not gate.passed and room["error"] > 1:  # one is left for a function
            room["error"] -= 1
            yield f"::error title=tombs::{_data(f'{gate.name}: {gate.told}')}"
    left = 0
    for kind in CLASSES:
        level = "error" if kind in failing else _LEVELS.get(kind)
        if level is None or (kind == NOT_KNOWN and level != "error"):
            continue
        for change in outcome.diff.of(kind):
            if change.function.id in outcome.ignored:
                continue
            if room[level]:
                room[level] -= 1
                yield _annotation(level, change, paths)
            else:
                left += 1
    diff = outcome.diff
    told = f"tombs: {count(diff.new.dead, 'dead function')}, {diff.old.dead:,} before"
    yield told + (f"; {left:,} more changes are in the job's summary" if left else "")


def _annotation(level: str, change: Change, paths: Paths) -> str:
    function = change.function
    said = remarks(change)
    message = f"{function.name}: {CLASSES[change.kind]}" + (f" ({said})" if said else "")
    fields = {"title": f"tombs: {change.kind}"}
    if change.new is not None:  # what is gone has no line
        fields = {
            "file": paths.of(function),
            "line": str(max(function.start, 1)),
            "endLine": str(max(function.end, function.start, 1)),
            **fields,
        }
    told = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{level} {told}::{_data(message)}"


def _data(text: str) -> str:
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
