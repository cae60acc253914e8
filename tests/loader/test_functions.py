"""Which code is a function, in what order, with which lines; and what its hash depends on."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tests.support import environment, python
from tests.support_graveyard import compiled
from tombs.block import Image
from tombs.loader.describe import entries, image, own_hash
from tombs.loader.functions import walk

PYTHON = sys.version_info[:2]
FROM_312 = pytest.mark.skipif(PYTHON < (3, 12), reason="the syntax of 3.12")
FROM_313 = pytest.mark.skipif(PYTHON < (3, 13), reason="the syntax of 3.13")

# what it is, its source, the functions in it
TABLE = {
    "def": ("def f(): pass\n", ["f"]),
    "async def": ("async def f(): pass\n", ["f"]),
    "generator": ("def f(): yield\n", ["f"]),
    "async generator": ("async def f(): yield\n", ["f"]),
    "lambda": ("f = lambda: 1\n", ["<lambda>"]),
    "nested": ("def f():\n    def g(): pass\n", ["f", "f.<locals>.g"]),
    "method": ("class C:\n    def m(self): pass\n", ["C.m"]),
    "lambda in a class body": ("class C:\n    key = lambda self: 1\n", ["C.<lambda>"]),
    "nested class": ("class C:\n    class D:\n        def m(self): pass\n", ["C.D.m"]),
    "class in a function": (
        "def f():\n    class C:\n        def m(self): pass\n",
        ["f", "f.<locals>.C.m"],
    ),
    "decorated": ("@id\ndef f(): pass\n", ["f"]),
    "default that is a lambda": ("def f(a=lambda: 1): pass\n", ["<lambda>", "f"]),
    "property of two": (
        (
            "class C:\n    @property\n    def p(self): return 1\n    @p.setter\n"
            "    def p(self, value): pass\n"
        ),
        ["C.p", "C.p"],
    ),
    "twice on one line": ("f, g = (lambda: 1), (lambda: 2)\n", ["<lambda>", "<lambda>"]),
    "list comprehension": ("x = [n for n in ()]\n", []),
    "set and dict comprehension": ("x = {n for n in ()}; y = {n: n for n in ()}\n", []),
    "generator expression": ("x = (n for n in ())\n", []),
    "lambda in a comprehension": (
        "def f(): return [lambda: n for n in ()]\n",
        {(3, 11): ["f", "f.<locals>.<listcomp>.<lambda>"]}.get(
            PYTHON, ["f", "f.<locals>.<lambda>"]
        ),
    ),
    "module and class body": ("x = 1\nclass C:\n    x = 2\n", []),
    "annotations": ("x: int = 1\ndef f(a: int) -> list[int]: pass\nclass C:\n    y: int\n", ["f"]),
    "names that only look special": (
        "def __annotate__(format): pass\ndef format(): pass\ndef genexpr(): pass\n",
        ["__annotate__", "format", "genexpr"],
    ),
}
NEW_312 = {
    "type parameters of a function": ("def f[T](a: T) -> T: return a\n", ["f"]),
    "type parameters of a method": ("class C:\n    def m[T](self): pass\n", ["C.m"]),
    "type parameters of a class": ("class C[T]:\n    def m(self): pass\n", ["C.m"]),
    "a bound": ("def f[T: int](a: T): return a\n", ["f"]),
    "constraints": ("def f[T: (int, str)](a: T): return a\n", ["f"]),
    "a bound of a class": ("class C[T: int]:\n    def m(self): pass\n", ["C.m"]),
    "type alias": ("type X = int\n", []),
    "type alias with parameters": ("type X[T] = list[T]\n", []),
    "type alias with a bound": ("type X[T: int] = list[T]\n", []),
    "type alias in a class": ("class C:\n    type X = int\n    def m(self): pass\n", ["C.m"]),
    "type alias in a function": ("def f():\n    type X = int\n    return X\n", ["f"]),
    "type alias beside a function of its name": ("def X(): pass\ntype X = int\n", ["X"]),
    "type alias of a lambda": (
        "type X = (lambda: int)\n",
        ["X.<locals>.<lambda>" if PYTHON < (3, 14) else "<lambda>"],
    ),
    "a function of its own type parameter's name": ("def T[T](): pass\n", ["T"]),
    "many constants before an alias": (
        "x = [" + ", ".join(f"{n}.5, a{n}" for n in range(300)) + "]\ntype X = int\n",
        [],
    ),
}
NEW_313 = {
    "default of a type parameter": ("def f[T = int](a: T): return a\n", ["f"]),
    "bound and default": ("class C[T: int = bool]:\n    def m(self): pass\n", ["C.m"]),
}


def names(source: str) -> list[str]:
    """Give the functions of a module by name."""
    return [function.code.co_qualname for function in walk(compiled(source))]


@pytest.mark.parametrize("shape", TABLE)
def test_a_function_is_a_def_or_a_lambda(shape: str) -> None:
    """Whatever else the compiler makes code for is none."""
    source, expected = TABLE[shape]
    assert names(source) == expected


@FROM_312
@pytest.mark.parametrize("shape", NEW_312)
def test_what_types_are_made_of_is_no_function(shape: str) -> None:
    """Type parameters, their bounds, and aliases are code that nobody calls by name."""
    source, expected = NEW_312[shape]
    assert names(source) == expected


@FROM_313
@pytest.mark.parametrize("shape", NEW_313)
def test_defaults_of_type_parameters_are_no_functions(shape: str) -> None:
    """As above, for what 3.13 has added."""
    source, expected = NEW_313[shape]
    assert names(source) == expected


@pytest.mark.parametrize(
    ("source", "methods"),
    [
        ("class C:\n    def m(self): pass\n", [True]),
        ("class C:\n    @staticmethod\n    def m(): pass\n", [True]),
        ("class C:\n    def m(self):\n        def inner(): pass\n", [True, False]),
        ("def f():\n    class C:\n        def m(self): pass\n", [False, True]),
        ("class C:\n    k = [lambda: 1]\n", [True]),
        ("def f(): pass\n", [False]),
    ],
)
def test_a_method_is_what_stands_in_a_class_body(source: str, methods: list[bool]) -> None:
    """Directly in it: what stands in a method is a plain function."""
    assert [function.method for function in walk(compiled(source))] == methods


@FROM_312
def test_a_method_with_type_parameters_is_a_method() -> None:
    """The scope of type parameters between class and function doesn't count."""
    (function,) = walk(compiled("class C:\n    def m[T](self): pass\n"))
    assert function.method


