"""Populating: from a module's code to its slots in the graveyard.

What costs time for each function (names, last lines, hashes, the rendered lines) is made once for a
module's code and kept in the cache. A module that isn't found there is set aside: it runs, what
starts in it is remembered, and its image is made later, by the background thread and a little at a
time; at the latest when somebody asks for the tombs, before a fork, or when the program ends. One
that is found there is registered at the price of a copy: as late as those that are set aside
(tombs.loader.enlisted), or before it runs where more is to be done than that.

A module that can't be registered at once, since another process sits on the lock, waits in the same
way. A module for which there is no room is let go, counted, and its functions are unknown.
"""

from __future__ import annotations

import time

from tombs.block import HIDES, Image, digest, image_count
from tombs.loader.boundary import failure, ours
from tombs.loader.kept import Kept
from tombs.loader.module import Module, imports
from tombs.loader.strangers import Strangers
from tombs.shorten import Shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import CodeType

    from tombs.loader.cache import Cache, Entry
    from tombs.loader.contracts import Enlisting, Graveyard
    from tombs.loader.lost import Lost
    from tombs.loader.module import Vacate

DEADLINE = 1.0  # seconds that an import may wait for the lock


class Populator:
    """Registers modules: those that the cache knows at once, others when there is time.

    Args:
        graveyard: where to.
        make_vacate: gives what marks the functions of one module.
        refused: the exception by which the graveyard refuses.
        say: tells the people.
        open_cache: opens what was made before, when it is first asked for; None for none.
        shorten: takes from paths what isn't to be written down.
    """

    def __init__(
        self,
        graveyard: Graveyard,
        make_vacate: Callable[[], Vacate],
        refused: type[Exception],
        say: Callable[[str], None],
        open_cache: Callable[[], Cache | None] | None = None,
        shorten: Shorten | None = None,
    ) -> None:
        self.graveyard = graveyard
        self.make_vacate = make_vacate
        self.refused = refused
        self._say = say
        self._shorten = shorten or Shorten()
        self.kept = Kept(open_cache, self._shorten, say)
        self.enlisting: Enlisting | None = None
        self._lost: Lost | None = None
        self._aside: list[Module] = []
        self._making: list[Module] = []  # taken from there and not populated yet
        self._waiting: list[tuple[Module, bytes, bytes, int]] = []
        self.strangers = Strangers(graveyard, self._shorten.path)
        self.modules = 0
        self._inlined = self._elsewhere = False
        self.reported = False  # calls are known by Python's reports

    def module(
        self, name: str, code: CodeType | None, *, late: bool = False, file: str = ""
    ) -> Module:
        """Take notice of a module that is about to run, or, late, of one that ran already."""
        self.modules += 1
        name = "__main__" if name == "__mp_main__" else name
        # numba makes machine code of a module's functions. What is called there is seen by nobody,
        # so what isn't seen to be called is unknown; and it knows no prologue: a function that has
        # one is an error to it.
        late = late or (code is not None and imports(code, "numba"))
        return Module(name, code, self.make_vacate(), late=late, file=file)

    def set_aside(self, module: Module) -> bool:
        """Have a module populated later; now, where its callers matter or it can't be said to wait.

        Returns:
            Whether it is the only one: then somebody is to be woken, and else awake already.
        """
        # What the background thread will need is loaded by this one: a program that goes through
        # sys.modules must not find it changing.
        from tombs.loader import describe  # noqa: F401, PLC0415 - not where all is known

        if not ((traps := self.graveyard.traps) and traps.reach(module.name)):
            module.pending = self.graveyard.pend(module.name, self._shorten.path(module.file))
        if module.pending is None:
            self.populate(module)
            return False
        self._aside.append(module)
        return len(self._aside) == 1

    def await_late(self, module: Module) -> None:
        """Write down that a module that ran already will be populated (tombs.loader.late)."""
        from tombs.loader import describe  # noqa: F401, PLC0415 - as above

        module.pending = self.graveyard.pend(
            module.name, self._shorten.path(module.file), late=True
        )

    def populate(
        self, module: Module, entry: Entry | None = None, deadline: float = DEADLINE
    ) -> None:
        """Populate a module.

        Args:
            module: which.
            entry: what the cache had of it.
            deadline: how long to wait for the lock where it had something, in seconds.
        """
        if entry is None:
            from tombs.loader.describe import whole  # noqa: PLC0415 - not where all is known

            whole(self.in_steps(module))
        else:
            self._put(module, entry.image, entry.digest, entry.crc, deadline)

    def in_steps(self, module: Module) -> Generator[bool, None, None]:
        """Populate a module in steps of a few microseconds, between which others may run."""
        from tombs.loader.describe import image_in_steps  # noqa: PLC0415 - not where all is known

        file = self._shorten.path(module.file)
        data = yield from image_in_steps(module.name, file, module.walked(), module.body)
        from binascii import crc32  # noqa: PLC0415 - as above

        yield True  # as the last piece was
        key, crc = digest(data), crc32(data)
        if module.key is not None:
            from tombs.loader.cache import Entry  # noqa: PLC0415 - as above

            made = b"" if module.remake is None else module.remake(module.code)
            self.kept.put(module.name, Entry(module.key, data, key, crc, made))
        self._put(module, data, key, crc)

    def _put(
        self,
        module: Module,
        data: bytes | memoryview,
        key: bytes,
        crc: int,
        deadline: float = DEADLINE,
    ) -> None:
        # Where one waits in vain, the others don't wait as well.
        deadline = 0.0 if self._waiting else deadline
        registered = not image_count(data) or self._register(module, data, key, crc, deadline)
        if not registered:
            self._waiting.append((module, bytes(data), key, crc))
        module.settled(module.image or Image(memoryview(data)))
        if registered:
            self._written_down(module)

    def _written_down(self, module: Module) -> None:
        if module.pending is not None:
            self.graveyard.settled(module.pending)

    def _register(
        self,
        module: Module,
        data: bytes | memoryview,
        key: bytes,
        crc: int,
        deadline: float,
    ) -> bool:
        try:
            allotted = self.graveyard.register(data, key, crc, late=module.late, deadline=deadline)
        except self.refused as refusal:
            if refusal.final:  # type: ignore[attr-defined]
                self._dropped(module, image_count(data), key, refusal.reason)  # type: ignore[attr-defined]
                return True
            return False
        module.image = allotted.image  # the same bytes, where all processes share them
        module.base = allotted.base
        module.vacate.place(allotted.base, allotted.image.count)
        for index in module.unknown:
            self.graveyard.unknown(allotted.base + index)
        if self._inlined or (self.reported and allotted.image.flags & HIDES):
            self._unseen(module)
        return True

    def inlined(self, modules: Iterable[Module]) -> None:
        """Take for unknown what isn't seen called of these modules, and of all that follow.

        A compiler is at work that reads a function's code and carries it out itself: the function
        is called, and never starts.
        """
        self._inlined = True  # first: what another thread registers meanwhile is seen by one of us
        for module in modules:
            self._unseen(module)

    def elsewhere(self) -> None:
        """Take for unknown what isn't seen called of all modules there are, and that will be.

        Those of other processes too: another interpreter may load what this one doesn't.
        """
        self._inlined = self._elsewhere = True
        self.graveyard.doubt()

    def _unseen(self, module: Module) -> None:
        if module.base is not None and module.image is not None:
            for slot in range(module.base, module.base + module.image.count):
                self.graveyard.unknown(slot)

    def _dropped(self, module: Module, count: int, key: bytes, reason: str) -> None:
        if self.graveyard.drop(key, module.name, count, reason):
            advice = "raise --slots or --strings, or narrow the namespace"
            if "disk" in reason:
                advice = "make room, or choose another place with --dir"
            self._say(
                f"{reason}: the {count} functions of {module.name} are not recorded, nor what"
                f" else doesn't fit; {advice}"
            )

    def settle(self, seconds: float | None = None, patience: float = 0.0) -> int:
        """Populate what was set aside, and register what waits for the lock.

        Args:
            seconds: of this thread's processor time, after which it stops; None for no limit.
            patience: how long to wait once for the lock, in seconds.

        Returns:
            How many modules are left.
        """
        end = None if seconds is None else time.thread_time() + seconds
        left = self.enlisting.settle(end) if self.enlisting is not None else 0
        while self._aside and (end is None or time.thread_time() < end):
            try:
                module = self._aside.pop()
            except IndexError:  # another thread was quicker
                break
            self._making.append(module)
            try:
                self.populate(module)
            except BaseException as fault:
                if isinstance(fault, Exception) and ours(fault):
                    self.failed(module.name, fault)
                    continue
                # It is a signal handler's. The module is to be populated all the same.
                if not module.done:
                    self._aside.append(module)
                elif module.base is not None:
                    self._written_down(module)
                raise
            finally:
                self._making.remove(module)
        sure = self._lost is None or self._lost.settle(last=patience > 0)
        self._settle_waiting(patience)
        if self.enlisting is not None and sure and not (left or self._waiting):
            left = self.enlisting.finish(end)
        if self._elsewhere:
            self.graveyard.doubt()
        return left + len(self._aside) + len(self._waiting) + self.strangers.find()

    def _settle_waiting(self, patience: float) -> None:
        for waiting in tuple(self._waiting):
            if not self._register(*waiting, patience):
                patience = 0.0
            else:
                self._written_down(waiting[0])
                if waiting in self._waiting:  # else another thread was quicker
                    self._waiting.remove(waiting)

    @property
    def plain(self) -> bool:
        """Whether a module that the cache knows is to be registered, and nothing else."""
        return not (self._waiting or self._inlined or self.graveyard.traps)

    @property
    def waits(self) -> bool:
        """Whether something is left for `settle` to do."""
        return bool(self._aside or self._waiting or self.strangers.waiting)

    @property
    def making(self) -> bool:
        """Whether a thread is at it to populate a module that was set aside."""
        return bool(self._making)

    def reborn(self) -> None:
        """Take up, in a forked child, what a thread of the parent was too busy with to be held.

        What the child calls of it is known to the child alone: that is written down anew.
        """
        self.strangers.reborn()
        if self.enlisting is not None:
            self.enlisting.reborn()
        making, self._making = self._making, []
        for module in making:
            if not module.done or module.base is None:
                self.set_aside(module)

    def flush(self) -> None:
        """Write what was made into the cache, once nothing is left to be made or read."""
        if not (self._aside or (self.enlisting is not None and self.enlisting.awaits)):
            self.kept.flush()

    def unknown(self, module: Module, index: int) -> None:
        """Say of a function that nobody will see it called."""
        if module.base is None:
            module.unknown = (*module.unknown, index)
        else:
            self.graveyard.unknown(module.base + index)

    def lose(self, name: str, file: str, reason: str) -> None:
        """Note that a module which has run can't be registered; nothing of it is called dead."""
        if self._lost is None:
            from tombs.loader.lost import Lost  # noqa: PLC0415 - seldom needed

            self._lost = Lost(self.graveyard, self._shorten.path)
        self._lost.add(name, file)
        self.unwatched(name, 0, reason)

    def failed(self, name: str, fault: Exception) -> None:
        """Note that a module runs unwatched, since we failed; where even that fails, say it."""
        reason = failure(fault)
        try:
            self.unwatched(name, 0, reason)
        except Exception as second:
            if not ours(second):
                raise
            self._say(f"not watched: {name}: {reason}")

    def unwatched(self, name: str, functions: int, reason: str) -> bool:
        """Note a module that can't be watched; True where it was not noted before."""
        reason = self._shorten.text(reason)
        key = digest(f"unwatched {name}".encode("utf-8", "surrogatepass"))
        return self.graveyard.note(key, "unwatched", name, functions, reason)
