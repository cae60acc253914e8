"""Saved snapshots: what is written is read again, and what is spoiled is named with its line."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence.test_model import evidences
from tests.support_evidence import evidence, lines, run
from tombs.errors import GraveyardError
from tombs.evidence.model import Evidence, Note
from tombs.evidence.reading import Reader
from tombs.evidence.saved import write

if TYPE_CHECKING:
    from collections.abc import Callable

MADE = evidence(
    {"shop.cart": {"Cart.total": "dead", "add": "alive"}},
    {"shop.cart": {"add": ""}},
    by=run(notes=[Note("dropped", "shop.x", 3, "slots full")]),
)


def read(data: bytes) -> Evidence:
    """Read a saved snapshot's bytes."""
    made = Evidence()
    for item, key in Reader(io.BufferedReader(io.BytesIO(data)), "it.json", {}).items():
        made.add(item, key)
    return made


@given(evidences)
def test_what_is_written_is_read(made: Evidence) -> None:
    """Nothing is lost, nothing is added; runs that a module names must be there."""
    for seen in made.modules.values():
        for key in list(seen.runs):
            if key not in made.runs:
                del seen.runs[key]
    kept = {key: seen for key, seen in made.modules.items() if seen.runs}
    made.modules = kept
    assert read(b"".join(write(made))) == made


def test_equal_evidence_gives_equal_bytes() -> None:
    """A snapshot can be compared, and kept in version control."""
    backwards = Evidence(list(MADE.items())[::-1])
    assert b"".join(write(MADE)) == b"".join(write(backwards))


def test_every_line_is_json() -> None:
    """The format is one of lines: `grep` and `jq` read it."""
    kinds = [next(iter(line)) for line in lines(MADE)]
    assert kinds == ["format", "run", "module", "states", "listed", "end"]


def test_keys_of_a_later_tombs_are_passed_over() -> None:
    """A reader ignores what it doesn't know, whole lines too."""
    told = lines(MADE)
    told[1]["more"] = [1]
    told.insert(2, {"something": "new"})
    told[-1] = {"end": len(told) - 1}
    assert read(b"".join(json.dumps(line).encode() + b"\n" for line in told)) == MADE


def changed(change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """Give the snapshot with its lines changed."""
    told = lines(MADE)
    change(told)
    return b"".join(json.dumps(line).encode() + b"\n" for line in told)


def put(at: int, **values: object) -> bytes:
    """Give the snapshot with some values of a line changed."""
    return changed(lambda told: told[at].update(values))


WHOLE = b"".join(write(MADE))
SPOILED = {
    "empty": (b"", 1, "empty"),
    "no JSON": (b"{nothing}\n", 1, "no JSON"),
    "foreign": (b'{"version": "2.1.0"}\n', 1, "no saved snapshot"),
    "an array": (b"{}\n[1]\n"[3:], 1, "no JSON object"),
    "newer": (put(0, version=2), 1, "version 2"),
    "version missing": (put(0, version=None), 1, "no number"),
    "two applications": (put(1, run={"application": "bank"}), 2, "'bank'"),
    "run without times": (put(1, created=None), 2, "no line of a run"),
    "run without identity": (put(1, run=3), 2, "no line of a run"),
    "negative": (put(1, processes=-1), 2, "no line of a run"),
    "rows too short": (put(2, functions=[["a"]]), 3, "no line of a module"),
    "names no text": (put(2, functions=[[1, 2, 3, 0, ""]]), 3, "no line of a module"),
    "no rows": (put(2, functions=None), 3, "no line of a module"),
    "rows no list": (put(2, functions=""), 3, "no line of a module"),
    "rows too long": (put(2, functions=[["a", 1, 2, 0, "", 1]]), 3, "no line of a module"),
    "rows unequal": (put(2, functions=[["a", 1, 2, 0, ""], ["b"]]), 3, "no line of a module"),
    "lines no numbers": (put(2, functions=[["a", 1, "2", 0, ""]]), 3, "no line of a module"),
    "lines no whole numbers": (put(2, functions=[["a", 1, True, 0, ""]]), 3, "no line of a module"),
    "lines negative": (put(2, functions=[["a", 1, -2, 0, ""]]), 3, "no line of a module"),
    "calls too short": (put(3, calls=[[0, 1, 2, ""]]), 4, "the calls of shop.cart"),
    "calls of nothing": (put(3, calls=[[99, 1, 2, "", 1]]), 4, "the calls of shop.cart"),
    "calls without time": (put(3, calls=[[0, 1, None, "", 1]]), 4, "the calls of shop.cart"),
    "calls in no release": (put(3, calls=[[0, 1, 2, 3, 1]]), 4, "the calls of shop.cart"),
    "states too short": (put(3, states="0"), 4, "don't fit"),
    "states unheard of": (put(3, states="02"), 4, "no line of states"),
    "states no text": (put(3, states=12), 4, "no line of states"),
    "runs unheard of": (put(3, runs=[[7, 1]]), 4, "runs of shop.cart"),
    "no runs": (put(3, runs=[]), 4, "no run"),
    "states missing": (changed(lambda told: told.pop(3)), 4, "no line of states"),
    "cut after a line": (b"".join(list(write(MADE))[:-1]), 6, "cut short"),
    "cut within a line": (WHOLE[:-3], 6, "cut short"),
    "a line missing": (changed(lambda told: told.pop(4)), 5, "missing"),
    "more behind": (WHOLE + b"x", 7, "follows"),
    "nested": (b"[" * 100_000 + b"\n", 1, "no JSON"),
    "huge number": (b'{"format": ' + b"9" * 5000 + b"}\n", 1, "no JSON"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_spoiled_is_named(name: str) -> None:
    """Every fault names file and line, and what is wrong there."""
    data, line, told = SPOILED[name]
    with pytest.raises(GraveyardError) as fault:
        read(data)
    assert fault.value.message.startswith(f"it.json:{line}: ")
    assert told in fault.value.message


@given(st.data())
def test_no_byte_changed_does_worse_than_an_error(data: st.DataObject) -> None:
    """Whatever is done to a snapshot, it is read or refused."""
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    new = data.draw(st.binary(max_size=4))
    beyond = data.draw(st.integers(at, min(at + 40, len(WHOLE))))
    try:
        read(WHOLE[:at] + new + WHOLE[beyond:])
    except GraveyardError as fault:
        assert fault.message.startswith("it.json:")  # noqa: PT017 - either is right


def test_a_line_without_end_is_refused_early() -> None:
    """Nothing is read into memory without bound: the header is small."""
    with pytest.raises(GraveyardError, match=r"it\.json:1: the line is longer"):
        read(b'{"format": "' + b"a" * (2 << 20))


def test_compressed_and_cut_short_is_named() -> None:
    """A download that broke off is an error, not less evidence."""
    from tombs.evidence.compression import reader

    packed = io.BufferedReader(io.BytesIO(gzip.compress(WHOLE)[:-20]))
    with pytest.raises(GraveyardError, match=r"it\.json\.gz:\d+: can't be read on"):
        list(Reader(reader(packed, "it.json.gz"), "it.json.gz", {}).items())