LINES = """\
import functools

@functools.cache
@id
def decorated():
    "Words."
    return 1

def outer():
    x = [
        1,
        2,
    ]
    def inner():
        pass

        # a comment


def docstring_only():
    '''Words

    and more.'''

def ends_in_a_class():
    class C:
        def deep(self):
            return (
                1
            )

lonely = (lambda:
    3)
"""


def test_lines_are_those_of_the_code() -> None:
    """The first with the decorators, the last with the last code, nested functions included."""
    found = {
        entry.qualname.rpartition(".")[2]: (entry.start, entry.end)
        for entry in entries(walk(compiled(LINES)))
    }
    assert found["decorated"] == (3, 7)
    assert found["outer"] == (9, 15)
    assert found["inner"] == (14, 15)
    assert found["docstring_only"][0] == 20
    assert found["ends_in_a_class"] == (25, 29)
    assert found["deep"] == (27, 29)
    assert found["<lambda>"] == (32, 33)


def test_functions_stand_in_the_order_of_their_lines() -> None:
    """One is found by bisection, so the order is that of first lines."""
    starts = [entry.start for entry in entries(walk(compiled(LINES)))]
    assert starts == sorted(starts)


def test_twins_are_told_apart() -> None:
    """Functions that share line and name have marks, different ones where they differ at all.

    Those that don't are one code object on some Pythons, and told apart by columns on the others.
    """
    source = "f, g, h, i = (lambda: 1), (lambda: 2), (lambda: 3), (lambda: 1)\ndef alone(): pass\n"
    *twins, alone = [entry.mark for entry in entries(walk(compiled(source)))]
    assert len(twins) in {3, 4}
    assert len(set(twins)) == len(twins)
    assert 0 not in twins
    assert alone == 0


def test_scope_and_name_stand_in_the_lines() -> None:
    """A method has its class as scope; any other function carries its full name."""
    source = "class C:\n    def m(self): return lambda: 1\ndef f(): pass\n"
    made = Image(memoryview(image("pkg.mod", "/srv/mod.py", walk(compiled(source)))))
    made.check()
    lines = [bytes(made.line(index)).decode() for index in range(made.count)]
    assert '"scope": "pkg.mod.C", "function": "m"}' in lines[0]
    assert '"function": "pkg.mod.C.m.<locals>.<lambda>"}' in lines[1]
    assert "scope" not in lines[1]
    assert '"function": "pkg.mod.f"}' in lines[2]


