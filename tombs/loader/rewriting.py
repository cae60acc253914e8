"""The rewrite engine: a prologue in each function, which erases itself where that is safe.

The code is made when its module loads, or taken from the cache; what the prologue calls is put into
the module's globals just before it runs. Code that runs under other globals finds the fallback
among the builtins. So does code of a module that was reloaded, whose old functions may live on in
the same globals: there a number alone doesn't say whose it is.
"""

from __future__ import annotations

import builtins
import sys
from marshal import dumps
from sys import _getframe

from tombs.loader.boundary import ours
from tombs.loader.enlisted import REASON, Enlisted
from tombs.loader.functions import find
from tombs.loader.loader import caller_of
from tombs.loader.module import imports, origin, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Any, Final

    from tombs.loader.cache import Entry
    from tombs.loader.module import Module, Vacate
    from tombs.loader.namespace import Namespace
    from tombs.loader.populate import Populator

VACATE: Final = "_tomb_vacate"
_RUNPY: Final = frozenset({"_get_module_details", "_get_main_module_details"})


class Several:
    """The vacates of a function's versions, where it can't be told which one it is.

    All of them are marked: none may be called dead that was perhaps called.

    Args:
        vacates: one for each version.
    """

    __slots__: Final = ("_vacates",)

    def __init__(self, vacates: list[Vacate]) -> None:
        self._vacates = vacates

    def enter(self, index: int, frame: FrameType) -> None:
        """Vacate each."""
        for vacate in self._vacates:
            vacate.enter(index, frame)


class Rewriting:
    """The engine.

    Args:
        populator: registers modules.
        namespace: says which.
        make_fallback: makes what code under foreign globals calls, from what finds a module's
            vacate.
        wake: has `settle` called soon, by another thread.
    """

    name: Final = "rewrite"

    def __init__(
        self,
        populator: Populator,
        namespace: Namespace,
        make_fallback: Callable[[Callable[[FrameType, int], Any]], object],
        wake: Callable[[], None],
    ) -> None:
        self._populator = populator
        self._namespace = namespace
        self._make_fallback = make_fallback
        self._wake = wake
        self._modules = Enlisted(populator, wake, _marshalled)

    def start(self) -> bool:
        """Make the fallback known."""
        setattr(builtins, VACATE, self._make_fallback(self._resolve))
        return True

    def recall(self, name: str, file: str, payload: memoryview) -> tuple[int | None, Entry | None]:
        """Look for rewritten code in the cache; its image is read when it is registered."""
        kept = self._populator.kept
        key = kept.key(name, file, payload)
        return key, None if key is None else kept.code(name, key)

    def arm(
        self, name: str, code: CodeType, key: int | None = None, entry: Entry | None = None
    ) -> CodeType:
        """Populate a module that is about to run, and give the code to run instead."""
        names = _globals_to_be(caller_of(_getframe(2)))
        if entry is None or key is None:
            return self._make(name, code, names, key)
        if VACATE not in names and not _recompiled(code):
            vacate = self._populator.make_vacate()
            if self._modules.take(name, code, key, vacate):
                names[VACATE] = vacate
                return code
        module = self._populator.module(name, code)
        image = self._populator.kept.image(name, key)
        if image is not None:
            self._populator.populate(module, image)
        else:
            module.vacate.place(0, 0)
            self._populator.lose(name, code.co_filename, REASON)
        self._known(module, code, names)
        return code

    def _make(
        self, name: str, code: CodeType, names: dict[str, Any], key: int | None = None
    ) -> CodeType:
        """Rewrite a module's code, to run in these globals."""
        module = self._populator.module(name, code)
        changed = code
        # Pony reads what a lambda's instructions say, to make a query of it.
        module.late = module.late or imports(code, "pony")
        # A late one is another compiler's, which must find its functions as they were written.
        if not module.late:
            if name == "__main__":  # the rewritten functions may get into this very code
                module.walked()
            changed, module.unknown = _rewritten(code)
            if not module.unknown:  # what can't be rewritten isn't worth keeping
                module.key = key
                module.remake = _marshalled
        self._known(module, code, names)
        if self._populator.set_aside(module):
            self._wake()
        return changed

    def _known(self, module: Module, code: CodeType, names: dict[str, Any]) -> None:
        self._modules.add(module, code.co_filename)
        if _recompiled(code):
            module.vacate.unseen()
        names[VACATE] = vars(builtins)[VACATE] if VACATE in names else module.vacate

    def inlined(self) -> None:
        """Do nothing: what torch.compile inlines calls its vacate, once, as it is compiled."""

    def elsewhere(self) -> None:
        """Call nothing dead from now on: another interpreter loads its modules as they are."""
        self._populator.elsewhere()

    def failed(self, name: str, fault: Exception) -> None:
        """Note that a module runs unwatched, since we failed."""
        self._populator.failed(name, fault)

    def arm_script(self, code: CodeType, names: dict[str, Any]) -> CodeType | None:
        """Populate the script that is about to run, if it is wanted."""
        if not self._namespace.of_script(place(code)):
            return None
        from tombs.loader import poke  # noqa: PLC0415 - only where a script is wanted

        try:
            if not poke.can_replace():
                return None
            changed = self._make("__main__", code, names)
        except Exception as fault:
            if not ours(fault):
                raise
            self.failed("__main__", fault)
            return None
        return None if changed is code else changed

    def arm_spawned(self, code: CodeType) -> CodeType:
        """Populate a script that a spawned process is about to run, if it is wanted.

        Its globals aren't there yet: the fallback finds its vacate.
        """
        if not self._namespace.of_script(place(code)):
            return code
        try:
            return self._make("__main__", code, {})
        except Exception as fault:
            if not ours(fault):
                raise
            self.failed("__main__", fault)
            return code

    def lose_script(self) -> None:
        """Take the script's functions for unknown: it runs as it was after all."""
        for found in self._modules.files.values():
            for module in found:
                if module.name == "__main__":
                    image = module.image
                    count = len(module.walked()) if image is None else image.count
                    for index in range(count):
                        self._populator.unknown(module, index)

    def _resolve(self, frame: FrameType, index: int) -> Vacate | Several | None:
        code = frame.f_code
        file = origin(code, frame.f_globals)
        found = self._modules.of_file(file) or ()
        if len(found) > 1:
            found = [module for module in found if module.has(index, code)]
            if len(found) > 1:
                return Several([module.vacate for module in found])
        if not found:  # it came by pickle from a process that has its module
            self._populator.strangers.add(code, file, frame.f_globals.get("__name__"))
            return None
        return found[0].vacate

    def arm_late(self, _name: str, _file: str) -> None:
        """Decline: code that exists can't be rewritten."""
        return

    def looked(self) -> Iterator[bool]:
        """Do nothing: nothing was looked for."""
        return iter(())

    def beside(self, _module: Module, _file: str) -> None:
        """Do nothing, as above."""

    def settle(self) -> None:
        """Do nothing: every call reaches its vacate."""

    def remember(self, _called: Callable[[CodeType], object]) -> bool:
        """Agree: what erases a prologue tells it itself, and one that stays sees every call."""
        return True

    def rearm(self, code: CodeType) -> None:
        """Put an erased prologue back."""
        from tombs.loader import poke  # noqa: PLC0415 - only where there are epochs

        poke.restore(code)

    def stop(self) -> None:
        """Leave everything as it is: code that was rewritten goes on calling what it finds.

        That includes finalizers that first run when the interpreter ends. It takes the fallback
        away from the builtins early, so the names in the modules must stay.
        """


