"""The monitoring engine: entries to functions, seen through sys.monitoring.

Theory of operation. One PY_START event is asked for globally, and every code object answers DISABLE
the first time it starts; from then on it runs as if nobody had ever looked (measured: 1.00; 1.015
on 3.12, which takes superinstructions out of what is watched for good). What starts is looked up
by the file it comes from, its first line and its qualified name, in the image that lies in the
graveyard.

Why not local events, armed for each function as its module loads? Measured on `import sympy`
(15,000 functions, of which 300 are called): arming each took 1.12 of the plain import and 210 bytes
a function; one global event takes 1.01 and 13, because only what is really entered is ever touched.
And an armed code object is only itself: a copy made by `code.replace` (the standard library's
`types.coroutine` makes one) would not be armed, and its calls would look dead. By line and name the
copy is found too, and so is code that was pickled, exec'd, or loaded before Tombs. The price: code
made anew over and over (eval in a loop) pays one callback each time, 3 to 5 % of its compilation.

A module body is code that starts as well. So a module that reached the interpreter without our
finder (the script itself, pytest's rewritten modules, `runpy.run_path`) is caught when its body
begins. Such a module is set aside with whatever of it starts, and populated later, at the latest
when somebody asks or the program ends. Of a module that the cache knows the callback notes that it
is called, for later (tombs.loader.early). Seldom it registers one: some 70 us, and up to 50 ms
where another process has the lock; nothing heavier happens there.

A second identifier, with local events, arms again what was called (tombs.runtime.epochs): taking
the event from a code object and giving it back makes it start anew, where the global one can't be
had again without `restart_events`, which would do so to every tool. Measured: 0.6 us to arm, what
a first call costs for the call that follows, and nothing to the others.

The tool identifiers with names (0 debugger, 1 coverage, 2 profiler) are left to those whose names
they are.
"""

from __future__ import annotations

import sys
from sys import _getframe

from tombs.loader.boundary import ours
from tombs.loader.enlisted import Enlisted
from tombs.loader.functions import FUNCTION_FLAGS, looks_like_function
from tombs.loader.interrupts import reporting
from tombs.loader.kept import KNOWN
from tombs.loader.module import COMPILES, DYNAMIC, INLINES, of_globals, origin, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType
    from typing import Any, Final

    from tombs.loader.cache import Entry
    from tombs.loader.module import Module
    from tombs.loader.namespace import Namespace
    from tombs.loader.populate import Populator

TOOLS: Final = (4, 3, 5)
MOST: Final = 100_000  # code objects that are cleaned; without an end they might be made anew
_AT_ONCE: Final = 500
_NAME: Final = "tombs"
_had: list[int] = []


