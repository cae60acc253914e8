"""What the prologue calls: one byte store, and the prologue is gone.

Theory of operation. `markers` is a ctypes array of uint8 over the shared mapping. `markers[i] = 1`
is one byte store by one instruction of the processor: it can't tear, it needs no lock in whatever
many threads and processes do it at once, and since a marker moves one way only within an epoch,
two that store the same 1 agree. No read comes before the write, so none is lost. (`mmap[i] = 1`
would do too; `struct.pack_into` would not, it stores piece by piece.)

A module that isn't registered yet has no base slot. Its vacates remember their indexes, and then
the prologue can go as well: what is called while a program imports is called often, in SymPy 78,000
times. `place` gives the base and replays them. It sets the base first and then reads what was
remembered; a vacate remembers first and then reads the base again: in whichever order two threads
do it, one of them stores the byte.

Nothing here catches exceptions. A signal's handler may run between any two instructions, and what
it raises belongs to the program.
"""

from __future__ import annotations

import builtins
from sys import _getframe

from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Protocol

    class Markers(Protocol):
        """A ctypes array of c_uint8, as far as it is used here."""

        def __setitem__(self, slot: int, marker: int, /) -> None:
            """Store one byte."""

        def __getitem__(self, slot: int, /) -> int:
            """Give one byte."""

        def __len__(self) -> int:
            """Give how many there are."""

    class History(Protocol):
        """What writes down when a function was called."""

        def touch(self, slot: int) -> None:
            """Write down that a function is called now."""

        def called(self, code: CodeType) -> None:
            """Remember code whose prologue is erased."""

    class Enters(Protocol):
        """A module's vacate, as far as the fallback uses it."""

        def enter(self, index: int, frame: FrameType) -> None:
            """Vacate a function's tomb on behalf of the prologue in `frame`."""

    Erase = Callable[[FrameType], bool]

NAME = "_tomb_vacate"
# What all who have their place remember in: nobody reads it, since they read their base once more.
_PLACED: set[int] = set()
# Threads that erase a prologue. An audit hook of the program's is told of it, and each of the
# functions that it calls may call us: together they would erase one another's again and again.
_ERASING: set[int] = set()
_get_ident = original("_thread", "get_ident")
_DEEPEST = 2
VACATED = 1
UNKNOWN = 2
# Where there may be no room for a call.
_OURS = (
    __name__,
    *("tombs.block", "tombs.journal", "tombs.runtime.committing", "tombs.runtime.descriptors"),
    *("tombs.runtime.graveyard", "tombs.runtime.history", "tombs.runtime.index"),
    *("tombs.runtime.locks", "tombs.runtime.region", "tombs.runtime.watching"),
    "tombs.loader.boundary",
    *("tombs.loader.cache", "tombs.loader.early", "tombs.loader.enlisted", "tombs.loader.kept"),
    *("tombs.loader.lost", "tombs.loader.module", "tombs.loader.poke", "tombs.loader.populate"),
    *("tombs.loader.prologue", "tombs.loader.splice", "tombs.shorten"),
)


