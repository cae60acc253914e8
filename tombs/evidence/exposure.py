"""How long something was watched, by how many processes, in which releases."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
    processes = 0
    releases = set()
    for run, since in watched:
        # A clock that was set back makes no time negative.
        spans.append((max(run.seen, since), since, run.paused))
        processes += run.processes
        if run.release:
            releases.add(run.release)
    if not spans:
        return Exposure()
    spans.sort()
    since = min(first for _, first, _ in spans)
    named = tuple(sorted(releases))
    return Exposure(since, spans[-1][0], _covered(spans), processes, len(spans), named)


def _covered(spans: list[tuple[int, int, int]]) -> int:
    """Compute for how long at least one of the runs was watching, at the very least.

    When in its span a run was paused isn't known, so it may have been just while no other run was
    watching. Of any runs together the spans cover so much, less all their pauses: the runs for
    which this is the most are found, so that a run more never takes away what others have proven.

    Args:
        spans: end, beginning and pause of each, by their ends.
    """
    ends: list[int] = []
    best = [0]  # of the first so many spans: the most that some of them make
    # Spans that end the last of those that make something, the latest last: where they stand, and
    # what they make less their end, the most first.
    places: list[int] = []
    values: list[int] = []
    for place, (last, first, paused) in enumerate(spans):
        apart = bisect_right(ends, first)  # so many end before this one begins
        made = last - first + best[apart]
        overlapping = bisect_left(places, apart)
        if overlapping < len(places):
            made = max(made, last + values[overlapping])
        made -= paused
        while values and values[-1] <= made - last:
            values.pop()
            places.pop()
        values.append(made - last)
        places.append(place)
        ends.append(last)
        best.append(max(best[-1], made))
    return best[-1]


def of_runs(runs: Mapping[str, Run]) -> Exposure:
    """Add up the exposure of the whole program."""
    return measure((run, run.created) for run in runs.values())
