"""The assembler by `bytecode`, and the splice held against it."""

from __future__ import annotations

import pytest

from tests.loader.specimens import SHAPES, compiled, executed, functions, instructions
from tests.support import python
from tombs.loader import assemble as module
from tombs.loader.assemble import assemble
from tombs.loader.prologue import SpliceError
from tombs.loader.rewrite import rewrite
from tombs.loader.splice import splice

SLOW = {"65,600 constants", "very long", "long loop"}


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - SLOW))
def test_the_splice_makes_what_the_library_makes(shape: str) -> None:
    """Instruction by instruction, argument by argument, position by position."""
    for code in functions(compiled(SHAPES[shape])):
        assert instructions(splice(code, 7)) == instructions(assemble(code, 7))


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - SLOW))
def test_an_assembled_function_behaves_as_before(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a splice that refuses everything, the library takes over and every shape works."""
    refuse(monkeypatch)
    code = compiled(SHAPES[shape])
    called: list[int] = []
    assembled, failed = rewrite(code, functions(code))
    assert failed == []
    expected = executed(code, called.append)["result"]()
    assert called == []
    assert executed(assembled, called.append)["result"]() == expected
    assert called


def test_a_function_that_nobody_can_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs untouched and its index is given back; the functions around it are rewritten."""
    refuse(monkeypatch)
    monkeypatch.setattr(module, "_prologue", broken_prologue)
    code = compiled("def f():\n    def g(): return 1\n    return g()\n")
    f, g = sorted(functions(code), key=lambda one: one.co_name)
    rewritten, failed = rewrite(code, [f, g])
    assert sorted(failed) == [0, 1]
    assert rewritten is code


def test_what_is_no_fault_of_the_library_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler's exception that arrives while it works is the program's."""

    def interrupted(_index: int) -> list[object]:
        raise TimeoutError

    monkeypatch.setattr(module, "_prologue", interrupted)
    [code] = functions(compiled("def f(): pass\n"))
    with pytest.raises(TimeoutError):
        assemble(code, 0)


def test_the_library_is_imported_only_when_needed() -> None:
    """A program whose functions can all be spliced never pays for the import."""
    program = (
        "import sys\n"
        "from tombs.loader.rewrite import rewrite\n"
        "code = compile('def f(): pass', 'x', 'exec')\n"
        "assert rewrite(code, [code.co_consts[0]])[1] == []\n"
        "print(sorted({'bytecode', 'ctypes', 'dis', 'inspect'} & sys.modules.keys()))\n"
    )
    assert python(["-S", "-c", program], check=True).stdout == "[]\n"


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the splice refuse every function."""

    def refused(*_: object) -> None:
        raise SpliceError("not today")

    monkeypatch.setattr("tombs.loader.rewrite.splice", refused)


def broken_prologue(_index: int) -> list[object]:
    """Stand for a library that doesn't know this Python."""
    raise ValueError("unknown instruction")
