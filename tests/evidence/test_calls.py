"""Columns of calls say what a call for each function says."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tombs.evidence import calls
from tombs.evidence.calls import Call, Calls

COUNT = 5
LARGEST = (1 << 63) - 1
# Few and near to each other, so that they are equal often, and as far apart as lanes go.
numbers = st.sampled_from([1, 2, 3, 1 << 31, 1 << 32, LARGEST - 1, LARGEST])
known = st.dictionaries(
    st.integers(0, COUNT - 1),
    st.builds(Call, numbers, numbers, st.sampled_from(["", "1.0", "1.1"]), st.just(0) | numbers),
    min_size=1,
)


def packed(rows: dict[int, Call]) -> Calls:
    """Pack calls of which there are some."""
    made = calls.of(COUNT, rows)
    assert made
    return made


@given(known)
def test_what_is_packed_is_given(rows: dict[int, Call]) -> None:
    """Each function's call, and of no other function one."""
    assert packed(rows).each() == rows


@given(known, known)
def test_joined_as_calls_are(one: dict[int, Call], other: dict[int, Call]) -> None:
    """Function by function, nothing passes from one to its neighbour."""
    wanted = {
        index: one[index].join(other[index])
        if index in one and index in other
        else one.get(index) or other[index]
        for index in {*one, *other}
    }
    joined = packed(one).join(packed(other))
    assert joined.each() == wanted
    assert joined == packed(wanted), "equal calls are equal, however they came about"


@given(known)
def test_what_is_written_is_read(rows: dict[int, Call]) -> None:
    """Written down, and handed from process to process."""
    made = packed(rows)
    assert calls.read(COUNT, made.written()) == made
    assert pickle.loads(pickle.dumps(made)) == made


@given(known)
def test_a_release_is_named_later(rows: dict[int, Call]) -> None:
    """Of those calls that have none."""
    wanted = {index: call._replace(release=call.release or "2") for index, call in rows.items()}
    assert packed(rows).labelled("2") == packed(wanted)


def test_no_call_is_no_column() -> None:
    """Where nothing is known there is nothing."""
    assert calls.of(COUNT, {}) is None
    assert calls.of(0, {}) is None
    nothing = dict.fromkeys(("first", "last", "processes"), "AAAAAAAAAAA=")
    assert calls.read(1, {**nothing, "release": ""}) is None


@pytest.mark.parametrize("call", [(-1, 1, "", 1), (1, LARGEST + 1, "", 1), (1, 1, "", 1 << 64)])
def test_what_no_lane_holds_is_refused(call: tuple[int, int, str, int]) -> None:
    """Before it could spoil its neighbours."""
    with pytest.raises(ValueError, match=r"large|range|argument|format"):
        calls.of(1, {0: call})
