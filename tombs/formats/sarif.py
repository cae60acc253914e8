"""A diff as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tombs.diff import (
    ADDED,
    CHANGED,
    CLASSES,
    NEWLY_DEAD,
    NOT_KNOWN,
    REMOVED_ALIVE,
    REMOVED_DEAD,
    RESURRECTED,
    STILL_DEAD,
    UNLOADED,
)
from tombs.formats.structured import exposed, listed
from tombs.formats.words import clean, remarks
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.diff import Change
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_MOST: Final = 25_000  # results: GitHub refuses a log with more
_LEVELS: Final = {
    NEWLY_DEAD: "warning",
    ADDED: "warning",
    REMOVED_ALIVE: "warning",
    UNLOADED: "warning",
    STILL_DEAD: "note",
    RESURRECTED: "note",
    CHANGED: "note",
    REMOVED_DEAD: "none",
    NOT_KNOWN: "none",
}
_BASELINES: Final = {
    STILL_DEAD: "unchanged",
    NOT_KNOWN: "unchanged",
    REMOVED_DEAD: "absent",
    REMOVED_ALIVE: "absent",
    RESURRECTED: "absent",
    CHANGED: "updated",
}


def render(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write the log: a rule for each class, a result for each change."""
    diff = outcome.diff
    kinds = list(CLASSES)
    driver = {
        "name": "tombs",
        "semanticVersion": __version__,
        "rules": [_rule(kind) for kind in kinds],
    }
    failing = outcome.failing()
    changes = diff.changes
    if len(changes) > _MOST:  # in the order in which people want to see them
        changes = sorted(changes, key=lambda change: kinds.index(change.kind))[:_MOST]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "old": exposed(diff.old.exposure),
            "new": exposed(diff.new.exposure),
            "leftOut": len(diff.changes) - len(changes),
        },
    }
    log = json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})
    yield log[: -len("}]}")] + ', "results": ['
    yield from listed(
        _result(outcome, change, kinds.index(change.kind), paths, failing=failing)
        for change in changes
    )
    yield "]}]}"


def _rule(kind: str) -> dict[str, Any]:
    return {
        "id": kind,
        "shortDescription": {"text": f"{CLASSES[kind][0].upper()}{CLASSES[kind][1:]}."},
        "defaultConfiguration": {"level": _LEVELS[kind]},
        "properties": {"tags": ["dead code"]},
    }


def _result(
    outcome: Outcome, change: Change, rule: int, paths: Paths, *, failing: set[str]
) -> dict[str, Any]:
    function = change.function
    said = remarks(change)
    message = f"{function.name}: {CLASSES[change.kind]}" + (f" ({said})" if said else "")
    entry = outcome.ignored.get(function.id)
    level = "error" if change.kind in failing and entry is None else _LEVELS[change.kind]
    fingerprint = sha256(function.id.encode(errors="replace")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": change.kind,
        "ruleIndex": rule,
        "level": level,
        # `none` is for what is no finding; SARIF wants its kind to say so too.
        "kind": "informational" if level == "none" else "fail",
        "message": {"text": clean(message)},
        "locations": [_location(change, paths)],
        "partialFingerprints": {"tombsFunction/v1": fingerprint},
        "baselineState": _BASELINES.get(change.kind, "new"),
    }
    if entry is not None:
        result["suppressions"] = [
            {"kind": "external", "justification": clean(f"until {entry.until}: {entry.reason}")}
        ]
    return result


def _location(change: Change, paths: Paths) -> dict[str, Any]:
    function = change.function
    location: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": clean(function.qualname.rpartition(".")[2]),
                "fullyQualifiedName": clean(function.name),
                "kind": "function",
            }
        ]
    }
    uri = quote(paths.of(function), errors="replace")
    if uri:
        start = max(function.start, 1)
        location["physicalLocation"] = {
            "artifactLocation": {"uri": f"file://{uri}" if uri.startswith("/") else uri},
            "region": {"startLine": start, "endLine": max(function.end, start)},
        }
    return location