def _recompiled(code: CodeType) -> bool:
    """Tell whether a module uses typeguard's decorator: it compiles functions from the source."""
    return "typechecked" in code.co_names and imports(code, "typeguard")


def _rewritten(code: CodeType) -> tuple[CodeType, list[int]]:
    """Rewrite a module's code; the functions that could not be are told by their indexes."""
    from tombs.loader.rewrite import rewrite  # noqa: PLC0415 - not where nothing is watched

    functions, _, parents = find(code)
    return rewrite(code, functions, parents)


def _marshalled(code: CodeType) -> bytes:
    """Give what is kept of a module's code: made once more, since what runs isn't what it was.

    So nobody waits for it while a program is importing.
    """
    return dumps(_rewritten(code)[0])


def _globals_to_be(caller: FrameType) -> dict[str, Any]:
    """Give the globals that a module's code will run in, by who asked for it.

    Where that can't be told they are nobody's, and what runs finds the fallback.
    """
    if caller.f_code.co_name == "exec_module":
        module = caller.f_locals.get("module")
        return module.__dict__ if isinstance(module, type(sys)) else {}
    frame: FrameType | None = caller
    main = sys.modules.get("__main__")
    while frame is not None and frame.f_code.co_name in _RUNPY:
        # Looking for one in a directory, runpy takes the main module out of sys.modules.
        main = frame.f_locals.get("saved_main", main)
        frame = frame.f_back
    # `python -m` runs it as the main module; runpy.run_module runs it in globals of their own.
    if frame is None or frame.f_code.co_name != "_run_module_as_main" or main is None:
        return {}
    return main.__dict__
