"""What a graveyard holds, as far as this process has read it."""

from __future__ import annotations

from _bisect import bisect_right

from tombs import layout
from tombs.block import Image
from tombs.blocks import blocks, journaled, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from tombs.runtime.region import Region

_DROPPED: Final = b'{"note": "dropped"'
_MANY: Final = 16


class Record:
    """One registered module: its image where it lies in the mapping, its first slot, and when."""

    __slots__ = ("base", "image", "when")

    def __init__(self, base: int, image: Image, when: int) -> None:
        self.base = base
        self.image = image
        self.when = when  # nanoseconds since the epoch


class Index:
    """What is committed, as far as it was read: every module's record, and where to read on.

    A signal's handler may raise between any two lines: where to read on, and which slot comes next
    there, change together and last, so that what was half taken in is taken in again.

    One belongs to registering, and is touched under the registration lock alone; another to the
    thread that serves.

    Args:
        region: the mapped file.
    """

    __slots__ = (
        "_images",
        "_journals",
        "_mark",
        "_open",
        "_placed",
        "_places",
        "_records",
        "_region",
        "drops",
        "known",
        "noted",
        "pending",
        "stacks",
    )

    def __init__(self, region: Region) -> None:
        self._region = region
        self._mark = (0, 0)
        # Numbers, from which records are made when somebody asks for them: hardly ever for most.
        self._images: list[int] = []
        self._records: list[Record] = []
        self.known: dict[bytes, int] = {}  # by digest: where a module's image lies
        self.noted: set[bytes] = set()
        self.drops = 0
        self.stacks = 0  # how many there are
        self.pending: dict[bytes, list[int]] = {}  # by place, where the bytes lie that settle it
        self._open: list[int] = []  # those of them that weren't set at the last look
        self._journals: list[int] = []  # where those lie that weren't settled at the last look
        self._places: dict[bytes, list[Record]] = {}
        self._placed = 0

    @property
    def next_slot(self) -> int:
        """The slot that the next module gets."""
        return self._mark[1]

    @property
    def records(self) -> list[Record]:
        """Every module's record, in the order of their slots."""
        for at in self._images[len(self._records) :]:
            self._records.append(self.record(at))
        return self._records

    def record(self, at: int) -> Record:
        """Make the record of a module whose image lies there, in the strings region."""
        view, start = self._region.view, self._region.strings_at + at
        fields = layout.BLOCK.unpack_from(view, start - layout.BLOCK_SIZE)
        return Record(fields[5], Image(view[start : start + fields[9]]), fields[7])

    def appended(self, at: int, count: int, digest: bytes) -> None:
        """Take in a module's block that was written here and now, behind all that was read.

        Args:
            at: where its image lies in the strings region.
            count: of its slots.
            digest: of the image.
        """
        self.known[digest] = at
        self._images.append(at)
        self._mark = (self._region.words[layout.USED], self._mark[1] + count)

    def pended(self, flag: int, place: bytes) -> None:
        """Take in a pending block that was written here and now, behind all that was read.

        Args:
            flag: where the byte lies that says it is settled.
            place: its module's name and path.
        """
        self._pend(flag, place)
        self._mark = (self._region.words[layout.USED], self.next_slot)

    def _pend(self, flag: int, place: bytes) -> None:
        self.pending.setdefault(place, []).append(flag)
        self._open.append(flag)

    def doubted(self, place: bytes, *, late: bool) -> bool:
        """Tell whether enough is written down of this place, of which nothing is registered.

        Written down by each of a month's workers it would fill the file. Some process has settled
        it, perhaps: then it has no functions, most likely; unless it was loaded `late`. Or many
        have left it in doubt.
        """
        flags = self.pending.get(place, ())
        settled = sum(self._region.map[flag] for flag in flags)
        return (settled > 0 and not late) or len(flags) - settled >= _MANY

    def awaited(self) -> list[bytes]:
        """Give the places of what some process runs and hasn't registered."""
        settled = self._region.map
        self._open = [flag for flag in self._open if not settled[flag]]  # what is set stays so
        return list(dict.fromkeys(map(self._place, self._open)))

    def called(self) -> list[bytes]:
        """Give the places of what is registered, and called by a process that hasn't done that."""
        view, settled = self._region.view, self._region.map
        at = [one for one in self._journals if not settled[one + layout.SETTLED_AT]]
        self._journals = at
        blocks = [view[one:][: layout.BLOCK.unpack_from(view, one)[3]] for one in at]
        called = set().union(*[journaled(block[layout.BLOCK_SIZE :]) for block in blocks])
        if not called:
            return []
        lie = [at for digest, at in self.known.items() if digest[: layout.ENTRY] in called]
        return [place_of(self.record(one).image) for one in lie]

    def _place(self, flag: int) -> bytes:
        view, start = self._region.view, flag - layout.SETTLED_AT
        length = layout.BLOCK.unpack_from(view, start)[9]
        return bytes(view[start + layout.BLOCK_SIZE : start + layout.BLOCK_SIZE + length])

    def refresh(self, most: int = 0) -> bool:
        """Take in what was committed since the last look.

        Args:
            most: so many blocks, and no more of them; 0 for all.

        Returns:
            Whether that is all there is.
        """
        region = self._region
        used = region.words[layout.USED]
        at, slot = self._mark
        if used == at:
            return True
        strings = region.view[region.strings_at :]
        for block in blocks(strings, at, used, region.slots, slot):
            if block.kind == layout.MODULE:
                Image(block.data)  # raises what would be raised when it is asked for
                self.known[block.digest] = block.at + layout.BLOCK_SIZE
                self._images.append(block.at + layout.BLOCK_SIZE)
            elif block.kind == layout.PENDING:
                flag = region.strings_at + block.at + layout.SETTLED_AT
                self._pend(flag, bytes(block.data))
            elif block.kind == layout.JOURNAL:
                self._journals.append(region.strings_at + block.at)
            elif block.kind == layout.STACK:
                self.stacks += 1
            elif block.kind == layout.NOTE:
                self.noted.add(block.digest)
                self.drops += bytes(block.data[: len(_DROPPED)]) == _DROPPED
            self._mark = (block.beyond, block.base + block.count)
            most -= 1
            if not most:
                break
        return self._mark[0] == used

    def registered(self, slot: int) -> int:
        """Give when a slot was registered, nanoseconds since the epoch; 0 where it isn't known."""
        records = self.records
        at = bisect_right(records, slot, key=_base)
        return records[at - 1].when if at else 0

    def at(self, place: bytes) -> list[Record]:
        """Give what is registered of a module's name and path, in whatever versions."""
        records = self.records
        for record in records[self._placed :]:
            self._places.setdefault(place_of(record.image), []).append(record)
        self._placed = len(records)
        return self._places.get(place, [])


def _base(record: Record) -> int:
    return record.base
