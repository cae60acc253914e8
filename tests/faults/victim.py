"""Programs to which something bad happens, each started as `tombs-run` starts it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT, run
from tests.support_session import ENGINES, Program, Ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ENGINES", "LONG", "Ran", "Victim", "many", "need"]

# With TOMBS_TEST_LONG=1 what is tried at random is tried ten times as long.
TIMEOUT = 30.0
LONG = os.environ.get("TOMBS_TEST_LONG") == "1"
APART = ("ray", "torch")  # too large for the extra: tried where somebody has installed them
BOOTSTRAP = os.path.join(ROOT, "tombs", "bootstrap")


def many(number: int) -> int:
    """Give how often something is tried: so often, or ten times that."""
    return number * 10 if LONG else number


def need(module: str) -> None:
    """Skip where a tool isn't installed; fail where scripts/test has installed them all."""
    if importlib.util.find_spec(module) is None:
        if os.environ.get("TOMBS_TEST_TOOLS") and module not in APART:
            pytest.fail(f"{module} belongs to the extra `tools`, and is not installed")
        pytest.skip(f"{module} is not installed")


class Victim(Program):
    """A program under Tombs by way of the bootstrap: `m` and `app` are watched.

    Args:
        directory: where it and its run directory are.
        engine: which engine.
    """

    def __init__(self, directory: Path, engine: str = "auto") -> None:
        super().__init__(directory)
        self.engine = engine

    def env(self, **changes: str) -> dict[str, str]:
        """Give the environment of the program."""
        path = os.pathsep.join((BOOTSTRAP, ROOT, str(self.directory)))
        own = {
            "TOMBS_ENABLE": "1",
            "TOMBS_ENGINE": self.engine,
            "TOMBS_NAMESPACE": "m,app",
            "TOMBS_CACHE": f"{self.directory}/cache",
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "",
        }
        return super().env(**(own | changes))

    def clear(self) -> None:
        """Take the graveyards away."""
        for path in self.graveyards():
            os.unlink(path)

    def run(  # type: ignore[override]
        self,
        source: str,
        *args: str,
        code: int = 0,
        options: Sequence[str] = (),
        wrap: Sequence[str] = (),
        **env: str,
    ) -> Ran:
        """Run a program to its end, expect its exit code, and part what Tombs says from the rest.

        Args:
            source: the program.
            args: its arguments.
            code: the exit code expected.
            options: Python's.
            wrap: a command that runs it.
            env: variables.
        """
        self.write("program.py", source)
        words = [*wrap, sys.executable, *options, "program.py", *args]
        done = run(words, self.env(**env), cwd=self.directory, timeout=TIMEOUT)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        lines = done.stderr.splitlines(keepends=True)
        told = [line.rstrip("\n") for line in lines if line.startswith("tombs:")]
        rest = "".join(line for line in lines if not line.startswith("tombs:"))
        return Ran(done.stdout.splitlines(), told, rest)

    @contextlib.contextmanager
    def alive(
        self, source: str, *args: str, name: str = "program.py", **env: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a program that talks through its pipes; it and all its group are gone after."""
        self.write(name, source)
        child = subprocess.Popen(
            [sys.executable, name, *args],
            cwd=self.directory,
            env=self.env(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        watchdog = subprocess.Popen(
            [sys.executable, "-Ssc", WATCHDOG, str(child.pid), str(many(60))],
            stdin=subprocess.PIPE,
        )
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            watchdog.communicate(b".")
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()


# Ends a group that hangs, so that whoever reads from it gets its end of file.
WATCHDOG = """\
import os, select, signal, sys
if not select.select([0], [], [], int(sys.argv[2]))[0]:
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
"""


def ask(child: subprocess.Popen[str], line: str) -> str:
    """Say a line to a child and give the line that it says."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()
    return child.stdout.readline().rstrip("\n")
