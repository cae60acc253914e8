"""A pipe by which any thread wakes the one that waits.

When a program closes every descriptor there is, both ends go at once, and that wakes the waiting
thread too: it finds its pipe gone, and makes another.
"""

from __future__ import annotations

import os
from posix import read, write

from tombs.runtime import descriptors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_ENOUGH: Final = 512


class Waker:
    """A pipe that is made when it is first needed, and again when it was lost."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: tuple[descriptors.Held, descriptors.Held] | None = None

    def fd(self, *, looked: bool = False) -> int:
        """Give the descriptor that becomes readable when somebody wakes.

        Args:
            looked: it was looked at a moment ago, and wasn't lost.

        Raises:
            OSError: there is no room for a pipe.
        """
        ends = self._ends
        if ends is None or (not looked and self.lost()):
            self.close()
            reader, writer = (descriptors.high(fd) for fd in os.pipe())
            os.set_blocking(reader, False)
            os.set_blocking(writer, False)
            ends = self._ends = (descriptors.Held(reader), descriptors.Held(writer))
        return ends[0].fd

    def lost(self) -> bool:
        """Whether there was a pipe, and the program has closed it."""
        return self._ends is not None and not all(end.ok() for end in self._ends)

    def wake(self) -> None:
        """Wake it."""
        ends = self._ends
        if ends is not None and ends[1].ok():
            try:  # noqa: SIM105 - contextlib is an import that costs the program
                write(ends[1].fd, b"\0")
            except OSError:  # full: it is awake already
                pass

    def drain(self) -> None:
        """Take note of having been woken."""
        ends = self._ends
        if ends is not None and ends[0].ok():
            try:  # noqa: SIM105 - as above
                read(ends[0].fd, _ENOUGH)
            except OSError:  # nothing in it: the other end was closed
                pass

    def close(self) -> None:
        """Close what of it still is ours."""
        ends, self._ends = self._ends, None
        for end in ends or ():
            end.close()
