"""One module of the program, from the moment it is seen until its functions have slots."""

from __future__ import annotations

import os
import sys

from tombs.loader.functions import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, FrameType
    from typing import Protocol

    from tombs.block import Image
    from tombs.loader.functions import Function

    class Vacate(Protocol):
        """What marks the functions of one module."""

        def __call__(self, index: int) -> None:
            """Mark one function; remembered where the module has no slots yet."""

        def enter(self, index: int, frame: FrameType) -> None:
            """Mark one function on behalf of the code that a frame runs."""

        def place(self, base: int, count: int | None = None) -> None:
            """Take the module's first slot, and mark what was called before it was known."""

        def await_call(self, called: Callable[[str], bool], file: str) -> None:
            """Tell of each call, until its place is known."""

        def unseen(self) -> None:
            """Take for unknown what isn't seen to be called."""


# Loaded by the first torch.compile, not by torch: from then on functions are called that never
# start, since they were inlined into another's compiled code.
INLINES = "torch._dynamo"
# What makes other interpreters in this process: modules are loaded anew in each, and their calls
# are seen by nobody here. (From 3.14 on concurrent.futures loads `_interpreters` in any case.)
INTERPRETERS = frozenset(
    {"concurrent.interpreters", "concurrent.futures.interpreter", "_xxsubinterpreters"}
    | ({"_interpreters"} if sys.version_info < (3, 14) else set())
)
# Where numba takes a function to compile it, or what it kept of that: which argument it is.
COMPILES = {
    "_FunctionCompiler.__init__": "py_func",
    "UFuncDispatcher.__init__": "py_func",
    "FunctionIdentity.from_function": "pyfunc",
}


# What cloudpickle (from 3.1.3 on) writes in the place of a path into code that it pickles by value.
DYNAMIC = "<dynamic-code>"


def place(code: CodeType) -> str:
    """Give the path a module's code comes from, absolute."""
    return absolute(code.co_filename)


def absolute(file: str) -> str:
    """Give a path from the root; what is no path, but said in angle brackets, stays."""
    return file if file[:1] in {"/", "<"} else os.path.abspath(file)


def origin(code: CodeType, names: dict[str, object]) -> str:
    """Give the file name of code that runs in these globals, or that of its module.

    What was pickled without its path has the globals of its module with it, `__file__` among them.
    """
    file = code.co_filename
    told = names.get("__file__") if file == DYNAMIC else None
    return told if type(told) is str else file


def imports(code: CodeType, package: str) -> bool:
    """Tell whether a module imports a package, or something of it."""
    names = code.co_names
    # Joined first, since most modules import no such thing, and this is done for each.
    return package in " ".join(names) and any(name.split(".")[0] == package for name in names)


class Module:
    """A module, set aside or populated.

    Args:
        name: its name, `__main__` for `__mp_main__`.
        code: its code, as compiled; None where only its functions will be found.
        vacate: marks its functions.
        late: what isn't seen to be called is unknown: it was loaded before watching began, or its
            functions are compiled to what nobody can watch.
        file: its path, where there is no code to tell it.
    """

    __slots__ = (
        "_code",
        "alone",
        "base",
        "file",
        "functions",
        "image",
        "key",
        "late",
        "name",
        "pending",
        "remake",
        "started",
        "strays",
        "unknown",
        "vacate",
    )

    def __init__(
        self, name: str, code: CodeType | None, vacate: Vacate, *, late: bool, file: str = ""
    ) -> None:
        self.name = name
        self.file = file if code is None else place(code)
        self.vacate = vacate
        self.late = late
        self.alone = True  # no other module is known of its file, nor another version of it
        self.base: int | None = None
        self.image: Image | None = None
        self.pending: int | None = None  # what is written down of its being set aside
        self.key: int | None = None  # by which the cache will find it
        self.remake: Callable[[CodeType], bytes] | None = None  # gives what is kept of the code
        self.functions: list[Function] | None = None  # where they were looked for already
        self.unknown: Sequence[int] = ()  # functions that can't be watched, until the base is known
        self.started: list[CodeType] | None = None  # what started before the image was there
        self.strays: list[tuple[Module, CodeType]] | None = None  # what started and isn't in it
        self._code: CodeType | None = code

    @property
    def code(self) -> CodeType:
        """Its code; let go once the image is there."""
        assert self._code is not None  # noqa: S101 - nobody asks then
        return self._code

    @property
    def body(self) -> CodeType | None:
        """Its code; None where it was never known, or is let go."""
        return self._code

    @property
    def done(self) -> bool:
        """Whether all that was called of it is marked, or will be as it gets its slots."""
        return self._code is None

    def walked(self) -> list[Function]:
        """Give its functions, looked for when they are first asked for."""
        functions = self.functions
        if functions is None:
            functions = self.functions = walk(self.code)
        return functions

    def settled(self, image: Image) -> None:
        """Take the image, mark what started before it was there, and let go of what made it."""
        self.image = image
        for code in list(self.started or ()):
            self.enter(code)
        self.started = None
        self.functions = None
        self._code = None

    def enter(self, code: CodeType) -> None:
        """Mark the function that a code object is, or remember it.

        The image may come between the two lines, by another thread: then both do it, which is well.
        """
        if self.image is None:
            if self.started is None:
                self.started = []
            self.started.append(code)
            if self.image is None:
                return
        found = self.matches(code)
        for index in found:
            self.vacate(index)
        if not found and self.strays is not None:
            self.strays.append((self, code))

    def matches(self, code: CodeType) -> list[int]:
        """Find the functions that a code object can be: one, but where twins share line and name.

        None while there is no image.
        """
        image = self.image
        if image is None:
            return []
        found = image.find(code.co_firstlineno, code.co_qualname)
        if len(found) > 1:
            from tombs.loader.describe import fingerprint  # noqa: PLC0415 - seldom needed

            mark = fingerprint(code)
            return [index for index in found if image.marks[index] == mark] or found
        if not found and self.alone:
            found = image.around(code.co_firstlineno, code.co_qualname)
        return found

    def has(self, index: int, code: CodeType) -> bool:
        """Tell whether its function of that number can be this code."""
        whole = self._code
        functions = self.functions
        if functions is None and whole is not None:
            functions = self.functions = walk(whole)
        if functions is not None:
            own = functions[index].code if index < len(functions) else None
            return own is not None and (own.co_firstlineno, own.co_qualname) == (
                code.co_firstlineno,
                code.co_qualname,
            )
        return index in self.matches(code)


def of_globals(code: CodeType, found: list[Module], names: dict[str, object]) -> list[Module]:
    """Choose among modules of one file: the one it runs in, of its versions the one that fits.

    A reload leaves two versions, an import of the running script two names.
    """
    name = names.get("__name__")
    own = [one for one in found if one.name == name] or found
    if len(own) > 1:
        from tombs.loader.describe import own_hash  # noqa: PLC0415 - seldom needed

        mark = own_hash(code)
        fit = [
            one
            for one in own
            if one.image is None or any(one.image.hashes[at] == mark for at in one.matches(code))
        ]
        return fit or own
    return own
