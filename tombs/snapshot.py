"""The graveyard read at one moment: from its file, from what a server sent, or from the mapping.

Nothing in the bytes is trusted: a reader of a spoiled file gets an error that says where, never an
index out of range or an endless loop.
"""

from __future__ import annotations

import os

from tombs import layout
from tombs.block import Image
from tombs.blocks import DOUBTED, blocks, joined, journaled, place_of, tomb_pieces
from tombs.errors import GraveyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tombs.blocks import Block


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
        """Yield the wire lines of all tombs, in chunks of at least 512 KiB but for the last."""
        modules = ((image, self.of(block)) for block, image in self.modules)
        return joined(tomb_pieces(modules, form))

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
