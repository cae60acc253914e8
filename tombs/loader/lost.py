"""Modules that the cache knew when they loaded, and of which nothing can be read when it is due.

Neither their image, since the pack is damaged or the program has closed its descriptor, nor their
.pyc, which is another by then. So what starts of them is marked by nobody. But another process may
register the same module: so it is written down that it is in doubt, for good, and nothing of it is
called dead.
"""

from __future__ import annotations

from tombs.loader.module import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from tombs.loader.strangers import Allotted

    class Graveyard(Protocol):
        """What is asked of the graveyard."""

        def others(self) -> tuple[Sequence[Allotted], Sequence[tuple[str, str]]] | None:
            """Give what all processes have registered, and name and path of what they will."""

        def unknown(self, slot: int) -> None:
            """Mark a function that can't be watched, unless it was seen called."""

        def pend(self, module: str, file: str, *, late: bool) -> int | None:
            """Write down that a module is in doubt; None where it is registered by now."""

        def doubt(self) -> None:
            """Mark all functions that can't be watched any longer."""


class Lost:
    """The modules, until their doubt is written down.

    Args:
        graveyard: the run's.
        shorten: gives a path as it is written down.
    """

    __slots__ = ("_graveyard", "_places", "_shorten")

    def __init__(self, graveyard: Graveyard, shorten: Callable[[str], str]) -> None:
        self._graveyard = graveyard
        self._shorten = shorten
        self._places: list[tuple[str, str]] = []

    def add(self, name: str, file: str) -> None:
        """Take on a module."""
        self._places.append((name, self._shorten(absolute(file))))

    def settle(self, *, last: bool) -> None:
        """Write the doubts down, and take for unknown what is registered of them.

        Args:
            last: there is no other time. Where the lock can't be had even then, everything is
                unknown that wasn't seen called.
        """
        if not self._places:
            return
        registered, doubted = self._graveyard.others() or ((), ())
        for place in tuple(self._places):
            records = [one for one in registered if (one.image.module, one.image.file) == place]
            for record in records:
                for slot in range(record.base, record.base + record.image.count):
                    self._graveyard.unknown(slot)
            if records or self._graveyard.pend(*place, late=True) is not None:
                self._places.remove(place)
        if last and not set(self._places).issubset(doubted):
            self._graveyard.doubt()
