"""Functions that start in a process which doesn't have their module.

A function that was pickled by value, or marshalled, runs so: its module belongs to another process
of the run, which may have registered it, or be about to. In the latter case it is written down that
the module is in doubt, until its functions are there to be marked: the process that called them may
be gone by then, and what was called must not be taken for dead.

A process that is about to register a module doesn't always say so (tombs.loader.enlisted). So what
bears the name of a module that is watched is in doubt as well, and is looked for a while.
"""

from __future__ import annotations

from tombs.loader.module import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Final

    from tombs.loader.contracts import Allotted, Graveyard

    Started = tuple[CodeType, str, str]  # what started, the path and the name of its module

MOST: Final = 1000  # remembered at once
_SOON: Final = 20  # so often they are looked for soon again; then only when somebody looks anyway
_OFTEN: Final = 12  # so often what nobody has said to register is looked for, half a second each


def _nothing(_name: str, _file: str) -> bool:
    return False


class Strangers:
    """What has started here without its module, until it is marked.

    Args:
        graveyard: the run's.
        shorten: gives a path as it is written down.
    """

    __slots__ = (
        "_codes",
        "_doubts",
        "_graveyard",
        "_left",
        "_shorten",
        "_tries",
        "_unsaid",
        "wanted",
    )

    def __init__(self, graveyard: Graveyard, shorten: Callable[[str], str]) -> None:
        self._graveyard = graveyard
        self._shorten = shorten
        self.wanted: Callable[[str, str], object] = _nothing  # tells by name and path who is
        self._codes: list[Started] = []
        self._unsaid: list[tuple[Started, int]] = []  # and how often it will be looked for
        self._doubts: dict[tuple[str, str], int] = {}
        self._left: set[tuple[str, str]] = set()  # places whose doubt stays
        self._tries = 0

    def add(self, code: CodeType, file: str, name: object = None) -> None:
        """Remember one; called where it starts, so nothing else is done here.

        Args:
            code: what started.
            file: its module's.
            name: what its module is called by the globals it runs in.
        """
        if len(self._codes) < MOST:
            self._codes.append((code, file, name if type(name) is str else ""))
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
        unsaid, self._unsaid = self._unsaid, []
        if not (codes or unsaid):
            return False
        self._tries = max(self._tries - 1, 0)
        there = self._graveyard.others()
        if there is None:  # somebody else writes at this moment
            self._codes += codes
            self._unsaid += unsaid
            return self._tries > 0
        records, awaited = there
        registered: dict[str, list[Allotted]] = {}
        for record in records:
            registered.setdefault(record.image.file, []).append(record)
        doubted: set[tuple[str, str]] = set()
        for started in codes:
            code, path, name = started
            file = self._shorten(absolute(path))
            if self._mark(code, registered.get(file, ())):
                continue
            mine = [one for one in awaited if one[1] == file]
            doubted.update(mine)
            if mine:
                self._codes.append(started)
            elif name and self.wanted(name, absolute(path)):
                unsaid.append((started, _OFTEN))
        doubted.update(self._look(unsaid, registered))
        self._doubt(doubted)
        return bool(self._unsaid) or (bool(self._codes) and self._tries > 0)

    def _look(
        self, unsaid: list[tuple[Started, int]], registered: dict[str, list[Allotted]]
    ) -> set[tuple[str, str]]:
        """Look for what nobody has said to register; gives the places that are in doubt."""
        doubted = set()
        for started, times in unsaid:
            code, path, name = started
            place = name, self._shorten(absolute(path))
            if self._mark(code, registered.get(place[1], ())):
                continue
            doubted.add(place)
            if len(self._unsaid) < MOST and (times or place not in self._doubts):
                self._unsaid.append((started, max(times - 1, 0)))
            else:  # its process may yet come to register it
                self._left.add(place)
        return doubted

    def _mark(self, code: CodeType, records: Sequence[Allotted]) -> bool:
        found = False
        for record in records:
            for index in record.image.find(code.co_firstlineno, code.co_qualname):
                self._graveyard.vacate(record.base + index)
                found = True
        return found

    def _doubt(self, places: set[tuple[str, str]]) -> None:
        """Write down which modules are in doubt, and of which it is over."""
        for one in places.difference(self._doubts, self._left):
            flag = self._graveyard.pend(*one)
            if flag is not None:
                self._doubts[one] = flag
        for one in set(self._doubts).difference(places, self._left):
            self._graveyard.settled(self._doubts.pop(one))

    def reborn(self) -> None:
        """Be another process, in a forked child: the parent takes its own doubts back."""
        self._doubts = {}
        self._left = set()
