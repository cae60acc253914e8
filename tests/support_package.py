"""Copies of the package for tests that change it, or what was compiled of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import ROOT, environment, python

COMPILE = """
import compileall, os, py_compile, sys
mode = getattr(py_compile.PycInvalidationMode, sys.argv[1])
compileall.compile_dir(os.path.abspath("tombs"), quiet=1, force=True, invalidation_mode=mode)
"""


def copied(directory: Path) -> Path:
    """Copy the package without its .pyc files; a Python in that directory finds it first."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(ROOT, "tombs"), directory / "tombs", ignore=ignored)
    return directory


def compiled(directory: Path, mode: str = "TIMESTAMP", **changes: str) -> None:
    """Write the .pyc files of the copy."""
    env = environment(PYTHONPATH="", **changes)
    python(["-c", COMPILE, mode], env, cwd=directory, check=True)