class Vacate:
    """The global `_tomb_vacate` of one module.

    Args:
        markers: the graveyard's markers.
        base: the module's first slot; None while it isn't known.
        erase: takes the prologue out of the code that a frame runs, and tells whether it could;
            None where that isn't allowed.
        history: writes down when; None where nobody asks.
    """

    __slots__ = (
        "_asker",
        "_asking",
        "_base",
        "_called",
        "_count",
        "_erase",
        "_file",
        "_hidden",
        "_history",
        "_markers",
        "_stuck",
        "_waiting",
    )

    def __init__(
        self,
        markers: Markers,
        base: int | None,
        erase: Erase | None = None,
        history: History | None = None,
    ) -> None:
        self._markers = markers
        self._base = base
        self._count = len(markers) - (base or 0)
        self._erase = erase
        self._history = history
        # Most modules never need these: sets that stay bring garbage collections forward.
        self._stuck: frozenset[int] | None = None
        self._waiting: set[int] | None = None
        self._hidden = False
        self._asking = -1  # the function whose call asks for the place at this moment
        self._asker = 0  # the thread that does
        self._called: Callable[[str], bool] | None = None
        self._file = ""

    # Its many branches: at the limit of recursion nothing of it could be a call.
    def __call__(self, index: int) -> None:
        """Vacate a function's tomb; called by its prologue, and by nothing else."""
        base = self._base
        if base is None:
            # Before anything else: see `place`. Not by a call, for which there may be no room; and
            # that there is one set and no other is seen to in one line, in which nothing can come.
            first = {index}
            self._waiting = self._waiting or first
            self._waiting.add(index)
            base = self._base
            if base is None and self._called is None and self._erase is None:
                return
        if base is not None and 0 <= index < self._count:
            self._markers[base + index] = VACATED
        if base is None or self._erase is not None or self._history is not None:
            try:
                early = base is None and not self._placed(index)
                base = self._base
                if base is not None and self._history is not None and 0 <= index < self._count:
                    self._history.touch(base + index)
                if (base is not None or early) and self._erase is not None:
                    self._retire(index, None)
            except RecursionError as fault:
                # At the limit there is room for the call, but not for more: that waits.
                step = fault.__traceback__
                while step is not None and step.tb_next is not None:
                    step = step.tb_next
                if step is None or step.tb_frame.f_globals.get("__name__") not in _OURS:
                    raise

    # To torch.compile: call it as you compile, and leave it out of what you make. Else it would go
    # into the call and give up at the store, which is an error to who asked for one whole graph.
    __call__._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001

    def __clause_element__(self) -> object:
        """Tell SQLAlchemy that this is none of the values that a lambda of its statements names.

        It would take the call away from us, and refuse it as the program's own.
        """
        raise AttributeError(NAME)

    def enter(self, index: int, frame: FrameType) -> None:
        """Vacate a function's tomb on behalf of the prologue in `frame`."""
        base = self._base
        if base is None:
            self._wait(index)
            return
        self._mark(base, index)
        if self._erase is not None:
            self._retire(index, frame)

    def await_call(self, called: Callable[[str], bool], file: str) -> None:
        """Tell of each call, until the place is known.

        Args:
            called: gives the place at once; or False, where it is written down that the module is
                called. The place comes soon then, and the prologue can go.
            file: the module's, to tell it by.
        """
        self._called = called
        self._file = file

    def _placed(self, index: int) -> bool:
        """Ask for the place; False where it comes later, and the function is remembered."""
        called = self._called
        if called is None:
            return False
        me = _get_ident()
        if self._asker == me:
            # The locks that this takes are told to audit hooks, one of which may be the module's
            # own. What asks already sees to it that the module isn't taken for dead.
            return True
        self._asking, self._asker = index, me
        try:
            return called(self._file)
        finally:
            self._asking, self._asker = -1, 0

    def place(self, base: int, count: int | None = None) -> None:
        """Tell the module's first slot, and vacate the tombs of what was called before.

        Args:
            base: the slot.
            count: how many functions the module has. Code that somebody made from ours, its
                constants changed, may call with any number: beyond these nothing is marked.
        """
        self._count = len(self._markers) - base if count is None else count
        self._base = base
        if self._waiting is not _PLACED:
            waiting = tuple(self._waiting or ())
            for index in waiting:  # without a call: there may be no room for one
                if 0 <= index < self._count:
                    self._markers[base + index] = VACATED
            if self._history is not None:
                for index in waiting:
                    if index != self._asking:  # whose caller is to be seen: it does that itself
                        self._mark(base, index)
            self._waiting = _PLACED
        self._called = None
        if self._hidden:
            self.unseen()

    def unseen(self) -> None:
        """Take for unknown what wasn't called: a compiler leaves the prologue out."""
        self._hidden = True
        if self._base is not None:
            for slot in range(self._base, self._base + self._count):
                if not self._markers[slot]:
                    self._markers[slot] = UNKNOWN

    def _wait(self, index: int) -> None:
        first = {index}
        self._waiting = self._waiting or first  # as above
        self._waiting.add(index)
        base = self._base
        # It was placed meanwhile, perhaps before the index was remembered.
        if base is not None:
            self._mark(base, index)

    def _mark(self, base: int, index: int) -> None:
        if 0 <= index < self._count:
            self._markers[base + index] = VACATED
            if self._history is not None:
                self._history.touch(base + index)

    def _retire(self, index: int, frame: FrameType | None) -> None:
        """Erase the prologue; where that fails once, don't pay for trying at each call.

        Args:
            index: the function's.
            frame: its; None where it is the one that called who asks for this.
        """
        stuck, me = self._stuck, _get_ident()
        if self._erase is None or me in _ERASING or (stuck is not None and index in stuck):
            return
        _ERASING.add(me)
        try:
            frame = frame or _getframe(2)  # an audit hook is told of this as well
            if not self._erase(frame):
                self._stuck = (stuck or frozenset()) | {index}
            elif self._history is not None:
                self._history.called(frame.f_code)
        finally:
            _ERASING.discard(me)

    def __copy__(self) -> Vacate:
        """Stay one: a copied namespace counts for the module it came from."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Vacate:
        """Stay one, as above."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Become what a process makes of it (see `elsewhere`)."""
        return elsewhere()


class Fallback:
    """`builtins._tomb_vacate`: what rewritten code finds that runs under somebody else's globals.

    `FunctionType(f.__code__, {})` and functions that come by pickle have globals without the
    module's own vacate. Who resolves gets the frame that called and the index, and gives the
    module's vacate; None leaves the call without effect, for code that isn't of this run. It must
    not raise.

    Args:
        resolve: finds the vacate of the module that a code object belongs to.
    """

    __slots__ = ("_depths", "_resolve")

    def __init__(self, resolve: Callable[[FrameType, int], Enters | None]) -> None:
        self._resolve = resolve
        self._depths: dict[int, int] = {}  # of calls within each other, by thread

    def __call__(self, index: int) -> None:
        """Vacate the tomb of the function that called."""
        # An audit hook of the program's is told who looks at a frame, and may call us: that one is
        # vacated by the call that it was told of. (What interrupts us is no such thing: it counts.)
        me = _get_ident()
        depth = self._depths.get(me, 0)
        if depth > _DEEPEST:
            return
        self._depths[me] = depth + 1
        try:
            frame = _getframe(1)
            vacate = self._resolve(frame, index)
            if vacate is not None:
                vacate.enter(index, frame)
        finally:
            if depth:
                self._depths[me] = depth
            else:
                self._depths.pop(me, None)

    def __copy__(self) -> Fallback:
        """Stay one."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Fallback:
        """Stay one."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Become what a process makes of it (see `elsewhere`)."""
        return elsewhere()


def elsewhere() -> tuple[object, ...]:
    """Say how a pickled vacate is loaded: as the loading process's fallback, if it has one.

    cloudpickle and dill pickle a function of `__main__` with the globals that it uses, this one
    among them, and the process that loads it may never have heard of Tombs. There `int.bit_length`
    takes the call: it accepts an index and does nothing. (Plain pickle takes functions by name
    only, so it doesn't come here; it can't pickle a module, which cloudpickle and dill do by
    name.)
    """
    return getattr, (builtins, NAME, int.bit_length)
