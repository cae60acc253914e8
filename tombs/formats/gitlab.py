"""A diff as GitLab's Code Quality report: a JSON array in the fields that GitLab documents."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tombs.diff import (
    ADDED,
    CLASSES,
    NEWLY_DEAD,
    REMOVED_ALIVE,
    STILL_DEAD,
    UNLOADED,
)
from tombs.formats.structured import listed
from tombs.formats.words import clean, remarks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.diff import Change
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

_SEVERITIES: Final = {
    NEWLY_DEAD: "major",
    REMOVED_ALIVE: "major",
    UNLOADED: "minor",
    ADDED: "minor",
    STILL_DEAD: "info",
}


def render(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write the report; GitLab itself tells what is new in it, by the fingerprints."""
    failing = outcome.failing()
    yield "["
    yield from listed(
        _issue(change, "critical" if change.kind in failing else severity, paths)
        for change in outcome.diff.changes
        if (severity := _SEVERITIES.get(change.kind)) and change.function.id not in outcome.ignored
    )
    yield "]"


def _issue(change: Change, severity: str, paths: Paths) -> dict[str, Any]:
    function = change.function
    # A dead function is the same finding however it died: the branch's report is compared with that
    # of the branch it goes to.
    finding = "dead" if change.kind in {NEWLY_DEAD, ADDED, STILL_DEAD} else change.kind
    said = remarks(change)
    message = f"{function.name}: {CLASSES[change.kind]}" + (f" ({said})" if said else "")
    return {
        "description": clean(message),
        "check_name": f"tombs-{finding}",
        "fingerprint": sha256(f"{finding} {function.id}".encode(errors="replace")).hexdigest(),
        "severity": severity,
        "location": {
            "path": clean(paths.of(function)),
            "lines": {"begin": max(function.start, 1), "end": max(function.end, function.start, 1)},
        },
    }
