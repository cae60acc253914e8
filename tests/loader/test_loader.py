"""The loader's `get_code`, wrapped: armed is what is run, and nobody sees a frame of ours."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loader.stand_ins import finding, on_path
from tombs import address

FAULTY = {
    "broken_syntax.py": "def f(:\n",
    "raises.py": "def f():\n    raise KeyError('x')\nf()\n",
    "needs_missing.py": "import missing_module\n",
    "needs_name.py": "from alone import missing_name\n",
    "needs_raises.py": "import raises\n",
    "null.py": "x = 1\0\n",
    "alone.py": "def one(): return 1\n",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Put modules on the path that import with an error."""
    return on_path(tmp_path, FAULTY)


def shown(name: str) -> list[tuple[str, str]]:
    """Import a module that fails, and give the frames of its traceback and its message."""
    for one in FAULTY:
        sys.modules.pop(one.removesuffix(".py"), None)
    with pytest.raises(Exception, match=r".") as caught:
        # As a statement: Python takes its own frames away only there.
        exec(f"import {name}")
    frames = traceback.extract_tb(caught.value.__traceback__)
    return [*[(frame.filename, frame.name) for frame in frames], (repr(caught.value), "")]


@pytest.mark.parametrize(
    "name", [name.removesuffix(".py") for name in FAULTY if "alone" not in name]
)
def test_import_errors_show_no_frame_of_ours(path: Path, name: str) -> None:
    """The traceback is the one of a plain import, frame by frame."""
    plain = shown(name)
    with finding("*") as (_, engine):
        assert shown(name) == plain
    assert engine.failures == []


def test_a_name_that_nobody_finds_shows_no_frame_of_ours(path: Path) -> None:
    """As above, for a module that isn't there."""
    plain = shown("not_there_at_all")
    with finding("*"):
        assert shown("not_there_at_all") == plain


def test_code_that_is_only_looked_at_is_not_armed(path: Path) -> None:
    """A module that nobody runs must not have tombs."""
    with finding("alone") as (_, engine):
        spec = importlib.util.find_spec("alone")
        assert spec is not None
        assert spec.loader is not None
        code = spec.loader.get_code("alone")  # type: ignore[attr-defined]
        assert code.co_name == "<module>"
        assert engine.armed == []
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        assert engine.armed == ["alone"]


def test_a_reload_is_armed_again(path: Path) -> None:
    """Its new code needs it as much as the old."""
    with finding("alone") as (_, engine):
        module = importlib.import_module("alone")
        importlib.reload(module)
    assert engine.armed == ["alone", "alone"]


def test_a_lazy_module_is_armed_when_it_loads(path: Path) -> None:
    """Not before it is touched, and it works as ever."""
    with finding("alone") as (_, engine):
        spec = importlib.util.find_spec("alone")
        assert spec is not None
        assert spec.loader is not None
        loader = importlib.util.LazyLoader(spec.loader)
        spec.loader = loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["alone"] = module
        loader.exec_module(module)
        assert engine.armed == []
        assert module.one() == 1
        assert engine.armed == ["alone"]


class Lazy:
    """A finder that makes everything lazy, as some programs install it."""

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        """Find as PathFinder does."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)  # type: ignore[arg-type]
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def test_a_finder_of_lazy_modules_is_seen_through(path: Path) -> None:
    """The loader that works stands within the one that waits."""
    with finding("alone") as (_, engine):
        sys.meta_path.insert(1, Lazy())  # type: ignore[arg-type]
        module = importlib.import_module("alone")
        assert engine.armed == []
        assert module.one() == 1
    assert engine.armed == ["alone"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Put a zip file with a package and two modules on the path."""
    path = tmp_path / "app.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("zipped/__init__.py", "")
        file.writestr("zipped/mod.py", "def f(): return 2\n")
        file.writestr("beside.py", "def g(): return 3\n")
        file.writestr("left_out.py", "def h(): return 4\n")
    sys.path.insert(0, str(path))
    return path


def test_modules_of_a_zip_file_are_armed(archive: Path) -> None:
    """They have one loader together, and each its own verdict."""
    with finding("zipped", "left_out", exclude=("left_out",)) as (_, engine):
        assert importlib.import_module("zipped.mod").f() == 2
        assert importlib.import_module("beside").g() == 3
        assert importlib.import_module("left_out").h() == 4
    assert engine.armed == ["zipped", "zipped.mod"]


def test_runpy_is_armed(path: Path) -> None:
    """A module that is run by name is run through its loader, too."""
    with finding("alone") as (_, engine):
        assert runpy.run_module("alone")["one"]() == 1
    assert engine.armed == ["alone"]


def test_bytecode_without_source_is_armed(path: Path) -> None:
    """A .pyc in the source's place has a loader of another kind."""
    import py_compile

    py_compile.compile(str(path / "alone.py"), cfile=str(path / "only.pyc"))
    with finding("only") as (_, engine):
        assert importlib.import_module("only").one() == 1
    assert engine.armed == ["only"]


def within(fault: Exception) -> Callable[..., None]:
    """Give a function of the package that raises an exception."""

    def raising(*_: object) -> None:
        raise fault

    raising.__code__ = raising.__code__.replace(co_filename=address.__file__)
    return raising


def test_a_failure_of_ours_is_noted_and_the_module_runs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the engine, the import goes well."""
    with finding("alone") as (_, engine):
        monkeypatch.setattr(engine, "arm", within(RuntimeError("a bug")))
        assert importlib.import_module("alone").one() == 1
        assert engine.failures == [("alone", "a bug")]


def test_what_a_signal_handler_raises_reaches_the_program(path: Path) -> None:
    """An exception that isn't ours passes, wherever it arrived."""
    with finding("alone") as (_, engine):
        engine.fault = TimeoutError("from a handler")
        with pytest.raises(TimeoutError, match="from a handler"):
            importlib.import_module("alone")
        assert engine.failures == []


class Slotted(importlib.machinery.SourceFileLoader):
    """A loader that lets no attribute be set."""

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse what isn't its own."""
        if name not in {"name", "path"}:
            raise AttributeError(name)
        super().__setattr__(name, value)


class Stubborn:
    """Finds modules with a loader that can't be wrapped."""

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        """Find as PathFinder does."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)  # type: ignore[arg-type]
        if spec is not None and spec.origin:
            spec.loader = Slotted(name, spec.origin)
        return spec


def test_a_loader_that_can_not_be_wrapped_works(path: Path) -> None:
    """Its modules load as ever, and aren't armed."""
    with finding("alone") as (_, engine):
        sys.meta_path.insert(1, Stubborn())  # type: ignore[arg-type]
        assert importlib.import_module("alone").one() == 1
    assert engine.armed == []
