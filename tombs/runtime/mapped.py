"""The mapped graveyard as the stream of changes reads it: nothing is copied but the markers."""

from __future__ import annotations

from tombs import layout
from tombs.changes import Changes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.runtime.region import Region

_CREATED: Final = 48 // 8
_IDENTITY: Final = 56 // 8


class Mapped:
    """Where the stream finds a graveyard's bytes.

    Args:
        region: the mapped file.
    """

    __slots__ = ("_region", "created", "identity", "slots")

    def __init__(self, region: Region) -> None:
        self._region = region
        self.slots: int = region.slots
        self.created: int = region.words[_CREATED]
        length = region.words[_IDENTITY]
        self.identity = bytes(region.view[layout.IDENTITY_AT : layout.IDENTITY_AT + length])

    def used(self) -> int:
        """Tell how many bytes of the strings are committed."""
        return int(self._region.words[layout.USED])

    def dropped(self) -> int:
        """Tell how many functions were dropped, beyond the notes."""
        return int(self._region.words[layout.DROPPED])

    def markers(self, count: int) -> bytes:
        """Copy the first so many markers."""
        at = self._region.markers_at
        return bytes(self._region.map[at : at + count])

    def strings(self, at: int, end: int) -> memoryview:
        """Give a part of the strings, where it lies."""
        start = self._region.strings_at
        return memoryview(self._region.view)[start + at : start + end]


def changes(region: Region, resume: str) -> Iterator[bytes | memoryview]:
    """Give a graveyard's stream of changes.

    Args:
        region: the mapped file.
        resume: what the reader has to go on from; anything else begins anew.
    """
    return Changes(Mapped(region), resume).pieces()
