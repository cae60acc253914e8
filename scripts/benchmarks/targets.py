"""What must be reached: a table, for the rewrite engine and for the monitoring engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Target(NamedTuple):
    """One figure and on which side of it to be."""

    value: float
    sign: str = "≤"

    def met(self, figure: float) -> bool:
        """Tell whether a figure reaches it."""
        return figure <= self.value if self.sign == "≤" else figure >= self.value


MIB = 1 << 20
MB = 10**6

READERS = {
    "status": "`tombs status`",
    "report": "`tombs report`",
    "report.source": "`tombs report --source`",
    "html": "`tombs report --html`",
    "html.source": "`tombs report --source --html`",
    "diff": "`tombs diff`",
    "diff.source": "`tombs diff --source`",
    "diff.html": "`tombs diff --format html`",
    "why": "`tombs why --source`",
    "inventory": "`tombs inventory`, nothing changed",
    "merge": "`tombs merge`, 1,000 snapshots",
}


def _readers() -> Iterator[tuple[str, tuple[str, Target, Target]]]:
    for name, title in READERS.items():
        time, memory = (10_000, 300) if name == "merge" else (5000, 400)
        yield f"readers.{name}", (title, Target(time), Target(time))
        peak = Target(memory * MB)
        yield f"readers.{name}.memory", (f"{title}: peak of memory", peak, peak)


# measure: title in the table, on 3.11 (rewrite), on 3.12 and later (monitoring)
TARGETS: dict[str, tuple[str, Target, Target]] = {
    "run.mean": ("run: pyperformance programs, geometric mean", Target(1.04), Target(1.01)),
    "requests.admin": ("run: Django requests, all of django watched", Target(1.02), Target(1.01)),
    "load.sympy": ("load, warm: `import sympy`, all of it watched", Target(1.15), Target(1.15)),
    "load.django": ("load, warm: Django set-up, all of it watched", Target(1.06), Target(1.06)),
    "load.sympy.cold": ("load: `import sympy`, Tombs' cache empty", Target(1.6), Target(1.35)),
    "start.empty": ("start-up, nothing in the namespace, over plain", Target(12), Target(12)),
    "memory.function": ("memory: private bytes a function, over plain", Target(250), Target(250)),
    "memory.fixed": ("memory: fixed, private, beside ctypes", Target(2 * MIB), Target(2 * MIB)),
    "memory.graveyard": ("graveyard file touched, 10,000 functions",
                         Target(4 * MIB), Target(4 * MIB)),
    "workers.two": ("two workers, same functions, against one", Target(1.02), Target(1.02)),
    "socket.time": ("100,000 tombs over the socket", Target(400), Target(400)),
    "socket.write": ("smallest write but the last", Target(16384, "≥"), Target(16384, "≥")),
    **dict(_readers()),
    "latency.fetched": ("request p99 while fetched once a second", Target(1.10), Target(1.10)),
    "epochs.p99": ("request p99 with an epoch of a minute, to none", Target(1.02), Target(1.02)),
    "epochs.each": ("gunicorn: time for a request with such an epoch, to none",
                    Target(1.02), Target(1.02)),
}  # fmt: skip


def target(measure: str, *, monitors: bool) -> Target | None:
    """Give the target of a measure, if it has one."""
    row = TARGETS.get(measure)
    if row is None:
        return None
    return row[2] if monitors else row[1]
