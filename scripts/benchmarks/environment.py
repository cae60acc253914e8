"""The environment that everything is measured in: one for each Python, used again while it fits.

The programs that are measured lie beside site-packages, not in it: some rivals leave site-packages
out, and an application's own code isn't there either. Tombs is installed from the tree, not linked
to it, and is installed anew when the tree has changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

from benchmarks.contenders import RIVALS
from benchmarks.faults import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BASE = (
    *("pip", "pyperf", "pyperformance", "gunicorn", "bytecode>=0.17", "click>=8.1.4"),
    *("jinja2>=3.1", "pygments>=2.17"),
)
_PROGRAMS = ("sympy", "django")
_LAYOUT = "3"  # raise it when what is made here changes


class Environment:
    """A Python with everything that is measured installed.

    Args:
        directory: where it is.
        python: the interpreter that it is made from.
        say: tells how it goes on.
    """

    def __init__(self, directory: str, python: str, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._origin = python
        self._say = say
        self.python = os.path.join(directory, "bin", "python")
        self.programs = os.path.join(directory, "programs")
        self.refused: dict[str, str] = {}  # rivals that can't be installed, and why
        self.version = ""
        self.packages: dict[str, str] = {}

    def make(self, *, rivals: bool) -> None:
        """Make what is missing.

        Args:
            rivals: whether the rivals are needed, too.

        Raises:
            BenchError: what is measured can't be installed.
        """
        stamp = os.path.join(self._directory, "stamp.json")
        known = _read(stamp)
        wanted = {"layout": _LAYOUT, "python": os.path.realpath(self._origin)}
        if {key: known.get(key) for key in wanted} != wanted:
            self._base()
            known = dict(wanted)
        tree = _digest()
        if known.get("tree") != tree:
            self._say("installs Tombs from the tree")
            self._pip("install", "--no-deps", "--force-reinstall", ROOT)
            known["tree"] = tree
        if rivals and "refused" not in known:
            known["refused"] = self._rivals()
        with open(stamp, "w", encoding="utf-8") as file:
            json.dump(known, file)
        self.refused = known.get("refused", {})
        self._look()

    def _base(self) -> None:
        self._say(f"makes the environment {self._directory}")
        shutil.rmtree(self._directory, ignore_errors=True)
        try:
            self._call([self._origin, "-m", "venv", self._directory])
        except BenchError:  # a Python without ensurepip; virtualenv brings its own pip
            self._virtualenv()
        self._pip("install", "--upgrade", *_BASE)
        self._pip("install", "--target", self.programs, *_PROGRAMS)
        where = "import pyperformance, os; print(os.path.dirname(pyperformance.__file__))"
        shipped = os.path.join(self._ask(where), "data-files", "benchmarks")
        for name in os.listdir(shipped):
            if name.startswith("bm_"):
                target = os.path.join(self.programs, name)
                shutil.copytree(os.path.join(shipped, name), target)

    def _virtualenv(self) -> None:
        tools = os.path.join(os.path.dirname(self._directory), "bench-tools")
        if not os.path.exists(os.path.join(tools, "bin", "virtualenv")):
            self._call([sys.executable, "-m", "venv", tools])
            pip = [os.path.join(tools, "bin", "python"), "-m", "pip", "-q"]
            self._call([*pip, "--disable-pip-version-check", "install", "virtualenv"])
        shutil.rmtree(self._directory, ignore_errors=True)
        command = os.path.join(tools, "bin", "virtualenv")
        self._call([command, "-q", "-p", self._origin, self._directory])

    def _rivals(self) -> dict[str, str]:
        refused = {}
        for rival in RIVALS:
            if not rival.package:
                continue
            self._say(f"installs {rival.package}")
            try:
                self._pip("install", "--only-binary", ":all:", rival.package)
            except BenchError as fault:
                refused[rival.package] = f"can't be installed: {fault.last_line}"
        return refused

    def _look(self) -> None:
        self.version = self._ask("import platform; print(platform.python_version())")
        look = (
            "import importlib.metadata as m, sys, json\n"
            f"sys.path.append({self.programs!r})\n"
            "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
        )
        self.packages = json.loads(self._ask(look))

    @property
    def monitors(self) -> bool:
        """Whether this Python has sys.monitoring, which makes it the default engine."""
        return tuple(map(int, self.version.split(".")[:2])) >= (3, 12)

    def _pip(self, *arguments: str) -> None:
        pip = [self.python, "-m", "pip", "--disable-pip-version-check", "-q"]
        self._call([*pip, *arguments])

    def _ask(self, code: str) -> str:
        return self._call([self.python, "-c", code]).strip()

    def _call(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"failed: {' '.join(command)}", done.stderr or done.stdout)
        return done.stdout


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def _sources() -> Iterator[str]:
    yield os.path.join(ROOT, "pyproject.toml")
    for directory, below, files in sorted(os.walk(os.path.join(ROOT, "tombs"))):
        below.sort()
        yield from (os.path.join(directory, file) for file in sorted(files) if file.endswith(".py"))


def _digest() -> str:
    found = sha256()
    for path in _sources():
        with open(path, "rb") as file:
            found.update(f"{path}\0".encode() + file.read())
    return found.hexdigest()
