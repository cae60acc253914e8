"""The loader that was found, with its `get_code` wrapped.

The wrapper is an attribute of the loader object. So the loader keeps its type and everything else
it can do: cached bytecode, zip files, resources, other tools' transformations. It arms only what is
really loaded: `get_code` is also called by tools that merely look (modulefinder, a debugger), and a
module that nobody runs must not have tombs.

The standard loader of source files, and no other (another may transform what it reads), is watched
while it reads the .pyc: its bytes are what the cache is asked by. An engine that has rewritten that
code before hands over its own marshalled code in their place; whether the .pyc is fresh is still
for the import system to decide, by the header, which is passed on as it is.

Import errors show no frame of importlib; they must show none of ours either. CPython drops frames
by their file name, and so these functions bear importlib's.
"""

from __future__ import annotations

from _frozen_importlib_external import SourceFileLoader
from sys import _getframe

from tombs.loader.boundary import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, Final, Protocol, TypeVar

    from tombs.loader.cache import Entry

    F = TypeVar("F", bound=Callable[..., object])

    class Engine(Protocol):
        """What arms modules."""

        def recall(
            self, name: str, file: str, payload: memoryview
        ) -> tuple[int | None, Entry | None]:
            """Look in the cache: gives the key, and what is there."""

        def arm(
            self, name: str, code: CodeType, key: int | None = None, entry: Entry | None = None
        ) -> CodeType:
            """Populate a module, now or later, and give the code to execute."""

        def failed(self, name: str, fault: Exception) -> None:
            """Note that a module runs unwatched, since we failed."""

        def inlined(self) -> None:
            """Take notice that functions will be called that never start."""

        def elsewhere(self) -> None:
            """Take notice that functions will be called in other interpreters of this process."""


# Who calls `get_code` in order to run it: every loader's exec_module, and runpy.
_RUNNERS: Final = frozenset({"exec_module", "_get_module_details"})
_IMPORTLIB: Final = "<frozen importlib._bootstrap_external>"
_PYC_HEAD: Final = 16
_ITS_OWN: Final[frozenset[str]] = frozenset()  # one module alone, whose name the loader has
_NESTED: Final = 8  # loaders within loaders
_BY_TIME: Final = bytes(4)  # the flags of a .pyc that is checked by time and size


def hide(function: F) -> F:
    """Give a function's frames to CPython's trimming of tracebacks (`remove_importlib_frames`).

    Those of the functions within it, too: made here once, and not with each of them.
    """
    function.__code__ = _hidden(function.__code__)
    return function


def _hidden(code: CodeType) -> CodeType:
    kind = type(code)
    consts = tuple([_hidden(one) if type(one) is kind else one for one in code.co_consts])
    return code.replace(co_filename=_IMPORTLIB, co_consts=consts)


@hide
def wrap(loader: object, name: str, engine: Engine) -> None:
    """Have a module's code armed when its loader loads it.

    One loader may have many modules (a zip file's has), and not all of them are wanted.
    A loader that has no code to give (an extension module's) or can't be wrapped is left as it is.
    """
    if is_standard(loader):
        original = loader.get_code  # type: ignore[attr-defined]
        if getattr(original, "__func__", None) is type(loader).get_code:  # type: ignore[attr-defined]
            loader.get_code = Reading(loader, original, engine).get_code  # type: ignore[attr-defined]
            return
    loader = _working(loader)
    original = getattr(loader, "get_code", None)
    if original is None or isinstance(loader, type):
        return
    wanted: set[str] | frozenset[str] | None = getattr(original, "tombs", None)
    if wanted is not None:  # it is wrapped already
        if isinstance(wanted, set):
            wanted.add(name)
        return
    wanted = {name}

    def get_code(name: str) -> CodeType | None:
        if name not in wanted or caller_of(_getframe(1)).f_code.co_name not in _RUNNERS:
            code: CodeType | None = original(name)
            return code
        # A loader that is this module's alone is left as it was found.
        if getattr(loader, "name", None) == name:
            _forget(loader, "get_code")
        code = original(name)
        return None if code is None else _arm(engine, name, code, None, None)

    get_code.tombs = wanted  # type: ignore[attr-defined]
    try:
        loader.get_code = get_code  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return


