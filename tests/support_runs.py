"""Run real programs in child processes: plain, and under tombs-run.

Every child leads its own process group, has a deadline, and its whole group is ended when the test
is over, however it ends. Nothing here sleeps for luck: a test waits for bytes, for a file, or for a
condition that is asked again until its deadline.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ENGINES = ("rewrite", "monitoring") if sys.version_info >= (3, 12) else ("rewrite",)
SCRIPTS = Path(sys.executable).parent
TOMBS_RUN = str(SCRIPTS / "tombs-run")
TOMBS = str(SCRIPTS / "tombs")
PYTHON = sys.executable
PROGRAMS = Path(__file__).parent / "integration" / "programs"
DEADLINE = 60.0

T = TypeVar("T")


class Finished(NamedTuple):
    """What a child left behind."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> list[str]:
        """The lines on stderr that are from Tombs."""
        return [line for line in self.err.splitlines() if line.startswith("tombs:")]

    @property
    def own_err(self) -> str:
        """Standard error without the lines that are from Tombs."""
        lines = self.err.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("tombs:"))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that could steer Tombs, Python or coverage."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TOMBS_", "PYTHON", "COV_", "COVERAGE_", "DJANGO_"))
    }
    kept["PATH"] = f"{SCRIPTS}{os.pathsep}{kept.get('PATH', os.defpath)}"
    # Columns of argparse and colours of tracebacks must not depend on the terminal.
    kept.update(COLUMNS="80", NO_COLOR="1", PYTHON_COLORS="0", LC_ALL="C.UTF-8")
    kept.update(extra or {})
    return kept


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and whatever is left of its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(DEADLINE)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


@contextmanager
def started(
    argv: Sequence[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    before: Callable[[], None] | None = None,
    stderr: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a child in its own process group; the group is gone when the block is left."""
    child = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=environment(env),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=before,  # noqa: PLW1509 - it sets signals and closes descriptors, no more
        start_new_session=True,
    )
    try:
        yield child
    finally:
        end_group(child)


def run(
    argv: Sequence[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    given: bytes = b"",
    before: Callable[[], None] | None = None,
    deadline: float = DEADLINE,
) -> Finished:
    """Run a child to its end and give back its exit code and all it wrote."""
    with started(argv, cwd, env=env, stdin=subprocess.PIPE, before=before) as child:
        out, err = child.communicate(given, timeout=deadline)
    return Finished(child.returncode, _text(out), _text(err))


def run_until_ready(
    argv: Sequence[str], cwd: Path, act: Callable[[subprocess.Popen[bytes]], None]
) -> Finished:
    """Run a child that says one line when it is ready; then act on it and wait for its end."""
    with started(argv, cwd) as child:
        first = read_line(child)
        act(child)
        out, err = child.communicate(timeout=DEADLINE)
    return Finished(child.returncode, first + _text(out), _text(err))


def read_line(child: subprocess.Popen[bytes], deadline: float = DEADLINE) -> str:
    """One line from a child's stdout, byte by byte so that nothing after it is swallowed."""
    assert child.stdout is not None
    line = b""
    end = time.monotonic() + deadline
    descriptor = child.stdout.fileno()
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        byte = os.read(descriptor, 1) if ready else b""
        if not byte:
            code = child.poll()
            message = f"no line from {child.args!r} (exit code {code}), only {line!r}"
            raise AssertionError(message)
        line += byte
    return _text(line)


def wait_for(ask: Callable[[], T | None], what: str, deadline: float = 15.0) -> T:
    """Ask again until there is an answer; fail, and say what for, at the deadline."""
    end = time.monotonic() + deadline
    while (answer := ask()) is None:
        if time.monotonic() > end:
            message = f"{what}: not within {deadline:g} s"
            raise AssertionError(message)
        select.select([], [], [], 0.01)
    return answer


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory with a path short enough for unix sockets, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def under_tombs(
    engine: str,
    rundir: Path,
    command: Sequence[str],
    *,
    namespace: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """The command line that runs a command under Tombs with one engine."""
    names = [word for name in namespace for word in ("-n", name)]
    chosen = ["--engine", engine, "--dir", str(rundir), *names, *options]
    return [TOMBS_RUN, *chosen, "--", *command]


def dumped(path: Path, deadline: float = 15.0) -> list[str]:
    """The lines of a dump, which the last process of the run writes when it ends."""
    wait_for(lambda: path if path.exists() else None, f"the dump {path}", deadline)
    return path.read_text("utf-8").splitlines()


def names(lines: Sequence[str]) -> list[str]:
    """The names, as format `function` writes them, of lines in format json; sorted."""
    found = []
    for line in lines:
        tomb = json.loads(line)
        scope = tomb.get("scope")
        found.append(f"{scope}::{tomb['function']}" if scope else tomb["function"])
    return sorted(found)


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files, by their relative paths, below a directory; gives the directory back."""
    for relative, text in files.items():
        path = directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return directory


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
