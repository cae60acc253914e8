"""Known modules of which no function has started yet: nothing is made of them that stays.

Theory of operation. Most modules of a program stay so while it is importing, and what is done for
each, between the import of one and the next, finds the processor's caches cold: registering it
costs two to three times what it costs in a row. So a module that the cache knows awaits its
registration: by the background thread when imports are over, or by whoever asks for the tombs,
forks or ends. A process that is killed before leaves nothing of it behind, which is as it should
be: what isn't there is not called dead. When the first of its functions starts meanwhile, that is
written down and remembered (tombs.loader.early), or where that can't be the module is registered.

Objects that stay have the garbage collector run more often, too. So of each there is a number
alone, and its Module (tombs.loader.module) is made when somebody looks for it. Rewritten code calls
a vacate, which has to be there from the start; it tells of its first call.

Two threads may register one module at once: it is found registered by the second, since the
graveyard knows its digest. Until all is done it counts as awaiting.
"""

from __future__ import annotations

import time
from _frozen_importlib_external import cache_from_source
from _imp import _fix_co_filename  # type: ignore[attr-defined]

from tombs.block import HEAD
from tombs.loader.boundary import failure, ours
from tombs.loader.module import Module, imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType
    from typing import Final

    from tombs.loader.cache import Entry
    from tombs.loader.early import Early
    from tombs.loader.module import Vacate
    from tombs.loader.populate import Populator

_NOTHING: Final = 0  # as a place: there are no functions
_AWAITED: Final = -1
_LARGEST: Final = 64 << 20  # bytes of a .pyc
REASON: Final = "what was kept of it can't be read any more"
_TOGETHER: Final = 8  # modules; their images are in memory meanwhile
_PATIENCE: Final = 0.05  # seconds that a first call may wait for the lock