def caller_of(frame: FrameType) -> FrameType:
    """Give the frame that asks for code, beyond others' wrappers of `get_code` (ddtrace's)."""
    while frame.f_code.co_name == "get_code" and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _working(loader: object) -> object:
    """Give the loader that loads: importlib.util's LazyLoader and ddtrace's hook have it within.

    What only hands on `get_code` has none of its own, and the one within asks itself.
    """
    for _ in range(_NESTED):
        # That of the type first: to ask an object for its `__dict__` makes one, which stays.
        if hasattr(type(loader), "get_code"):
            break
        inner = getattr(loader, "__dict__", {}).get("loader")
        if inner is None:
            break
        loader = inner
    return loader


@hide
def _arm(
    engine: Engine, name: str, code: CodeType, key: int | None, entry: Entry | None
) -> CodeType:
    try:
        return engine.arm(name, code, key, entry)
    except Exception as fault:
        if not ours(fault):
            raise
        engine.failed(name, fault)
        return code


def is_standard(loader: object) -> bool:
    """Tell whether a loader is the standard one of source files, as it was made."""
    return (
        type(loader) is SourceFileLoader
        and getattr(loader.get_data, "__func__", None) is SourceFileLoader.get_data
    )


def _forget(loader: object, name: str) -> None:
    """Take back what was set on a loader.

    Not by way of `vars`: it would make a dict for each loader, which stays as long as its module.
    """
    try:
        delattr(loader, name)
    except AttributeError:
        return


class Reading:
    """A standard loader that is to load its module, the reading of its files watched meanwhile.

    Args:
        loader: the loader.
        original: its `get_code`.
        engine: is asked for what it has in its cache, and given what is to be armed.
    """

    __slots__ = ("_engine", "_entry", "_key", "_loader", "_original", "_read")

    def __init__(
        self,
        loader: Any,  # noqa: ANN401 - see is_standard
        original: Callable[[str], CodeType],
        engine: Engine,
    ) -> None:
        self._loader = loader
        self._engine = engine
        self._original = original
        self._read: Callable[[str], bytes] = loader.get_data
        self._key: int | None = None
        self._entry: Entry | None = None

    @hide
    def get_code(self, name: str) -> CodeType:
        """Give the module's code, armed where it is going to run; then the loader is as it was."""
        loader = self._loader
        frame = _getframe(1)
        if frame.f_code.co_name == "get_code":
            frame = caller_of(frame)
        if frame.f_code.co_name not in _RUNNERS or name != loader.name:
            return self._original(name)
        _forget(loader, "get_code")
        loader.get_data = self.get_data
        try:
            code = self._original(name)
        finally:
            _forget(loader, "get_data")
        return _arm(self._engine, name, code, self._key, self._entry)

    get_code.tombs = _ITS_OWN  # type: ignore[attr-defined]

    @hide
    def get_data(self, path: str) -> bytes | bytearray:
        """Read a file; in place of the .pyc that it knows, give what the engine made of it."""
        data = self._read(path)
        self._key = self._entry = None  # the source is read: the .pyc before it was stale
        file = self._loader.path
        if path == file or data[4:8] != _BY_TIME or len(data) <= _PYC_HEAD:
            return data
        try:
            payload = memoryview(data)[_PYC_HEAD:]
            self._key, entry = self._engine.recall(self._loader.name, file, payload)
        except Exception as fault:
            if not ours(fault):
                raise
            return data
        self._entry = entry
        if entry is not None and entry.code:
            return entry.pyc(data[:_PYC_HEAD])
        return data
