"""The whole tree: what changes, what stays, and real modules."""

from __future__ import annotations

import dis
import importlib.util
import marshal
import os
import sysconfig
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.loader.specimens import compiled, executed, functions, rewritten
from tombs.loader.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

STDLIB = sysconfig.get_path("stdlib")
# Everything there is, and two large packages: minutes, so on request only.
WHOLE = "TOMBS_TEST_WHOLE"
SAMPLE = 60


def test_each_function_calls_with_its_own_index() -> None:
    """Functions, methods and what is nested in them vacate by the numbers they were given."""
    source = (
        "class A:\n    def m(self):\n        def inner(): return 1\n        return inner()\n"
        "def f(): return A().m()\n"
    )
    code = compiled(source)
    called: list[int] = []
    last_first = sorted(functions(code), key=lambda one: one.co_firstlineno, reverse=True)
    done, failed = rewrite(code, last_first)
    assert failed == []
    assert executed(done, called.append)["f"]() == 1
    assert called == [0, 2, 1]


def test_what_has_no_index_stays_the_same_object() -> None:
    """A function left out is untouched, and so is code with no rewritten function below it."""
    code = compiled("def f(): pass\ndef g():\n    def h(): pass\nclass C: x = 1\n")
    f = next(one for one in functions(code) if one.co_name == "f")
    done, _ = rewrite(code, [f])
    kept = [old is new for old, new in zip(code.co_consts, done.co_consts, strict=True)]
    changed = [old for old, same in zip(code.co_consts, kept, strict=True) if not same]
    assert changed == [f]
    assert rewrite(code, []) == (code, [])
    assert rewrite(code, [])[0] is code


def test_the_code_given_is_left_as_it_is() -> None:
    """The module's own code is another object afterwards, equal to what it was."""
    code = compiled("def f():\n    def g(): pass\n")
    before = marshal.dumps(code)
    rewritten(code)
    assert marshal.dumps(code) == before


def test_code_that_stands_at_two_depths_is_one() -> None:
    """Whatever it is within gets the rewritten one, whether that comes before it or behind."""
    code = compiled("def c():\n    def g(): return 1\n    return g()\ndef p(): pass\n")
    c, p = (const for const in code.co_consts if isinstance(const, type(code)))
    deep = p.replace(co_consts=(*p.co_consts, c))
    tree = code.replace(co_consts=tuple(deep if one is p else one for one in code.co_consts))
    for whole in (tree, tree.replace(co_consts=tree.co_consts[::-1])):
        done, failed = rewrite(whole, functions(whole))
        top = {const.co_name: const for const in done.co_consts if isinstance(const, type(code))}
        assert not failed
        assert "_tomb_vacate" in top["c"].co_names
        assert top["c"] in top["p"].co_consts
        assert c not in top["p"].co_consts


def test_a_function_that_stands_twice_is_one() -> None:
    """The compiler repeats the code of a `finally`: both places get the same rewritten code."""
    source = (
        "def f(x):\n    try:\n        if x: return 1\n    finally:\n        y = lambda: x\n"
        "    return y()\n"
    )
    code = compiled(source)
    called: list[int] = []
    done, _ = rewrite(code, functions(code))
    assert executed(done, called.append)["f"](0) == 0
    assert len(called) == 2


def test_depth_is_no_matter_of_the_recursion_limit() -> None:
    """Code nested deeper than Python may recurse is rewritten to its innermost function."""
    [template] = functions(compiled("def f(): return 1\n"))
    code = template
    for _ in range(3_000):
        code = template.replace(co_consts=(code,))
    done = rewritten(code)
    depth = 0
    while type(done.co_consts[0]) is type(done):
        done = done.co_consts[0]
        depth += 1
    assert depth == 3_000


def test_the_result_is_the_same_in_every_process() -> None:
    """Rewriting the same code twice gives equal bytes: it can be cached."""
    source = "def f(a): return [a, {1, 2}, 'x']\n"
    assert marshal.dumps(rewritten(compiled(source))) == marshal.dumps(rewritten(compiled(source)))


def sources(top: str) -> Iterator[str]:
    """Give the files of a package or the standard library, in an order that never changes."""
    for directory, names, files in os.walk(top):
        names[:] = sorted(set(names) - {"site-packages", "__pycache__", "bad_coding", "lib2to3"})
        yield from (os.path.join(directory, name) for name in sorted(files) if name.endswith(".py"))


def read(path: str) -> CodeType | None:
    """Compile a file; None for those that are there to be wrong, or link to nothing."""
    with warnings.catch_warnings(action="ignore"):
        try:
            with open(path, "rb") as file:
                return compile(file.read(), path, "exec", dont_inherit=True)
        except (OSError, SyntaxError, ValueError):
            return None


def check(code: CodeType) -> int:
    """Rewrite a module; each function marshals, disassembles, and differs in nothing else."""
    done = rewritten(code)
    assert survives(done) == survives(code)  # a NaN among the constants doesn't
    old, new = functions(code), functions(done)
    for function in new:
        assert sum(1 for _ in dis.get_instructions(function)) > 0
        assert sum(1 for _ in function.co_positions()) == len(function.co_code) // 2
    assert [one.co_qualname for one in old] == [one.co_qualname for one in new]
    return len(new)


def survives(code: CodeType) -> bool:
    """Tell whether code is equal to itself after marshalling."""
    return bool(marshal.loads(marshal.dumps(code)) == code)


def test_modules_of_the_standard_library() -> None:
    """Modules from all over the standard library are rewritten whole."""
    paths = list(sources(STDLIB))
    taken = [code for code in map(read, paths[:: len(paths) // SAMPLE]) if code]
    assert sum(check(code) for code in taken) > SAMPLE


@pytest.mark.skipif(WHOLE not in os.environ, reason=f"takes minutes; set {WHOLE}=1")
@pytest.mark.parametrize("package", ["", "django", "sympy"])
def test_whole_packages(package: str) -> None:
    """Every function of the standard library, of Django and of SymPy."""
    spec = importlib.util.find_spec(package) if package else None
    top = os.path.dirname(spec.origin) if spec and spec.origin else STDLIB
    count = sum(check(code) for code in map(read, sources(top)) if code)
    print(f"{count} functions")  # noqa: T201 - asked for by who runs the whole
    assert count > 5_000
