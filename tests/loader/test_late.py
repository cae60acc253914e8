"""Functions that were loaded before watching began are found, wherever they are held."""

from __future__ import annotations

import functools
import gc
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support_session import Program
from tombs.loader.loaded import names_of
from tombs.loader.reach import LARGEST, Reach

SOURCE = """
import functools
def plain(): pass
def deleted(): pass
del deleted
def hidden_by(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args)
    return wrapper
@hidden_by
def decorated(): pass
@functools.lru_cache
def cached(): pass
part = functools.partial(lambda: 1)
class Registry:
    def __init__(self): self.routes = {}
    def route(self, function): self.routes[function.__name__] = [function]
registry = Registry()
@registry.route
def registered(): pass
class Shop:
    def sell(self):
        def inner(): return lambda: 1
        class Local:
            def deep(self): pass
    @property
    def price(self): pass
    @staticmethod
    def static(): pass
    @classmethod
    def of(cls): pass
    @functools.cached_property
    def once(self): pass
    class Nested:
        def method(self): pass
"""
FOUND = {
    "plain": False,
    "hidden_by": False,
    "hidden_by.<locals>.wrapper": False,
    "decorated": False,
    "cached": False,
    "<lambda>": False,
    "Registry.__init__": True,
    "Registry.route": True,
    "registered": False,
    "Shop.sell": True,
    "Shop.sell.<locals>.inner": False,
    "Shop.sell.<locals>.inner.<locals>.<lambda>": False,
    "Shop.sell.<locals>.Local.deep": True,
    "Shop.price": True,
    "Shop.static": True,
    "Shop.of": True,
    "Shop.once": True,
    "Shop.Nested.method": True,
}
FILE = "/there/shop.py"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a place for a program."""
    return Program(tmp_path)


def loaded(source: str, name: str = "shop") -> dict[str, object]:
    """Run a module's source, and give its namespace."""
    names: dict[str, object] = {"__name__": name, "functools": functools}
    exec(compile(source, FILE, "exec"), names)
    return names


def reached(names: dict[str, object]) -> dict[str, bool]:
    """Give the functions found from a namespace, each with whether it is a method."""
    reach = Reach([FILE], ["shop"])
    for _ in reach.look(names):
        pass
    result = {function.code.co_qualname: function.method for function in reach.found(FILE)}
    for _ in reach.forget():
        pass
    assert not reach._seen
    return result


def test_functions_are_found_wherever_they_are_held() -> None:
    """By names, classes, cells, wrappers and objects; what nothing holds isn't there."""
    assert reached(loaded(SOURCE)) == FOUND


def test_no_code_of_the_program_runs() -> None:
    """Neither properties, nor `__getattr__`, nor the `__class__` of a proxy is asked."""
    source = (
        "class Trap:\n"
        "    def __getattribute__(self, name): raise SystemExit(name)\n"
        "    def __hash__(self): raise SystemExit\n"
        "    def __eq__(self, other): raise SystemExit\n"
        "    def __len__(self): raise SystemExit\n"
        "    def __iter__(self): raise SystemExit\n"
        "class Items(dict, Trap): pass\n"
        "trap, items = Trap(), [Items(), Trap()]\n"
    )
    assert "Trap.__len__" in reached(loaded(source))


def test_a_large_container_is_not_entered() -> None:
    """It would be looked through in one piece."""
    source = f"table = {{n: (lambda: n) if n > 1 else n for n in range({LARGEST + 1})}}\n"
    assert reached(loaded(source)) == {}


def test_no_step_takes_longer_the_more_there_is() -> None:
    """Looking makes nothing that the collector counts, and no table that must be made anew."""
    source = (
        "table = [[(one, [])] for one in range(900)]\n"
        + "".join(f"def function_{number}(): pass\n" for number in range(3000))
        + "".join(f"list_{number} = [table, []]\n" for number in range(20_000))
    )
    names = loaded(source)
    reach = Reach([FILE], ["shop"])
    gc.collect()
    gc.disable()
    try:
        before = gc.get_count()[0]
        most = max(gc.get_count()[0] - before for _ in reach.look(names))
    finally:
        gc.enable()
    assert most < 100
    marks = reach._seen.values()
    assert sum(int.from_bytes(page, "little").bit_count() for page in marks) > 40_000
    assert len(marks) < 2000
    assert not any(map(gc.is_tracked, marks))
    assert len(reach.found(FILE)) == 3000


def test_a_lazy_module_is_not_loaded() -> None:
    """Its namespace is taken past its own `__getattribute__`."""

    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise SystemExit(name)

    assert names_of(Lazy("lazy"))["__name__"] == "lazy"
    assert names_of(object()) == {}


needs_monitoring = pytest.mark.skipif(
    not hasattr(sys, "monitoring"), reason="only monitoring sees what was loaded before"
)


def states(program: Program) -> dict[str, int]:
    """Each function's marker, by its name."""
    shot = program.snapshot()
    return {
        image.qualname(index): shot.of(block)[index]
        for block, image in shot.modules
        for index in range(image.count)
    }


@needs_monitoring
def test_the_module_is_the_whole_one(program: Program) -> None:
    """With a .pyc that is the same, also what nothing holds is there."""
    program.write("shop.py", SOURCE)
    program.run(
        "import py_compile; py_compile.compile('shop.py')\n"
        "import shop, tombs\ntombs.start(['shop'])\nshop.plain()\n"
    )
    found = states(program)
    assert found.keys() == {*FOUND, "deleted"}
    assert {name for name, state in found.items() if state == 1} == {"plain"}
    assert set(found.values()) == {1, 2}


@needs_monitoring
def test_a_file_that_was_changed_is_not_believed(program: Program) -> None:
    """What is in memory counts, whatever was deployed over it; the script's own body, too."""
    program.write("shop.py", SOURCE)
    program.run(
        "import py_compile; py_compile.compile('shop.py')\n"
        "import shop, tombs\n"
        "open('shop.py', 'w').write('\\n\\ndef plain(): return 5\\n')\n"
        "py_compile.compile('shop.py')\n"
        "tombs.start(['shop'])\nshop.plain()\nshop.registry.routes['registered'][0]()\n"
    )
    found = states(program)
    assert found.keys() == FOUND.keys()
    assert {name for name, state in found.items() if state == 1} == {"plain", "registered"}


@needs_monitoring
def test_what_is_not_found_is_known_when_it_starts(program: Program) -> None:
    """Held by something that isn't entered, it is registered as called, with what is in it."""
    program.write(
        "shop.py",
        "def outer():\n    return lambda: 1\nimport sys\n"
        "table = dict.fromkeys(range(2000), outer)\ndel outer\n",
    )
    program.run(
        "import sys; sys.dont_write_bytecode = True\n"
        "import shop, tombs\ntombs.start(['shop'])\n"
        "session = sys.modules['tombs.process'].current()\n"
        "while session.settle(0.5): pass\n"
        "shop.table[5]()\n"
    )
    assert states(program) == {"outer": 1, "outer.<locals>.<lambda>": 2}
