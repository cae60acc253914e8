"""What is kept of modules from one start to the next, as populating asks for it.

The cache (tombs.loader.cache) is opened with the first module that is looked for, and given up
where it can't be written.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from tombs.loader.cache import Cache, Entry
    from tombs.shorten import Shorten


class Known:
    """Stands for an entry that is there and was not read: most are needed later, and by others."""

    __slots__ = ()
    code = b""


KNOWN: Final[Any] = Known()


class Kept:
    """The cache of this process.

    Args:
        open_cache: opens it; gives None for none.
        shorten: takes from paths what isn't to be written down.
        say: tells the people.
    """

    __slots__ = ("_cache", "_open_cache", "_say", "_shorten")

    def __init__(
        self,
        open_cache: Callable[[], Cache | None] | None,
        shorten: Shorten,
        say: Callable[[str], None],
    ) -> None:
        self._cache: Cache | None = None
        self._open_cache = open_cache
        self._shorten = shorten
        self._say = say

    def key(self, name: str, file: str, payload: memoryview) -> int | None:
        """Give the key of a module by its marshalled code; None where nothing is kept."""
        return self.find(name, file, payload)[0]

    def find(self, name: str, file: str, payload: memoryview) -> tuple[int | None, bool]:
        """Give the key, and whether there is something under it; it may yet turn out to be damaged.

        This is done for each module between two imports, so what it costs counts.
        """
        if self._open_cache is not None:
            self._cache, self._open_cache = self._open_cache(), None
        cache = self._cache
        if cache is None:
            return None, False
        if self._shorten.some and (written := self._shorten.path(file)) != file:
            # An image holds the path as it is written down: another option, another image.
            file = f"{file}\0{written}"
        key = cache.key_of(name, file, payload)
        return key, cache.knows(name, key)

    def digest(self, name: str, key: int) -> bytes | None:
        """Give the digest of an image that is kept, and not read; None where there is none."""
        return None if self._cache is None else self._cache.digest(name, key)

    def image(self, name: str, key: int) -> Entry | None:
        """Read an image, without its code; None where there is none that can be trusted."""
        return None if self._cache is None else self._cache.get(name, key, code=False)

    def code(self, name: str, key: int) -> Entry | None:
        """Read rewritten code, without its image; None where there is none to be trusted."""
        return None if self._cache is None else self._cache.get(name, key, image=False)

    def put(self, name: str, entry: Entry) -> None:
        """Keep what was made of a module; it is written with the next `flush`."""
        if self._cache is not None:
            self._cache.put(name, entry)

    def flush(self) -> None:
        """Write what was made, and let go of what was read."""
        if self._cache is None:
            return
        try:
            self._cache.rest()
            self._cache.flush()
        except OSError as fault:
            self._cache = None
            self._say(f"the cache can't be written, so each start costs as the first: {fault}")
