"""When functions were called: rows of the graveyard, written with the first call of an epoch.

Theory of operation. A row is four aligned words: seconds of the first call, of the last one, how
many processes called it, and one to spare; seconds are counted from the graveyard's creation, 1 at
least, so that 0 is "never". A row's word is written by one store, without a lock: two processes
that write the same word at once write the same second, or two that lie next to each other.

After the first call in this process a function costs nothing more: its prologue is erased, or its
event disabled. So "last" is the first call's time until an epoch ends and the function is armed
again (tombs.runtime.epochs): the last call was no later than two epochs after it.

Counting processes needs to read and write: each process remembers what it was the first to call
here, and adds that to the rows under the registration lock, now and then and at its end. One that
is killed before is missing: the count says "at least".
"""

from __future__ import annotations

from _weakref import ref
from mmap import MAP_PRIVATE, mmap
from sys import _getframe
from time import time

from tombs.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ctypes import Array, c_uint32
    from types import CodeType, FrameType
    from typing import Final

    Codes = list[ref[CodeType]]

FIRST: Final = 0
LAST: Final = 1
PROCESSES: Final = 2
WORDS: Final = 4
_TURNS: Final = 255
_MOST: Final = 0xFFFFFFFF
RETURNED_MOST: Final = 64  # stacks a process keeps until they are written down
_FRAMES: Final = 8
_TIDIED: Final = 4096
_NONE: Final[frozenset[int]] = frozenset()
_REPLAYS: Final = ("place", "settle", "settled", "register")
_OURS: Final = ("tombs.runtime.", "tombs.loader.")


class Stack:
    """Who called a function that had long not been called.

    Args:
        slot: of the function.
        now: seconds since the graveyard's creation, 1 at least.
        when: the same moment, nanoseconds since the epoch.
        frames: file, function and line: the function itself, its caller, and so on.
        first: it was never called before, and nobody waits for its first call.
    """

    __slots__ = ("_frames", "first", "now", "slot", "when")

    def __init__(
        self, slot: int, now: int, when: int, frames: list[tuple[str, str, int]], *, first: bool
    ) -> None:
        self.slot = slot
        self.now = now
        self.when = when
        self.first = first
        self._frames = frames

    def json(self, shorten: Callable[[str], str] = str) -> bytes:
        """Write it as a block's data.

        Args:
            shorten: gives a path as it is to be written down.
        """
        rows = ", ".join(
            f"[{quote(shorten(file))}, {quote(name)}, {at}]" for file, name, at in self._frames
        )
        return f'{{"slot": {self.slot}, "at": {self.now}, "frames": [{rows}]}}'.encode()


class History:
    """The rows, and what this process has written of them.

    Args:
        rows: WORDS words for each slot, laid over the mapping.
        created: when the graveyard was made, seconds since the epoch.
        codes: collect what was called, to arm it again; False where there are no epochs.
        returned: a function that was not called for so many seconds comes back from the dead: the
            stack of who calls it is kept; 0 for never.
    """

    __slots__ = (
        "_base", "_counted", "_fresh", "_returned", "_room", "_rows", "_slots", "_tidying", "_turn",
        "_turns", "codes", "stacks", "trapped",
    )  # fmt: skip

    def __init__(
        self, rows: Array[c_uint32], created: int, *, codes: bool = False, returned: int = 0
    ) -> None:
        self._rows = rows
        self._base = created - 1
        self._turn = 1
        self._slots = len(rows) // WORDS
        self._turns = _nothing(self._slots)
        self._counted = _nothing(self._slots)
        self._fresh: list[int] = []
        self._returned = returned
        self.codes: Codes | None = [] if codes else None
        self._room = _TIDIED
        self._tidying = False
        self.stacks: list[Stack] = []
        self.trapped: frozenset[int] = _NONE  # slots whose first caller is waited for

    @property
    def created(self) -> int:
        """When the graveyard was made, seconds since the epoch."""
        return self._base + 1

    def touch(self, slot: int) -> None:
        """Write down that a function is called now, once in each epoch.

        A signal's handler may run between any two lines and raise: then the next call does it all
        once more.
        """
        if self._turns[slot] == self._turn:
            return
        at = slot * WORDS
        rows = self._rows
        now = min(max(1, int(time()) - self._base), _MOST)
        last = rows[at + LAST]
        if not last and slot in self.trapped:
            self._keep(slot, now, first=False)
        elif self._returned and now - last > self._returned:
            self._keep(slot, now, first=not last)
        if not rows[at + FIRST]:
            rows[at + FIRST] = now
        if now > last:  # a clock may be set back
            rows[at + LAST] = now
        if not self._turns[slot]:
            self._fresh.append(slot)
        self._turns[slot] = self._turn

    def _keep(self, slot: int, now: int, *, first: bool) -> None:
        """Keep the stack of who calls: file, function and line of up to eight frames."""
        if len(self.stacks) >= RETURNED_MOST:
            return
        frames: list[tuple[str, str, int]] = []
        frame: FrameType | None = _getframe(2)
        while frame is not None and len(frames) < _FRAMES:
            code = frame.f_code
            name = frame.f_globals.get("__name__")
            if not (isinstance(name, str) and name.startswith(_OURS)):
                frames.append((code.co_filename, code.co_qualname, frame.f_lineno or 0))
            elif code.co_name in _REPLAYS:  # it was called before, and this is not its caller
                return
            frame = frame.f_back
        self.stacks.append(Stack(slot, now, (self._base + now) * 10**9, frames, first=first))

    def called(self, code: CodeType) -> None:
        """Remember code that was called in this epoch, where there are epochs.

        It may go nevertheless: a task that comes by pickle brings its own each time.
        """
        codes = self.codes
        if codes is not None:
            codes.append(ref(code))
            if len(codes) >= self._room and not self._tidying:
                self._tidying = True
                try:
                    self._tidy(codes)
                finally:
                    self._tidying = False

    def _tidy(self, codes: Codes) -> None:
        """Forget code that is gone; what other threads add meanwhile stands behind, and stays."""
        known = len(codes)
        codes[:known] = [one for one in codes[:known] if one() is not None]
        self._room = max(2 * len(codes), _TIDIED)

    def turn(self) -> list[CodeType]:
        """Begin an epoch.

        Returns:
            What was called in the one before and is still there, to be armed again.
        """
        called, self.codes = self.codes or [], []
        self._turn = self._turn % _TURNS + 1
        return [code for one in called if (code := one()) is not None]

    def fold(self) -> None:
        """Add this process to the rows of what it called. Hold the registration lock."""
        fresh, self._fresh = self._fresh, []
        for slot in fresh:
            if not self._counted[slot]:
                self._counted[slot] = 1
                at = slot * WORDS + PROCESSES
                self._rows[at] = min(self._rows[at] + 1, _MOST)

    @property
    def folds(self) -> bool:
        """Whether there is something to fold, or a stack to be written down."""
        return bool(self._fresh or self.stacks)

    def reborn(self) -> None:
        """Be another process, in a forked child: what the parent called is the parent's."""
        self._turns = _nothing(self._slots)
        self._counted = _nothing(self._slots)
        self._fresh = []
        self.stacks = []


def _nothing(size: int) -> mmap:
    """Give a 0 for each slot: of memory that isn't taken before a page of it is written to.

    A bytearray is written to as it is made, and most programs use few of their slots.
    """
    return mmap(-1, size, MAP_PRIVATE)