# Own hashes

BODY = """\
def f(a, b=1, *c, d=2, **e):
    if a in {'x', 'y', 'z', 1, 2.5, None}:
        return (1, ('two', 3.0), b'four', ...)
    def inner(): return a
    return inner, [n for n in e], 'constant', a[1:2], -0.0, 1j
"""


def hash_of(source: str, name: str = "f", file: str = "/srv/m.py") -> int:
    """Give one function's own hash."""
    for function in walk(compiled(source, file)):
        if function.code.co_qualname == name:
            return own_hash(function.code)
    raise AssertionError(f"no {name}")


@pytest.mark.parametrize(
    "other",
    [
        "\n\n\n" + BODY,
        BODY.replace("    if", "\n    # words\n    if"),
        BODY.replace("return inner,", "return  inner ,"),
        BODY.replace("def inner(): return a", "def inner(): return a or a"),
        "x = 'two'\n" + BODY + "def g(): return 'constant'\n",
    ],
)
def test_a_hash_does_not_depend_on_where_the_function_stands(other: str) -> None:
    """Lines, comments, layout, its neighbours, and what is nested in it are not its own."""
    assert hash_of(other) == hash_of(BODY)


def test_a_hash_does_not_depend_on_the_path() -> None:
    """The same function in another checkout is the same."""
    assert hash_of(BODY, file="/elsewhere/m.py") == hash_of(BODY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'constant'", "'other'"),
        ("2.5", "2.25"),
        ("b'four'", "'four'"),
        ("-0.0", "0.0"),
        ("('two', 3.0)", "('two', 3)"),
        ("('two', 3.0)", "('two', 3.5)"),
        ("(1, (", "(True, ("),
        ("def inner", "async def inner"),
        ("inner", "inward"),
        ("a[1:2]", "a[1:3]"),
        ("a, b=1", "a, /, b=1"),
        ("return inner", "return not inner"),
        ("'y', ", ""),
        ("def f", "async def f"),
        ("    return inner", "    try: return a.b\n    except KeyError: pass\n    return inner"),
    ],
)
def test_a_hash_changes_with_what_the_function_does(old: str, new: str) -> None:
    """Each change of code, constants, names or signature is another hash."""
    changed = BODY.replace(old, new)
    assert changed != BODY
    if new == "async def inner":
        assert hash_of(changed, "f.<locals>.inner") != hash_of(BODY, "f.<locals>.inner")
    elif new == "async def f":
        assert hash_of(changed.replace("[n for", "[n async for")) != hash_of(BODY)
    else:
        assert hash_of(changed) != hash_of(BODY)


PROGRAM = """\
import sys
from tests.support_graveyard import module_image
from tombs.block import digest
print(digest(module_image(sys.stdin.read())).hex())
"""


def test_an_image_is_the_same_in_every_process() -> None:
    """Whatever order sets have there: else each process would get slots of its own."""
    source = BODY + LINES
    seen = {
        python(["-c", PROGRAM], environment(PYTHONHASHSEED=seed), stdin=source, check=True).stdout
        for seed in ("0", "1", "424242")
    }
    assert len(seen) == 1


def test_an_image_does_not_depend_on_the_cache() -> None:
    """Code from a .pyc has other identities than code just compiled, and the same image."""
    import marshal

    source = BODY + LINES
    code = compiled(source)
    again = marshal.loads(marshal.dumps(code))
    assert image("m", "/m.py", walk(again)) == image("m", "/m.py", walk(code))


def test_the_standard_library_can_be_walked() -> None:
    """Every function of some fifty real modules is described, and found again by line and name."""
    directory = os.path.dirname(os.__file__)
    files = sorted(Path(directory).glob("*.py"))
    chosen = random.Random(7).sample([path for path in files if path.is_file()], 50)
    count = 0
    for path in chosen:
        name = str(path)
        functions = walk(compile(path.read_bytes(), name, "exec", dont_inherit=True))
        made = Image(memoryview(image(name, name, functions)))
        made.check()
        for index, function in enumerate(functions):
            code = function.code
            assert index in made.find(code.co_firstlineno, code.co_qualname)
            count += 1
    assert count > 500
