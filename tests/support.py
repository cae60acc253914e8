"""Starts child processes for tests: real ones, with a deadline that kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 60.0
LAUNCHER = (sys.executable, "-m", "tombs.cli.run")


def environment(**changes: str | None) -> dict[str, str]:
    """Give this environment without any setting of Tombs, and changed; None takes a name out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOMBS_")}
    kept["PYTHONPATH"] = ROOT
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
    return kept


def run(
    words: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    *,
    timeout: float = TIMEOUT,
    cwd: str | Path | None = None,
    stdin: str = "",
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a session of its own; all of it is killed at the deadline."""
    with subprocess.Popen(
        words,
        env=environment() if env is None else env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            stdout, stderr = child.communicate(stdin, timeout)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    done = subprocess.CompletedProcess(words, child.returncode, stdout, stderr)
    if check and done.returncode:
        raise AssertionError(f"{words} ended with {done.returncode}:\n{stdout}\n{stderr}")
    return done


def python(
    args: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    *,
    timeout: float = TIMEOUT,
    cwd: str | Path | None = None,
    stdin: str = "",
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run this Python with these arguments."""
    words = (sys.executable, *args)
    return run(words, env, timeout=timeout, cwd=cwd, stdin=stdin, check=check)


def tombs_run(
    args: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    *,
    timeout: float = TIMEOUT,
    cwd: str | Path | None = None,
    stdin: str = "",
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `tombs-run` with these arguments."""
    words = (*LAUNCHER, *args)
    return run(words, env, timeout=timeout, cwd=cwd, stdin=stdin, check=check)
