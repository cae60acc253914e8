"""What the server sends of a graveyard: its tombs as lines, or the whole of it."""

from __future__ import annotations

from tombs import layout
from tombs.runtime.index import Index
from tombs.snapshot import DOUBTED, place_of, tomb_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.runtime.index import Record
    from tombs.runtime.region import Region

_RAW_CHUNK: Final = 512 * 1024


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
        index.refresh()
        at = self._region.markers_at
        markers = self._region.map[at : at + index.next_slot]
        doubt = set(index.awaited())
        return tomb_pieces(((one.image, _of(one, markers, doubt)) for one in index.records), form)

    def raw(self) -> Iterator[bytes | memoryview]:
        """Yield the file itself up to its last committed block, then the history, in chunks."""
        view = self._region.view
        header = bytes(view[: layout.HEADER_SIZE])  # what it says is what follows
        yield header
        words = memoryview(header).cast("Q")
        end = self._region.strings_at + words[layout.USED]
        rows = self._region.history_at
        for first, beyond in (
            (layout.HEADER_SIZE, end),
            (rows, rows + words[layout.SLOTS_USED] * layout.ROW.size),
        ):
            for at in range(first, beyond, _RAW_CHUNK):
                yield view[at : min(at + _RAW_CHUNK, beyond)]


def _of(record: Record, markers: bytes, doubt: set[bytes]) -> bytes:
    own = markers[record.base : record.base + record.image.count]
    return own.translate(DOUBTED) if doubt and place_of(record.image) in doubt else own
