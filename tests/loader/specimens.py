"""Code to rewrite, and the means to do it and to look at what comes out."""

from __future__ import annotations

import dis
import sys
import warnings
from typing import TYPE_CHECKING, Any

from tombs.loader.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    TraceFunction = Callable[[FrameType, str, Any], Any]

FILE = "specimen.py"
FUNCTION = 0x03


def constants(count: int) -> str:
    """Write a function with so many constants."""
    numbers = ", ".join(f"{number}.5" for number in range(count))
    return f"def f(): return [{numbers}]\ndef result(): return sum(f())\n"


# Each defines `result()`, whose value tells whether everything in it behaves.
SHAPES = {
    "plain": "def result():\n    return 1\n",
    "one line": "def result(): return 1\n",
    "lambda": "result = lambda: 1\n",
    "multi-line lambda": "result = lambda: [\n  1,\n  (lambda: 2\n  )()]\n",
    "docstring only": 'def only():\n    """Words."""\ndef result(): return only(), only.__doc__\n',
    "docstring": (
        'def doc():\n    """Words."""\n    return 5\n'
        "def result(): return doc(), doc.__doc__\n"
    ),
    "string, no docstring": "def f(): return 'words'\ndef result(): return f(), f.__doc__\n",
    "defaults": (
        "def f(a, /, b=2, *c, d=4, **e): return a, b, c, d, e\ndef result(): return f(1, x=5)\n"
    ),
    "method": "class A:\n    def m(self): return 1\ndef result(): return A().m()\n",
    "class and static method": (
        "class A:\n    @classmethod\n    def c(cls): return cls.__name__\n"
        "    @staticmethod\n    def s(): return 2\n"
        "    @property\n    def p(self): return 3\n"
        "def result(): return A.c(), A.s(), A().p\n"
    ),
    "super": (
        "class A:\n    def __init__(self): self.x = 1\n"
        "class B(A):\n    def __init__(self):\n        super().__init__()\n"
        "def result(): return B().x\n"
    ),
    "closure": (
        "def outer(a):\n    b = 1\n    def inner():\n        nonlocal b\n        b += a\n"
        "        return b\n    return inner\n"
        "def result():\n    f = outer(2)\n    return f(), f()\n"
    ),
    "many cells": "def result():\n"
    + "".join(f"    v{n} = {n}\n" for n in range(300))
    + "    return (lambda: ["
    + ", ".join(f"v{n}" for n in range(300))
    + "])()\n",
    "generator": "def g(n):\n    for i in range(n): yield i\ndef result(): return list(g(3))\n",
    "generator closure": (
        "def outer(x):\n    def g():\n        got = yield x\n        yield got\n    return g\n"
        "def result():\n    g = outer(1)()\n    return next(g), g.send(2), list(g)\n"
    ),
    "generator try first": (
        "def g():\n    try:\n        yield 1\n    except KeyError as e:\n        yield repr(e)\n"
        "    finally:\n        yield 3\n"
        "def result():\n    i = g()\n"
        "    return next(i), i.throw(KeyError('k')), next(i), next(i, 4)\n"
    ),
    "generator stop iteration": (
        "def g():\n    next(iter(()))\n    yield\n"
        "def result():\n    try: list(g())\n    except RuntimeError as e: return str(e)\n"
    ),
    "yield from": (
        "def g():\n    return (yield from (n for n in (1, 2)))\ndef result(): return list(g())\n"
    ),
    "coroutine": (
        "import asyncio\nasync def c():\n    await asyncio.sleep(0)\n    return 1\n"
        "def result(): return asyncio.run(c())\n"
    ),
    "async generator": (
        "import asyncio\nasync def g():\n    for i in (1, 2):\n        yield i\n"
        "async def c():\n    return [i async for i in g()]\n"
        "def result(): return asyncio.run(c())\n"
    ),
    "async with first": (
        "import asyncio\nclass M:\n    async def __aenter__(self): return 1\n"
        "    async def __aexit__(self, *a): return True\n"
        "async def c():\n    async with M() as m:\n        raise KeyError\n    return 2\n"
        "def result(): return asyncio.run(c())\n"
    ),
    "try first": (
        "def f(x):\n    try:\n        return 1 / x\n    except ZeroDivisionError as e:\n"
        "        return str(e)\n    finally:\n        x = 1\n"
        "def result(): return f(0), f(2)\n"
    ),
    "nested try first": (
        "def f(x):\n    try:\n        try:\n            return x[0]\n"
        "        finally:\n            x = None\n"
        "    except (TypeError, IndexError) as e:\n        return type(e).__name__\n"
        "def result(): return f([]), f([7]), f(None)\n"
    ),
    "with first": (
        "from contextlib import suppress\ndef f():\n    with suppress(KeyError):\n        {}[1]\n"
        "    return 2\ndef result(): return f()\n"
    ),
    "while true first": (
        "def f(x):\n    while True:\n        x -= 1\n        if x < 0: return x\n"
        "def result(): return f(5)\n"
    ),
    "loop in one line": "def result(x=3):\n    while x: x -= 1\n    return x\n",
    "for first": "def result():\n    for i in range(3): pass\n    return i\n",
    "match": (
        "def f(x):\n    match x:\n        case {'a': [1, *rest]}: return rest\n"
        "        case _: return None\n"
        "def result(): return f({'a': [1, 2]}), f(3)\n"
    ),
    "del and global": (
        "def result():\n    global G\n    G = 1\n    del G\n    return 'G' in globals()\n"
    ),
    "recursion": "def f(n):\n    return n and n + f(n - 1)\ndef result(): return f(50)\n",
    "decorated": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def w(*a):\n"
        "        return f(*a) * 2\n    return w\n"
        "@twice\n@twice\ndef f(x):\n    return x\ndef result(): return f(2), f.__name__\n"
    ),
    "class in function": (
        "def result():\n    class A:\n        def m(self): return __class__\n"
        "    return A().m().__name__\n"
    ),
    "300 constants": constants(300),
    "300 names": "def f():\n    try:\n"
    + "".join(f"        n{n}\n" for n in range(300))
    + "    except NameError as e:\n        return str(e)\ndef result(): return f()\n",
    "65,600 constants": constants(65_600),
    "very long": "def result(x=0):\n    try:\n"
    + "        x += 1; x -= 2\n" * 1_000
    + "        raise KeyError(x)\n    except KeyError as e:\n        return e.args\n",
    "long loop": "def result(x=3):\n    while x:\n"
    + "        y = x\n" * 5_000
    + "        x -= 1\n    return y\n",
}  # fmt: skip


