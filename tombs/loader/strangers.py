"""Functions that start in a process which doesn't have their module.

A function that was pickled by value, or marshalled, runs so: its module belongs to another process
of the run, which may have registered it, or be about to. In the latter case it is written down that
the module is in doubt, until its functions are there to be marked: the process that called them may
be gone by then, and what was called must not be taken for dead.
"""

from __future__ import annotations

from tombs.loader.module import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Final, Protocol

    from tombs.block import Image

    class Allotted(Protocol):
        """A registered module."""

        base: int
        image: Image

    class Graveyard(Protocol):
        """What is asked of the graveyard."""

        def others(self) -> tuple[Sequence[Allotted], Sequence[tuple[str, str]]] | None:
            """Give what all processes have registered, and name and path of what they will."""

        def vacate(self, slot: int) -> None:
            """Mark a function that was called."""

        def pend(self, module: str, file: str) -> int | None:
            """Write down that a module is in doubt; None where it is registered by now."""

        def settled(self, pending: int) -> None:
            """Write down that it no longer is in doubt."""


MOST: Final = 1000  # remembered at once
_SOON: Final = 20  # so often they are looked for soon again; then only when somebody looks anyway


class Strangers:
    """What has started here without its module, until it is marked.

    Args:
        graveyard: the run's.
        shorten: gives a path as it is written down.
    """

    __slots__ = ("_codes", "_doubts", "_graveyard", "_shorten", "_tries")

    def __init__(self, graveyard: Graveyard, shorten: Callable[[str], str]) -> None:
        self._graveyard = graveyard
        self._shorten = shorten
        self._codes: list[tuple[CodeType, str]] = []
        self._doubts: dict[tuple[str, str], int] = {}
        self._tries = 0

    def add(self, code: CodeType, file: str) -> None:
        """Remember one; called where it starts, so nothing else is done here.

        Args:
            code: what started.
            file: its module's.
        """
        if len(self._codes) < MOST:
            self._codes.append((code, file))
            self._tries = _SOON

    @property
    def waiting(self) -> bool:
        """Whether there are some whose module another process will register."""
        return bool(self._codes)

    def find(self) -> bool:
        """Mark those whose module is registered; keep those whose module will be.

        Returns:
            Whether to look again soon.
        """
        codes, self._codes = self._codes, []
        if not codes:
            return False
        self._tries = max(self._tries - 1, 0)
        there = self._graveyard.others()
        if there is None:  # somebody else writes at this moment
            self._codes += codes
            return self._tries > 0
        records, awaited = there
        registered: dict[str, list[Allotted]] = {}
        for record in records:
            registered.setdefault(record.image.file, []).append(record)
        doubted: set[tuple[str, str]] = set()
        for code, path in codes:
            file = self._shorten(absolute(path))
            if not self._mark(code, registered.get(file, ())):
                mine = [one for one in awaited if one[1] == file]
                doubted.update(mine)
                if mine:
                    self._codes.append((code, path))
        self._doubt(doubted)
        return bool(self._codes) and self._tries > 0

    def _mark(self, code: CodeType, records: Sequence[Allotted]) -> bool:
        found = False
        for record in records:
            for index in record.image.find(code.co_firstlineno, code.co_qualname):
                self._graveyard.vacate(record.base + index)
                found = True
        return found

    def _doubt(self, places: set[tuple[str, str]]) -> None:
        """Write down which modules are in doubt, and of which it is over."""
        for one in places.difference(self._doubts):
            flag = self._graveyard.pend(*one)
            if flag is not None:
                self._doubts[one] = flag
        for one in set(self._doubts).difference(places):
            self._graveyard.settled(self._doubts.pop(one))

    def reborn(self) -> None:
        """Be another process, in a forked child: the parent takes its own doubts back."""
        self._doubts = {}
