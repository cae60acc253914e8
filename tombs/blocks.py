"""The blocks of a graveyard's strings, one after the other, and the lines of the tombs in them.

Who writes a graveyard needs this as well as who reads one (tombs.snapshot): a process under Tombs
looks through what others of its run have registered, and sends it.

Nothing in the bytes is trusted: a spoiled block is an error that says where, never an index out of
range or an endless loop.
"""

from __future__ import annotations

from tombs import layout
from tombs.errors import GraveyardError
from tombs.wire import function_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from tombs.block import Image

CHUNK: Final = 512 * 1024
_BRIEF: Final = 5 * 1024
# What is populated of a module that is in doubt.
DOUBTED: Final = bytes((2,)) + bytes(range(1, 256))
# Vacated and unknown are alike to who looks for tombs.
_TOMB: Final = bytes((1,)) + bytes(255)
_STRETCH: Final = 256  # functions that are looked at in one go
_ALL: Final = bytes((layout.POPULATED,)) * _STRETCH


class Block:
    """One committed block.

    Args:
        kind: `layout.MODULE` or one of those after it.
        late: whether the module was loaded before watching began.
        base: its first slot.
        count: how many slots it has.
        when: registered, nanoseconds since the epoch.
        digest: finds the module's image again.
        data: the image, a note's JSON, a pending module's name and path (`place_of`), or a
            journal's entries (`journaled`).
    """

    __slots__ = (
        "at", "base", "beyond", "count", "data", "digest", "kind", "late", "settled", "when",
    )  # fmt: skip

    def __init__(
        self,
        kind: int,
        base: int,
        count: int,
        when: int,
        digest: bytes,
        data: memoryview,
        *,
        late: bool,
    ) -> None:
        self.kind = kind
        self.base = base
        self.count = count
        self.when = when
        self.digest = digest
        self.data = data
        self.late = late
        self.at = self.beyond = 0  # where it begins in the strings, and where the next one does
        self.settled = False  # of a pending block or a journal: whether all is registered


def blocks(strings: memoryview, at: int, used: int, slots: int, next_slot: int) -> Iterator[Block]:
    """Walk the blocks of a strings region.

    Args:
        strings: the region, at least up to `used`.
        at: where to begin, a block's start.
        used: where to end.
        slots: how many slots the graveyard has.
        next_slot: the slot that the first block must have.

    Raises:
        GraveyardError: a block isn't whole.
    """
    while at < used:
        if used - at < layout.BLOCK_SIZE:
            raise _spoiled(at, "too short")
        fields = layout.BLOCK.unpack_from(strings, at)
        magic, kind, flags, size, count, base, crc, when, digest, length, settled = fields
        if magic != layout.BLOCK_MAGIC:
            raise _spoiled(at, "no block begins there")
        if size % 8 or size < layout.BLOCK_SIZE + length or size > used - at:
            raise _spoiled(at, "its size is wrong")
        if not layout.MODULE <= kind <= layout.JOURNAL:
            raise _spoiled(at, "its kind is unknown")
        if base != next_slot or count > slots - base or (kind != layout.MODULE and count):
            raise _spoiled(at, "its slots are wrong")
        data = strings[at + layout.BLOCK_SIZE : at + layout.BLOCK_SIZE + length]
        if kind != layout.JOURNAL and _checksum(data) != crc:
            raise _spoiled(at, "its checksum is wrong")
        block = Block(kind, base, count, when, digest, data, late=bool(flags & layout.LATE))
        block.at, block.beyond, block.settled = at, at + size, bool(settled)
        yield block
        next_slot += count
        at += size


def _checksum(data: memoryview) -> int:
    """Give the crc32. Beyond 5 KiB it would let go of the interpreter's lock for some µs.

    Beside a thread that never pauses, it takes milliseconds to get that back, for each module.
    """
    from binascii import crc32  # noqa: PLC0415 - not before there is a block

    crc = 0
    for at in range(0, len(data), _BRIEF):
        crc = crc32(data[at : at + _BRIEF], crc)
    return crc


def journaled(data: bytes | memoryview) -> set[bytes]:
    """Give the beginnings of the digests that a journal holds, of `layout.ENTRY` bytes each."""
    size = layout.ENTRY
    entries = {bytes(data[at : at + size]) for at in range(0, len(data), size)}
    entries.discard(bytes(size))
    return entries


def place_of(image: Image) -> bytes:
    """Give a module's name and path, as a pending block holds them."""
    return bytes(image.module_bytes) + b"\0" + bytes(image.file_bytes)


def _spoiled(at: int, reason: str) -> GraveyardError:
    return GraveyardError(
        f"the graveyard is spoiled: the block at byte {at} of its strings: {reason}"
    )


def tomb_pieces(modules: Iterable[tuple[Image, bytes]], form: str) -> Iterator[bytes | memoryview]:
    """Yield the wire lines of all tombs, in pieces of a module at the most.

    Lines were rendered at registration, in the order of slots. Where all of a module's functions
    are tombs, as in most modules of most programs, its lines are a piece as they lie there, of
    which nothing is copied.

    Args:
        modules: each module's image and a copy of its markers.
        form: `json` or `function`.
    """
    for image, markers in modules:
        for first in range(0, len(markers), _STRETCH):
            own = markers[first : first + _STRETCH]
            if form == "json" and _ALL.startswith(own):
                yield image.lines(first, first + len(own))
            elif layout.POPULATED in own:
                piece = image.picked(first, own.translate(_TOMB))
                if form != "json":
                    piece = b"".join(map(function_line, piece.splitlines(keepends=True)))
                yield piece


def joined(pieces: Iterable[bytes | memoryview], least: int = CHUNK) -> Iterator[bytes]:
    """Join pieces to chunks of at least so many bytes but for the last."""
    parts: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= least:
            yield b"".join(parts)
            parts.clear()
            size = 0
    if parts:
        yield b"".join(parts)
