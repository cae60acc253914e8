"""Committing: how a block gets into the graveyard file, and the notes of what does not.

Whatever does not fit is refused with a reason and noted in the file, once for the whole run, so
that every reader can say what isn't known.
"""

from __future__ import annotations

import errno

from tombs import layout
from tombs.runtime import watching
from tombs.runtime.index import Index
from tombs.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from tombs.runtime.locks import FileLock
    from tombs.runtime.region import Region

DEADLINE: Final = 1.0
# At least so much of the strings, a sixteenth else, is kept for notes: "strings full" is one.
FOR_NOTES: Final = 16 * 1024


class Refused(Exception):  # noqa: N818 - an outcome, not a fault
    """A module that was not registered.

    Args:
        reason: why, for people.
        final: whether trying again is of no use.
    """

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Committing:
    """A mapped graveyard file to which blocks are committed.

    Args:
        region: the mapped file.
        lock: the run's registration lock.
    """

    __slots__ = ("_index", "_spare", "lock", "region")

    def __init__(self, region: Region, lock: FileLock) -> None:
        self.region = region
        self.lock = lock
        self._index = Index(region)
        self._spare = max(FOR_NOTES, region.strings >> 4)

    def drop(self, digest: bytes, module: str, functions: int, reason: str) -> bool:
        """Write down that a module was not recorded, once for the run.

        Returns:
            True where it is the first module that the run drops.
        """
        return self._note(digest, "dropped", module, functions, reason) == 1

    def note(self, digest: bytes, note: str, module: str, functions: int, reason: str) -> bool:
        """Write down what isn't watched, once for the run.

        Args:
            digest: 16 bytes that tell whether it was noted before.
            note: `dropped` or `unwatched`.
            module: the module's name.
            functions: how many functions; 0 where that isn't known.
            reason: why.

        Returns:
            True where this call was the one that wrote it.
        """
        return self._note(digest, note, module, functions, reason) > 0

    def _note(self, digest: bytes, note: str, module: str, functions: int, reason: str) -> int:
        """Write a note; gives 0 where it was there before, else how many modules are dropped."""
        text = f'{{"note": "{note}", "module": {quote(module)}, "functions": {functions}'
        text += f', "reason": {quote(reason)}}}'
        if digest in self._index.noted or not self.lock.acquire(DEADLINE):
            return 0
        try:
            self._index.refresh()
            if digest in self._index.noted:
                return 0
            self._index.noted.add(digest)
            try:
                data = text.encode()
                self._append(layout.NOTE, 0, 0, digest, data, 0)
            except Refused:
                dropped = self._index.drops + 1 + self.region.words[layout.DROPPED]
                self.region.words[layout.DROPPED] += functions
                return dropped
            self._index.refresh()
            return max(1, self._index.drops + self.region.words[layout.DROPPED])
        finally:
            self.lock.release()

    def _append(
        self,
        kind: int,
        flags: int,
        count: int,
        digest: bytes,
        data: bytes | memoryview,
        spare: int,
        crc: int | None = None,
    ) -> int:
        """Commit a block; gives where its data lies in the strings region."""
        region, mapped, words = self.region, self.region.map, self.region.words
        used, base = words[layout.USED], self._index.next_slot
        length = len(data)
        size = layout.BLOCK_SIZE + (length + 7 & ~7)
        if used + size > region.strings - spare:
            raise Refused("strings full", final=True)
        try:
            if used + size > words[layout.ALLOCATED]:
                region.room(used, size)
            if count:
                region.slot_room(base, count)
        except OSError as fault:
            # EBADF: the program closes all descriptors at this moment, and there will be another.
            final = fault.errno != errno.EBADF
            raise Refused(f"no room on disk ({fault.strerror})", final=final) from None
        # Somebody who was killed half-way may have left markers in slots that were never committed.
        first = region.markers_at + base
        marker = layout.UNKNOWN if flags & layout.LATE else layout.POPULATED
        mapped[first : first + count] = bytes((marker,)) * count
        if crc is None:
            from binascii import crc32  # noqa: PLC0415 - not before something is written

            crc = crc32(data)
        now = watching.moment(region)
        head = layout.BLOCK.pack(
            layout.BLOCK_MAGIC, kind, flags, size, count, base, crc, now, digest, length, 0
        )
        at = region.strings_at + used
        # Not to the descriptor: the program may close it and be given its number at any moment.
        middle = at + layout.BLOCK_SIZE
        mapped[at:middle] = head
        mapped[middle : middle + length] = data
        words[layout.SLOTS_USED] = base + count
        words[layout.USED] = used + size  # the commit
        return int(used + layout.BLOCK_SIZE)
