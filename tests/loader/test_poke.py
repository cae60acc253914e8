"""Raw memory: prologues erased and restored, constants replaced in place."""

from __future__ import annotations

import copy
import gc
import opcode
import sys
import threading
from types import FunctionType

import pytest

from tests.loader.specimens import SHAPES, compiled, executed, functions, rewritten, traced
from tests.support import python
from tombs.loader import poke
from tombs.loader.prologue import NAME
from tombs.loader.splice import splice

erases = pytest.mark.skipif(not poke.can_erase(), reason="prologues are erased on 3.11 only")


class Eraser:
    """A vacate that erases, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.erased: list[bool] = []

    def __call__(self, index: int) -> None:
        """Note the call, and erase the prologue it came from."""
        self.calls.append(index)
        self.erased.append(poke.erase(sys._getframe(1)))


def test_where_erasing_is_possible() -> None:
    """Only where a code's hash doesn't include its instructions."""
    assert poke.can_erase() is (sys.version_info[:2] == (3, 11))


@erases
@pytest.mark.parametrize("shape", SHAPES)
def test_each_function_calls_once(shape: str) -> None:
    """Whatever its shape, a function gives its result again, and its second call doesn't vacate."""
    eraser = Eraser()
    result = executed(rewritten(compiled(SHAPES[shape])), eraser)["result"]
    expected = result()
    # A class body or a factory makes its functions anew at each call, from the same code.
    assert len(eraser.calls) == len(set(eraser.calls)) > 0
    assert all(eraser.erased)
    calls = len(eraser.calls)
    for _ in range(3):
        assert result() == expected
    assert len(eraser.calls) == calls


@erases
@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"65,600 constants"}))
def test_a_tracer_is_told_the_same_when_erased(shape: str) -> None:
    """The jump over the prologue is on no line: events are those of the untouched code."""
    module = compiled(SHAPES[shape])
    plain = executed(module, int)["result"]
    watched = executed(rewritten(module), Eraser())["result"]
    plain(), watched()
    assert traced(watched) == traced(plain)


@erases
def test_an_erased_prologue_is_as_good_as_none_when_hot() -> None:
    """The interpreter specialises around it, before and after, and results stay right."""
    source = "def f(a, b):\n    return a + b\n"
    eraser = Eraser()
    f = executed(rewritten(compiled(source)), eraser)["f"]
    assert [f(n, 1) for n in range(1000)] == list(range(1, 1001))
    assert [f(n, 1.5) for n in range(1000)] == [n + 1.5 for n in range(1000)]
    assert eraser.calls == [0]


@erases
def test_a_hot_prologue_is_erased() -> None:
    """A prologue that the interpreter has specialised already is known for what it is."""
    source = "def f(a):\n    return a + 1\n"
    eraser = Eraser()
    names = executed(rewritten(compiled(source)), int)
    for number in range(1000):
        names["f"](number)
    names[NAME] = eraser
    assert [names["f"](n) for n in range(3)] == [1, 2, 3]
    assert eraser.erased == [True]


@erases
def test_a_recursion_erases_once_and_goes_on() -> None:
    """The vacate calls the function again: the inner call erases, the outer one finds it so."""
    eraser = Eraser()
    names = executed(rewritten(compiled("def f(n):\n    return n and n + f(n - 1)\n")), eraser)

    def calls_back(index: int) -> None:
        if len(eraser.calls) < 3:
            eraser.calls.append(index)
            assert names["f"](2) == 3
        eraser.erased.append(poke.erase(sys._getframe(1)))

    names[NAME] = calls_back
    assert names["f"](4) == 10
    assert eraser.erased == [True] * len(eraser.erased)
    before = len(eraser.erased)
    assert names["f"](4) == 10
    assert len(eraser.erased) == before


