"""One Python's bench: starts children, plain or under a contender, and collects results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from resource import RUSAGE_CHILDREN, getrusage
from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, TOMBS
from benchmarks.faults import BenchError
from benchmarks.pairs import alternate
from benchmarks.results import Result
from benchmarks.targets import target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.contenders import Rival
    from benchmarks.environment import Environment
    from benchmarks.pairs import Pairs, Sample, Spread

INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside")


class Bench:
    """What the parts work with.

    Args:
        environment: the Python and what is installed in it.
        say: tells how it goes on.
        quick: a look in about three minutes, not a record.
        rivals: whether they are measured, too.
    """

    def __init__(
        self, environment: Environment, say: Callable[[str], None], *, quick: bool, rivals: bool
    ) -> None:
        self.environment = environment
        self.say = say
        self.quick = quick
        self.rivals = rivals
        self.results: list[Result] = []
        self.scratch = tempfile.mkdtemp(prefix="tombs-bench-")
        self._environ = self._clean()

    def close(self) -> None:
        """Take the scratch directory away."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def times(self, whole: int, quick: int) -> int:
        """Give the number of repetitions."""
        return quick if self.quick else whole

    def path(self, name: str) -> str:
        """Give a new directory for one purpose."""
        return tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch)

    # Results

    def add(
        self,
        measure: str,
        contender: str,
        spread: Spread,
        unit: str,
        raw: object = None,
        note: str = "",
    ) -> None:
        """Write a result down."""
        aim = None
        if contender == TOMBS:
            aim = target(measure, monitors=self.environment.monitors)
        self.results.append(Result(measure, contender, unit, spread, aim, note, raw))
        self.say(str(self.results[-1]))

    def fail(self, measure: str, contender: str, fault: BenchError) -> None:
        """Write down that something could not be measured."""
        self.results.append(Result(measure, contender, "", None, None, fault.last_line, None))
        self.say(str(self.results[-1]))

    # Environments of children

    def _clean(self) -> dict[str, str]:
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TOMBS_", "PYTHON", "COVERAGE_", "DD_"))
        }
        environ["PYTHONPATH"] = self.environment.programs
        environ["BENCH_PROGRAMS"] = self.environment.programs
        environ["PATH"] = os.path.dirname(self.environment.python) + os.pathsep + environ["PATH"]
        return environ

    def plain(self, **more: str) -> dict[str, str]:
        """Give the environment of a plain program."""
        return self._environ | more

    def tombs(self, namespace: str, *options: str, **more: str) -> dict[str, str]:
        """Give the environment that `tombs-run` makes, less what tells of one run.

        So a process started in it is the first of a run of its own, and what is measured doesn't
        hold the launcher. What Tombs keeps between runs starts empty with each environment.
        """
        options = (*options, "--dir", self.path("run"), "--cache", self.path("cache"))
        launcher = os.path.join(os.path.dirname(self.environment.python), "tombs-run")
        command = [launcher, "-n", namespace, *options, "--", "env", "-0"]
        done = subprocess.run(
            command, env=self._environ | more, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchError("tombs-run failed", done.stderr)
        environ = dict(item.split("=", 1) for item in done.stdout.split("\0") if item)
        for name in ("TOMBS_RUN", "TOMBS_PID", "TOMBS_COMMAND"):
            environ.pop(name, None)
        return environ

    def rival(self, rival: Rival, watched: str, **more: str) -> dict[str, str]:
        """Give the environment of a rival, watching the packages named.

        Raises:
            BenchError: it isn't to be had on this Python.
        """
        version = tuple(map(int, self.environment.version.split(".")[:2]))
        if version < rival.since:
            raise BenchError(f"needs Python {rival.since[0]}.{rival.since[1]}")
        if rival.package in self.environment.refused:
            raise BenchError(self.environment.refused[rival.package])
        return self._environ | rival.environ | {"BENCH_WATCHED": watched} | more

    # Children

    def compare(
        self,
        times: int,
        work: Sequence[str],
        plain: dict[str, str],
        other: dict[str, str] | Callable[[], dict[str, str]],
        contender: str = PLAIN,
    ) -> Pairs:
        """Do the same work plain and otherwise in turns, so many times.

        Args:
            times: how many.
            work: as for `child`.
            plain: the environment of the one.
            other: that of the other, or what makes a new one each time.
            contender: what is started within the other.
        """
        return alternate(
            times,
            lambda seed: self.child(plain, work, seed=seed),
            lambda seed: self.child(other() if callable(other) else other, work, contender, seed),
        )

    def child(
        self, environ: dict[str, str], work: Sequence[str], contender: str = PLAIN, seed: int = 0
    ) -> Sample:
        """Run inside/child.py; gives what it measured, and the processor time of all of it.

        Args:
            environ: its environment.
            work: its work, and the arguments of that.
            contender: what is started within.
            seed: of the hashes of strings; the same for all that are compared.

        Raises:
            BenchError: it failed, or took longer than two minutes.
        """
        command = [self.environment.python, os.path.join(INSIDE, "child.py"), contender, *work]
        before = getrusage(RUSAGE_CHILDREN)
        output = self.call(command, environ | {"PYTHONHASHSEED": str(seed)})
        after = getrusage(RUSAGE_CHILDREN)
        whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        try:
            return dict(json.loads(output.splitlines()[-1])) | {"whole": whole}
        except (IndexError, ValueError):
            raise BenchError(f"{' '.join(work)}: no measurement came back", output) from None

    def call(self, command: Sequence[str], environ: dict[str, str], timeout: float = 120) -> str:
        """Run a command in the scratch directory and give its standard output.

        Raises:
            BenchError: it failed, or took too long.
        """
        try:
            done = subprocess.run(
                command, env=environ, cwd=self.scratch, capture_output=True, text=True,
                timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise BenchError(f"took more than {timeout:g} s") from None
        if done.returncode:
            raise BenchError(f"exit code {done.returncode}: {command[-1]}", done.stderr)
        return done.stdout
