"""Whole real packages are rewritten: every function compiles, marshals and disassembles.

By default a sample, every n-th file, the same at each run; all files where
TOMBS_TEST_WHOLE_PACKAGES is set.
"""

from __future__ import annotations

import dis
import importlib.util
import marshal
import os
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from tombs.loader.functions import walk
from tombs.loader.rewrite import rewrite

WHOLE = "TOMBS_TEST_WHOLE_PACKAGES" in os.environ
JUMPS = {*dis.hasjrel, *dis.hasjabs}
# A package, which of its files are taken by default, and how many functions there must be at least.
PACKAGES = {"the standard library": (16, 400), "django": (16, 250), "sympy": (40, 500)}


def _files(package: str) -> list[Path]:
    if package == "the standard library":
        root = Path(sysconfig.get_path("stdlib"))
        left = {"site-packages", "__pycache__", "lib2to3", "test", "tests", "idle_test"}
        found = [path for path in root.rglob("*.py") if path.is_file()]
        found = [path for path in found if not left.intersection(path.parts)]
    else:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        found = list(Path(spec.origin).parent.rglob("*.py"))
    return sorted(found)[:: 1 if WHOLE else PACKAGES[package][0]]


def _compiled(path: Path) -> CodeType | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError:
        return None  # a template of a file, or a file for another Python


@pytest.mark.parametrize("package", PACKAGES)
def test_every_function(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Rewritten, each function is itself plus a prologue, with the same lines and handlers."""
    files = functions = unread = 0
    for path in _files(package):
        code = _compiled(path)
        if code is None:
            unread += 1
            continue
        files += 1
        found = [function.code for function in walk(code)]
        functions += len(found)
        changed, failed = rewrite(code, found)
        assert not failed, f"{path}: {[found[index].co_qualname for index in failed]}"
        again = marshal.loads(marshal.dumps(changed))
        assert again == changed
        ours = set(map(id, found))
        for old, new in _pairs(code, changed):
            _same_but_prologue(old, new, id(old) in ours)
    with capsys.disabled():
        what = "all files" if WHOLE else "a sample"
        print(  # noqa: T201 - what was compared is part of the result
            f"\n{package}, {what}: {functions} functions of {files} files rewritten;"
            f" left out: {unread} files that aren't Python"
        )
    assert functions >= PACKAGES[package][1]


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    yield old, new
    for one, other in zip(old.co_consts, new.co_consts, strict=False):
        if isinstance(one, CodeType):
            assert isinstance(other, CodeType)
            yield from _pairs(one, other)


def _same_but_prologue(old: CodeType, new: CodeType, rewritten: bool) -> None:
    where = f"{old.co_filename}:{old.co_firstlineno} {old.co_qualname}"
    before, after = list(dis.get_instructions(old)), list(dis.get_instructions(new))
    told = [_told(instruction) for instruction in before]
    now = [_told(instruction) for instruction in after]
    if rewritten:
        resume = next(at for at, (name, *_) in enumerate(told) if name == "RESUME") + 1
        length = len(now) - len(told)
        prologue = [name for name, *_ in now[resume : resume + length]]
        expected = {"LOAD_GLOBAL", "LOAD_CONST", "PRECALL", "CALL", "POP_TOP", "PUSH_NULL"}
        assert set(prologue) - {"EXTENDED_ARG", "CACHE"} <= expected, where
        assert prologue[-1] == "POP_TOP", where
        del now[resume : resume + length]
    assert [one for one in now if one[0] != "EXTENDED_ARG"] == [
        one for one in told if one[0] != "EXTENDED_ARG"
    ], where
    # The last line of `co_lines` may be split in two by the prologue: the lines are what counts.
    assert {line for *_, line in new.co_lines() if line} == {
        line for *_, line in old.co_lines() if line
    }, where
    assert _handlers(new) == _handlers(old), where
    for name in ("co_flags", "co_varnames", "co_cellvars", "co_freevars", "co_qualname"):
        assert getattr(new, name) == getattr(old, name), where
    assert new.co_argcount == old.co_argcount, where
    assert new.co_stacksize >= old.co_stacksize, where


def _told(instruction: dis.Instruction) -> tuple[str, object, object]:
    # A jump's target is another offset now: what is there counts, its line and its column.
    value = instruction.argrepr if instruction.opcode not in JUMPS else None
    if isinstance(instruction.argval, CodeType):
        value = instruction.argval.co_qualname
    return instruction.opname, value, instruction.positions


def _handlers(code: CodeType) -> list[tuple[object, ...]]:
    """The exception table, with what stands at each place instead of its offset."""
    at = {i.offset: (i.opname, i.positions) for i in dis.get_instructions(code)}
    return [
        (at.get(entry.start), at.get(entry.target), entry.depth, entry.lasti)
        for entry in dis._parse_exception_table(code)  # type: ignore[attr-defined]
    ]
