"""A program that keeps running and is told what to do: inside/idle.py, from outside."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from benchmarks.bench import INSIDE
from benchmarks.faults import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from benchmarks.bench import Bench


class Application:
    """One, from its start to its end; a context manager.

    Args:
        bench: the bench.
        package: what it loads.
        environ: its environment.
        before: a command to run it under.

    Raises:
        BenchError: it did not start.
    """

    def __init__(
        self, bench: Bench, package: str, environ: dict[str, str], before: Sequence[str] = ()
    ) -> None:
        script = os.path.join(INSIDE, "idle.py")
        command = [*before, bench.environment.python, script, package]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, env=environ, cwd=bench.scratch, stdin=pipe, stdout=pipe, text=True
        )
        about = json.loads(self._line())
        self.address: str = about["address"]
        self.graveyard: str = about["path"]

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.close()
            raise BenchError(f"the application ended with exit code {self._process.returncode}")
        return line

    def requests(self, seconds: float) -> list[float]:
        """Have it serve requests to itself; gives how long each took."""
        if self._process.stdin:
            self._process.stdin.write(f"requests {seconds}\n")
            self._process.stdin.flush()
        return list(json.loads(self._line()))

    def close(self) -> None:
        """End it, by the end of its input."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
