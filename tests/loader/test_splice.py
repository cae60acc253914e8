"""The splice: source in, a function that behaves the same and calls the vacate first."""

from __future__ import annotations

import dis
import inspect
import linecache
import marshal
import sys
import traceback
from typing import TYPE_CHECKING

import pytest

from tests.loader.specimens import (
    FILE,
    SHAPES,
    compiled,
    executed,
    functions,
    instructions,
    rewritten,
    traced,
)
from tombs.loader.prologue import NAME
from tombs.loader.splice import SpliceError, prologue, splice

if TYPE_CHECKING:
    from types import CodeType

TRACED = sorted(SHAPES.keys() - {"65,600 constants", "very long", "long loop"})
PROLOGUE = {"LOAD_GLOBAL", "LOAD_CONST", "PRECALL", "CALL", "POP_TOP"}


def spliced(source: str, name: str = "f") -> CodeType:
    """Splice the one function of a source that has this name."""
    [code] = [code for code in functions(compiled(source)) if code.co_name == name]
    return splice(code, 7)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_function_behaves_as_before(shape: str) -> None:
    """Every shape gives the same result with the prologue, and the prologue runs."""
    module = compiled(SHAPES[shape])
    called: list[int] = []
    expected = executed(module, called.append)["result"]()
    assert called == []
    assert executed(rewritten(module), called.append)["result"]() == expected
    assert called


@pytest.mark.parametrize("shape", TRACED)
def test_a_tracer_is_told_the_same(shape: str) -> None:
    """Call, line and return events are those of the untouched code, line by line."""
    module = compiled(SHAPES[shape])
    plain = executed(module, int)["result"]
    watched = executed(rewritten(module), int)["result"]
    plain(), watched()  # imports and caches are warm
    assert traced(watched) == traced(plain)


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_but_the_prologue_is_new(shape: str) -> None:
    """The instructions, their arguments and their positions are the old ones around one call."""
    for code in functions(compiled(SHAPES[shape])):
        old, new = instructions(code), instructions(splice(code, 7))
        at = 1 + next(at for at, one in enumerate(old) if one[0] == "RESUME")
        inserted = len(new) - len(old)
        assert new[:at] + new[at + inserted :] == old
        assert {one[0] for one in new[at : at + inserted]} <= PROLOGUE
        assert all(one[2] == (None,) * 4 for one in new[at : at + inserted])


@pytest.mark.parametrize("shape", SHAPES)
def test_handlers_cover_what_they_covered(shape: str) -> None:
    """Each range of the exception table has the instructions in it that it had, and its handler."""
    for code in functions(compiled(SHAPES[shape])):
        new = splice(code, 7)
        offsets = {one.offset for one in dis.get_instructions(code)}
        shift = len(new.co_code) - len(code.co_code)
        point = next(one.offset for one in dis.get_instructions(code) if one.opname == "RESUME")
        point += prologue().resume
        moved = {at: at + shift if at >= point else at for at in offsets}
        for old_range, new_range in zip(handlers(code), handlers(new), strict=True):
            covered = [moved[at] for at in offsets if old_range.start <= at < old_range.end]
            now = [at for at in moved.values() if new_range.start <= at < new_range.end]
            assert sorted(covered) == sorted(now)
            assert new_range.target == moved[old_range.target]
            assert (new_range.depth, new_range.lasti) == (old_range.depth, old_range.lasti)


def handlers(code: CodeType) -> list[dis._ExceptionTableEntry]:  # type: ignore[name-defined]
    """Read an exception table with the reader that Python brings."""
    return list(dis._parse_exception_table(code))  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", TRACED)
def test_code_that_has_run_is_spliced_as_it_was_compiled(shape: str) -> None:
    """Python specialises instructions where they lie; nothing of that is taken along."""
    hot, cold = compiled(SHAPES[shape]), compiled(SHAPES[shape])
    result = executed(hot, int)["result"]
    for _ in range(64):
        result()
    for one, other in zip(functions(hot), functions(cold), strict=True):
        done, expected = splice(one, 0), splice(other, 0)
        assert done == expected
        assert done.co_code == expected.co_code
        if sys.version_info < (3, 12):  # later ones prepare what is new, too
            assert _as_it_lies(done) == _as_it_lies(expected) == expected.co_code


