"""Saved snapshots: what is written is read again, and what is spoiled is named with its line."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence.test_model import evidences
from tests.support_evidence import evidence, lines, run
from tombs.errors import GraveyardError
from tombs.evidence import calls
from tombs.evidence.calls import Call
from tombs.evidence.model import Evidence, Function, Module, Note, Run, Seen, Stack
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


def whole(made: Evidence) -> Evidence:
    """Leave out what names runs that aren't there: no file can have it."""
    kept = Evidence([*made.runs.values(), *made.listed.values()])
    for key, seen in made.modules.items():
        runs = {run: when for run, when in seen.runs.items() if run in made.runs}
        if runs:
            kept.add(seen._replace(runs=runs), key)
    return kept


@given(evidences.map(whole))
def test_what_is_written_is_read(made: Evidence) -> None:
    """Nothing is lost, nothing is added."""
    assert read(b"".join(write(made))) == made


@given(evidences.map(whole))
def test_what_an_earlier_tombs_wrote_is_read(made: Evidence) -> None:
    """Version 1 says the same for ever."""
    told = lines(made)
    told[0]["version"] = 1
    states = (line for line in told if "states" in line)
    in_order = sorted(made.modules.items(), key=lambda pair: (pair[1].module.name, pair[0]))
    for line, (_, seen) in zip(states, in_order, strict=True):
        if "calls" in line:
            assert seen.calls
            line["calls"] = [[index, *call] for index, call in seen.calls.each().items()]
    assert read(b"".join(json.dumps(line).encode() + b"\n" for line in told)) == made


def test_a_file_of_version_1() -> None:
    """As it was written then, to the letter."""
    by = {"run": "it-1", "application": "it", "host": "web1"}
    told = (
        b'{"format":"tombs snapshot","version":1,"applications":["it"],"by":"tombs 0.1.0"}\n'
        b'{"run":{"run":"it-1","application":"it","host":"web1"},"created":5,"seen":9,"ended":0,'
        b'"processes":2,"dropped":0,"notes":[],"paused":0}\n'
        b'{"module":"it.a","file":"/a.py","code":"3531","functions":'
        b'[["f",1,2,0,""],["C.g",3,4,1,"00000000000000ff"],["h",5,6,0,""]]}\n'
        b'{"states":"033","runs":[[0,6]],"calls":[[1,7,8,"1.0",2],[2,7,7,"",1]],'
        b'"stacks":[[1,8,[["/a.py","g",3]]]]}\n'
        b'{"end":4}\n'
    )
    functions = (
        Function("f", 1, 2, False, ""),
        Function("C.g", 3, 4, True, "00000000000000ff"),
        Function("h", 5, 6, False, ""),
    )
    by_it = Run(by, 5, 9, 0, 2, 0, frozenset())
    known = {1: Call(7, 8, "1.0", 2), 2: Call(7, 7, "", 1)}
    stack = Stack(8, (("/a.py", "g", 3),))
    module = Module("it.a", "/a.py", "3531", functions)
    seen = Seen(module, "033", {by_it.key: 6}, calls.of(3, known), {1: stack})
    assert read(told) == Evidence([by_it, seen])


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


def lanes(*numbers: int) -> str:
    """Write a column."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}Q", *numbers)).decode()


ONE = lanes(1, 1)


def changed(change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """Give the snapshot with its lines changed."""
    told = lines(MADE)
    change(told)
    return b"".join(json.dumps(line).encode() + b"\n" for line in told)


def put(at: int, **values: object) -> bytes:
    """Give the snapshot with some values of a line changed."""
    return changed(lambda told: told[at].update(values))


def columns(
    first: object = ONE, last: object = ONE, processes: object = ONE, release: object = ""
) -> bytes:
    """Give the snapshot with columns of calls."""
    told = {"first": first, "last": last, "processes": processes, "release": release}
    return put(3, calls=told)


def rows(*calls: object) -> bytes:
    """Give the snapshot as version 1 has it, with rows of calls."""

    def change(told: list[dict[str, Any]]) -> None:
        told[0].update(version=1)
        told[3].update(calls=calls)

    return changed(change)


WHOLE = b"".join(write(MADE))
SPOILED = {
    "empty": (b"", 1, "empty"),
    "no JSON": (b"{nothing}\n", 1, "no JSON"),
    "foreign": (b'{"version": "2.1.0"}\n', 1, "no saved snapshot"),
    "an array": (b"{}\n[1]\n"[3:], 1, "no JSON object"),
    "newer": (put(0, version=3), 1, "version 3"),
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
    "calls too short": (columns(first=lanes(1)), 4, "the calls of shop.cart"),
    "calls too long": (columns(last=lanes(1, 1, 1)), 4, "the calls of shop.cart"),
    "calls too large": (columns(processes=lanes(1, 1 << 63)), 4, "the calls of shop.cart"),
    "calls of nothing": (columns(last=lanes(1, 0)), 4, "the calls of shop.cart"),
    "calls no base64": (columns(first=ONE[:-4] + "****"), 4, "the calls of shop.cart"),
    "calls no text": (columns(first=[1, 1]), 4, "the calls of shop.cart"),
    "calls beyond ASCII": (columns(first="é" * len(ONE)), 4, "the calls of shop.cart"),
    "calls in no release": (columns(release=3), 4, "the calls of shop.cart"),
    "calls in two releases": (columns(release=["", 3]), 4, "the calls of shop.cart"),
    "calls in too few releases": (columns(release=[""]), 4, "the calls of shop.cart"),
    "calls without columns": (put(3, calls={}), 4, "the calls of shop.cart"),
    "calls in rows": (put(3, calls=[[0, 1, 2, "", 1]]), 4, "the calls of shop.cart"),
    "rows of calls too short": (rows([0, 1, 2, ""]), 4, "the calls of shop.cart"),
    "rows of calls of nothing": (rows([99, 1, 2, "", 1]), 4, "the calls of shop.cart"),
    "rows of calls without time": (rows([0, 1, None, "", 1]), 4, "the calls of shop.cart"),
    "rows of calls in no release": (rows([0, 1, 2, 3, 1]), 4, "the calls of shop.cart"),
    "rows of calls at no time": (rows([0, 1, 0, "", 1]), 4, "the calls of shop.cart"),
    "rows of calls too late": (rows([0, 1, 1 << 64, "", 1]), 4, "the calls of shop.cart"),
    "columns in version 1": (rows(*"first"), 4, "the calls of shop.cart"),
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
