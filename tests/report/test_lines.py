"""Whose the lines of a module are."""

from __future__ import annotations

import pytest

from tombs.evidence.standing import ALIVE, DEAD, NEVER_LOADED, STUB, UNKNOWN, Standing
from tombs.report.lines import shares, span


def function(name: str, first: int, last: int, state: str) -> Standing:
    """Make a function."""
    made = Standing("shop", name, 1)
    made.start, made.end, made.state = first, last, state
    return made


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ([], {}),
        ([("f", 1, 10, DEAD)], {DEAD: 10}),
        ([("f", 1, 10, ALIVE), ("f.<locals>.g", 3, 5, DEAD)], {ALIVE: 7, DEAD: 3}),
        ([("f", 1, 10, DEAD), ("g", 12, 13, STUB)], {DEAD: 10, STUB: 2}),
        ([("f", 1, 9, DEAD), ("f.<locals>.g", 9, 9, DEAD)], {DEAD: 9}),
        (
            [("f", 1, 20, ALIVE), ("f.<locals>.g", 2, 10, UNKNOWN), ("h", 4, 6, NEVER_LOADED)],
            {ALIVE: 11, UNKNOWN: 6, NEVER_LOADED: 3},
        ),
        ([("f", 1, 1, DEAD), ("g", 1, 1, ALIVE)], {ALIVE: 1}),
        ([("f", 1, 4, ALIVE), ("f.<locals>.<lambda>", 2, 3, DEAD)], {ALIVE: 4}),
        ([("<genexpr>", 2, 3, DEAD)], {}),
        ([("f", 1, 5, DEAD), ("g", 4, 8, ALIVE)], {DEAD: 3, ALIVE: 5}),
        ([("f", 5, 1, DEAD), ("g", 0, 10**30, ALIVE)], {DEAD: 1, ALIVE: 10_000_000}),
    ],
)
def test_a_line_is_of_the_innermost_function(
    functions: list[tuple[str, int, int, str]], expected: dict[str, int]
) -> None:
    """No line counts twice, none is dead that was executed, and absurd evidence does no harm."""
    counts = shares(function(*row) for row in functions)
    assert {state: number for state, number in counts.items() if number} == expected


def test_the_source_knows_the_lines_better() -> None:
    """Where the source has the function, its lines are those of the source."""
    one = function("f", 1, 10, DEAD)
    one.source_lines = (21, 25)
    assert span(one) == (1, 10)
    one.source = "shop.py"
    assert span(one) == (21, 25)