class Enlisted:
    """The modules of an engine, by the path that they come from.

    Args:
        populator: registers modules.
        wake: has `settle` called soon, by another thread.
        remake: gives what is kept of a module's code beside its image; None for nothing.
        mark: marks a function by its code, its module registered; for an engine that is told of
            each that starts.
    """

    __slots__ = (
        "_awaited",
        "_early",
        "_mark",
        "_names",
        "_populator",
        "_remake",
        "_tell",
        "_vacates",
        "_wake",
        "_woken",
        "files",
        "places",
    )

    def __init__(
        self,
        populator: Populator,
        wake: Callable[[], None],
        remake: Callable[[CodeType], bytes] | None = None,
        mark: Callable[[CodeType], object] = id,
    ) -> None:
        self._populator = populator
        self._wake = wake
        self._remake = remake
        self._mark = mark
        self._early: Early | None = None
        self._woken = False
        self.files: dict[str, list[Module]] = {}  # those that are made
        self.places: dict[str, int] = {}  # the others: where the image lies
        # Those that aren't there yet, key and name apart: a pair of them would be an object more
        # for each, which brings garbage collections forward.
        self._awaited: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._tell = self._called  # made once, for as many vacates as there are
        self._vacates: dict[str, Vacate] = {}  # of those whose code was rewritten
        populator.enlisting = self

    def take(self, name: str, code: CodeType, key: int, vacate: Vacate | None = None) -> bool:
        """Take on a module that the cache knows and that is about to run.

        Args:
            name: the module's.
            code: its code.
            key: by which the cache has its image.
            vacate: what its rewritten code calls.

        Returns:
            False where more is to be done: then it is for `Populator.populate`.
        """
        file = code.co_filename
        if file in self.places or file in self.files:
            return False
        if not self._populator.plain or imports(code, "numba"):
            return False
        self._populator.modules += 1
        if self._early is None:
            from tombs.loader.early import Early  # noqa: PLC0415 - not where nothing is known

            # What it takes to mark a function is loaded by this thread, and not by the one that
            # settles: a program that goes through sys.modules must not find it changing.
            self._populator.make_vacate()
            self._early = Early(self._populator.graveyard, self._digest, self._mark)
        if vacate is not None:
            self._vacates[file] = vacate
            vacate.await_call(self._tell, file)
        self._names[file] = name
        self._awaited[file] = key
        self.places[file] = _AWAITED
        if not self._woken:
            self._woken = True
            self._wake()
        return True

    @property
    def awaits(self) -> bool:
        """Whether modules are still to be registered."""
        return bool(self._awaited)

    def settle(self, end: float | None) -> int:
        """Register what awaits it.

        Args:
            end: stop at that moment, by `time.thread_time`; None for none.

        Returns:
            How many modules are left.
        """
        self._woken = False
        if self._early is not None:
            self._early.turn(whole=end is None)
        files = tuple(self._awaited)
        for at in range(0, len(files), _TOGETHER):
            if end is not None and time.thread_time() >= end:
                break
            self._enlist_together(files[at : at + _TOGETHER])
        return len(self._awaited)

    def finish(self, end: float | None) -> int:
        """Mark what was called before it was registered, all of which now is.

        Returns:
            0 when that is done.
        """
        return 0 if self._early is None or self._early.settle(end) else 1

    def reborn(self) -> None:
        """Be another process, in a forked child."""
        if self._early is not None:
            self._early.reborn()

    def started(self, code: CodeType, file: str) -> list[Module] | None:
        """Take notice of a function that starts.

        Args:
            code: the function's.
            file: the path that it comes from, one of `places`.

        Returns:
            The modules that it may be of, to mark it there; none where that is remembered.
        """
        early = self._early
        if self.places.get(file) == _AWAITED and early is not None and early.started(code, file):
            return []
        return self.of_file(file)

    def _called(self, file: str) -> bool:
        """Take notice of a rewritten function's call; tells whether its vacate has its place."""
        early = self._early
        if self.places.get(file) == _AWAITED and early is not None and early.entered(file):
            return False
        self.of_file(file)
        return True

    def _digest(self, file: str) -> bytes | None:
        """Give what a module that awaits its registration may be written down by."""
        name, key = self._names.get(file), self._awaited.get(file)
        if name is None or key is None or not self._populator.plain:
            return None
        digest = self._populator.kept.digest(name, key)
        return None if digest is None or self._known(digest) else digest

    def _known(self, digest: bytes) -> int | None:
        """Tell whether a module is registered by whomever, and nothing else is to be done."""
        graveyard = self._populator.graveyard
        at = graveyard.known(digest)
        if at is None or not self._populator.plain or graveyard.record(at).image.flags:
            return None
        return at

    def add(self, module: Module, file: str) -> None:
        """Take on a module that is made."""
        found = self.of_file(file)  # those come first that came before
        if found is None:
            found = self.files.setdefault(file, [])
        found.append(module)
        if len(found) > 1:
            for one in found:
                one.alone = False

    def of_file(self, file: str) -> list[Module] | None:
        """Give the modules that have come from a path, registered; None where there was none."""
        at = self.places.get(file)
        if at == _AWAITED:
            self._enlist(file)
            at = self.places.get(file)
        if at is None:
            return self.files.get(file)
        found = self.files.setdefault(file, [])
        made = self._make(at, file) if at > 0 else None
        if made is not None:
            found.append(made)  # before it is taken from there: another thread may look for it
        if self.places.pop(file, None) is None and made is not None:  # which has done the same
            found.remove(made)
        return found

    def all(self) -> list[Module]:
        """Give every module."""
        lists = [self.of_file(file) or () for file in (*self.places, *self.files)]
        return [module for modules in lists for module in modules]

    def _enlist_together(self, files: Iterable[str]) -> None:
        """Register modules, with one turn of the lock those of which nothing else is to be done.

        Each call of the system passes the interpreter on to a thread that waits for it, and beside
        a busy one it takes five milliseconds to come back.
        """
        ready: list[tuple[str, Entry]] = []
        for file in files:
            entry = self._kept(file)
            if entry is not None and self._only_written(entry):
                ready.append((file, entry))
            else:
                self._enlist(file, entry)
        places: list[int] = []
        if ready:
            images = [(entry.image, entry.digest, entry.crc) for _, entry in ready]
            try:
                places = self._populator.graveyard.enlist_all(images, _PATIENCE)
            except Exception as fault:
                if not ours(fault):
                    raise
        for (file, _), at in zip(ready, places, strict=False):
            self._place(file, at)
            self._settled(file, at)
        for file, entry in ready[len(places) :]:  # alone they are found there, or told why not
            self._enlist(file, entry)

    def _kept(self, file: str) -> Entry | None:
        """Read what is kept of a module; None where that can't be, or it is registered already."""
        name, key = self._names.get(file), self._awaited.get(file)
        if name is None or key is None:
            return None
        kept, known = self._populator.kept, self._populator.graveyard.known
        try:
            digest = kept.digest(name, key)
            return None if digest is None or known(digest) is not None else kept.image(name, key)
        except Exception as fault:  # whoever registers it alone meets the same
            if not ours(fault):
                raise
            return None

    def _only_written(self, entry: Entry) -> bool:
        """Tell whether a module has only to be written into the graveyard."""
        if not self._populator.plain or len(entry.image) < HEAD.size:
            return False
        count, *_, flags = HEAD.unpack_from(entry.image)
        return count > 0 and not flags

    def _enlist(self, file: str, entry: Entry | None = None) -> None:
        """Register a module, of which an entry may have been read; where that can't be, note it."""
        name, key = self._names.get(file), self._awaited.get(file)
        if name is None or key is None:  # another thread was quicker
            return
        at: int | None = _NOTHING
        try:
            at = self._there(name, file, key) or self._read(name, file, key, entry)
        except RecursionError:  # there is no room for it now
            raise
        except Exception as fault:
            if not ours(fault):
                raise
            self._lose(name, file, failure(fault))
        self._settled(file, at)

    def _settled(self, file: str, at: int | None) -> None:
        # Else another thread has done it, and perhaps made its Module as well.
        if at is not None and self.places.get(file) == _AWAITED:
            self.places[file] = at
        self._awaited.pop(file, None)
        self._names.pop(file, None)

    def _there(self, name: str, file: str, key: int) -> int | None:
        """Give where the image lies of a module that another process has registered."""
        digest = self._populator.kept.digest(name, key)
        at = None if digest is None else self._known(digest)
        if at is not None:
            self._place(file, at)
        return at

    def _place(self, file: str, at: int) -> None:
        vacate = self._vacates.get(file)
        if vacate is not None:
            record = self._populator.graveyard.record(at)
            vacate.place(record.base, record.image.count)

    def _read(self, name: str, file: str, key: int, entry: Entry | None) -> int | None:
        """Register a module; gives where its image lies, None where its Module is made already."""
        entry = entry or self._populator.kept.image(name, key)
        return self._anew(name, file, key) if entry is None else self._register(name, file, entry)

    def _anew(self, name: str, file: str, key: int) -> int | None:
        """Populate a module from its .pyc, and keep that, in the place of what can't be read."""
        from tombs.loader.pyc import code_of, payload  # noqa: PLC0415 - seldom needed

        populator = self._populator
        marshalled = payload(cache_from_source(file), _LARGEST)
        same = marshalled is not None and populator.kept.key(name, file, marshalled) == key
        code = code_of(marshalled) if marshalled is not None and same else None
        if code is None:
            self._lose(name, file, REASON)
            return _NOTHING
        _fix_co_filename(code, file)
        module = Module(name, code, self._vacate(file), late=False, file=file)
        module.key, module.remake = key, self._remake
        self.files.setdefault(file, []).append(module)
        if populator.set_aside(module):
            self._wake()
        self.places.pop(file, None)
        return None

    def _lose(self, name: str, file: str, reason: str) -> None:
        vacate = self._vacates.get(file)
        if vacate is not None:
            vacate.place(0, 0)  # its prologues can go
        self._populator.lose(name, file, reason)

    def _register(self, name: str, file: str, entry: Entry) -> int | None:
        """Give where its image lies; None where more was to be done, and its Module is made."""
        populator, graveyard = self._populator, self._populator.graveyard
        count, *_, flags = HEAD.unpack_from(entry.image)
        if populator.plain and not flags:
            if not count:
                return _NOTHING
            try:
                at = graveyard.enlist(entry.image, entry.digest, entry.crc, 0, _PATIENCE)
            except populator.refused:
                pass
            else:
                self._place(file, at)
                return at
        module = Module(name, None, self._vacate(file), late=False, file=file)
        populator.populate(module, entry, 0.0)
        self.files.setdefault(file, []).append(module)
        self.places.pop(file, None)
        return None

    def _vacate(self, file: str) -> Vacate:
        """Give what a module's rewritten code calls; a new one where it wasn't rewritten."""
        return self._vacates.get(file) or self._populator.make_vacate()

    def _make(self, at: int, file: str) -> Module:
        allotted = self._populator.graveyard.record(at)
        image, vacate = allotted.image, self._vacate(file)
        module = Module(image.module, None, vacate, late=False, file=file)
        module.settled(image)
        module.base = allotted.base
        vacate.place(allotted.base, image.count)
        return module
