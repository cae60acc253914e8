"""Tells whose each line of a module is: of the innermost function that it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.standing import ALIVE, DEAD, NEVER_LOADED, STATES, STUB, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from tombs.evidence.standing import Standing

# Where two functions stand on the same lines, the line is of the one that comes last here: no line
# is called dead that was executed.
_CAUTION: Final = {DEAD: 0, NEVER_LOADED: 1, STUB: 2, UNKNOWN: 3, ALIVE: 4}
# They share their lines with the statement around them, which may well have been executed.
_PARTS: Final = ("<lambda>", "<genexpr>")
_FURTHEST: Final = 10_000_000  # a line beyond it is a lie of whoever wrote the evidence


def span(standing: Standing) -> tuple[int, int]:
    """Give a function's first and last line: where the source has it, or else where it ran."""
    first, last = standing.source_lines if standing.source else (standing.start, standing.end)
    if first <= last <= _FURTHEST:
        return first, last
    first = min(first, _FURTHEST)
    return first, min(max(first, last), _FURTHEST)


def shares(functions: Iterable[Standing]) -> dict[str, int]:
    """Count the lines of one module's functions by the state of the function that they are of."""
    counts = dict.fromkeys(STATES, 0)
    spans = sorted(
        (first, -last, _CAUTION[one.state], one.state)
        for one in functions
        if not one.qualname.endswith(_PARTS)
        for first, last in (span(one),)
    )
    around: list[tuple[int, str]] = []  # last line and state of the functions around
    free = 0  # the first line that is nobody's yet
    for first, negative, _, state in spans:
        while around and around[-1][0] < first:
            free = _take(counts, around.pop(), free)
        if around:
            counts[around[-1][1]] += max(first - free, 0)
        free = max(free, first)
        around.append((-negative, state))
    while around:
        free = _take(counts, around.pop(), free)
    return counts


def _take(counts: dict[str, int], function: tuple[int, str], free: int) -> int:
    last, state = function
    counts[state] += max(last + 1 - free, 0)
    return max(free, last + 1)
