"""Evidence only grows, and the order in which it comes says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support_evidence import run, seen
from tombs.evidence import calls as columns
from tombs.evidence.calls import Call
from tombs.evidence.model import (
    Evidence,
    Function,
    Listed,
    Module,
    Note,
    Run,
    Seen,
    Source,
    Stack,
    join_states,
)
from tombs.merge import merge

small = st.integers(0, 3)
texts = st.sampled_from(["", "a", "b", "é", "\ud800", "\n"])
notes = st.builds(Note, st.sampled_from(["dropped", "unwatched"]), texts, small, texts)
runs = st.builds(
    Run,
    st.fixed_dictionaries({"run": texts, "application": texts, "release": texts, "pid": small}),
    st.just(5),
    st.integers(5, 9),
    small,
    small,
    small,
    st.frozensets(notes, max_size=2),
    small,
)
calls = st.builds(Call, st.integers(5, 7), st.integers(7, 9), texts, small)
frames = st.lists(st.tuples(texts, texts, small), max_size=2).map(tuple)
stacks = st.builds(Stack, st.integers(5, 9), frames)
sources = st.builds(Listed, texts, texts, st.tuples(st.builds(Source, texts, small, small, texts)))


@st.composite
def modules(draw: st.DrawFn) -> Seen:
    """Draw what was seen of one of a few modules."""
    count = draw(small)
    rows = tuple(Function(f"f{at}", at, at, False, "") for at in range(count))
    module = Module(draw(texts), draw(texts), "1", rows)
    states = "".join(draw(st.sampled_from("013")) for _ in range(count))
    runs = draw(st.dictionaries(texts, small, min_size=1, max_size=3))
    indexes = st.integers(0, count - 1) if count else st.nothing()
    return Seen(
        module,
        states,
        runs,
        columns.of(count, draw(st.dictionaries(indexes, calls))),
        draw(st.dictionaries(indexes, stacks)),
    )


evidences = st.lists(st.one_of(runs, modules(), sources), max_size=6).map(Evidence)


@given(evidences, evidences, evidences)
def test_merging_is_associative(one: Evidence, two: Evidence, three: Evidence) -> None:
    """However parts are united first, all of them give the same."""
    assert merge([merge([one, two]), three]) == merge([one, merge([two, three])])


@given(evidences, evidences)
def test_merging_is_commutative(one: Evidence, two: Evidence) -> None:
    """The order says nothing."""
    assert merge([one, two]) == merge([two, one])


@given(evidences, evidences)
def test_merging_is_idempotent(one: Evidence, two: Evidence) -> None:
    """What is known already changes nothing, and nothing given is changed."""
    before = merge([one])
    both = merge([one, two])
    assert merge([one, one]) == one == before
    assert merge([both, one, two]) == both


@given(st.lists(st.sampled_from("013"), min_size=1), st.data())
def test_a_call_seen_once_stays_seen(states: list[str], data: st.DataObject) -> None:
    """Joined states are the larger of both, function by function."""
    others = [data.draw(st.sampled_from("013")) for _ in states]
    joined = join_states("".join(states), "".join(others))
    assert joined == "".join(map(max, states, others))


def test_states_of_different_length_are_no_match() -> None:
    """Two rows of states of one module are equally long, or something is wrong."""
    with pytest.raises(ValueError, match="joined"):
        join_states("01", "011")


def test_two_readings_of_a_run_keep_the_later_counters() -> None:
    """A snapshot of the morning adds nothing to that of the evening."""
    morning, evening = run(hours=1, processes=2), run(hours=9, processes=5)
    assert Evidence([evening, morning]).runs == {evening.key: evening}


def test_two_releases_of_a_module_stand_side_by_side() -> None:
    """Another body makes another module: what was seen of one says nothing of the other."""
    by = run()
    one = seen(by, "shop.cart", {"total": "alive"}, own={"total": "a" * 16})
    two = seen(by, "shop.cart", {"total": "dead"}, own={"total": "b" * 16})
    assert len(Evidence([by, one, two]).modules) == 2
