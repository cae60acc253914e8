"""A lock that its owner may take again, and that no library takes for Python's own.

eventlet, when it patches, looks through everything for a `threading.RLock`, puts a green one in its
place, and warns of each that it could not replace. The background thread must have neither.
"""

from __future__ import annotations

from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class RecursiveLock:
    """The lock."""

    __slots__ = ("_depth", "_get_ident", "_inner", "_owner")

    def __init__(self) -> None:
        self._inner: Any = original("_thread", "allocate_lock")()
        self._get_ident: Callable[[], int] = original("_thread", "get_ident")
        self._owner = 0
        self._depth = 0

    def acquire(self, timeout: float = -1) -> bool:
        """Take it, waiting for so many seconds at most; for ever without a limit."""
        me = self._get_ident()
        if self._owner != me:
            if not self._inner.acquire(timeout=timeout):
                return False
            self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        """Give it back.

        Raises:
            RuntimeError: this thread doesn't have it.
        """
        if self._owner != self._get_ident():
            message = "cannot release a lock that another thread has"
            raise RuntimeError(message)
        self._depth -= 1
        if not self._depth:
            self._owner = 0
            self._inner.release()

    def __enter__(self) -> None:
        """Take it."""
        self.acquire()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.release()