class Monitoring:
    """The engine.

    Args:
        populator: registers modules.
        namespace: says which.
        wake: has `settle` called soon, by another thread.
        pause: the program goes on after `stop`, and watching it may begin anew: stop leaves nothing
            behind in its code, and calls this now and then. None where the program is about to end.
    """

    name: Final = "monitoring"

    def __init__(
        self,
        populator: Populator,
        namespace: Namespace,
        wake: Callable[[], None],
        pause: Callable[[], object] | None = None,
    ) -> None:
        self._populator = populator
        self._wake = wake
        self._namespace = namespace
        self._modules = Enlisted(populator, wake, mark=self._started_before)
        self._files = self._modules.files
        self._about: CodeType | None = None  # the body that runs next
        self._missed: list[CodeType] = []
        self._tool = self._again = -1
        self._called: Callable[[CodeType], object] | None = None
        self._early: list[CodeType] = []  # what started while late modules are looked for
        self._looking = True
        self._pause = pause or int
        # What has answered "never again", by id.
        self._answered: dict[int, CodeType] | None = None if pause is None else {}

    def start(self) -> bool:
        """Take a free tool identifier and ask for the event; False where there is none."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            return False
        self._tool = self._take(monitoring)
        if self._tool < 0:
            return False
        monitoring.set_events(self._tool, monitoring.events.PY_START)
        if INLINES in sys.modules:
            self.inlined()
        return True

    def _take(self, monitoring: Any) -> int:  # noqa: ANN401 - the module has no type before 3.12
        # Under an identifier that this process had before, what was called then and never since
        # would answer "never again" still, where it wasn't all cleaned (see `_clean`).
        for tool in sorted(TOOLS, key=_had.count):
            if monitoring.get_tool(tool) is None:
                try:
                    monitoring.use_tool_id(tool, _NAME)
                except ValueError:  # another thread was quicker
                    continue
                callback = self._callback(monitoring.DISABLE)
                monitoring.register_callback(tool, monitoring.events.PY_START, callback)
                _had.append(tool)
                return tool
        return -1

    def _watches(self, tool: int) -> bool:
        """Tell whether an identifier is still ours, and its events are asked for."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring.get_tool(tool) != _NAME:
            return False
        return bool(monitoring.get_events(tool) & monitoring.events.PY_START)

    def remember(self, called: Callable[[CodeType], object]) -> bool:
        """Have all code told that is called, so that it can be armed again.

        Args:
            called: takes it.

        Returns:
            Whether that is possible; False where no second tool identifier is free.
        """
        monitoring: Any = getattr(sys, "monitoring", None)
        self._again = self._take(monitoring)
        self._called = called if self._again >= 0 else None
        return self._again >= 0

    def rearm(self, code: CodeType) -> None:
        """Notice the next call of a function that was called."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if self._again >= 0:
            monitoring.set_local_events(self._again, code, 0)
            monitoring.set_local_events(self._again, code, monitoring.events.PY_START)

    def _callback(self, disable: object) -> Callable[[CodeType, int], object]:
        get = self._files.get
        places = self._modules.places
        awaited = self._modules.started
        enter = self._enter
        body = self._body
        detached = self._detached
        flags = FUNCTION_FLAGS
        missed = self._missed
        answered = self._answered
        own, dynamic = ours, DYNAMIC  # a function's names outlive a module's, when Python ends

        def started(code: CodeType) -> object:
            try:
                if answered is not None and len(answered) < MOST and code.co_filename[:1] != "<":
                    answered[id(code)] = code
                if code.co_flags & flags != flags:  # the body of a class, or of a module
                    if code.co_name == "<module>":
                        body(code)
                    return disable
                file = code.co_filename
                found = awaited(code, file) if file in places else get(file)
                if found:
                    enter(code, found)
                elif found is None and (file[:1] != "<" or file == dynamic) and detached(code):
                    return None  # to be told of each time
            except Exception as fault:
                if _getframe is None:  # the interpreter's end has taken our names away
                    return disable
                # At the limit of recursion there is no room for a call: only remember it.
                missed.append(code)
                if type(fault) is not RecursionError and not own(fault):
                    raise
            return disable

        return reporting(started, missed, disable, classes=answered is not None)

    def _enter(self, code: CodeType, found: list[Module]) -> None:
        if len(found) == 1:  # as it is nearly always: the same as below, in fewer steps
            module = found[0]
            if module.image is not None and module.base is not None:
                indexes = module.image.find(code.co_firstlineno, code.co_qualname)
                if len(indexes) == 1:
                    self._populator.graveyard.vacate(module.base + indexes[0])
                    if self._called is not None:
                        self._called(code)
                    return
        if not looks_like_function(code):
            return
        if len(found) > 1:
            found = of_globals(code, found, _getframe(3).f_globals)
        self._enter_any(code, found)

    def _enter_any(self, code: CodeType, found: list[Module]) -> None:
        for one in found:
            one.enter(code)
        if self._called is not None:
            self._called(code)

    def _body(self, code: CodeType) -> None:
        """Take notice of a module's body that starts: watch its module, where nobody does."""
        if code is self._about:
            self._about = None
            return
        names = _getframe(3).f_globals
        found = self._modules.of_file(code.co_filename)
        if found:
            # The same file, run under another name: a script that is imported as well.
            own = (names.get("__name__"), getattr(names.get("__spec__"), "name", None))
            if any(one.name in own for one in found):  # `-m pkg.mod` is pkg.mod
                return
        self._module(code, names)

    def _detached(self, code: CodeType) -> bool:
        """Remember code that runs under globals of no module here.

        A function that was pickled by value runs so, in a process that may never have loaded its
        module, while another process of the run has.

        Returns:
            Whether its next start is of interest too: it is where numba takes a function.
        """
        frame = _getframe(3)
        names = frame.f_globals
        argument = COMPILES.get(code.co_qualname)
        if argument is not None and str(names.get("__name__")).startswith("numba."):
            self._compiled(frame.f_locals.get(argument))
            return True
        if code.co_filename == DYNAMIC:
            found = self._modules.of_file(origin(code, names))
            if found is not None:  # pickled without its path, and back in a process that has it
                self._enter_any(code, found)
                return False
        module = sys.modules.get(names.get("__name__"))  # type: ignore[arg-type]
        if module is None or module.__dict__ is not names:
            self._populator.strangers.add(code, origin(code, names), names.get("__name__"))
        elif self._looking:
            self._early.append(code)
        return False

    def _compiled(self, function: object) -> None:
        """Take for unknown what is compiled to what never starts."""
        code = getattr(function, "__code__", None)
        for module in self._modules.of_file(getattr(code, "co_filename", "")) or ():
            if module.image is None:
                module.late = True  # which of its functions it is can't be told yet
            for index in module.matches(code):  # type: ignore[arg-type]
                self._populator.unknown(module, index)

    def _module(self, code: CodeType, names: dict[str, Any]) -> None:
        """Set a module aside that begins to run and that our finder never saw."""
        name, file = names.get("__name__"), code.co_filename
        if type(name) is not str or names.get("__file__") != file or file[:1] == "<":
            return
        module = sys.modules.get(name)
        if (
            module is None
            or module.__dict__ is not names
            or not self._namespace.of_module(name, place(code))
        ):
            return
        self._set_aside(self._populator.module(name, code), code)

    def _set_aside(self, module: Module, code: CodeType) -> None:
        self.beside(module, code.co_filename)
        if self._populator.set_aside(module):
            self._wake()

    def recall(self, name: str, file: str, payload: memoryview) -> tuple[int | None, Entry | None]:
        """Look for the module in the cache; what is there is read when it is registered."""
        key, known = self._populator.kept.find(name, file, payload)
        return key, KNOWN if known else None

    def arm(
        self, name: str, code: CodeType, key: int | None = None, entry: Entry | None = None
    ) -> CodeType:
        """Populate a module that is about to run; the code stays as it is."""
        if entry is not None and key is not None:
            if self._modules.take(name, code, key):
                self._about = code
                return code
            entry = self._populator.kept.image(name, key)
        module = self._populator.module(name, code)
        if entry is None:
            module.key = key
            self._set_aside(module, code)
            return code
        self._populator.populate(module, entry)
        self.beside(module, code.co_filename)
        return code

    def arm_late(self, name: str, file: str) -> list[Module] | None:
        """Watch a module that ran before watching began; none is given where it began since."""
        if any(one.name == name for one in self._modules.of_file(file) or ()):
            return []
        module = self._populator.module(name, None, late=True, file=file)
        self.beside(module, file)
        self._populator.await_late(module)
        return [module]

    def beside(self, module: Module, file: str) -> None:
        """Look for a module's code under a path, too."""
        self._modules.add(module, file)

    def looked(self) -> Iterator[bool]:
        """Take notice that every late module's paths are known: mark what started before."""
        self._looking = False
        while self._early:
            code = self._early.pop()
            if looks_like_function(code):
                self._started_before(code)
            yield False

    def inlined(self) -> None:
        """Call nothing dead from now on: what torch.compile inlines is called and never starts."""
        self._populator.inlined(())  # first: nothing is enlisted from now on
        self._populator.inlined(self._modules.all())

    def elsewhere(self) -> None:
        """Call nothing dead from now on: what another interpreter calls starts unseen."""
        self._populator.elsewhere()

    def failed(self, name: str, fault: Exception) -> None:
        """Note that a module runs unwatched, since we failed."""
        self._populator.failed(name, fault)

    def settle(self) -> None:
        """Mark what there was no room to mark when it started.

        Where somebody has taken our identifier away, nothing was seen since, and nothing will be.
        """
        if self._tool >= 0 and not self._watches(self._tool):
            self._tool = -1
            self.elsewhere()
        while self._missed:
            self._started_before(self._missed.pop())

    def _started_before(self, code: CodeType) -> None:
        """Mark what could not be marked when it started."""
        found = self._modules.of_file(code.co_filename) or ()
        for module in found:
            module.enter(code)
        if found and self._called is not None:
            self._called(code)

    def stop(self) -> None:
        """Take nothing more, and give the tool identifier back."""
        monitoring: Any = getattr(sys, "monitoring", None)
        tools, self._tool, self._again = (self._tool, self._again), -1, -1
        for tool in tools:
            if tool >= 0:
                monitoring.set_events(tool, 0)
                monitoring.register_callback(tool, monitoring.events.PY_START, None)
                self._clean(monitoring, tool)
                monitoring.free_tool_id(tool)
        self._answered = None

    def _clean(self, monitoring: Any, tool: int) -> None:  # noqa: ANN401 - as above
        """Take "never again" from the code that has answered so.

        Python drops it when the code starts while nobody asks for the event; until then it would
        hold for whoever has this identifier next. Asked for at the code itself, and no longer, the
        event is dropped at once.
        """
        event = monitoring.events.PY_START
        for number, code in enumerate(list((self._answered or {}).values()), 1):
            monitoring.set_local_events(tool, code, event)
            monitoring.set_local_events(tool, code, 0)
            if not number % _AT_ONCE:
                self._pause()
