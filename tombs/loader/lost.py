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
    from collections.abc import Callable

    from tombs.loader.contracts import Graveyard


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

    def settle(self, *, last: bool) -> bool:
        """Write the doubts down, and take for unknown what is registered of them.

        Args:
            last: there is no other time. Where the lock can't be had even then, everything is
                unknown that wasn't seen called.

        Returns:
            Whether all of them are in doubt for every reader.
        """
        if not self._places:
            return True
        registered, doubted = self._graveyard.others() or ((), ())
        for place in tuple(self._places):
            records = [one for one in registered if (one.image.module, one.image.file) == place]
            for record in records:
                for slot in range(record.base, record.base + record.image.count):
                    self._graveyard.unknown(slot)
            if records or self._graveyard.pend(*place, late=True) is not None:
                self._places.remove(place)
        done = set(self._places).issubset(doubted)
        if last and not done:
            self._graveyard.doubt()
        return done
