"""Locks between the processes of a run.

`flock`, because it belongs to the open file and not to the process: `lockf` locks are lost as soon
as any descriptor of the file closes. The other side of that coin: after a fork both processes hold
one lock together. So each process opens its own at once when it is born, which also works for a
worker that gives up its rights a moment later.

Locks among threads and sleeps are Python's own: the background thread takes part, and a green lock
would have it switch to a greenlet of another thread.
"""

from __future__ import annotations

import fcntl
import os
import time
from sys import _current_frames, _getframe

from tombs.runtime.descriptors import Held, high
from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Final

_GUARDING: Final = frozenset(
    {"tombs.runtime.graveyard", "tombs.runtime.locks", "tombs.runtime.opening"}
)
# Taken once: `original` may have to import.
_allocate_lock: Final = original("_thread", "allocate_lock")
_get_ident: Final = original("_thread", "get_ident")
_sleep: Final = original("time", "sleep")
_PATIENCE: Final = 0.0005
_LONGEST: Final = 1.0
_OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_CREAT
_AT_ONCE: Final = fcntl.LOCK_EX | fcntl.LOCK_NB


def _guards(frame: FrameType) -> bool:
    """Tell whether a frame is of the code that holds locks."""
    return frame.f_globals.get("__name__") in _GUARDING


def _open(path: str, flags: int) -> Held:
    held = Held(high(os.open(path, flags, 0o600)))
    if flags & os.O_CREAT and os.fstat(held.fd).st_mode & 0o777 != 0o600:  # an odd umask
        try:  # noqa: SIM105 - contextlib is an import that costs the program
            os.fchmod(held.fd, 0o600)
        except OSError:  # it is somebody else's, and open to us: not ours to change
            pass
    return held


def _marked(path: str) -> Held:
    held = _open(path, _OPEN)
    held.mark()
    return held


