"""What the server sends of a graveyard: its tombs as lines, or the whole of it."""

from __future__ import annotations

from tombs import layout
from tombs.blocks import DOUBTED, place_of, tomb_pieces
from tombs.runtime.index import Index
from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.runtime.index import Record
    from tombs.runtime.region import Region

_RAW_CHUNK: Final = 512 * 1024
# What is read in one go, with the interpreter's lock held, and the time for others to get that.
_BLOCKS: Final = 16
_PAUSE: Final = 0.0001
_sleep: Final = original("time", "sleep")


class Served:
    """A graveyard as the thread that serves reads it, with an index of its own.

    Args:
        region: the mapped file.
    """

    __slots__ = ("_index", "_region")

    def __init__(self, region: Region) -> None:
        self._region = region
        self._index = Index(region)

    def lines(self, form: str) -> Iterator[bytes | memoryview]:
        """Yield the wire lines of all tombs at this moment, in pieces of a module at the most."""
        index = self._index
        doubt = self._doubt()
        at = self._region.markers_at
        markers = self._region.map[at : at + index.next_slot]
        return tomb_pieces(((one.image, _of(one, markers, doubt)) for one in index.records), form)

    def raw(self) -> Iterator[bytes | memoryview]:
        """Yield the file itself up to its last committed block, then the history, in chunks.

        Its blocks come after its markers, and may say by then that nothing is awaited: so what is
        in doubt now is unknown in the markers that are sent.
        """
        view = self._region.view
        header = bytes(view[: layout.HEADER_SIZE])  # what it says is what follows
        yield header
        words = memoryview(header).cast("Q")
        yield from self._markers()
        strings = self._region.strings_at
        rows = self._region.history_at
        for first, beyond in (
            (strings, strings + words[layout.USED]),
            (rows, rows + words[layout.SLOTS_USED] * layout.ROW.size),
        ):
            for at in range(first, beyond, _RAW_CHUNK):
                yield view[at : min(at + _RAW_CHUNK, beyond)]

    def _markers(self) -> Iterator[bytes | memoryview]:
        doubt = self._doubt()
        at, beyond = layout.HEADER_SIZE, self._region.strings_at
        if not doubt:
            yield self._region.view[at:beyond]
            return
        own = bytearray(self._region.view[at:beyond])
        for one in self._index.records:
            if place_of(one.image) in doubt:
                first = self._region.markers_at - at + one.base
                end = first + one.image.count
                own[first:end] = own[first:end].translate(DOUBTED)
        yield bytes(own)

    def _doubt(self) -> set[bytes]:
        """Give what is awaited, or called already. Ask before the markers are looked at.

        Whoever registers marks what was called first, and then says that all is settled.
        """
        while not self._index.refresh(_BLOCKS):  # the first time, all modules of the program
            self._index.records  # noqa: B018 - made now, some at a time
            _sleep(_PAUSE)
        return {*self._index.awaited(), *self._index.called()}


def _of(record: Record, markers: bytes, doubt: set[bytes]) -> bytes:
    own = markers[record.base : record.base + record.image.count]
    return own.translate(DOUBTED) if doubt and place_of(record.image) in doubt else own
