"""The stream of changes: what a graveyard holds, and then what happens in it, line by line.

A server sends it to who asks `tombs changes`, and it is made in the same way from a graveyard file.
Every line is a JSON object with an `event`, but for the tombs of a module, which follow its line as
the wire has them (tombs.wire). Version 1, in the order of the stream:

    {"tombs": 1, "event": "start", "resumed": false, "created": 1790000000000000000, "identity": …}
    {"event": "module", "slot": 0, "functions": 2, "module": "m", "file": "/srv/m.py", "resume": …}
    {"location": {"file": "/srv/m.py", "start": 1, "end": 2}, "function": "m.first"}
    {"location": {"file": "/srv/m.py", "start": 4, "end": 5}, "function": "m.second"}
    {"event": "note", "note": {"note": "dropped", …}, "resume": "…"}
    {"event": "dropped", "functions": 12}           that had no room, beyond those that have a note
    {"event": "states", "slot": 0, "states": "01"}  from there on: 0 populated, 1 vacated, 2 unknown
    {"event": "live"}                               that was the start; what follows happens now
    {"event": "vacated", "slot": 0, "tomb": {"location": …, "function": "m.first"}}
    {"event": "unknown", "slot": 1, "tomb": {…}}    nobody can say (or "populated": now one can)
    {"event": "beat"}                               a few seconds in which nothing happened

After `live` there come more modules, notes and states: whoever reads compares `states` with what it
knew. A reader that loses its connection asks `tombs changes RESUME`, with the last `resume` that it
has read (with all of its module's lines). Is it the same graveyard still, the start has
`"resumed": true` and leaves out the modules up to there; the states of *all* slots come anew, and
what differs from those that were known is what happened meanwhile. They are in the shared file, so
that it makes no difference which process of the run serves, nor how the one before it ended. Is it
another graveyard, `resumed` is false and everything begins anew.

Whoever is one too many gets the line `{"tombs": 1, "event": "full", "most": 4}` and is left.

Nothing is stored for a reader that is slow: what it wasn't told yet is found, when it has read what
it was told, by comparing the markers once more. So a stream holds one copy of the markers and one
piece of text, however much happens.
"""

from __future__ import annotations

from _bisect import bisect_right

from tombs import layout
from tombs.block import Image
from tombs.blocks import blocks, joined, journaled, place_of
from tombs.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final, Protocol

    from tombs.blocks import Block

    class Place(Protocol):
        """Where a graveyard's bytes are: mapped, or in a file."""

        slots: int
        created: int
        identity: bytes

        def used(self) -> int:
            """Tell how many bytes of the strings are committed."""

        def dropped(self) -> int:
            """Tell how many functions were dropped, beyond the notes."""

        def markers(self, count: int) -> bytes:
            """Copy the first so many markers."""

        def strings(self, at: int, end: int) -> memoryview:
            """Give a part of the strings."""


VERSION: Final = 1
POPULATED: Final = ord("0")
VACATED: Final = ord("1")
UNKNOWN: Final = ord("2")
# What a marker says, whatever else it may say: nothing but 0 is populated, nothing but 2 unknown.
STATES: Final = b"0" + b"1" + b"2" + b"1" * 253
_DOUBTED: Final = b"2" + STATES[1:]
_WORDS: Final = {POPULATED: b"populated", VACATED: b"vacated", UNKNOWN: b"unknown"}
_PIECE: Final = 16 * 1024
_STRIDE: Final = 256
BEAT: Final = b'{"event": "beat"}\n'
NOTHING: Final = b""


def full(most: int) -> bytes:
    """Write the line for a reader that is one too many.

    Args:
        most: how many there may be.
    """
    return b'{"tombs": %d, "event": "full", "most": %d}\n' % (VERSION, most)


