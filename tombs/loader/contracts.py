"""What the loader asks of the runtime; for type checkers alone, nothing else imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tombs.block import Image
    from tombs.patterns import Patterns


class Allotted(Protocol):
    """A registered module."""

    base: int
    image: Image


class Enlisting(Protocol):
    """What registers known modules later than they load."""

    @property
    def awaits(self) -> bool:
        """Whether there are some."""

    def settle(self, end: float | None) -> int:
        """Register them until that moment; gives how many are left."""

    def finish(self, end: float | None) -> int:
        """Mark until that moment what was called of them; gives 0 when all is done."""

    def reborn(self) -> None:
        """Be another process, in a forked child."""


class Journal(Protocol):
    """What holds the modules that were called before they were registered."""

    def add(self, digest: bytes) -> bool:
        """Write one down, by its image's digest; False where there is no room."""

    def settle(self) -> None:
        """Write down that all are registered, and what was called is marked."""


class Graveyard(Protocol):
    """What populating asks of the graveyard."""

    traps: Patterns | None  # names of functions whose first caller is waited for

    def register(
        self,
        image: bytes | memoryview,
        digest: bytes,
        crc: int,
        *,
        late: bool,
        deadline: float,
    ) -> Allotted:
        """Register a module, or find it registered."""

    def enlist(
        self, image: bytes | memoryview, digest: bytes, crc: int, flags: int, deadline: float
    ) -> int:
        """Register a module, or find it registered, and look at nothing of it."""

    def enlist_all(
        self, images: Iterable[tuple[bytes | memoryview, bytes, int]], deadline: float
    ) -> list[int]:
        """Register modules so, all with one turn of the lock; as many as it goes well with."""

    def known(self, digest: bytes) -> int | None:
        """Tell whether a module is registered, as far as was read; gives what `record` takes."""

    def record(self, at: int) -> Allotted:
        """Give what was registered so."""

    def note(self, digest: bytes, note: str, module: str, functions: int, reason: str) -> bool:
        """Write down what isn't watched."""

    def drop(self, digest: bytes, module: str, functions: int, reason: str) -> bool:
        """Write down that a module was not recorded; True where it is the first."""

    def pend(self, module: str, file: str, *, late: bool = False) -> int | None:
        """Write down that a module will be registered later; None where that can't be."""

    def settled(self, pending: int) -> None:
        """Write down that it is registered."""

    def journal(self, digest: bytes) -> Journal | None:
        """Begin a journal for that module and others; None where that is of no use."""

    def unknown(self, slot: int) -> None:
        """Mark a function that can't be watched."""

    def doubt(self) -> None:
        """Mark all functions that can't be watched any longer."""

    def vacate(self, slot: int) -> None:
        """Mark a function that was called."""

    def others(self) -> tuple[Sequence[Allotted], Sequence[tuple[str, str]]] | None:
        """Give what all processes have registered, and name and path of what they will."""