def _as_it_lies(code: CodeType) -> bytes:
    raw: bytes = getattr(code, "_co_code_adaptive")  # noqa: B009 - no type has it
    return raw


@pytest.mark.parametrize("shape", SHAPES)
def test_the_code_can_be_stored_and_shown(shape: str) -> None:
    """Spliced code marshals to the same code, and `dis` reads all of it."""
    code = rewritten(compiled(SHAPES[shape]))
    assert marshal.loads(marshal.dumps(code)) == code
    for function in functions(code):
        assert list(dis.get_instructions(function, show_caches=True))


@pytest.mark.parametrize("handler", ["try", "generator"])
def test_an_exception_of_the_vacate_is_the_functions(handler: str) -> None:
    """What a signal handler raises inside the call reaches the program, with a traceback."""
    sources = {
        "try": "def result():\n    try: return 1\n    except KeyError: return 2\n",
        "generator": "def g():\n    yield 1\ndef result(): return list(g())\n",
    }

    def interrupted(_index: int) -> None:
        raise KeyError("signal")

    result = executed(rewritten(compiled(sources[handler])), interrupted)["result"]
    with pytest.raises(KeyError, match="signal") as caught:
        result()
    assert "interrupted" in "".join(traceback.format_exception(caught.value))


def test_tracebacks_are_the_same() -> None:
    """An exception at the first line of a try tells the same lines and columns."""
    source = (
        "def f(x):\n    try:\n        return 1 / x\n    finally:\n        x = 2\n"
        "def result(): f(0)\n"
    )
    module = compiled(source)
    told = []
    for code in (module, rewritten(module)):
        with pytest.raises(ZeroDivisionError) as caught:
            executed(code, int)["result"]()
        tail = caught.value.__traceback__
        assert tail is not None
        summary = traceback.extract_tb(tail.tb_next)
        told.append([(one.name, one.lineno, one.colno, one.end_colno) for one in summary])
    assert told[0] == told[1]
    assert told[0][-1] == ("f", 3, 15, 20)


