"""A graveyard file that is looked at again and again: read and not mapped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tombs import layout
from tombs.client.graveyards import alive
from tombs.errors import GraveyardError

if TYPE_CHECKING:
    from typing import Final, Self

_USED: Final = layout.USED * 8
_DROPPED: Final = layout.DROPPED * 8


class GraveyardFile:
    """An open graveyard file, as the stream of changes reads it; a context manager.

    Args:
        path: the file.

    Raises:
        GraveyardError: it can't be read, or is no graveyard.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as fault:
            raise GraveyardError(f"{path}: {fault.strerror}") from None
        try:
            self._check()
        except BaseException:
            os.close(self._fd)
            raise

    def _check(self) -> None:
        header = self._read(0, layout.HEADER_SIZE)
        if header[:8] != layout.MAGIC:
            raise GraveyardError(
                f"{self.path}: this is no graveyard",
                "What changes can be watched: a graveyard file, or the address of a program.",
            )
        _, version, probe, slots, markers_at, strings_at, strings = layout.HEADER.unpack_from(
            header
        )[:7]
        self.created, length = layout.HEADER.unpack_from(header)[7:9]
        if version != layout.VERSION:
            raise GraveyardError(
                f"{self.path}: its format is {version}; this Tombs reads {layout.VERSION}"
            )
        if probe != layout.PROBE or (markers_at, strings_at) != layout.regions(slots, strings)[:2]:
            raise GraveyardError(f"{self.path}: its header contradicts itself")
        self.slots: int = slots
        self.identity = header[layout.IDENTITY_AT : layout.IDENTITY_AT + length]
        self._markers_at, self._strings_at, self._strings = markers_at, strings_at, strings

    def _read(self, at: int, size: int) -> bytes:
        """Read a part.

        Raises:
            GraveyardError: the file ends before, or can't be read.
        """
        parts: list[bytes] = []
        try:
            while size > 0 and (part := os.pread(self._fd, min(size, 1 << 20), at)):
                parts.append(part)
                at += len(part)
                size -= len(part)
        except OSError as fault:
            raise GraveyardError(f"{self.path}: {fault.strerror}") from None
        if size > 0:
            raise GraveyardError(f"{self.path}: the graveyard is cut short")
        return b"".join(parts)

    def used(self) -> int:
        """Tell how many bytes of the strings are committed."""
        used = int.from_bytes(self._read(_USED, 8), "little")
        if used > self._strings:
            raise GraveyardError(f"{self.path}: its header contradicts itself")
        return used

    def dropped(self) -> int:
        """Tell how many functions were dropped, beyond the notes."""
        return int.from_bytes(self._read(_DROPPED, 8), "little")

    def markers(self, count: int) -> bytes:
        """Read the first so many markers."""
        return self._read(self._markers_at, count)

    def strings(self, at: int, end: int) -> memoryview:
        """Read a part of the strings."""
        return memoryview(self._read(self._strings_at + at, end - at))

    def alive(self) -> bool:
        """Tell whether a process of the run lives; no, where the file is gone."""
        try:
            return alive(self.path)
        except GraveyardError:
            return False

    def replaced(self) -> bool:
        """Tell whether another file stands in its place."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except OSError:
            return False

    def __enter__(self) -> Self:
        """Give the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        os.close(self._fd)
