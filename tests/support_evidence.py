"""Makes evidence for tests: a program in a few words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tombs.evidence.model import Evidence, Function, Listed, Module, Note, Run, Seen, Source
from tombs.evidence.saved import write
from tombs.evidence.standing import Standings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

HOUR = 3_600_000_000_000
START = 1_790_000_000_000_000_000
STATES = {"dead": "0", "unknown": "1", "alive": "3"}


def run(
    name: str = "shop-00000001",
    *,
    hours: int = 24,
    processes: int = 4,
    notes: Iterable[Note] = (),
    dropped: int = 0,
    **about: object,
) -> Run:
    """Make a run of the application `shop`, a day long."""
    told = {"run": name, "application": "shop", "host": "web1", "namespace": ["shop"], **about}
    end = START + hours * HOUR
    return Run(told, START, end, end, processes, dropped, frozenset(notes))


def seen(
    by: Run,
    module: str,
    functions: Mapping[str, str],
    *,
    code: str = "3531",
    own: Mapping[str, str] | None = None,
    file: str = "",
) -> Seen:
    """Make what a run has seen of a module: qualified names, and `dead`, `alive` or `unknown`.

    A name may end in `#2` and so on, to tell apart those of equal names.
    """
    names = [name.partition("#")[0] for name in functions]
    hashes = [(own or {}).get(name, f"{len(name):016x}") for name in functions]
    rows = tuple(
        Function(name, 10 * at + 1, 10 * at + 5, "." in name, hashed)
        for at, (name, hashed) in enumerate(zip(names, hashes, strict=True))
    )
    path = file or f"/srv/app/{module.replace('.', '/')}.py"
    states = "".join(STATES[state] for state in functions.values())
    return Seen(Module(module, path, code, rows), states, {by.key: by.created})


def listed(module: str, functions: Mapping[str, str]) -> Listed:
    """Make a module of the source: qualified names, and why they are stubs."""
    rows = tuple(
        Source(name.partition("#")[0], 10 * at + 1, 10 * at + 5, stub)
        for at, (name, stub) in enumerate(functions.items())
    )
    return Listed(module, f"{module.replace('.', '/')}.py", rows)


def evidence(
    modules: Mapping[str, Mapping[str, str]],
    source: Mapping[str, Mapping[str, str]] | None = None,
    by: Run | None = None,
    code: str = "3531",
    own: Mapping[str, str] | None = None,
) -> Evidence:
    """Make the evidence of one run."""
    by = by or run()
    made = Evidence([by])
    for module, functions in modules.items():
        made.add(seen(by, module, functions, code=code, own=own))
    for module, functions in (source or {}).items():
        made.add(listed(module, functions))
    return made


def states(standings: Standings) -> dict[str, str]:
    """Give the state of each function by its identity."""
    return {key: standing.state for key, standing in standings.functions.items()}


def save(made: Evidence, path: Path) -> str:
    """Save evidence, and give its path."""
    path.write_bytes(b"".join(write(made)))
    return str(path)


def lines(made: Evidence) -> list[dict[str, Any]]:
    """Give a saved snapshot's lines as values."""
    return [json.loads(line) for line in write(made)]