def test_inspect_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source, signature, docstring and lines are those of the untouched function."""
    source = (
        'def f(a: int, /, b="x", *c, d=None, **e) -> str:\n    """Doc."""\n    return b\n'
        "result = lambda: 1\n"
    )
    monkeypatch.setitem(linecache.cache, FILE, (len(source), None, source.splitlines(True), FILE))
    module = compiled(source)
    plain = executed(module, int)["f"]
    watched = executed(rewritten(module), int)["f"]
    for ask in (inspect.getsource, inspect.signature, inspect.getdoc, inspect.getfullargspec):
        assert ask(watched) == ask(plain)
    assert watched.__code__.co_firstlineno == plain.__code__.co_firstlineno
    for name in ("co_flags", "co_varnames", "co_freevars", "co_cellvars", "co_qualname"):
        assert getattr(watched.__code__, name) == getattr(plain.__code__, name)


def test_the_prologue_waits_for_a_generator_to_run() -> None:
    """Making a generator is no call of its body: the tomb is vacated at the first `next`."""
    called: list[int] = []
    source = "def g():\n    yield 1\n"
    made = executed(rewritten(compiled(source)), called.append)["g"]()
    assert called == []
    next(made)
    assert called == [0]


def test_name_and_index_come_last() -> None:
    """What was in co_names and co_consts stays where it was; a docstring stays first."""
    code = spliced('def f():\n    """Doc."""\n    return a, 5000\n')
    assert code.co_names == ("a", NAME)
    assert code.co_consts[0] == "Doc."
    assert code.co_consts[-1] == 7


@pytest.mark.parametrize("units", range(1, 9))
@pytest.mark.parametrize("kind", [0, 10, 11, 12, 13, 14, 15])
def test_a_line_entry_that_spans_the_point_is_split(kind: int, units: int) -> None:
    """Whatever its form and length, every instruction behind the point keeps its position."""
    code = with_lines(kind, units)
    old, new = list(code.co_positions()), list(splice(code, 7).co_positions())
    added = len(new) - len(old)
    at = prologue().resume // 2
    assert new[:at] == old[:at]
    assert new[at : at + added] == [(None,) * 4] * added
    assert new[at + added :] == old[at:]


def with_lines(kind: int, units: int) -> CodeType:
    """Make a code whose line entries are all of one form and length."""
    # 0: two columns in a byte; 10 to 12: two columns; 13: a signed number of lines, here two bytes
    # for -33; 14: that, a number of further lines, and two columns plus one; 15: nothing
    payload = {0: b"\x12", 13: b"\x43\x01", 14: b"\x43\x01\x00\x05\x06", 15: b""}
    [code] = functions(compiled("def f(x):\n    return x, x, x, x, x, x, x, x, x\n"))
    table = b""
    left = len(code.co_code) // 2
    while left:
        length = min(left, units)
        table += bytes([0x80 | kind << 3 | length - 1]) + payload.get(kind, b"\x05\x06")
        left -= length
    return code.replace(co_linetable=table, co_firstlineno=5_000)


@pytest.mark.parametrize(
    ("source", "name"),
    [("x = 1\n", "<module>"), ("class f:\n    x = 1\n", "f")],
)
def test_only_functions_are_spliced(source: str, name: str) -> None:
    """Module and class bodies are refused: they have no function to vacate."""
    module = compiled(source)
    code = module if name == "<module>" else module.co_consts[0]
    with pytest.raises(SpliceError, match="not the code of a function"):
        splice(code, 0)


def test_code_is_not_spliced_twice() -> None:
    """Code that has the prologue, or uses its name, is refused."""
    with pytest.raises(SpliceError, match="uses the name"):
        splice(spliced("def f(): pass\n"), 1)


def test_unreadable_tables_are_refused() -> None:
    """A line table that ends too soon is a SpliceError, and nothing else."""
    [code] = functions(compiled("def f(): pass\n"))
    with pytest.raises(SpliceError, match="can't be read"):
        splice(code.replace(co_linetable=b""), 0)


@pytest.mark.parametrize("names", [126, 127, 128])
@pytest.mark.parametrize("consts", [254, 255, 256])
def test_arguments_just_fit_or_just_do_not(names: int, consts: int) -> None:
    """The name and the index are found where a unit ends, and where it needs another before it."""
    [code] = functions(compiled("def f():\n    return 1\n"))
    fill = tuple(f"n{number}" for number in range(names - len(code.co_names)))
    wide = code.replace(
        co_names=(*code.co_names, *fill),
        co_consts=(*code.co_consts, *range(1000, 1000 + consts - len(code.co_consts))),
    )
    old, new = instructions(wide), instructions(spliced_code := splice(wide, 7))
    at = 1 + next(at for at, one in enumerate(old) if one[0] == "RESUME")
    inserted = new[at : len(new) - len(old) + at]
    assert new[:at] + new[at + len(inserted) :] == old
    assert [one[1] for one in inserted if one[0] in {"LOAD_GLOBAL", "LOAD_CONST"}] == [
        repr(NAME),
        "7",
    ]
    assert len(list(spliced_code.co_positions())) == len(spliced_code.co_code) // 2


def test_a_range_that_spans_the_point_grows() -> None:
    """Whatever the numbers in a table of handlers, those behind the point move, however large."""
    [code] = functions(compiled("def f(x):\n    return [" + "x, " * 7000 + "]\n"))
    point = prologue().resume >> 1
    numbers = ((0, 63, 62, 1), (point, 64, 63, 2), (0, 5000, 4095, 3), (4096, 60, 6000, 300))
    table = bytearray()
    for row in numbers:
        for field, number in enumerate(row):
            digits = [number >> shift & 63 for shift in (12, 6, 0)]
            while len(digits) > 1 and not digits[0]:
                del digits[0]
            coded = [digit | 64 for digit in digits[:-1]] + digits[-1:]
            coded[0] |= 0 if field else 0x80
            table += bytes(coded)
    done = splice(code.replace(co_exceptiontable=bytes(table)), 7)
    units = len(done.co_code) - len(code.co_code)
    found = [(one.start, one.end, one.target, one.depth, one.lasti) for one in handlers(done)]
    expected = []
    for start, length, target, depth in numbers:
        first, beyond, to = 2 * start, 2 * (start + length), 2 * target
        expected.append(
            (
                first + units if start >= point else first,
                beyond + units,
                to + units,
                depth >> 1,
                bool(depth & 1),
            )
        )
    assert found == expected
