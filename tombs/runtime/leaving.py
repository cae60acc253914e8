"""Ends of a process at which no `atexit` function is run: before them, what waits is written down.

`os._exit` is one; a forked worker of multiprocessing always ends so. What it had called of a module
that was still to be registered would be lost, and where another process registers that module, its
functions would look dead.

Another is the return of the thread that forked: in the child it is the only one, and with it the
process ends, unless there is a background thread of ours that goes on for ever.
"""

from __future__ import annotations

import os
import sys

from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def watch_exit(last_words: Callable[[], object]) -> Callable[[], None]:
    """Have something done before each `os._exit`, whatever comes of it.

    Returns:
        What undoes it.
    """
    original = os._exit

    def _exit(status: int) -> NoReturn:
        """Exit to the system with specified status, without normal exit processing."""
        try:
            last_words()
        finally:
            original(status)

    def undo() -> None:
        if os._exit is _exit:
            os._exit = original

    _exit.__module__ = original.__module__
    os._exit = _exit
    return undo


def this_thread() -> int:
    """Give the ident of this thread, which it keeps in a child that it forks."""
    return int(original("_thread", "get_ident")())


def main_thread() -> int:
    """Give the ident of the thread with whose end Python ends the process in order."""
    threading = sys.modules.get("threading")
    if threading is None:
        return this_thread()
    return int(threading.main_thread().ident)


def watch_thread(main: int, last_words: Callable[[], object]) -> object:
    """In a child: have something done when this thread ends, if the process ends with it.

    Args:
        main: the main thread, which a child has only if it was the one that forked.
        last_words: what to do; it must not raise.

    Returns:
        What must be held on to.
    """
    if this_thread() == main:
        return None
    # What is a thread's own goes with the thread, in the thread.
    local = original("_thread", "_local")()
    local.end = _End(last_words)
    return local


class _End:
    __slots__ = ("_last_words",)

    def __init__(self, last_words: Callable[[], object]) -> None:
        self._last_words = last_words

    def __del__(self) -> None:
        self._last_words()
