"""Known modules of which no function has started yet: registered, with nothing made that stays.

Most modules of a program stay so, and objects that stay have the garbage collector run more often
while it is importing: so of each there is a number alone, and its Module (tombs.loader.module) is
made when somebody looks for it.
"""

from __future__ import annotations

from tombs.block import HEAD
from tombs.loader.module import Module
from tombs.loader.populate import imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from tombs.loader.cache import Entry
    from tombs.loader.populate import Populator


class Enlisted:
    """The modules of an engine, by the path that they come from.

    Args:
        populator: registers modules.
    """

    __slots__ = ("_populator", "files", "places")

    def __init__(self, populator: Populator) -> None:
        self._populator = populator
        self.files: dict[str, list[Module]] = {}  # those that are made
        self.places: dict[str, int] = {}  # the others: where the image lies, 0 without functions

    def take(self, code: CodeType, entry: Entry) -> bool:
        """Register a module that the cache knows and that is about to run.

        Returns:
            False where more is to be done: then it is for `Populator.populate`.
        """
        file = code.co_filename
        if file in self.places or file in self.files:
            return False
        populator = self._populator
        count, *_, flags = HEAD.unpack_from(entry.image)
        if flags or not populator.plain or imports(code, "numba"):
            return False
        at = 0
        if count:
            try:
                at = populator.graveyard.enlist(entry.image, entry.digest, entry.crc, 0, 0.0)
            except populator.refused:
                return False
        populator.modules += 1
        self.places[file] = at
        return True

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
        """Give the modules that have come from a path; None where there was none."""
        at = self.places.get(file)
        if at is None:
            return self.files.get(file)
        found = self.files.setdefault(file, [])
        made = self._make(at, file) if at else None
        if made is not None:
            found.append(made)  # before it is taken from there: another thread may look for it
        if self.places.pop(file, None) is None and made is not None:  # which has done the same
            found.remove(made)
        return found

    def all(self) -> list[Module]:
        """Give every module."""
        lists = [self.of_file(file) or () for file in (*self.places, *self.files)]
        return [module for modules in lists for module in modules]

    def _make(self, at: int, file: str) -> Module:
        allotted = self._populator.graveyard.record(at)
        image, vacate = allotted.image, self._populator.make_vacate()
        module = Module(image.module, None, vacate, late=False, file=file)
        module.settled(image)
        module.base = allotted.base
        vacate.place(allotted.base, image.count)
        return module
