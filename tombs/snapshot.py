"""The graveyard read at one moment: from its file, from what a server sent, or from the mapping.

Nothing in the bytes is trusted: a reader of a spoiled file gets an error that says where, never an
index out of range or an endless loop.
"""

from __future__ import annotations

import os

from tombs import layout
from tombs.block import Image
from tombs.errors import GraveyardError
from tombs.wire import function_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

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


def tomb_lines(modules: Iterable[tuple[Image, bytes]], form: str) -> Iterator[bytes]:
    """Yield the same in chunks of at least 512 KiB but for the last, for who writes to a file."""
    return joined(tomb_pieces(modules, form))


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


class Snapshot:
    """A graveyard's bytes, checked and taken apart.

    Args:
        data: the file's bytes up to the last committed block, then the history of the slots that
            are used, if there is one.
        source: what they came from, for messages.

    Raises:
        GraveyardError: they are no graveyard, of another version, or spoiled.
    """

    def __init__(self, data: bytes, source: str) -> None:
        self.source = source
        try:
            self._open(data)
        except GraveyardError as fault:
            raise GraveyardError(f"{source}: {fault.message}", fault.help) from None

    def _open(self, data: bytes) -> None:
        view = memoryview(data)
        if len(view) < layout.HEADER_SIZE or bytes(view[:8]) != layout.MAGIC:
            raise GraveyardError("this is no graveyard")
        fields = layout.HEADER.unpack_from(view)
        _, version, probe, slots, markers_at, strings_at, strings = fields[:7]
        self.created, identity, used, rows, _, self.processes, self.dropped, seen, *times = fields[
            7:
        ]
        self.ended, self.paused = times
        if version != layout.VERSION:
            raise GraveyardError(f"its format is {version}; this Tombs reads {layout.VERSION}")
        if probe != layout.PROBE or (markers_at, strings_at) != layout.regions(slots, strings)[:2]:
            raise GraveyardError("the graveyard is spoiled: its header contradicts itself")
        if (
            identity > layout.IDENTITY_MOST
            or used > strings
            or rows > slots
            or (len(view) < strings_at + used + rows * layout.ROW.size)
        ):
            raise GraveyardError("the graveyard is cut short, or its header is spoiled")
        self.slots = slots
        self.seen = max(self.created, seen)
        self.identity_json = bytes(view[layout.IDENTITY_AT : layout.IDENTITY_AT + identity])
        self._rows = view[strings_at + used :][: rows * layout.ROW.size]
        self.markers = bytes(view[markers_at : markers_at + slots])
        self.blocks = list(blocks(view[strings_at:], 0, used, slots, 0))
        # A process has run such a module and not registered it yet. Where it never does (it was
        # killed) nobody knows what it had called: what is populated is unknown then, not dead.
        doubt = {
            bytes(block.data)
            for block in self.blocks
            if block.kind == layout.PENDING and not block.settled
        }
        called = set().union(
            *(
                journaled(block.data)
                for block in self.blocks
                if block.kind == layout.JOURNAL and not block.settled
            )
        )
        self.waiting = len(doubt) + len(called)  # modules
        try:
            self.modules = [
                (block, _image(block)) for block in self.blocks if block.kind == layout.MODULE
            ]
        except ValueError as fault:
            raise GraveyardError(f"the graveyard is spoiled: {fault}") from None
        self._doubted = {
            block.base
            for block, image in self.modules
            if (doubt and place_of(image) in doubt)
            or (called and block.digest[: layout.ENTRY] in called)
        }

    def lines(self, form: str) -> Iterator[bytes]:
        """Yield the wire lines of all tombs, in chunks."""
        return tomb_lines(((image, self.of(block)) for block, image in self.modules), form)

    def of(self, block: Block) -> bytes:
        """Give the markers of a block's slots: unknown, where a call may not be written down."""
        own = self.markers[block.base : block.base + block.count]
        return own.translate(DOUBTED) if block.base in self._doubted else own

    def calls(self, block: Block) -> Iterator[tuple[int, int, int, int]]:
        """Yield what is known of when a block's functions were called.

        Yields:
            Index of the function, first and last call in nanoseconds since the epoch, and how many
            processes were seen calling it.
        """
        base = self.created // 10**9 - 1
        size = layout.ROW.size
        rows = self._rows[block.base * size : (block.base + block.count) * size]
        for index, row in enumerate(layout.ROW.iter_unpack(rows[: len(rows) // size * size])):
            first, last, processes, _ = row
            if first:
                yield index, (base + first) * 10**9, (base + max(first, last)) * 10**9, processes

    def count(self, value: int) -> int:
        """Count the functions whose marker has this value."""
        return sum(self.of(block).count(value) for block, _ in self.modules)

    @property
    def functions(self) -> int:
        """How many functions are recorded."""
        return sum(block.count for block, _ in self.modules)

    def identity(self) -> dict[str, object]:
        """Give what identifies the run: application, pid, command, Python and the like.

        Raises:
            GraveyardError: it isn't JSON.
        """
        import json  # noqa: PLC0415 - readers only

        try:
            value = json.loads(self.identity_json)
        except ValueError as fault:
            raise GraveyardError(f"{self.source}: its identity is spoiled: {fault}") from None
        if not isinstance(value, dict):
            raise GraveyardError(f"{self.source}: its identity is spoiled: no object")
        return value

    def notes(self) -> list[dict[str, object]]:
        """Give the notes: what was dropped or could not be watched, and why.

        Raises:
            GraveyardError: one of them isn't JSON.
        """
        return self._json(layout.NOTE, "note")

    def stacks(self) -> list[dict[str, Any]]:
        """Give the stacks that were kept: the slot, when, and the frames.

        Raises:
            GraveyardError: one of them isn't JSON.
        """
        return self._json(layout.STACK, "stack")

    def _json(self, kind: int, name: str) -> list[dict[str, Any]]:
        import json  # noqa: PLC0415 - readers only

        texts = [bytes(block.data) for block in self.blocks if block.kind == kind]
        try:
            return [json.loads(text) for text in texts]
        except ValueError as fault:
            raise GraveyardError(f"{self.source}: a {name} is spoiled: {fault}") from None


def _image(block: Block) -> Image:
    image = Image(block.data)
    image.check()
    if image.count != block.count:
        message = "an image has another count than its block"
        raise ValueError(message)
    return image


def read(path: str) -> Snapshot:
    """Read a graveyard file, live or finished.

    It is read and not mapped: a file cut short is an error, not a SIGBUS.

    Raises:
        GraveyardError: it can't be read, or is no graveyard.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            header = file.read(layout.HEADER_SIZE)
            if len(header) < layout.HEADER_SIZE or header[:8] != layout.MAGIC:
                raise GraveyardError(f"{path}: this is no graveyard")
            fields = layout.HEADER.unpack_from(header)
            # The file is sparse: read no further than what is committed, whatever the header
            # claims.
            whole = os.fstat(file.fileno()).st_size
            size = min(fields[5] + fields[9], whole)
            at = max(layout.HEADER_SIZE, min(fields[5], size))
            # First the blocks: where one says it is settled, all that was called is marked.
            strings = b"".join(_pieces(file.fileno(), at, size))
            markers = b"".join(_pieces(file.fileno(), layout.HEADER_SIZE, at))
            data = header + markers + strings
            rows = history_of(header, whole)
            data += b"".join(_pieces(file.fileno(), *rows))
    except OSError as fault:
        raise GraveyardError(f"{path}: {fault.strerror}") from None
    return Snapshot(data, path)


def history_of(header: bytes, whole: int) -> tuple[int, int]:
    """Say where the history of the used slots lies in a graveyard's bytes.

    Args:
        header: the first bytes of it.
        whole: how many there are: a graveyard that was sent has its history right behind the last
            block.

    Returns:
        Where it begins and where it ends, neither beyond `whole`.
    """
    fields = layout.HEADER.unpack_from(header)
    slots, strings_at, strings, used = fields[3], fields[5], fields[6], fields[9]
    at = layout.history_at(slots, strings)
    if whole < at:
        at = strings_at + used
    at = min(at, whole)
    return at, min(at + min(fields[10], slots) * layout.ROW.size, whole)


def _pieces(fd: int, at: int, end: int) -> Iterator[bytes]:
    while at < end:
        piece = os.pread(fd, min(1 << 20, end - at), at)
        if not piece:
            return
        at += len(piece)
        yield piece
