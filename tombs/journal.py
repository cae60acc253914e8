"""The journal: which modules a process has called before it registered them.

To register a module while a program is importing costs three times what it costs afterwards, and so
it waits (tombs.loader.early). What is called meanwhile must not look dead should the process be
killed; the module may be another process's, which has registered it long ago. So the beginning of
its image's digest is stored here first, in a block that was made ahead: one aligned store of 8
bytes, which can't tear, by no more than one thread each. Whoever reads the graveyard takes what is
populated of these modules for unknown, until the block is settled, or for good.
"""

from __future__ import annotations

import sys

from tombs import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Final

ROOM: Final = 120  # modules
SIZE: Final = ROOM * layout.ENTRY  # bytes


class Journal:
    """A journal block of this process.

    Args:
        mapped: the file.
        at: where the block's data lies in it.
    """

    __slots__ = ("_flag", "_map", "_numbers", "_words")

    def __init__(self, mapped: mmap, at: int) -> None:
        self._map = mapped
        self._words = memoryview(mapped)[at : at + SIZE].cast("Q")
        self._flag = at - layout.BLOCK_SIZE + layout.SETTLED_AT
        self._numbers = iter(range(ROOM))  # each is given once, whoever asks

    def add(self, digest: bytes) -> bool:
        """Write down that a module is called.

        Args:
            digest: of its image.

        Returns:
            False where there is no room left.
        """
        for number in self._numbers:
            self._words[number] = int.from_bytes(digest[: layout.ENTRY], sys.byteorder)
            return True
        return False

    def settle(self) -> None:
        """Write down that all of them are registered, and all that was called is marked."""
        self._map[self._flag] = 1
