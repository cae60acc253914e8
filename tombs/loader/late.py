"""The modules that were loaded before watching began, found and populated a little at a time.

A running program may have ten thousands of functions loaded, and is not to notice that they are
looked for: so everything here is done in steps, and the background thread does them for a few
milliseconds before it lets go. (A step that took long would hold the interpreter for as long.)

What a module consists of is taken, best first, from

    its body, where that is running at this moment (the script's, always)
    its .pyc, if every function that is found in memory stands in it unchanged: it has those too
        that nothing holds at the moment, and their numbers among functions of the same name
    memory (tombs.loader.reach)

Code is never compiled for this: that takes long and can't be interrupted. Nor does the file's time
matter: what was loaded is what is in memory, whatever has been deployed over it since.

A function that isn't found and starts after all is registered then, as called.
"""

from __future__ import annotations

import os
import sys
import time

from tombs.loader.boundary import ours
from tombs.loader.functions import walk
from tombs.loader.loader import is_standard
from tombs.loader.pyc import code_of, payload
from tombs.loader.reach import Reach, alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import CodeType
    from typing import Final, Protocol

    from tombs.loader.functions import Function
    from tombs.loader.module import Module
    from tombs.loader.populate import Populator

    class Engine(Protocol):
        """What has armed the modules."""

        def looked(self) -> Iterator[bool]:
            """Take notice that every module is found, and mark what started meanwhile."""

        def beside(self, module: Module, file: str) -> None:
            """Look for a module's code under a path, too."""


LARGEST: Final = 1 << 19  # bytes of a .pyc; loading it takes up to 3 ms, in one piece
STRAYS: Final = 10_000
REST: Final = True  # what a step yields before one that may take long: let others run first
_SLICE: Final = 0.002  # seconds; with the last step of a slice it is to stay below 5 ms
_ENOUGH: Final = 0.001  # seconds after which a long step waits for the next slice


class Late:
    """The work that is left of them.

    Args:
        engine: has armed them.
        populator: registers them.
    """

    def __init__(self, engine: Engine, populator: Populator) -> None:
        self._engine = engine
        self._populator = populator
        self._modules: list[tuple[Module, dict[str, object]]] = []
        self._strays: list[tuple[Module, CodeType]] = []
        self._registered = 0
        self._steps: Generator[bool, None, None] | None = self._all()
        self._busy = False

    def add(self, module: Module, names: dict[str, object]) -> None:
        """Take on a module, with its namespace."""
        module.strays = self._strays
        self._modules.append((module, names))

    def work(self, seconds: float) -> int:
        """Go on for so many seconds.

        Returns:
            How many modules are left, about.
        """
        if self._busy or (self._steps is None and not self._strays):
            return 0
        self._busy = True
        began = now = time.monotonic()
        # At the end of the program there is nobody to wait for it.
        slices = seconds < 1
        end = began + (min(seconds, _SLICE) if slices else seconds)
        try:
            if self._steps is None:
                self._steps = self._register_strays()
            while now < end:
                long_one_follows = next(self._steps)
                now = time.monotonic()
                if long_one_follows and slices and now - began > _ENOUGH:
                    break
            return len(self._modules) + 1
        except StopIteration:
            self._steps = None
            return 1 if self._strays else 0
        finally:
            self._busy = False

    def _all(self) -> Generator[bool, None, None]:
        if self._modules:
            yield from self._find()
        yield from self._engine.looked()

    def _find(self) -> Generator[bool, None, None]:
        bodies: dict[str, CodeType] = {}
        files = {module.file for module, _ in self._modules}
        for file, code in self._running():
            if file in files or os.path.abspath(file) in files:
                bodies[file] = code
            yield False
        files.update(bodies)
        reach = Reach(files, [str(names.get("__name__")) for _, names in self._modules])
        for module, names in self._modules:
            yield from self._try(module, reach.look(names))
        while self._modules:
            module, names = self._modules.pop()
            yield from self._try(module, self._populate(module, names, reach, bodies))
        yield from reach.forget()

    def _try(self, module: Module, steps: Generator[bool, None, None]) -> Iterator[bool]:
        try:
            yield from steps
        except Exception as fault:
            if not ours(fault):
                raise
            self._populator.failed(module.name, fault)

    def _running(self) -> Iterator[tuple[str, CodeType]]:
        """Yield the module bodies that some thread is in the middle of."""
        for top in list(sys._current_frames().values()):  # noqa: SLF001 - it is what there is
            frame = top
            while frame is not None:
                code = frame.f_code
                yield (code.co_filename if code.co_name == "<module>" else ""), code
                frame = frame.f_back  # type: ignore[assignment]

    def _populate(
        self,
        module: Module,
        names: dict[str, object],
        reach: Reach,
        bodies: dict[str, CodeType],
    ) -> Generator[bool, None, None]:
        body = next((code for file, code in bodies.items() if _same(file, module.file)), None)
        if body is not None:
            module.functions = walk(body)
            if body.co_filename != module.file:
                self._engine.beside(module, body.co_filename)
        else:
            held = reach.found(module.file)
            yield REST
            body = _kept(names)
            yield REST
            kept = None if body is None else walk(body)
            yield REST
            if kept is None or not (yield from _has_all(kept, held)):
                module.functions = held
            else:
                module.functions = kept
        yield from self._populator.in_steps(module)

    def _register_strays(self) -> Generator[bool, None, None]:
        """Register what was not found and has started, as modules of their own with equal names."""
        while self._strays:
            module, code = self._strays.pop()
            if self._registered >= STRAYS or module.matches(code):
                continue
            self._registered += 1
            more = self._populator.module(module.name, None, late=True, file=module.file)
            more.functions = alone(code)
            more.enter(code)
            self._engine.beside(more, code.co_filename)
            yield from self._populator.in_steps(more)
            more.strays = self._strays


def _same(one: str, other: str) -> bool:
    return one == other or os.path.abspath(one) == other


def _kept(names: dict[str, object]) -> CodeType | None:
    """Read a module's code from its .pyc, as far as that is the standard one."""
    spec = names.get("__spec__")
    if not is_standard(names.get("__loader__")) or type(spec).__name__ != "ModuleSpec":
        return None
    marshalled = payload(spec.cached, LARGEST)  # type: ignore[attr-defined]
    return None if marshalled is None else code_of(marshalled)


def _has_all(kept: list[Function], held: list[Function]) -> Generator[bool, None, bool]:
    """Tell whether each function in memory stands among those of a file, and is the same."""
    places: dict[tuple[int, str], list[CodeType]] = {}
    for function in kept:
        code = function.code
        places.setdefault((code.co_firstlineno, code.co_qualname), []).append(code)
    yield False
    for function in held:
        code = function.code
        there = places.get((code.co_firstlineno, code.co_qualname), ())
        if not any(one.co_code == code.co_code for one in there):
            return False
        yield False
    return True
