"""The plan of the house: which module may import which, how long one may be, what start-up costs.

Every import counts, also one within a function or for types only: it is a thing one must know of.
"""

from __future__ import annotations

import ast
import os
import sys
from importlib.util import find_spec, resolve_name
from pathlib import Path

import pytest

from tests.support import ROOT, environment, python

# A module has the floor of the longest row that it begins with. Imports go down, or stay on the
# floor; a new module of the top level needs its row.
FLOORS = {
    "tombs.tomb": 0,
    "tombs.errors": 0,
    "tombs.version": 0,
    "tombs.address": 1,
    "tombs.ahead": 1,
    "tombs.block": 1,
    "tombs.identity": 1,
    "tombs.layout": 1,
    "tombs.lengths": 1,
    "tombs.patterns": 1,
    "tombs.secret": 1,
    "tombs.shorten": 1,
    "tombs.streams": 1,
    "tombs.values": 2,
    "tombs.wire": 1,
    "tombs.blocks": 2,
    "tombs.bundle": 2,
    "tombs.snapshot": 2,
    "tombs.changes": 2,
    "tombs.journal": 2,
    "tombs.config": 3,
    "tombs.diff": 3,
    "tombs.evidence": 3,
    "tombs.formats": 3,
    "tombs.gates": 3,
    "tombs.ignore": 3,
    "tombs.inventory": 3,
    "tombs.listings": 3,
    "tombs.merge": 3,
    "tombs.parallel": 3,
    "tombs.references": 3,
    "tombs.report": 3,
    "tombs.rundir": 3,
    "tombs.stubs": 3,
    "tombs.client": 4,
    "tombs.loader": 4,
    "tombs.runtime": 4,
    "tombs.attached": 5,
    "tombs.engines": 5,
    "tombs.process": 5,
    "tombs.serving": 5,
    "tombs.session": 5,
    "tombs": 5,  # start and stop, which are the session's
    "tombs.bootstrap": 6,
    "tombs.checkup": 6,
    "tombs.cli": 6,
    "tombs.numba_extension": 6,
    "tombs.pytest_plugin": 6,
}
STRANGERS = ("tombs.client", "tombs.loader", "tombs.runtime")
LONGEST = 400
# What a web application may have anyway, and a small tool should not be made to load.
HEAVY = {
    "ast",
    "asyncio",
    "bytecode",
    "click",
    "collections.abc",
    "contextlib",
    "dataclasses",
    "dis",
    "enum",
    "functools",
    "inspect",
    "json",
    "logging",
    "multiprocessing",
    "pathlib",
    "pickle",
    "re",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "tomllib",
    "tombs.cli",
    "tombs.client",
    "traceback",
    "typing",
    "urllib",
    "uuid",
    "warnings",
}


def module_name(path: Path) -> str:
    """Give the dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in sorted(Path(ROOT, "tombs").rglob("*.py"))}


def imports(name: str) -> set[str]:
    """Give the modules of the package that a module imports, anywhere in it."""
    found = set()
    package = name if PATHS[name].stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(PATHS[name].read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in PATHS else base)
    return {one for one in found if one in PATHS} - {name}


def row(name: str) -> str | None:
    """Find the row of the table that a module belongs to."""
    while name not in FLOORS:
        name, dot, _ = name.rpartition(".")
        if not dot or name == "tombs":
            return None
    return name


GRAPH = {name: imports(name) for name in PATHS}


@pytest.mark.parametrize("name", PATHS)
def test_a_module_imports_only_what_stands_below(name: str) -> None:
    """No import goes up, and the three halves of floor 4 don't know each other."""
    own = row(name)
    assert own is not None, f"{name} stands on no floor: give it a row"
    for other in GRAPH[name]:
        theirs = row(other)
        assert theirs is not None, f"{other} stands on no floor: give it a row"
        assert FLOORS[theirs] <= FLOORS[own], f"{name} imports {other}, which is above it"
        if theirs != own:
            assert not {own, theirs} <= set(STRANGERS), f"{name} must not know {other}"


def test_every_row_has_its_module() -> None:
    """The table names nothing that isn't there, but what is still to come."""
    missing = {name for name in FLOORS if not any(row(path) == name for path in PATHS)}
    assert not missing


def test_no_modules_import_each_other() -> None:
    """Taking away, again and again, what imports nothing that is left takes away everything."""
    left = {name: set(others) for name, others in GRAPH.items()}
    while leaves := [name for name, others in left.items() if not others & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left


def test_the_reading_of_imports_sees_every_form() -> None:
    """The table would hold nothing if the reader of imports were blind."""
    assert {"tombs.wire", "tombs.address", "tombs.errors"} <= GRAPH["tombs.config"]
    assert "tombs.session" in GRAPH["tombs"]
    assert "tombs.cli.entry" in GRAPH["tombs.cli.main"]


def test_no_module_is_too_long() -> None:
    """Nobody has to read more than 400 lines at once."""
    lengths = {}
    for top in ("tombs", "tests", "scripts", ".ci"):
        for path in Path(ROOT, top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                lengths[str(path.relative_to(ROOT))] = len(path.read_bytes().splitlines())
    assert lengths
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def loaded(program: str, tmp_path: Path) -> set[str]:
    """Give what a new Python has loaded after a program."""
    env = environment(TOMBS_DIR=str(tmp_path / "run"), TOMBS_ENABLE="1")
    shown = python(["-c", f"{program}\nimport sys; print(*sys.modules)"], env, check=True).stdout
    return set(shown.split())


@pytest.mark.parametrize("engine", ["rewrite", "monitoring"])
def test_an_application_is_not_made_to_load_what_it_does_not_need(
    engine: str, tmp_path: Path
) -> None:
    """Started, and watching a module that is called, Tombs brings no heavy module along."""
    if engine == "monitoring" and not hasattr(sys, "monitoring"):
        pytest.skip("this Python has no monitoring")
    (tmp_path / "watched.py").write_text("def called():\n    return 1\n")
    use = f"import sys; sys.path.append({str(tmp_path)!r}); import watched; watched.called()"
    start = f"import tombs; handle = tombs.start(namespace=['watched'], engine={engine!r})"
    # The markers need ctypes, which on 3.14 loads sysconfig, and that threading.
    plain = loaded(f"import ctypes\n{use}", tmp_path)
    started = loaded(f"{start}\n{use}\nassert handle.path, 'not started'", tmp_path)
    assert "tombs.session" in started
    assert not (started - plain) & HEAVY


def test_only_what_an_application_needs_is_known_to_the_session() -> None:
    """Neither the commands nor the readers of graveyards come along with a start."""
    known: set[str] = set()
    ahead = ["tombs"]
    while ahead:
        name = ahead.pop()
        known.add(name)
        ahead += GRAPH[name] - known
    assert "tombs.runtime.graveyard" in known
    assert not {row(name) for name in known} & {"tombs.cli", "tombs.client", "tombs.evidence"}


def test_the_package_lies_where_its_tests_look() -> None:
    """The floors are those of the package that the other tests import."""
    spec = find_spec("tombs")
    assert spec is not None
    assert spec.origin == os.path.join(ROOT, "tombs", "__init__.py")
