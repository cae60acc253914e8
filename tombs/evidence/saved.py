"""The format of saved snapshots: lines of JSON, of which each means something by itself.

Version 2, in this order; all times are nanoseconds since the epoch:

    {"format": "tombs snapshot", "version": 2, "applications": [name, ...], "by": "tombs 0.1.0"}
    {"run": {...}, "created": time, "seen": time, "ended": time or 0, "processes": n, "dropped": n,
     "notes": [["dropped" or "unwatched", module, functions, reason], ...],
     "paused": nanoseconds between created and seen when nobody watched; 0 without}
    {"module": name, "file": path, "code": magic number, "functions":
     [[qualified name, first line, last line, 1 if method, hash], ...]}
    {"states": "0313...", "runs": [[number of a run, when it registered the module], ...],
     "calls": {"first": base64, "last": base64, "processes": base64, "release": text or list},
     "stacks": [[index of a function, time, [[file, function, line], ...]], ...]}
    {"listed": name, "file": path, "functions": [[qualified name, first, last, stub], ...]}
    {"end": how many lines stand before this one}

A line of states speaks of the module on the line before: 0 never called, 1 nobody knows, 3 called.
Calls are of functions that were seen called, where the time is known; stacks of those that came
back from the dead. Both may be missing. Of calls there are columns, with a number for each function
of the module, 0 where no call is known: its first call, its last one, and the processes of one run
that called it, 64 bits each, the lowest byte first (below 2**63). `release` is that of all last
calls, or has one for each function.
Runs are numbered as they stand in the file, from 0. `run` holds what identifies the run, as its
graveyard does: application, release, host, python, namespace, and so on. Listed modules are those
of the source (`tombs inventory`). The last line tells a whole file from one that was cut short.

Who reads ignores keys that it doesn't know. Whatever an older reader would misread raises the
version, and a reader knows all versions before its own. Version 1 had a row for each known call:
[index of the function, first call, last call, release of the last, processes].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.model import compact
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.evidence.model import Evidence

FORMAT: Final = "tombs snapshot"
VERSION: Final = 2


def write(evidence: Evidence) -> Iterator[bytes]:
    """Give the lines of a saved snapshot; equal evidence gives equal lines."""
    yield _line(
        {
            "format": FORMAT,
            "version": VERSION,
            "applications": evidence.applications(),
            "by": f"tombs {__version__}",
        }
    )
    count = 1
    numbers = {}
    for number, (key, run) in enumerate(sorted(evidence.runs.items())):
        numbers[key] = number
        yield _line(
            {
                "run": run.about,
                "created": run.created,
                "seen": run.seen,
                "ended": run.ended,
                "processes": run.processes,
                "dropped": run.dropped,
                "notes": sorted(run.notes),
                "paused": run.paused,
            }
        )
        count += 1
    for _, seen in sorted(
        evidence.modules.items(), key=lambda pair: (pair[1].module.name, pair[0])
    ):
        yield seen.module.line().encode() + b"\n"
        runs = sorted([numbers[key], when] for key, when in seen.runs.items())
        line: dict[str, object] = {"states": seen.states, "runs": runs}
        if seen.calls:
            line["calls"] = seen.calls.written()
        if seen.stacks:
            line["stacks"] = [[index, *stack] for index, stack in sorted(seen.stacks.items())]
        yield _line(line)
        count += 2
    for listed in sorted(evidence.listed.values()):
        yield listed.line().encode() + b"\n"
        count += 1
    yield _line({"end": count})


def _line(value: object) -> bytes:
    return compact(value).encode() + b"\n"
