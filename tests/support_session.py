"""Programs that start Tombs themselves, each in a process and a run directory of its own."""

from __future__ import annotations

import glob
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.support import environment, python
from tombs.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path

    from tombs.snapshot import Snapshot

ENGINES = ("rewrite", "monitoring") if sys.version_info >= (3, 12) else ("rewrite",)
MODULE = """\
def called():
    return 1

def dead():
    return 2
"""


class Ran(NamedTuple):
    """What a program left behind."""

    out: list[str]
    told: list[str]
    rest: str


class Program:
    """A directory with modules, and a run directory.

    Args:
        directory: where; `m.py` is in it from the start.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.dir = str(directory / "run")
        self.write("m.py", MODULE)

    def write(self, name: str, text: str) -> None:
        """Write a file beside the program."""
        (self.directory / name).write_text(text, "utf-8")

    def env(self, **changes: str) -> dict[str, str]:
        """Give the environment of the program."""
        path = f"{environment()['PYTHONPATH']}:{self.directory}"
        return environment(PYTHONPATH=path, TOMBS_DIR=self.dir, TOMBS_SOCKET="0") | changes

    def run(
        self, source: str, *args: str, code: int = 0, launch: tuple[str, ...] = (), **env: str
    ) -> Ran:
        """Run a program, expect its exit code, and part what Tombs says from what it says.

        Args:
            source: the program.
            args: its arguments.
            code: the exit code expected.
            launch: the options of `tombs-run`, to have it started so.
            env: variables.
        """
        self.write("program.py", source)
        words = ["-m", "tombs.cli.run", *launch, "--", sys.executable] if launch else []
        done = python([*words, "program.py", *args], self.env(**env), cwd=self.directory)
        assert done.returncode == code, done.stderr
        lines = done.stderr.splitlines(keepends=True)
        told = [line.rstrip("\n") for line in lines if line.startswith("tombs:")]
        rest = "".join(line for line in lines if not line.startswith("tombs:"))
        assert "Traceback" not in rest or code, rest
        return Ran(done.stdout.splitlines(), told, rest)

    def graveyards(self) -> list[str]:
        """Give the graveyards that were left, oldest first."""
        return sorted(glob.glob(f"{self.dir}/*.graveyard"))

    def snapshot(self) -> Snapshot:
        """Read the only graveyard that was left."""
        (path,) = self.graveyards()
        return read(path)

    def tombs(self) -> list[str]:
        """Give the tombs of the only graveyard, by name."""
        return sorted(b"".join(self.snapshot().lines("function")).decode().splitlines())
