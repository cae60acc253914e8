"""The finder: whom it asks, what it declines, and how it lives with the hooks of others."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from tests.loader.stand_ins import finding, on_path

PACKAGE = {
    "shop/__init__.py": "",
    "shop/cart.py": "def add(): pass\n",
    "shopping.py": "def other(): pass\n",
    "spread/part.py": "def piece(): pass\n",
    "alone.py": "def one(): return 1\n",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Put a few modules on the path."""
    return on_path(tmp_path, PACKAGE)


class Spy:
    """A finder that finds nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Remember."""
        del path, target
        self.asked.append(name)
        return None


def test_wanted_modules_are_armed_in_the_order_they_load(path: Path) -> None:
    """A package before its modules, each once, and nothing outside the namespace."""
    with finding("shop") as (_, engine):
        for name in ("shop.cart", "shopping", "shop.cart"):
            importlib.import_module(name)
    assert engine.armed == ["shop", "shop.cart"]


def test_without_a_namespace_first_party_code_is_armed(path: Path) -> None:
    """The place decides: the standard library and installed packages are not ours."""
    sys.modules.pop("colorsys", None)
    with finding() as (_, engine):
        for name in ("alone", "spread.part", "colorsys"):
            importlib.import_module(name)
    assert engine.armed == ["alone", "spread.part"]


def test_what_is_not_wanted_is_not_searched_for(path: Path) -> None:
    """A declined name costs no second search: the finders behind are asked once, by Python."""
    spy = Spy()
    with finding("shop", exclude=("shop.cart",)):
        sys.meta_path.insert(1, spy)  # type: ignore[arg-type]
        for name in ("shopping", "shop.cart"):
            importlib.import_module(name)
    assert spy.asked == ["shopping", "shop", "shop.cart"]


def test_a_module_that_is_not_there_is_not_there(path: Path) -> None:
    """Nothing is found that nobody finds."""
    with finding("shop", "nowhere") as (_, engine):
        for name in ("nowhere", "shop.nowhere"):
            with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
                importlib.import_module(name)
        assert importlib.util.find_spec("nowhere") is None
    assert engine.armed == ["shop"]


def test_a_namespace_package_stays_one(path: Path) -> None:
    """It has no code of its own, and its parts are found through it."""
    with finding("spread") as (_, engine):
        spread = importlib.import_module("spread")
        importlib.import_module("spread.part")
    assert type(spread.__path__).__name__.lstrip("_") == "NamespacePath"
    assert engine.armed == ["spread.part"]


def test_everything_about_a_module_is_as_its_loader_makes_it(path: Path) -> None:
    """Spec, loader, file and cached place are those of a plain import."""
    plain = importlib.import_module("alone")
    del sys.modules["alone"]
    with finding("alone"):
        watched = importlib.import_module("alone")
    for module in (plain, watched):
        assert type(module.__loader__) is importlib.machinery.SourceFileLoader
        assert vars(module.__loader__).keys() == {"name", "path"}
    assert vars(plain).keys() == vars(watched).keys()
    assert plain.__spec__ == watched.__spec__
    assert plain.__file__ == watched.__file__


def test_builtin_modules_are_left_alone() -> None:
    """There is no code in them."""
    with finding("*") as (_, engine):
        for name in ("_queue", "atexit"):
            spec = importlib.util.find_spec(name)
            assert spec is not None
    assert engine.armed == []


class First:
    """An import hook as typeguard's: it puts itself first, and asks PathFinder itself."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.found: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find its own module, with a loader of its own."""
        if name != self.own:
            return None
        self.found.append(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = Changing(name, spec.origin)
        return spec


class Changing(importlib.machinery.SourceFileLoader):
    """A loader that changes the code that it loads."""

    def source_to_code(  # type: ignore[override]
        self, data: bytes, path: str, *_: object, **__: object
    ) -> object:
        """Have the module say that it was changed."""
        return compile(data + b"\nchanged = True\n", path, "exec", dont_inherit=True)


def test_a_hook_that_puts_itself_first_works_and_is_seen_through(path: Path) -> None:
    """From the next import on it is asked through us; what it changes stays changed."""
    hook = First("alone")
    with finding("shop", "alone") as (finder, engine):
        sys.meta_path.insert(0, hook)  # type: ignore[arg-type]
        importlib.import_module("shop")
        assert sys.meta_path[0] is finder
        module = importlib.import_module("alone")
    assert module.changed
    assert hook.found == ["alone"]
    assert engine.armed == ["shop", "alone"]


def test_a_removed_finder_finds_nothing(path: Path) -> None:
    """Removing it twice is harmless, and so is asking it afterwards."""
    with finding("shop") as (finder, engine):
        finder.remove()
        finder.remove()
        assert finder not in sys.meta_path
        assert finder.find_spec("shop") is None
        importlib.import_module("shop")
    assert engine.armed == []


def test_a_finder_that_somebody_took_away_finds_nothing(path: Path) -> None:
    """A test's fixture may restore sys.meta_path: then imports are plain."""
    with finding("shop") as (finder, engine):
        sys.meta_path.remove(finder)
        assert finder.find_spec("shop") is None
        importlib.import_module("shop")
    assert engine.armed == []


def test_old_finders_without_find_spec_are_passed_by(path: Path) -> None:
    """As Python does."""
    with finding("shop") as (_, engine):
        sys.meta_path.insert(1, object())  # type: ignore[arg-type]
        importlib.import_module("shop")
    assert engine.armed == ["shop"]
