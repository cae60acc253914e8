"""How long something was watched, by how many processes, in which releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tombs.evidence.model import Run


class Exposure(NamedTuple):
    """What evidence is worth. Times are nanoseconds.

    Runs that went on side by side watched the same time, which counts once; their processes add up.
    """

    since: int = 0  # since the epoch
    until: int = 0
    watched: int = 0  # of that time, while at least one run went on
    processes: int = 0
    runs: int = 0
    releases: tuple[str, ...] = ()


def measure(watched: Iterable[tuple[Run, int]]) -> Exposure:
    """Add up the exposure of something.

    Args:
        watched: the runs, and from when on each of them watched it.
    """
    spans = []
    begins = []
    processes = 0
    releases = set()
    for run, since in watched:
        # A clock that was set back makes no time negative.
        until = max(run.seen, since)
        # Which part of it was paused isn't known: it is taken from the beginning.
        spans.append((min(since + run.paused, until), until))
        begins.append(since)
        processes += run.processes
        if run.release:
            releases.add(run.release)
    if not spans:
        return Exposure()
    spans.sort()
    total = 0
    beyond = spans[0][0]
    for first, last in spans:
        if last > beyond:
            total += last - max(first, beyond)
            beyond = last
    return Exposure(min(begins), beyond, total, processes, len(spans), tuple(sorted(releases)))


def of_runs(runs: Mapping[str, Run]) -> Exposure:
    """Add up the exposure of the whole program."""
    return measure((run, run.created) for run in runs.values())
