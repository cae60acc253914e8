"""Tombs in a process that ran without it: what `tombs attach` and `tombs detach` have done there.

The script that the target is made to run (tombs.cli.script) starts a thread, and no more; all of
this runs in that thread, with all signals blocked. So the main thread, stopped at whatever it was
doing, goes on at once. What has to be imported is imported one module at a time with pauses, and a
fork waits for the end of such a step: a child would else find a module locked for ever, or half a
session. Nothing is printed: what there is to tell is the answer.
"""

from __future__ import annotations

import os
import sys

from tombs.ahead import MONITORING, SERVING, START
from tombs.runtime.originals import original
from tombs.runtime.say import divert

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

ATTACHED: Final = "attached"
ALREADY: Final = "already"  # by an earlier attach
STARTED: Final = "started"  # by tombs-run, or from code
DETACHED: Final = "detached"
NOTHING: Final = "nothing"  # to detach from
FAILED: Final = "failed"

_PATIENCE: Final = 5.0
_PAUSE: Final = 2  # milliseconds
# What a start imports, the small before what needs them, so that no step is long.
_AHEAD: Final = (
    *("mmap", "fcntl", "select", "_socket", "_struct", "marshal", "gc", "atexit", "binascii"),
    *("_blake2", "types", "ctypes", *START[:-2], *MONITORING, *SERVING),
    *("tombs.loader.describe", "tombs.loader.reach", "tombs.loader.late", "tombs.loader.cache"),
    *("tombs.loader.early", "tombs.runtime.history", "tombs.runtime.vacate", *START[-2:]),
)
_one_at_a_time = original("_thread", "allocate_lock")()
_step = original("_thread", "allocate_lock")()
_forking: list[bool] = []
_hooked: list[bool] = []
_ours: list[object] = []  # the session that an attach began


def begin(environ: Mapping[str, str], main: int) -> list[str]:
    """Start Tombs in this process.

    Args:
        environ: the settings, as variables; TOMBS_RUN, where another process takes part.
        main: the main thread's ident.

    Returns:
        What came of it, the graveyard's path and the socket's address, and then what was told.
    """
    with _one_at_a_time:
        _hold_forks()
        for name in _AHEAD:
            with _step:
                __import__(name)
            pause()
        told: list[str] = []
        divert(told)
        from tombs import config, process  # noqa: PLC0415 - loaded above, with pauses
        from tombs.loader.monitoring import TOOLS  # noqa: PLC0415 - as above

        with _step:
            session = process.current()
            if session is not None:
                return _answer(ALREADY if session in _ours else STARTED, session, told)
            monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            if all(monitoring.get_tool(tool) is not None for tool in TOOLS):
                return [FAILED, "", "", "no tool identifier of sys.monitoring is free"]
            session = process.begin(
                config.read(environ), main=main, pause=pause, run=environ.get("TOMBS_RUN")
            )
        if session is None:
            return [FAILED, "", "", *told]
        _ours[:] = [session]
        return _answer(ATTACHED, session, told)


def end() -> list[str]:
    """Stop the session that `begin` started; the answer as there."""
    with _one_at_a_time:
        process = sys.modules.get("tombs.process")
        session = process.current() if process is not None else None
        if session is None:
            return [NOTHING, "", ""]
        if session not in _ours:
            return _answer(STARTED, session, [])
        answer = _answer(DETACHED, session, [])
        with _step:
            _ours.clear()
            session.stop()
        return answer


def _answer(state: str, session: object, told: list[str]) -> list[str]:
    path, address = getattr(session, "path", ""), getattr(session, "address", None)
    return [state, str(path), str(address or ""), *told]


def pause() -> None:
    """Let the program's threads go on."""
    original("select", "poll")().poll(_PAUSE)


def _hold_forks() -> None:
    """Have forks wait for the end of a step, from now on; where there is none they don't wait."""
    if not _hooked:
        _hooked.append(True)
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)


def _before() -> None:
    if not _forking:
        _forking.append(_step.acquire(timeout=_PATIENCE))


def _after() -> None:
    if _forking and _forking.pop():
        _step.release()