class FileLock:
    """An flock on a file of its own, and among the threads of this process.

    Args:
        path: the lock file; made if it isn't there.

    Raises:
        OSError: it can't be opened.
    """

    __slots__ = ("_held", "_inner", "_owner", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: Held | None = _marked(path)
        self._inner = _allocate_lock()
        self._owner = 0

    def acquire(self, deadline: float) -> bool:
        """Take the lock, waiting for at most so many seconds; False where it can't be had.

        A thread that already has it (a signal handler, a finalizer) gets False at once: it must
        never wait for itself.
        """
        me = _get_ident()
        if (self._owner == me or not self._inner.acquire(timeout=deadline)) and not (
            self._stray() and self._inner.acquire(timeout=0)
        ):
            return False
        try:
            self._owner = me  # an audit hook is told of the flock, and may come here again
            if self._flock(deadline):
                return True
        except BaseException:
            self._owner = 0
            self._inner.release()
            raise
        self._owner = 0
        self._inner.release()
        return False

    def _stray(self) -> bool:
        """Take back the lock where it is held and nobody is at what it was taken for.

        A signal's handler may raise between the taking and the `try` that gives back, or at the
        first instruction of the giving back.
        """
        mine = _getframe(1)
        for ident, top in _current_frames().items():
            frame: FrameType | None = top
            if ident == _get_ident():  # but for the call that asks
                frame = mine
                while frame is not None and _guards(frame):
                    frame = frame.f_back
            while frame is not None:
                if _guards(frame):
                    return False
                frame = frame.f_back
        self._owner = 0
        if self._inner.locked():
            self._inner.release()
        return True

    def _flock(self, deadline: float) -> bool:
        held = self._held
        if held is None or not held.ok():
            # The program closed whatever descriptors it found: ours are opened anew.
            try:
                held = self._held = _marked(self._path)
            except OSError:
                return False
        end = 0.0
        wait = _PATIENCE
        while True:
            try:
                fcntl.flock(held.fd, _AT_ONCE)
            except BlockingIOError:
                now = time.monotonic()
                end = end or now + deadline
                if now >= end:
                    return False
                _sleep(wait)
                wait = min(wait * 2, 0.02)
            except OSError:
                return False
            else:
                return True

    def there(self) -> bool:
        """Tell whether others who take the lock take the same: its file was not removed since."""
        held = self._held
        return held is not None and held.at(self._path)

    def release(self) -> None:
        """Give the lock back, also where a forked child holds the same open file."""
        self._owner = 0
        held = self._held
        try:
            if held is not None and held.ok():
                fcntl.flock(held.fd, fcntl.LOCK_UN)
        finally:
            self._inner.release()

    def reborn(self) -> None:
        """In a forked child: open the file anew, and forget threads that aren't here."""
        old = self._held
        self._inner = _allocate_lock()
        self._owner = 0
        try:
            self._held = _marked(self._path)
        except OSError:
            self._held = None
        if old is not None:
            old.close()

    def close(self) -> None:
        """Close the descriptor."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


class Leader:
    """The flock by which one process of the run is the one that serves.

    Args:
        path: the lock file; made if it isn't there.

    Raises:
        OSError: it can't be opened.
    """

    __slots__ = ("_held", "_path", "leads")

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: Held | None = _open(path, _OPEN)
        self.leads = False

    def try_lead(self) -> bool:
        """Become the one that serves, if nobody is; True where this process is it."""
        held = self._held
        if held is None or not held.ok():
            self.leads = False
            try:
                held = self._held = _open(self._path, _OPEN)
            except OSError:
                return False
        if not self.leads:
            try:
                fcntl.flock(held.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            self.leads = True
        return True

    def resign(self) -> None:
        """Serve no more; somebody else may."""
        held = self._held
        if self.leads and held is not None and held.ok():
            fcntl.flock(held.fd, fcntl.LOCK_UN)
        self.leads = False

    def reborn(self) -> None:
        """In a forked child, which doesn't serve: the lock is the parent's."""
        old, self._held = self._held, None
        self.leads = False
        if old is not None:
            old.close()
        try:
            self._held = _open(self._path, _OPEN)
        except OSError:
            return

    def close(self) -> None:
        """Lead no more."""
        held, self._held = self._held, None
        self.leads = False
        if held is not None:
            held.close()


class Liveness:
    """The shared flock on the graveyard file, by which everybody sees that a process lives.

    Args:
        path: the graveyard file.

    Raises:
        OSError: it can't be opened.
    """

    __slots__ = ("_held", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: Held | None = None
        self.hold()

    def hold(self) -> None:
        """Hold it; in a forked child too, in a file opened anew.

        Raises:
            OSError: it can't be opened, or somebody sits on it. Then nothing is held: a forked
                child must not go on with what is its parent's.
        """
        old, self._held = self._held, None
        try:
            held = _open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                _share(held.fd)
            except BaseException:
                held.close()
                raise
            self._held = held
        finally:
            if old is not None:
                old.close()

    def keep(self) -> None:
        """Hold it again, where the program has closed every descriptor that it found."""
        if self._held is None or not self._held.ok():
            self._held = None
            self.hold()
        else:  # the number may be ours again, but by another opening of the file, without the lock
            _share(self._held.fd)

    def leave(self) -> bool:
        """Stop living; True where nobody else of the run lives."""
        if self._held is None:
            return False
        try:
            self.keep()
        except OSError:
            return False
        held, self._held = self._held, None
        try:
            return try_alone(held.fd)
        finally:
            held.close()


def _share(fd: int) -> None:
    """Take the lock with the others. A reader that looks who lives holds it for an instant only.

    Raises:
        TimeoutError: it was no instant.
    """
    end = time.monotonic() + _LONGEST
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                message = "another process holds the lock that says who lives"
                raise TimeoutError(message) from None
            _sleep(_PATIENCE)
        else:
            return


def try_alone(fd: int) -> bool:
    """Take the lock for oneself alone, if nobody holds it; a reader that looks is waited for."""
    for wait in (0.0, 0.001, 0.003, 0.01):
        if wait:  # to sleep for no time takes 0.05 ms
            _sleep(wait)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False