def codes(code: CodeType) -> Iterator[CodeType]:
    """Give every code object of a tree."""
    waiting = [code]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [const for const in code.co_consts if hasattr(const, "co_code")]


def functions(module: CodeType) -> list[CodeType]:
    """Give every function's code of a tree, once."""
    found = {id(code): code for code in codes(module) if code.co_flags & FUNCTION == FUNCTION}
    return list(found.values())


def rewritten(module: CodeType) -> CodeType:
    """Rewrite all of a module's functions, and let none fail."""
    code, failed = rewrite(module, functions(module))
    assert failed == []
    return code


def compiled(source: str) -> CodeType:
    """Compile a specimen, whatever the compiler thinks of its taste."""
    with warnings.catch_warnings(action="ignore"):
        return compile(source, FILE, "exec", dont_inherit=True)


def executed(code: CodeType, vacate: Callable[[int], object]) -> dict[str, Any]:
    """Execute a module's code with a vacate of the test's own; give its globals."""
    names = {"__name__": "specimen", "_tomb_vacate": vacate}
    exec(code, names)
    return names


def instructions(code: CodeType) -> list[tuple[object, ...]]:
    """Disassemble, with places left out: what is left must be the same wherever code stands.

    EXTENDED_ARG is of the places; names and constants are told by their values.
    """
    return [
        (one.opname, _told(code, one), one.positions)
        for one in dis.get_instructions(code)
        if one.opname != "EXTENDED_ARG"
    ]


def _told(code: CodeType, one: dis.Instruction) -> object:
    if one.opcode in dis.hasjrel:
        return None
    if one.opname == "KW_NAMES":  # 3.11 doesn't count it among those that have a constant
        assert one.arg is not None
        return code.co_consts[one.arg]
    return repr(one.argval) if one.argrepr else one.arg


def traced(call: Callable[[], object]) -> list[tuple[str, str, int | None]]:
    """Give what a tracer is told of the specimen while it is called."""
    events: list[tuple[str, str, int | None]] = []

    def tracer(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if frame.f_code.co_filename != FILE:
            return None
        events.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
    return events
