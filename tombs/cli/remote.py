"""Has a running process do something: through `sys.remote_exec`, by the same Python as its own.

Where this command runs another minor version than the target, the target's own interpreter makes
the call, with the rights of the target's user: root must not run a program that another user chose.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tombs.cli.pending import take_back
from tombs.cli.script import PACKAGE, Script, visible
from tombs.cli.target import FIRST, Ended, of_this_command
from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event
    from typing import Any, Final

    from tombs.cli.target import Target

_CALL: Final = """\
import sys
try:
    sys.remote_exec(int(sys.argv[1]), sys.argv[2])
except BaseException as fault:
    print(type(fault).__name__, fault)
"""
_COMPILE: Final = "import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=2)"
_NOTHING: Final = "/dev/null"
_SETTLES: Final = 0.2
_NO_MAIN: Final = "find the main thread"
_BEGINS: Final = 1.0  # a child that was forked this moment has none yet, as Python sees it
_OFTEN: Final = 0.05


def check(target: Target) -> bool:
    """See that a process can be reached at all.

    Returns:
        Whether this command's own Python can do it.

    Raises:
        TombsError: its Python is too old, or free-threaded.
    """
    python = target.python()
    if python is not None and python.version < FIRST:
        raise TombsError(
            f"process {target.pid} runs Python {python.version[0]}.{python.version[1]}:"
            " a running process can be attached to from 3.14 on",
            "Restart it under tombs-run.",
        )
    if python is not None and python.free_threaded:
        raise TombsError(
            f"process {target.pid} runs a free-threaded Python, which is not supported yet"
        )
    own = of_this_command(python) and hasattr(sys, "remote_exec")
    if python is None and not own:
        raise TombsError("this needs Python 3.14 or later", "Run tombs by the target's Python.")
    return own


def order(
    target: Target, do: str, environ: Mapping[str, str], seconds: float, given_up: Event
) -> list[str]:
    """Have a process do what tombs.attached can, and wait for what comes of it.

    Args:
        target: the process.
        do: `begin` or `end`.
        environ: for `begin`, the settings.
        seconds: how long to wait for it to run Python.
        given_up: set by whoever wants no answer any more: then the order is withdrawn at once.

    Returns:
        The answer: the state, the graveyard's path, the socket's address, what was told.

    Raises:
        Ended: it has ended.
        TombsError: it can't be reached, or has not answered in time: then the order is withdrawn.
    """
    try:
        return _order(target, do, environ, seconds, given_up)
    except Ended:
        raise
    except TombsError:
        if target.gone(_SETTLES):  # it was about to: that looks like this and that
            raise Ended(f"process {target.pid} has ended") from None
        raise


def _order(
    target: Target, do: str, environ: Mapping[str, str], seconds: float, given_up: Event
) -> list[str]:
    own = check(target)
    if do == "begin":
        if not visible(target.pid, PACKAGE):
            raise TombsError(
                f"process {target.pid} doesn't see Tombs, which is in {PACKAGE} here",
                "It runs in a container, or in a mount namespace of its own: run `tombs attach` in"
                " there.",
            )
        _compile(target, own=own)
    with Script(target.pid, target.owner, do, environ) as script:
        fault = _call(target, script.path, own=own)
        if fault:
            raise _explained(target, fault)
        answer = script.wait(seconds, target.alive, given_up)
        if answer is None and not script.withdraw():
            answer = script.wait(seconds, target.alive)  # it is at it
            if answer is None:
                raise TombsError(f"process {target.pid} began, and has not finished in time")
        if answer is None:
            pending = take_back(target, script.path)
            if pending is None:
                # The script is gone in a moment: that it isn't missed, nothing is run instead.
                _call(target, _NOTHING, own=own)
            script.wait(_SETTLES, target.alive)  # it may have begun to read it
            raise _silent(target, seconds) if pending is not False else _lost(target, seconds)
    return answer


def _silent(target: Target, seconds: float) -> TombsError:
    message = f"process {target.pid} ran no Python in its main thread for {seconds:g} s"
    if target.stopped():
        return TombsError(f"{message}: it is stopped", "Let it go on (kill -CONT), and try again.")
    return TombsError(
        f"{message}: it waits, or works in a library, and was left as it is",
        "Try again when it is busy, or wait for longer with --timeout.",
    )


def _lost(target: Target, seconds: float) -> TombsError:
    return TombsError(
        f"process {target.pid} has begun, and came to nothing within {seconds:g} s: it works in a"
        " library that lets no other thread run, or a signal came at that very moment",
        "Try again later. What a signal's handler raised then is lost by Python: if it was to end"
        " the process, send it once more.",
    )


def _call(target: Target, path: str, *, own: bool) -> str:
    """Have a process run a file; gives what went wrong, the exception's name first."""
    end = time.monotonic() + _BEGINS
    while True:
        fault = _call_once(target, path, own=own)
        if _NO_MAIN not in fault or time.monotonic() > end or not target.alive():
            return fault
        time.sleep(_OFTEN)


def _call_once(target: Target, path: str, *, own: bool) -> str:
    if not own:
        return _elsewhere(target, _CALL, str(target.pid), path)
    try:
        remote_exec: Any = sys.remote_exec  # type: ignore[attr-defined,unused-ignore]
        remote_exec(target.pid, path)
    except Exception as fault:  # noqa: BLE001 - of many kinds, each of them told
        return f"{type(fault).__name__} {fault}"
    return ""


def _elsewhere(target: Target, source: str, *words: str) -> str:
    """Run a program by the target's Python, as the target's user; gives what it prints."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0 and target.owner[0]:
        user = {"user": target.owner[0], "group": target.owner[1], "extra_groups": []}
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the target runs already
            [target.exe, "-I", "-S", "-c", source, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd="/",
            **user,
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise TombsError(
            f"process {target.pid} runs another Python than this command, and {target.exe}"
            f" can't be run to reach it: {fault}",
            "Install Tombs for that Python, and run `tombs` by it.",
        ) from None
    return str(done.stdout).strip()


def _compile(target: Target, *, own: bool) -> None:
    """Make the .pyc files that the target will load: compiling would hold it up."""
    if own:
        import compileall  # noqa: PLC0415 - for this alone

        for part in ("", "runtime", "loader"):
            compileall.compile_dir(os.path.join(PACKAGE, part), maxlevels=0, quiet=2)
    else:
        _elsewhere(target, _COMPILE, PACKAGE)


def _explained(target: Target, fault: str) -> TombsError:
    kind, _, text = fault.partition(" ")
    if kind == "PermissionError" or "ermission" in text or "not permitted" in text:
        return target.no_rights()
    if "not enabled" in text or "disabled" in text:
        return TombsError(
            f"process {target.pid} doesn't let itself be reached: remote debugging is disabled",
            "It was started with PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug, or its"
            " Python was built without. Restart it under tombs-run.",
        )
    if _NO_MAIN in text:
        return TombsError(
            f"process {target.pid} has no Python in its main thread",
            "It is about to begin or to end; or a program that isn't Python runs Python in another"
            " thread, where it can't be reached.",
        )
    return TombsError(f"process {target.pid} can't be reached: {text or kind}")