@erases
def test_threads_inside_the_prologue_finish_it() -> None:
    """Threads that wait in the call while another erases come out behind it, results right."""
    count = 8
    inside = threading.Barrier(count)
    erased: list[bool] = []
    results: list[int] = []

    def vacate(_index: int) -> None:
        inside.wait(30)  # all are in the prologue before the first erases
        erased.append(poke.erase(sys._getframe(1)))

    f = executed(rewritten(compiled("def f(n):\n    return n + 1\n")), vacate)["f"]
    threads = [threading.Thread(target=lambda: results.append(f(1))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [2] * count
    assert erased == [True] * count
    assert f(2) == 3
    assert len(erased) == count


@erases
def test_generators_that_wait_go_on() -> None:
    """A generator suspended in its body is resumed where it was; the next one has no prologue."""
    eraser = Eraser()
    g = executed(rewritten(compiled("def g():\n    yield 1\n    yield 2\n")), eraser)["g"]
    first, second = g(), g()
    assert next(first) == 1
    assert list(second) == [1, 2]
    assert list(first) == [2]
    assert eraser.calls == [0]


@erases
@pytest.mark.parametrize("shape", ["plain", "generator try first", "300 names", "65,600 constants"])
def test_a_restored_prologue_vacates_again(shape: str) -> None:
    """It can be put back and erased as often as wanted, also in hot code."""
    eraser = Eraser()
    code = rewritten(compiled(SHAPES[shape]))
    result = executed(code, eraser)["result"]
    expected = [result() for _ in range(100)]
    once = len(eraser.calls)
    for times in (2, 3, 4):
        for function in functions(code):
            assert poke.restore(function)
            assert poke.restore(function)  # it is there: nothing to do
        assert [result() for _ in range(100)] == expected
        assert len(eraser.calls) == once * times
    assert all(eraser.erased)


@erases
def test_foreign_bytes_stay() -> None:
    """Code that has another prologue, or none, is left alone, and says so."""
    [plain] = functions(compiled("def f(): return 1\n"))
    assert not poke.restore(plain)
    spliced = splice(plain, 0)
    swapped = spliced.replace(co_consts=(*spliced.co_consts, "another last constant"))
    eraser = Eraser()
    f = FunctionType(swapped, {NAME: eraser})
    assert (f(), f()) == (1, 1)
    assert eraser.erased == [False, False]
    assert not poke.restore(swapped)


@erases
def test_a_frame_outside_its_prologue_erases_nothing() -> None:
    """The body may call `_tomb_vacate` itself; only the prologue's call takes the prologue away."""
    [plain] = functions(compiled("def f():\n    return ask()\n"))
    eraser = Eraser()
    asked: list[bool] = []
    names = {NAME: lambda _: None, "ask": lambda: asked.append(poke.erase(sys._getframe(1)))}
    f = FunctionType(splice(plain, 0), names)
    f()
    assert asked == [False]
    names[NAME] = eraser
    f()
    assert eraser.erased == [True]


@erases
def test_hash_and_copies_of_erased_code() -> None:
    """An erased code keeps its hash as a key; a copy of it works, erased as it is."""
    eraser = Eraser()
    f = executed(rewritten(compiled("def f():\n    return 1\n")), eraser)["f"]
    keys = {f.__code__: "found"}
    f()
    assert keys[f.__code__] == "found"
    copied = FunctionType(f.__code__.replace(co_name="other"), {NAME: eraser})
    assert copied() == copy.copy(f)() == 1


@erases
def test_erasing_keeps_no_memory() -> None:
    """Python 3.11 keeps the co_code it was asked for: it shows the jump, so nobody had asked."""
    f = executed(rewritten(compiled("def f():\n    return 1\n")), Eraser())["f"]
    f()
    assert f.__code__.co_code[2] == opcode.opmap["JUMP_FORWARD"]


def test_constants_are_replaced_in_place() -> None:
    """The same module code object runs with other functions, and a class body's too."""
    code = compiled("x = 'kept'\ndef f(): return 1\nclass C:\n    def m(self): return 2\n")
    called: list[int] = []
    done = rewritten(code)
    new = {
        at: const
        for at, const in enumerate(done.co_consts)
        if const is not code.co_consts[at] and hasattr(const, "co_code")
    }
    assert len(new) == 2
    assert poke.replace_constants(code, new)
    names = executed(code, called.append)
    assert (names["x"], names["f"](), names["C"]().m()) == ("kept", 1, 2)
    assert len(called) == 2


def test_references_are_counted() -> None:
    """The new constant is held by the code; the old one outlives it; both are safe to collect."""
    code = compiled("def f(): return 1\n")
    old = code.co_consts[0]
    new = old.replace(co_name="g")
    counts = sys.getrefcount(old), sys.getrefcount(new)
    assert poke.replace_constants(code, {0: new})
    assert (sys.getrefcount(old), sys.getrefcount(new)) == (counts[0], counts[1] + 1)
    assert code.co_consts[0] is new
    del code
    gc.collect()
    assert sys.getrefcount(new) == counts[1]
    assert old.co_name == "f"


@pytest.mark.parametrize("at", [-1, 1, 99])
def test_only_code_is_replaced(at: int) -> None:
    """A place that has no code object, or isn't there, is refused, and nothing is replaced."""
    code = compiled("def f(): return 1\nx = 'text'\n")
    before = code.co_consts
    assert not hasattr(before[1], "co_code")
    assert not poke.replace_constants(code, {0: before[0].replace(co_name="g"), at: before[0]})
    assert code.co_consts is before
    assert before[0].co_name == "f"


def test_what_fails_its_trial_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that doesn't come out right switches the feature off, and nothing is touched."""
    monkeypatch.setattr(poke, "_tried", {})
    monkeypatch.setattr(poke, "_store", lambda *_: False)
    monkeypatch.setattr(poke, "_replace", lambda *_: False)
    code = compiled("def f(): return 1\n")
    assert not poke.can_erase()
    assert not poke.can_replace()
    assert not poke.restore(splice(code.co_consts[0], 0))
    assert not poke.replace_constants(code, {})


def test_nothing_is_compiled_to_try_it() -> None:
    """`compile` makes a class for each kind of node of a syntax tree, 200 KB of them."""
    program = (
        "import builtins, ctypes, opcode\n"
        "from tombs.loader import poke\n"
        "builtins.compile = None\n"
        "print(poke.can_erase(), poke.can_replace())\n"
    )
    expected = f"{sys.version_info[:2] == (3, 11)} True\n"
    assert python(["-c", program], check=True).stdout == expected


def test_the_interpreter_ends_in_order() -> None:
    """Replaced constants survive shutdown, with a debug allocator watching."""
    program = (
        "import sys\n"
        "from tombs.loader.poke import replace_constants\n"
        "code = compile('def f(): return 1', 'x', 'exec')\n"
        "other = compile('def f(): return 2', 'x', 'exec').co_consts[0]\n"
        "assert replace_constants(code, {0: other})\n"
        "del other\n"
        "exec(code)\n"
        "print(f())\n"
    )
    assert python(["-X", "dev", "-c", program], check=True).stdout == "2\n"
