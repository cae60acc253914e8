"""The inventory: the names that Python gives, and stubs for what they are."""

from __future__ import annotations

import email
import os
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from tombs.errors import TombsError
from tombs.inventory import files, inventory, module_name, of_source
from tombs.loader.functions import walk

SHAPES = '''
import functools, typing as t

def plain(a, b=lambda: 1, *, c=(lambda: 2)):
    """Text."""
    class Inner:
        def method(self):
            return [lambda: x for x in range(3)]
    def nested():
        global shared
        def shared(): return 1
        class shared2: pass
    return Inner, nested, (lambda y: (lambda: y) for y in (lambda: [1])())

@functools.cache
@functools.wraps(
    plain
)
def decorated(): return {1: lambda: 1}

class Outer(t.cast(object, lambda: 3)):
    x: t.Callable = lambda: 1
    async def run(self):
        async with self as it:
            return [lambda: y async for y in it]
    @property
    def total(self): return 1
    @total.setter
    def total(self, value): return None
    class Deep:
        def __private(self): return f"{(lambda: 1)()}"
    if x:
        def either(self): return 1
    else:
        def either(self): return 2

match plain:
    case _ if (lambda: 1)():
        def matched(): yield
try:
    pass
except* ValueError:
    def handled(): return 1
'''
GENERIC = """
def generic[T](x: T, y=lambda: 1): return lambda: x
class Box[T]:
    def get[U](self): return lambda: 1
"""


def compiled(source: bytes, path: str = "it.py") -> Counter[tuple[str, int]]:
    """Give names and lines of a module's functions as the compiler has them."""
    found: Counter[tuple[str, int]] = Counter()
    for function in walk(compile(source, path, "exec", dont_inherit=True)):
        name = function.code.co_qualname
        for inlined in ("<listcomp>.", "<setcomp>.", "<dictcomp>."):
            name = name.replace(inlined, "")
        found[name, function.code.co_firstlineno] += 1
    return found


def parsed(source: bytes) -> Counter[tuple[str, int]]:
    """Give the same from the inventory."""
    return Counter((function.qualname, function.start) for function in of_source(source))


@pytest.mark.parametrize("source", [SHAPES, GENERIC] if sys.version_info >= (3, 12) else [SHAPES])
def test_names_and_lines_are_those_of_the_compiler(source: str) -> None:
    """Every shape has the qualified name and first line that Python gives it."""
    assert parsed(source.encode()) == compiled(source.encode())


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_whole_packages_have_the_compilers_names() -> None:
    """So does every function of real packages, asyncio to sympy's core."""
    sympy = pytest.importorskip("sympy")
    stdlib = os.path.dirname(os.__file__)
    roots = [f"{stdlib}/asyncio", os.path.dirname(email.__file__), f"{stdlib}/unittest"]
    roots.append(os.path.join(os.path.dirname(sympy.__file__), "core"))
    functions = 0
    for root in roots:
        for path, _ in files(root):
            source = Path(path).read_bytes()
            expected = compiled(source, path)
            assert parsed(source) == expected, path
            functions += expected.total()
    assert functions > 5000


STUBS = {
    "@abstractmethod\ndef f(self): return 1": "abstract",
    "@abc.abstractmethod\ndef f(self): return 1": "abstract",
    "@typing.overload\ndef f(a: int) -> int: ...": "overload",
    "def f(): ...": "body is ...",
    "def f():\n    'Text.'\n    ...": "body is ...",
    "def f(): raise NotImplementedError": "raises NotImplementedError",
    "def f():\n    'Text.'\n    raise NotImplementedError('it')": "raises NotImplementedError",
    "class P(Protocol):\n    def f(self): return 1": "protocol member",
    "class P(typing.Protocol[T]):\n    @property\n    def f(self): return 1": "protocol member",
    "if TYPE_CHECKING:\n    def f(): return 1": "for type checkers",
    "if not typing.TYPE_CHECKING: pass\nelse:\n    def f(): return 1": "for type checkers",
    "if TYPE_CHECKING: pass\nelse:\n    def f(): return 1": "",
    "def f(): pass": "",
    "def f():\n    'Text.'": "",
    "def f(): raise ValueError": "",
    "def f(): return ...": "",
    "class C:\n    def f(self): return 1": "",
}


@pytest.mark.parametrize("source", STUBS)
def test_stubs_are_known(source: str) -> None:
    """What nobody is meant to call is told from what nobody calls."""
    found = of_source(source.encode())
    assert [function.stub for function in found] == [STUBS[source]]


