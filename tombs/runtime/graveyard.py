"""The graveyard as the application holds it: slots allotted, blocks committed, markers stored.

Registration happens once per module and takes the run's lock; a vacate takes none. What other
processes registered is read from the file whenever its `used` has moved, so a module that five
workers load is registered by the first of them, and the others find it by the digest of its image.
"""

from __future__ import annotations

from tombs import layout, streams
from tombs.block import encode, image_count
from tombs.runtime import watching
from tombs.runtime.committing import DEADLINE, FOR_NOTES, Committing, Refused
from tombs.runtime.served import Served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from ctypes import Array, c_uint8
    from typing import Final

    from tombs.journal import Journal
    from tombs.patterns import Patterns
    from tombs.runtime.history import History
    from tombs.runtime.index import Record
    from tombs.runtime.locks import FileLock
    from tombs.runtime.region import Region

_PATIENCE: Final = 0.05
# Stacks are worth less than modules: a thousand at most, and none in the last quarter of it.
STACKS: Final = 1000


class Graveyard(Committing):
    """A mapped graveyard file, and the lock for writing to it.

    Args:
        region: the mapped file.
        lock: the run's registration lock.
    """

    __slots__ = (
        *("_history", "_markers", "_served"),
        *("doubt", "epochs", "returned", "shorten", "traps"),
    )

    def __init__(self, region: Region, lock: FileLock) -> None:
        super().__init__(region, lock)
        self._served = Served(region)
        self.doubt = region.doubt  # takes what wasn't seen called, by whomever, for unknown
        self._markers: Array[c_uint8] | None = None
        self._history: History | None = None
        self.epochs = False  # whether functions will be armed again
        self.shorten: Callable[[str], str] = str  # makes a path what is written down
        self.returned = 0  # nanoseconds after which a call is worth its stack
        self.traps: Patterns | None = None  # names whose first caller is waited for

    @property
    def path(self) -> str:
        """The graveyard file."""
        return self.region.path

    @property
    def markers(self) -> Array[c_uint8]:
        """The markers, laid over the mapping.

        Storing into it is one single-byte store, which every processor makes whole; a marker only
        moves away from 0. So no two stores can spoil each other, and a vacate needs no lock,
        neither among threads nor processes. What it needs is loaded when the first module is
        registered: a program that has nothing to watch doesn't pay for it.
        """
        if self._markers is None:
            kind = streams.kind("B") * self.region.slots
            self._markers = kind.from_buffer(self.region.map, self.region.markers_at)
        return self._markers

    @property
    def history(self) -> History:
        """The rows of when functions were called, laid over the mapping as the markers are."""
        if self._history is None:
            from tombs.runtime.history import WORDS, History  # noqa: PLC0415 - as for the markers

            region = self.region
            rows = streams.kind("I") * (WORDS * region.slots)
            self._history = History(
                rows.from_buffer(region.map, region.history_at),
                region.words[layout.CREATED] // 10**9,
                codes=self.epochs,
                returned=self.returned // 10**9,
            )
        return self._history

    def fold(self, deadline: float = 0.0) -> None:
        """Count this process where it called something, and write down the stacks it kept."""
        history = self._history
        if not (history and history.folds and self.lock.acquire(deadline)):
            return
        try:
            history.fold()
            self._index.refresh()
            while history.stacks:
                stack = history.stacks.pop()
                if stack.first and stack.when - self._index.registered(stack.slot) < self.returned:
                    continue  # its module was loaded a moment ago
                data = stack.json(self.shorten)
                spare = max(FOR_NOTES, self.region.strings >> 2)
                try:
                    if self._index.stacks < STACKS:
                        self._append(layout.STACK, 0, 0, bytes(16), data, spare)
                except Refused:
                    continue
                self._index.refresh()
        finally:
            self.lock.release()

    def reborn(self) -> None:
        """Be another process, in a forked child."""
        self.lock.reborn()
        if self._history is not None:
            self._history.reborn()

    def register(
        self,
        image: bytes | memoryview,
        digest: bytes,
        crc: int | None = None,
        *,
        late: bool = False,
        deadline: float = DEADLINE,
    ) -> Record:
        """Register a module, or find it registered.

        Args:
            image: the module's image.
            digest: the image's digest.
            crc: its crc32, where it is known.
            late: the module was loaded before watching began, so that its functions are unknown
                until called.
            deadline: how long to wait for the lock, in seconds.

        Raises:
            Refused: there is no room, or the lock could not be had in time.
        """
        at = self.enlist(image, digest, crc, layout.LATE if late else 0, deadline)
        return self._found(self.record(at), late=late)

    def enlist(
        self, image: bytes | memoryview, digest: bytes, crc: int | None, flags: int, deadline: float
    ) -> int:
        """Register as `register` does, and look at nothing of it; gives what `record` takes."""
        at = self._index.known.get(digest)
        if at is not None:
            return at
        if not self.lock.acquire(deadline):
            raise Refused("the registration lock is held by another process", final=False)
        try:
            self._index.refresh()
            return self._enlist(image, digest, crc, flags)
        finally:
            self.lock.release()

    def enlist_all(
        self, images: Iterable[tuple[bytes | memoryview, bytes, int]], deadline: float
    ) -> list[int]:
        """Register modules as `enlist` does, all with one turn of the lock.

        Args:
            images: of each its image, the digest of that, and its crc32.
            deadline: how long to wait for the lock, in seconds.

        Returns:
            What `record` takes, for each; fewer where one can't be registered.
        """
        found: list[int] = []
        if not self.lock.acquire(deadline):
            return found
        try:
            self._index.refresh()
            for image, digest, crc in images:
                found.append(self._enlist(image, digest, crc, 0))
        except Refused:  # who asks for that one alone is told why
            pass
        finally:
            self.lock.release()
        return found

    def _enlist(self, image: bytes | memoryview, digest: bytes, crc: int | None, flags: int) -> int:
        index = self._index
        at = index.known.get(digest)
        if at is None:
            count = image_count(image)
            if index.next_slot + count > self.region.slots:
                raise Refused("slots full", final=True)
            at = self._append(layout.MODULE, flags, count, digest, image, self._spare, crc)
            index.appended(at, count, digest)
        return at

    def known(self, digest: bytes) -> int | None:
        """Tell whether a module is registered, as far as this process has read; gives as above."""
        return self._index.known.get(digest)

    def record(self, at: int) -> Record:
        """Give the record of a module that is registered."""
        return self._index.record(at)

    def _found(self, record: Record, *, late: bool) -> Record:
        if late:  # watched from its beginning elsewhere, but here it was called unseen
            for slot in range(record.base, record.base + record.image.count):
                self.unknown(slot)
        if self.traps and self.traps.reach(name := record.image.module):
            image, base = record.image, record.base
            self.history.trapped |= {
                base + index
                for index in range(image.count)
                if self.traps.fit(f"{name}.{image.qualname(index)}")
            }
        return record

    def pend(self, module: str, file: str, *, late: bool = False) -> int | None:
        """Write down that this process runs a module that it will register later.

        Should it be killed before, what is populated of that module is unknown to every reader.

        Args:
            module: the module's name.
            file: its path.
            late: it was loaded before watching began: what is registered of it is unknown now.

        Returns:
            What `settled` takes; None where that can't be written, or where the module is
            registered already, or has nothing to register: then that is to be done at once.
        """
        place = encode(module) + b"\0" + encode(file)
        if not self.lock.acquire(_PATIENCE):
            return None
        try:
            self._index.refresh()
            if found := self._index.at(place):
                for record in found:
                    self._found(record, late=late)
                return None
            if self._index.doubted(place, late=late):
                return None
            data_at = self._append(layout.PENDING, 0, 0, bytes(16), place, FOR_NOTES)
            flag: int = self.region.strings_at + data_at - layout.BLOCK_SIZE + layout.SETTLED_AT
            self._index.pended(flag, place)
        except Refused:
            return None
        finally:
            self.lock.release()
        return flag

    def journal(self, digest: bytes) -> Journal | None:
        """Begin to write down which modules are called before they are registered.

        Args:
            digest: of the first one's image.

        Returns:
            None where that can't be written, or where that one turns out to be registered.
        """
        from tombs.journal import SIZE, Journal  # noqa: PLC0415 - as for the markers

        if not self.lock.acquire(_PATIENCE):
            return None
        try:
            self._index.refresh()
            if digest in self._index.known:
                return None
            at = self._append(layout.JOURNAL, 0, 0, bytes(16), bytes(SIZE), self._spare)
            self._index.refresh()
        except Refused:
            return None
        finally:
            self.lock.release()
        return Journal(self.region.map, self.region.strings_at + at)

    def settled(self, pending: int) -> None:
        """Write down that a pending module is registered, and all that was called marked."""
        self.region.map[pending] = 1

    def unknown(self, slot: int) -> None:
        """Mark a function that can't be watched, unless it was seen called."""
        if self.markers[slot] == layout.POPULATED:
            self.markers[slot] = layout.UNKNOWN

    def join(self, deadline: float = DEADLINE) -> None:
        """Count this process among those that took part."""
        if self.lock.acquire(deadline):
            try:
                watching.join(self.region)
            finally:
                self.lock.release()

    def anything(self) -> bool:
        """Tell whether any process of the run has registered a function."""
        return bool(self.region.words[layout.SLOTS_USED])

    def vacate(self, slot: int) -> None:
        """Mark a function that was called."""
        self.markers[slot] = layout.VACATED
        self.history.touch(slot)

    def others(self) -> tuple[list[Record], list[tuple[str, str]]] | None:
        """Give the modules of all processes of the run; None where the lock is held.

        Returns:
            What is registered; and name and path of what a process runs and hasn't registered.
        """
        if not self.lock.acquire(0.0):
            return None
        try:
            self._index.refresh()
            places = self._index.awaited()
            pairs = [str(at, "utf-8", "surrogatepass").partition("\0")[::2] for at in places]
            return list(self._index.records), pairs
        finally:
            self.lock.release()

    def beat(self) -> None:
        """Write down that the run lives now."""
        watching.beat(self.region, self.lock)

    def end(self) -> None:
        """Write down an orderly end."""
        watching.end(self.region, self.lock)

    def close(self) -> None:
        """Give the descriptors back; the markers stay for as long as code may store them."""
        self.lock.close()
        self.region.close()

    def lines(self, form: str) -> Iterator[bytes | memoryview]:
        """Yield the wire lines of all tombs at this moment, in pieces of a module at the most."""
        return self._served.lines(form)

    def raw(self) -> Iterator[bytes | memoryview]:
        """Yield the file itself up to its last committed block, then the history, in chunks."""
        return self._served.raw()
