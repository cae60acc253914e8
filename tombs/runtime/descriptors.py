"""Descriptors that stay out of the program's way, and are never taken for somebody else's.

A program that daemonises closes whatever descriptors it finds, ours too, and the numbers come back
as its own files. So ours are high, close on exec, and looked at before each use.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Where the limit is too low for the first, the next. Never 0, 1 or 2: a program that closed them
# may count on getting them back.
_LOWEST: Final = (200, 64, 3)


def high(fd: int) -> int:
    """Move a descriptor to a number that the program won't miss, and give that number.

    Where no such number is free it stays what it is.
    """
    for lowest in _LOWEST:
        try:
            moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:  # EINVAL: beyond the limit; EMFILE: all taken
            continue
        os.close(fd)
        return moved
    os.set_inheritable(fd, False)  # noqa: FBT003 - it takes no keyword
    return fd


_holders: dict[int, Held] = {}  # by number: who was the last to get it


class Held:
    """A descriptor, and which file it was when it was ours.

    Several of ours may be of one file: where one was closed by the program, another may have got
    its number since, which is no longer the first one's then.

    Args:
        fd: the descriptor.
    """

    __slots__ = ("_identity", "_place", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._identity = identity(os.fstat(fd))
        self._place = 0
        _holders[fd] = self

    def ok(self) -> bool:
        """Whether the descriptor still is that file."""
        if _holders.get(self.fd) is not self:
            return False
        try:
            if self._place:
                return os.lseek(self.fd, 0, os.SEEK_CUR) == self._place
            return identity(os.fstat(self.fd)) == self._identity
        except OSError:
            return False

    def mark(self) -> None:
        """Have `ok` know it by its place in the file, which costs a sixth of a look at the inode.

        For a file that nobody reads or writes by this descriptor. The place is one of 2**40, where
        the file system has so many.
        """
        place = 1 << 40 | int.from_bytes(os.urandom(5), "little")
        try:
            os.lseek(self.fd, place, os.SEEK_SET)
        except OSError:
            return
        self._place = place

    def same(self, other: Held) -> bool:
        """Whether another descriptor is, or was, of the same file."""
        return self._identity == other._identity

    def at(self, path: str) -> bool:
        """Whether a path leads to the same file; a descriptor that was closed need not be ours."""
        try:
            return identity(os.stat(path, follow_symlinks=False)) == self._identity
        except OSError:
            return False

    def close(self) -> None:
        """Close it, if it still is ours."""
        if self.ok():
            del _holders[self.fd]
            os.close(self.fd)


def held(fd: int) -> Held:
    """Move a descriptor out of the program's way, and hold it."""
    return Held(high(fd))


def identity(status: os.stat_result) -> tuple[int, int]:
    """Give what tells one file from another, of what `stat` says about it."""
    return status.st_dev, status.st_ino
