"""What is left when the oldest runs are forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support_evidence import HOUR
from tests.test_history import NAMES, Program, histories, merged, module
from tombs.evidence import calls
from tombs.evidence.calls import Call
from tombs.evidence.forget import newest
from tombs.evidence.model import Evidence, Run, Seen, Stack
from tombs.evidence.standing import ALIVE, DEAD, Standings
from tombs.evidence.windows import Demands


@settings(max_examples=50, deadline=None)
@given(histories, st.integers(0, 12), st.integers(1, 2))
def test_what_was_called_is_not_dead_where_its_code_is_left(
    history: list[tuple[int, int, bool, list[tuple[str, str, bool]]]], window: int, most: int
) -> None:
    """Whichever runs are forgotten; and nothing is watched for longer than before."""
    shots = Program(history).snapshots
    evidence = merged([shot.data for shot in shots])
    left = newest(evidence, most)
    assert len(left.runs) == min(most, len(evidence.runs))
    whole = Standings(evidence).functions
    for key, standing in Standings(left, Demands(window * HOUR)).functions.items():
        hashes = {own for _, own in standing.hashes}
        first = key.endswith(f":{NAMES[0]}")  # whose code each release changes
        assert first or standing.exposure.watched <= whole[key].exposure.watched
        called = any(
            key in shot.called and f"{shot.release if first else 7:016x}" in hashes
            for shot in shots
        )
        if called:
            assert standing.state == ALIVE
        elif standing.state == DEAD:
            assert standing.exposure.watched >= window * HOUR


def test_times_and_callers_are_carried_over() -> None:
    """To the newer state of the module, at the function's place in it."""
    old = Run({"run": "shop-1", "release": "1"}, 1, 5, 5, 1, 0, frozenset())
    new = Run({"run": "shop-2", "release": "3"}, 6, 9, 9, 1, 0, frozenset())
    call, stack = Call(2, 4, "1", 3), Stack(4, (("/a.py", "a", 1),))
    known, kept = calls.of(3, {0: call, 1: call}), calls.of(2, {1: call})
    evidence = Evidence(
        [
            old,
            new,
            Seen(module("m", 1), "330", {old.key: 1}, known, {1: stack}),
            Seen(module("m", 3), "0", {new.key: 6}),
            Seen(module("m", 2), "00", {new.key: 7}),
            Seen(module("gone", 1), "333", {old.key: 1}),
        ]
    )
    assert newest(evidence, 2) is evidence
    left = newest(evidence, 1)
    assert list(left.runs) == [new.key]
    found = {seen.module: seen for seen in left.modules.values()}
    assert found[module("m", 2)] == Seen(module("m", 2), "03", {new.key: 7}, kept, {1: stack})
    assert found[module("m", 3)] == Seen(module("m", 3), "0", {new.key: 6})
    assert len(found) == 2
