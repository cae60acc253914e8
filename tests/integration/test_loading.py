"""However a module is loaded, its tombs are exactly those functions that were not called."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import support_runs
from tests.support_runs import PYTHON

HELPER = "def called(): return 1\ndef never(): return 2\nclass K:\n    def never(self): pass\n"
TOMBS = ["{}.K::never", "{}.never"]
OWN = "def called(): return 1\ndef never(): return 2\ncalled()\n"
CALLS = "import {0}\n{0}.called()\n"
FROM_ZIP = "import sys\nsys.path.insert(0, 'archive.zip')\nimport zipped.inside as z\nz.called()\n"
LAZY = """
import importlib.util, sys
spec = importlib.util.find_spec("helper")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
sys.modules["helper"] = module
spec.loader.exec_module(module)
module.called()
"""
BY_HAND = """
import importlib.util, sys
def load(name):
    spec = importlib.util.spec_from_file_location(name, "helper.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
import helper
helper.called()
"""
RUNPY = "import runpy\nrunpy.run_module('pkg.mod')\nrunpy.run_path('other.py')\n"
THREADS = """
import sys, threading
import helper
go = threading.Event()
def target():
    go.wait()
    for n in range(50): getattr(helper, f"f{n}")()
threads = [threading.Thread(target=target) for _ in range(8)]
for thread in threads: thread.start()
go.set()
for thread in threads: thread.join()
"""
HALF = """
import sys
for _ in range(2):
    try:
        import fails
    except ZeroDivisionError:
        pass
"""
FAILS = "def called(): pass\ndef never(): pass\ncalled()\n1 / 0\ndef beyond(): pass\n"
COPIES = "\n".join(f"def f{n}(): pass" for n in range(51))


class Case(NamedTuple):
    """A command, its files, the namespace, and which tombs there must be."""

    words: tuple[str, ...]
    files: dict[str, str]
    tombs: list[str]
    namespace: tuple[str, ...] = ()


def _of(*modules: str) -> list[str]:
    return [name.format(module) for module in modules for name in TOMBS]


TABLE = {
    "script": Case(("app.py",), {"app.py": OWN}, ["__main__.never"]),
    "script and module": Case(
        ("app.py",),
        {"app.py": OWN + CALLS.format("helper"), "helper.py": HELPER},
        ["__main__.never", *_of("helper")],
    ),
    "script with a package": Case(
        ("app.py",),
        {"app.py": CALLS.format("pkg.sub.mod"), "pkg/sub/mod.py": HELPER, "pkg/__init__.py": OWN},
        ["pkg.never", *_of("pkg.sub.mod")],
    ),
    "-m module": Case(("-m", "pkg.mod"), {"pkg/mod.py": OWN}, ["pkg.mod.never"]),
    "-m module, in the namespace": Case(
        ("-m", "pkg.mod"), {"pkg/mod.py": OWN}, ["pkg.mod.never"], ("pkg",)
    ),
    "-m package": Case(
        ("-m", "pkg"),
        {"pkg/__main__.py": OWN, "pkg/__init__.py": OWN},
        ["pkg.__main__.never", "pkg.never"],
    ),
    "directory": Case(("place",), {"place/__main__.py": OWN}, ["__main__.never"]),
    "zip": Case(("app.py",), {"app.py": FROM_ZIP}, _of("zipped.inside")),
    "lazy": Case(("app.py",), {"app.py": LAZY, "helper.py": HELPER}, _of("helper")),
    "threads": Case(("app.py",), {"app.py": THREADS, "helper.py": COPIES}, ["helper.f50"]),
    "failing import": Case(
        ("app.py",), {"app.py": HALF, "fails.py": FAILS}, ["fails.beyond", "fails.never"]
    ),
    "from another module": Case(
        ("app.py",), {"app.py": BY_HAND, "helper.py": HELPER}, ["__main__.load", *_of("helper")]
    ),
    "prefix on a dot": Case(
        ("app.py",),
        {"app.py": "import ham, hammer\n", "ham.py": OWN, "hammer.py": OWN},
        ["ham.never"],
        ("ham",),
    ),
    "one function of a namespace": Case(
        ("app.py",),
        {"app.py": "import a.b, a.c\n", "a/b.py": OWN, "a/c.py": OWN},
        ["a.b.never"],
        ("a.b",),
    ),
    "optimized": Case(("-OO", "app.py"), {"app.py": OWN}, ["__main__.never"]),
    "coding": Case(
        ("app.py",),
        {"app.py": "import latin\n", "latin.py": "# coding: utf-8\n" + OWN},
        ["latin.never"],
    ),
}


@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("name", TABLE)
def test_tombs(name: str, again: bool, engine: str, rundir: Path, tmp_path: Path) -> None:
    """The tombs are right in the first run, and in the second, which finds what the first kept."""
    case = TABLE[name]
    support_runs.write(tmp_path, case.files)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "")
        archive.writestr("zipped/inside.py", HELPER)
    for run in ("first", "second")[: 2 if again else 1]:
        dump = tmp_path / f"{run}.tombs"
        command = support_runs.under_tombs(
            engine,
            rundir,
            [PYTHON, *case.words],
            namespace=case.namespace,
            options=["--dump", str(dump)],
        )
        assert support_runs.run(command, tmp_path) == support_runs.Finished(0, "", "")
        assert support_runs.names(support_runs.dumped(dump)) == sorted(case.tombs)


RELOADS = """
import importlib, os, sys
import helper
helper.same(); helper.changed()
with open("helper.py", "w") as stream: stream.write(sys.argv[1])
os.utime("helper.py", (1, 1))
importlib.invalidate_caches()
importlib.reload(helper)
helper.added()
"""
FIRST = "def same(): return 1\ndef changed(): return 1\ndef gone(): return 1\n"
SECOND = "\ndef added(): return 1\n\ndef same(): return 1\ndef changed(): return 2\n"


def test_reload_with_other_code(engine: str, rundir: Path, tmp_path: Path) -> None:
    """New code is new functions: of the second version only what it ran is called."""
    support_runs.write(tmp_path, {"app.py": RELOADS, "helper.py": FIRST})
    dump = tmp_path / "tombs"
    words = [PYTHON, "app.py", SECOND]
    command = support_runs.under_tombs(engine, rundir, words, options=["--dump", str(dump)])
    assert support_runs.run(command, tmp_path) == support_runs.Finished(0, "", "")
    told = [json.loads(line) for line in support_runs.dumped(dump)]
    found = sorted((tomb["function"], tomb["location"]["start"]) for tomb in told)
    assert found == [("helper.changed", 5), ("helper.gone", 3), ("helper.same", 4)]
