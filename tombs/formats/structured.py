"""A diff for programs: one JSON document, or a line for each change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tombs.diff import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from tombs.diff import Change, Side
    from tombs.evidence.exposure import Exposure
    from tombs.evidence.standing import Standing
    from tombs.evidence.windows import Window
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

VERSION: Final = 1


def render_json(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write one document: both sides, counts, gates, and every change."""
    text = json.dumps(_head(outcome), indent=1)
    yield text[: text.rindex("\n}")] + ',\n "changes": ['
    yield from listed(_change(outcome, change, paths) for change in outcome.diff.changes)
    yield " ]\n}"


def listed(values: Iterable[object]) -> Iterator[str]:
    """Write the items of a JSON array a line each, and hold no more than two of them."""
    before = ""
    for value in values:
        if before:
            yield before + ","
        before = "  " + json.dumps(value)
    if before:
        yield before


def render_lines(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write a line for what was compared, and one for each change."""
    yield json.dumps(_head(outcome))
    for change in outcome.diff.changes:
        yield json.dumps(_change(outcome, change, paths))


def _head(outcome: Outcome) -> dict[str, Any]:
    diff = outcome.diff
    return {
        "format": "tombs diff",
        "version": VERSION,
        "passed": outcome.passed,
        "old": _side(diff.old),
        "new": _side(diff.new),
        "bodies_known": diff.bodies_known,
        "counts": {kind: diff.counts[kind] for kind in CLASSES},
        "gates": [gate._asdict() for gate in outcome.gates],
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "source": side.name,
        **exposed(side.exposure),
        "functions": side.counts,
        "windows": listed_windows(side.windows),
    }


def exposed(exposure: Exposure) -> dict[str, Any]:
    """Give an exposure's fields; times are nanoseconds."""
    return {
        "since": exposure.since,
        "until": exposure.until,
        "watched": exposure.watched,
        "processes": exposure.processes,
        "runs": exposure.runs,
        "releases": list(exposure.releases),
    }


def listed_windows(windows: dict[Window, list[int]]) -> list[dict[str, Any]]:
    """Give the windows of patterns, the strongest first; lengths are nanoseconds."""
    return [
        {**_window(window), "functions": functions, "unknown": unknown}
        for window, (functions, unknown) in windows.items()
    ]


def _window(window: Window) -> dict[str, Any]:
    return {"length": window.length, "pattern": window.pattern, "by": window.by}


def _change(outcome: Outcome, change: Change, paths: Paths) -> dict[str, Any]:
    function = change.function
    entry = outcome.ignored.get(function.id)
    return {
        "class": change.kind,
        "id": function.id,
        "name": function.name,
        "module": function.module,
        "qualname": function.qualname,
        "file": paths.of(function),
        "start": function.start,
        "end": function.end,
        "body": change.body or None,
        "why": change.why or None,
        "old": _standing(change.old),
        "new": _standing(change.new),
        "ignored": entry and {"until": entry.until.isoformat(), "reason": entry.reason},
    }


def _standing(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    exposure = standing.exposure
    return {
        "state": standing.state,
        "why": standing.why or None,
        "since": exposure.since,
        "watched": exposure.watched,
        "processes": exposure.processes,
        "window": _window(standing.window) if standing.window.length else None,
    }