class Changes:
    """One reader's stream.

    Args:
        place: where the graveyard's bytes are.
        resume: what the reader has to go on from; anything else begins anew.
    """

    __slots__ = (
        "_at", "_bases", "_called", "_digests", "_dropped", "_images", "_journals", "_next",
        "_pending", "_place", "_places", "_raw", "_resume", "_seen",
    )  # fmt: skip

    def __init__(self, place: Place, resume: str = "") -> None:
        self._place = place
        self._resume = resume
        self._forget()

    def _forget(self) -> None:
        self._at = self._next = self._dropped = 0
        self._bases: list[int] = []
        self._images: list[Image] = []
        self._places: dict[bytes, list[tuple[int, int]]] = {}
        self._pending: list[tuple[int, bytes]] = []
        self._digests: dict[bytes, tuple[int, int]] = {}  # by what a journal has of them
        self._journals: list[tuple[int, int]] = []  # those that aren't settled
        self._called: set[bytes] = set()  # what stands in them
        self._raw = b""
        self._seen = bytearray()

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Yield the stream, without an end: NOTHING where there is nothing to tell at the moment.

        Raises:
            GraveyardError: the graveyard is spoiled.
        """
        resumed = b"true" if self._skip() else b"false"
        head = b'{"tombs": %d, "event": "start", "resumed": %b, "created": %d, "identity": %b}\n'
        yield head % (VERSION, resumed, self._place.created, self._place.identity or b"{}")
        yield from self._registered()
        yield from self._lost()
        states = self._states() or b""
        self._seen[:] = states
        yield from _told(0, states)
        yield b'{"event": "live"}\n'
        while True:
            yield NOTHING
            known = self._next
            yield from self._registered()
            yield from self._lost()
            now = self._states()
            if now is None:
                continue
            if self._next > known:
                if now[known:].strip(b"0"):
                    yield from _told(known, now[known:])
                self._seen[known:] = now[known:]
            yield from joined(self._changed(now), _PIECE)

    def _skip(self) -> bool:
        """Take in what the reader knows already; false where that is of no other graveyard."""
        created, _, rest = self._resume.partition("-")
        beyond = rest.partition("-")[0]
        if created != f"{self._place.created:x}":
            return False
        for block in self._walk():
            self._take(block)
            if f"{self._at:x}" == beyond:
                break
        if self._resume == self._token(block.digest if self._at else b""):
            return True
        self._forget()
        return False

    def _token(self, digest: bytes) -> str:
        return f"{self._place.created:x}-{self._at:x}-{self._next:x}-{digest[:8].hex()}"

    def _walk(self) -> Iterator[Block]:
        at, used = self._at, self._place.used()
        if at < used:
            place = self._place
            for block in blocks(place.strings(at, used), 0, used - at, place.slots, self._next):
                block.at += at
                block.beyond += at
                yield block

    def _take(self, block: Block) -> None:
        self._at, self._next = block.beyond, block.base + block.count
        if block.kind == layout.MODULE:
            image = Image(block.data)
            self._bases.append(block.base)
            self._images.append(image)
            self._places.setdefault(place_of(image), []).append((block.base, block.count))
            self._digests[block.digest[: layout.ENTRY]] = block.base, block.count
        elif block.kind == layout.PENDING and not block.settled:
            self._pending.append((block.at + layout.SETTLED_AT, bytes(block.data)))
        elif block.kind == layout.JOURNAL and not block.settled:
            self._journals.append((block.at, block.beyond))

    def _registered(self) -> Iterator[bytes | memoryview]:
        """Tell what was registered since the last look."""
        for block in self._walk():
            self._take(block)
            resume = self._token(block.digest).encode()
            if block.kind == layout.MODULE:
                image = self._images[-1]
                names = quote(image.module).encode(), quote(image.file).encode()
                yield (
                    b'{"event": "module", "slot": %d, "functions": %d, "module": %b, "file": %b, '
                    b'"resume": "%b"}\n' % (block.base, block.count, *names, resume)
                )
                yield image.lines(0, block.count)
            elif block.kind == layout.NOTE:
                yield b'{"event": "note", "note": %b, "resume": "%b"}\n' % (
                    bytes(block.data),
                    resume,
                )

    def _lost(self) -> Iterator[bytes]:
        dropped = self._place.dropped()
        if dropped != self._dropped:
            self._dropped = dropped
            yield b'{"event": "dropped", "functions": %d}\n' % dropped

    def _states(self) -> bytes | None:
        """Give the state of each slot, a digit each; None where nothing has changed."""
        settled = [one for one in self._pending if self._settled(one[0])]
        called = self._journaled()
        raw = self._place.markers(self._next)
        if raw == self._raw and called == self._called and not settled:
            return None
        self._raw, self._called = raw, called
        for one in settled:
            self._pending.remove(one)
        states = raw.translate(STATES)
        doubted = [self._digests[one] for one in called if one in self._digests]
        for place in {place for _, place in self._pending}:
            doubted += self._places.get(place, ())
        for base, count in doubted:
            end = base + count
            states = states[:base] + raw[base:end].translate(_DOUBTED) + states[end:]
        return states

    def _journaled(self) -> set[bytes]:
        """Give what stands in the journals, and let go of those that are settled."""
        if not self._journals:
            return set()
        self._journals = [
            one for one in self._journals if not self._settled(one[0] + layout.SETTLED_AT)
        ]
        strings = self._place.strings
        return set().union(
            *(journaled(strings(at + layout.BLOCK_SIZE, end)) for at, end in self._journals)
        )

    def _settled(self, flag: int) -> bool:
        return bool(self._place.strings(flag, flag + 1)[0])

    def _changed(self, now: bytes) -> Iterator[bytes]:
        """Tell, slot by slot, what differs from what was told."""
        seen = self._seen
        for start in range(0, len(now), _STRIDE):
            if seen[start : start + _STRIDE] == now[start : start + _STRIDE]:
                continue
            for slot in range(start, min(start + _STRIDE, len(now))):
                state = now[slot]
                if seen[slot] == state:
                    continue
                seen[slot] = state
                yield self._event(slot, state)

    def _event(self, slot: int, state: int) -> bytes:
        number = bisect_right(self._bases, slot) - 1
        # An empty module has the same base as the one behind it, which is the one that is found.
        line = bytes(self._images[number].line(slot - self._bases[number]))
        return b'{"event": "%b", "slot": %d, "tomb": %b}\n' % (_WORDS[state], slot, line[:-1])


def _told(slot: int, states: bytes) -> Iterator[bytes]:
    for at in range(0, len(states), _PIECE):
        part = states[at : at + _PIECE]
        yield b'{"event": "states", "slot": %d, "states": "%b"}\n' % (slot + at, part)
