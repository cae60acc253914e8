"""Keeps Python from warning, at a fork, of the one thread that is ours.

Since 3.12 Python counts the threads that the system knows when a process forks, and warns where
there are others than the forking one. Ending ours before the fork and starting another after it
costs 0.3 ms a fork (the pages that a thread's start touches have to be copied), and isn't enough:
3.13 and 3.14.0 count when the hooks after the fork have run (python/cpython#137109). So the thread
is held, and where it is the only other thread, that one warning is filtered out. Where there are
more, they are the program's, and so is the warning. (Ours may be two: one that was told to stop and
was too busy to do it at once, and the next one's. On 3.15 a warning that is an error is raised out
of `os.fork`, after the fork; before, it was lost.)
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

# Seconds: Python warns when the last hook is done, which none of ours sees; a machine may pause.
LAST: Final = 10.0
_WARNS: Final = sys.version_info >= (3, 12)
_CALLS: Final = ("fork", "forkpty")
# Put together as Python does it: a filter that is a plain text must match the whole.
_TEXT: Final = (
    "This process (pid={}) is multi-threaded, use of {}() may lead to deadlocks in the child."
)


class Hush:
    """The filters, while they are in place."""

    __slots__ = ("_entries",)
    lasts = LAST

    def __init__(self) -> None:
        self._entries: list[tuple[Any, ...]] = []

    def __bool__(self) -> bool:
        """Whether they are."""
        return bool(self._entries)

    def put(self, own: int = 1) -> None:
        """Put them in place, before a fork, if there are no other threads than so many of ours."""
        self.lift()
        if _WARNS and _others() == own:
            pid = os.getpid()
            self._entries = [
                ("ignore", _TEXT.format(pid, call), DeprecationWarning, None, 0) for call in _CALLS
            ]
            # Without the notice that the warnings module would have of it: that would make Python
            # repeat every warning it has shown once.
            _filters()[:0] = self._entries

    def lift(self) -> None:
        """Take them away, if they are in place and the program hasn't done so."""
        entries, self._entries = self._entries, []
        filters = _filters() if entries else []
        for entry in entries:
            if entry in filters:
                filters.remove(entry)


def _others() -> int:
    """Count the threads of this process beside this one."""
    try:
        return os.stat("/proc/self/task").st_nlink - 3  # itself, its parent, and this thread
    except OSError:  # not Linux: at least the threads that Python started
        return _thread._count()  # noqa: SLF001


def _filters() -> list[tuple[Any, ...]]:
    warnings = sys.modules.get("warnings") or __import__("_warnings")
    filters: list[tuple[Any, ...]] = warnings.filters
    return filters