def test_deep_expressions_are_read() -> None:
    """A table of many terms is no reason to give up."""
    source = "x = " + " + ".join(["(lambda: 1)()"] * 500)
    assert len(of_source(source.encode())) == 500


def tree(root: Path) -> Path:
    """Make a small project."""
    made = {
        "shop/__init__.py": "def top(): return 1",
        "shop/cart.py": "def add(): return 1",
        "space/deep/mod.py": "def f(): return 1",
        "manage.py": "def main(): return 1",
        "shop/bad.py": "def (:",
        ".hidden/x.py": "def f(): return 1",
        "shop/__pycache__/x.py": "def f(): return 1",
        "env/pyvenv.cfg": "",
        "env/lib/x.py": "def f(): return 1",
        "shop/latin.py": "# coding: latin-1\ndef f(): return 'x'",
    }
    for name, text in made.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return root


def test_modules_are_named_as_imports_name_them(tmp_path: Path) -> None:
    """Packages, namespace packages and scripts; no environments, caches or hidden directories."""
    faults: list[str] = []
    found = {one.name: one.file for one in inventory(str(tree(tmp_path)), (), faults.append)}
    assert found == {
        "manage": "manage.py",
        "shop": "shop/__init__.py",
        "shop.cart": "shop/cart.py",
        "shop.latin": "shop/latin.py",
        "space.deep.mod": "space/deep/mod.py",
    }
    assert len(faults) == 1
    assert "shop/bad.py: can't be read" in faults[0]


def test_a_packages_own_directory_will_do(tmp_path: Path) -> None:
    """Its modules have the package's name all the same."""
    root = tree(tmp_path)
    assert {one.name for one in inventory(str(root / "shop"), (), lambda _: None)} == {
        "shop",
        "shop.cart",
        "shop.latin",
    }


def test_the_namespace_ends_at_a_dot(tmp_path: Path) -> None:
    """`shop.c` takes no `shop.cart`."""
    root = str(tree(tmp_path))
    assert not list(inventory(root, ["shop.c"], lambda _: None))
    assert [one.name for one in inventory(root, ["shop.cart"], lambda _: None)] == ["shop.cart"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(TombsError, match="nowhere: there is no such directory"):
        list(inventory(str(tmp_path / "nowhere"), (), lambda _: None))


def test_a_lone_init_is_a_module() -> None:
    """Even where its directory has no name."""
    assert module_name("__init__.py") == "__init__"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lambdas_are_found_whatever_ends_the_lines(end: str) -> None:
    """Statements without the word are passed over: none that has it is."""
    lines = [
        "if x:",
        "    a = (",
        "        1,",
        "        lambda: 2)",
        "b = 1",
        "c = [",
        "lambda: 3]",
    ]
    lines += ["@f(lambda: 4)", "def g(h=lambda: 5):", "    return 6", "# lambda", "try: i = 7"]
    lines += ["except j(lambda: 8): pass", "while k(lambda: 9): l = 10", "m = f'{(lambda: 11)()}'"]
    source = (end.join(lines) + end).encode()
    assert parsed(source) == compiled(source)
    assert sum(name.endswith("<lambda>") for name, _ in parsed(source)) == 7


def test_an_encoding_may_hide_the_word() -> None:
    """Then no statement is passed over."""
    source = b"# coding: utf-7\nf = +AGwAYQBtAGIAZABh- : 1\n"
    assert b"lambda" not in source
    assert parsed(source) == compiled(source) == Counter({("<lambda>", 2): 1})


def test_much_source_is_read_by_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same result, in the same order, faults told alike."""
    for number in range(20):
        (tmp_path / f"m{number}.py").write_text(f"def f{number}(): return lambda: 1\n")
    (tmp_path / "m3.py").write_text("def (\n")
    few: list[str] = []
    many: list[str] = []
    here = list(inventory(str(tmp_path), (), few.append))
    monkeypatch.setattr("tombs.inventory._MUCH", 0)
    monkeypatch.setattr("tombs.parallel.processors", lambda: 2)
    assert list(inventory(str(tmp_path), (), many.append)) == here
    assert len(here) == 19
    assert few == many
    assert "m3.py: can't be read" in few[0]


def test_warnings_about_the_source_are_kept_back() -> None:
    """They are the author's, and no fault of who reads."""
    assert of_source(b"def f(): return '\\d'\n")[0].qualname == "f"
