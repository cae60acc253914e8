"""Asks a Python what Tombs would find in it: a child process, bounded in time, that runs a probe.

It is started with the options and the environment that the program would have, but for two things:
the probe's directory stands in the place of the bootstrap's, and Tombs is off.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from tombs.cli.environment import BOOTSTRAP
from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO, Final

    from tombs.checkup.program import Program

PROBE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe", "sitecustomize.py")
PATIENCE: Final = 30.0  # seconds
_MOST: Final = 8 << 20  # bytes of an answer
_SHOWN: Final = 300  # characters of what it said instead


class NoAnswerError(TombsError):
    """An interpreter that can't be asked."""


def ask(
    program: Program,
    environ: Mapping[str, str],
    namespace: tuple[Sequence[str], Sequence[str]],
    tools: Sequence[str],
    patience: float = PATIENCE,
) -> dict[str, Any]:
    """Run the probe in a program's Python.

    Args:
        program: says which Python, with which options.
        environ: what `tombs-run` would give to the program.
        namespace: dotted prefixes that are wanted, and those left out.
        tools: modules to look for.
        patience: seconds until it is killed.

    Returns:
        What the probe found; its source says what there is.

    Raises:
        NoAnswerError: it can't be started, ends without an answer, or takes too long.
    """
    wanted, excluded = namespace
    question = {
        "path": program.path,
        "more": program.more,
        "names": [name for name in wanted if name != "*"],
        "wanted": list(wanted),
        "excluded": list(excluded),
        "tools": list(tools),
    }
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as said:
        env = {**environ, **program.changes, "TOMBS_ENABLE": "0"}
        env["PYTHONPATH"] = _with_probe(env.get("PYTHONPATH", ""))
        env["TOMBS_DOCTOR"] = json.dumps(question)
        env["TOMBS_DOCTOR_FD"] = str(answer.fileno())
        words = [*program.python, PROBE]
        code = _run(words, env, answer, said, patience)
        found = _read(answer)
        if found is None:
            raise NoAnswerError(f"{program.python[0]} gave no answer: {_why(said, code)}")
        return found


def _with_probe(path: str) -> str:
    directory = os.path.dirname(PROBE)
    return os.pathsep.join(directory if one == BOOTSTRAP else one for one in path.split(os.pathsep))


def _run(
    words: list[str], env: dict[str, str], answer: IO[bytes], said: IO[bytes], patience: float
) -> int:
    try:
        child = subprocess.Popen(  # noqa: S603 - it is the user's own command
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=[answer.fileno()],
            start_new_session=True,
        )
    except OSError as fault:
        raise NoAnswerError(f"{words[0]} can't be started: {fault.strerror}") from None
    try:
        return child.wait(patience)
    except BaseException as fault:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if isinstance(fault, subprocess.TimeoutExpired):
            message = f"{words[0]} gave no answer within {patience:g} seconds"
            raise NoAnswerError(message) from None
        raise


def _read(answer: IO[bytes]) -> dict[str, Any] | None:
    answer.seek(0)
    try:
        found = json.loads(answer.read(_MOST))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _why(said: IO[bytes], code: int) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * _SHOWN))
    lines = said.read().decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return last.strip()[:_SHOWN] or f"it ended with {code}"
