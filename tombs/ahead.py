"""Loads the modules that a start needs one after the other, past the search for each.

A start needs fifty modules of this package, and what importing one of them costs is for the most
part not its own: the system locks it, asks each finder on `sys.meta_path`, looks through the
directory, and makes out four times where its .pyc would lie. Where ours lie is known. So they are
loaded as importlib's documentation has it for a file whose place is known, and are in everything
what an import would have made.

What a module's .pyc holds is run where it is as plain as nearly all are: of this source by its time
and its size, as Python itself would have it. With any other the standard loader does what there is
to do (a stale .pyc is made anew). Where `tombs-run` has put them together (tombs.bundle), they are
read from that one file, each by the same rule.

Modules that only the thread that serves needs, once somebody asks, are there and asleep: read, and
not made into code before a name is looked up in them. Loaded by that thread they would need files
that may be out of reach by then, and `sys.modules` would change while the program goes through it.

Nothing depends on these lists. What isn't in them, or can't be loaded so (the package lies in an
archive), is imported by whoever needs it; out of order, they only gain less. And it is only done
while there is one thread: no other may meet a module half loaded.
"""

from __future__ import annotations

import _thread
import sys
from _frozen_importlib import ModuleSpec, module_from_spec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from _io import open_code
from marshal import loads
from posix import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Any, Final

    # By the names of modules that are loaded together what their sources are known by, where their
    # code lies, and how long each piece of it is.
    Table = dict[tuple[str, ...], tuple[tuple[int, ...], int, list[int]]]

PACKAGES: Final = ("tombs.loader", "tombs.runtime")
# Each behind those that it imports, and behind the package that it is in.
START: Final = (
    *("tombs.errors", "tombs.address", "tombs.rundir", "tombs.values", "tombs.wire"),
    *("tombs.config", "tombs.identity", "tombs.version", "tombs.streams"),
    *("tombs.runtime", "tombs.runtime.say", "tombs.engines", "tombs.loader"),
    *("tombs.loader.boundary", "tombs.loader.loader", "tombs.loader.functions"),
    *("tombs.loader.module", "tombs.loader.finder", "tombs.loader.loaded"),
    *("tombs.loader.namespace", "tombs.block", "tombs.loader.strangers", "tombs.loader.kept"),
    *("tombs.shorten", "tombs.loader.populate", "tombs.loader.enlisted"),
    *("tombs.runtime.originals", "tombs.runtime.descriptors", "tombs.runtime.locks"),
    *("tombs.runtime.ending", "tombs.runtime.forking"),
    *("tombs.runtime.leaving", "tombs.layout", "tombs.runtime.watching", "tombs.blocks"),
    *("tombs.runtime.index", "tombs.runtime.committing", "tombs.runtime.served"),
    *("tombs.runtime.graveyard", "tombs.runtime.region", "tombs.runtime.opening"),
    *("tombs.runtime.recursive", "tombs.runtime.waker", "tombs.runtime.background"),
    *("tombs.runtime.housekeeping", "tombs.serving", "tombs.session", "tombs.process"),
)
MONITORING: Final = ("tombs.loader.interrupts", "tombs.loader.monitoring")
REWRITING: Final = ("tombs.loader.rewriting", "tombs.runtime.vacate")
SERVING: Final = (
    *("tombs.changes", "tombs.runtime.mapped", "tombs.runtime.sockets"),
    *("tombs.runtime.conversation", "tombs.runtime.server"),
)
# These only the thread that serves needs, once somebody asks.
ASLEEP: Final = ("tombs.changes", "tombs.runtime.mapped", "tombs.runtime.conversation")
# How a .pyc begins that is known by its source's time and size, which follow.
_PLAIN: Final = MAGIC_NUMBER + bytes(4)
_HEAD: Final = len(_PLAIN) + 8
# How a bundle ends: with a table, its length in four bytes, and these.
MARK: Final = b"tombs bundle 1\r\n"
TAIL: Final = 8192  # bytes, of which the table is a part
_WORD: Final = 0xFFFFFFFF
_FUNCTION: Final[Any] = type(lambda: None)
_CODE: Final[Any] = type((lambda: None).__code__)
# Where each function that is annotated has another beside it: a third of a megabyte of them.
_ANNOTATE: Final = sys.version_info >= (3, 14)

# The bundle while it is open, and its table.
_bundle: tuple[Any, Table] | None = None


def load(names: tuple[str, ...]) -> None:
    """Load modules of this package that aren't loaded yet.

    Args:
        names: which; what they need first.
    """
    if not _plain():
        return
    codes = _bundled(names)
    for name in names:
        code = next(codes, None)
        if name not in sys.modules and not _load(name, code):
            return


def _plain() -> bool:
    spec = sys.modules["tombs"].__spec__
    return not _thread._count() and type(getattr(spec, "loader", None)) is SourceFileLoader  # noqa: SLF001


def open_bundle() -> None:
    """Have what is loaded from here on read from the bundle, where there is one."""
    global _bundle  # noqa: PLW0603 - there is one
    if not _plain() or START[-1] in sys.modules:
        return
    path = _beside(sys.modules["tombs"], "bundle")
    if path is None:
        return
    try:
        opened = open_code(path)
    except OSError:
        return
    try:
        # Were it a standard stream that the program has closed, the start would think it open.
        rows = table(opened) if opened.fileno() > 2 else None
    except Exception:  # noqa: BLE001 - none was written: it is that module's .pyc, and no more
        rows = None
    if rows is None:
        opened.close()
    else:
        _bundle = opened, rows


def close_bundle() -> None:
    """Have each module read from its own .pyc again."""
    global _bundle  # noqa: PLW0603 - as above
    if _bundle is not None:
        opened, _ = _bundle
        _bundle = None
        opened.close()


def table(opened: Any) -> Table:  # noqa: ANN401 - a file
    """Read the table of a bundle.

    Raises:
        ValueError: there is none in the file. Any other: there is, and it is damaged.
    """
    opened.seek(-TAIL, 2)
    tail = opened.read()
    end = len(tail) - len(MARK) - 4
    if tail[end + 4 :] != MARK:
        message = "no bundle"
        raise ValueError(message)
    start = end - int.from_bytes(tail[end : end + 4], "little")
    rows: Table = loads(tail[start:end])  # noqa: S302
    return rows


def _load(name: str, code: Any) -> bool:  # noqa: ANN401 - code, or marshalled code, or None
    done = False
    try:
        above, _, last = name.rpartition(".")
        parent = sys.modules[above]
        module = _made(parent, name, last)
        sys.modules[name] = module
        if code is None:
            data = kept(module.__file__, module.__spec__.cached)
            code = data if data is None or name in ASLEEP else loads(data)  # noqa: S302
        if code is None:
            module.__loader__.exec_module(module)
        elif type(code) is _CODE:
            _run(module, code)
        else:
            _lay_down(module, code)
        setattr(parent, last, module)
        done = True
    except Exception:  # noqa: BLE001, S110 - whoever imports it meets the same, and is told
        pass
    finally:
        if not done:
            sys.modules.pop(name, None)
    return done


def _made(parent: Any, name: str, last: str) -> Any:  # noqa: ANN401 - modules
    file, package = source(name), name in PACKAGES
    spec = ModuleSpec(name, SourceFileLoader(name, file), origin=file, is_package=package)
    spec.has_location = True
    if package:
        spec.submodule_search_locations = [file.rpartition("/")[0]]
    else:
        spec.cached = _beside(parent, last)
    return module_from_spec(spec)


def _beside(package: Any, last: str) -> str | None:  # noqa: ANN401 - a module
    """Give the place of a .pyc, which is that of the package's own."""
    before, own, after = (package.__spec__.cached or "").rpartition("__init__")
    return f"{before}{last}{after}" if own else None


def known(file: str) -> int:
    """Give what a source is known by, in its .pyc as well: 32 bits of its time and of its size.

    Raises:
        OSError: it isn't there.
    """
    found = stat(file)
    return (int(found.st_mtime) & _WORD) | (found.st_size & _WORD) << 32


def head(file: str) -> bytes:
    """Give how a .pyc begins that is plainly of a source as it is.

    Raises:
        OSError: it isn't there.
    """
    return _PLAIN + known(file).to_bytes(8, "little")


def source(name: str) -> str:
    """Give the path of a module's source."""
    above, _, last = name.rpartition(".")
    directory = sys.modules["tombs"].__path__[0] + above[len("tombs") :].replace(".", "/")
    return f"{directory}/{last}/__init__.py" if name in PACKAGES else f"{directory}/{last}.py"


def _bundled(names: tuple[str, ...]) -> Iterator[Any]:
    """Yield the code of each module from the bundle, of those that sleep marshalled.

    It ends where there is none, or none that is of all the sources as they are.
    """
    if _bundle is None:
        return
    opened, rows = _bundle
    try:
        row = rows.get(names)
        if row is None or row[0] != tuple([known(source(name)) for name in names]):
            return
        opened.seek(row[1])
        for size in row[2]:
            yield from loads(opened.read(size))  # noqa: S302
    except Exception:  # noqa: BLE001 - it is damaged, or a source is gone
        return


def kept(file: str, cached: str | None) -> memoryview | None:
    """Give what a .pyc holds; None where it isn't plainly of this source as it is."""
    if cached is None:
        return None
    try:
        expected = head(file)
        with open_code(cached) as opened:
            data = opened.read()
    except OSError:
        return None
    same: bool = data[:_HEAD] == expected
    return memoryview(data)[_HEAD:] if same else None


def _run(module: Any, code: CodeType) -> None:  # noqa: ANN401 - a module
    """Run a module as its loader does."""
    _fix_co_filename(code, module.__file__)
    exec(code, module.__dict__)  # noqa: S102
    if _ANNOTATE:
        _forget_annotations(module)


def _forget_annotations(module: Any) -> None:  # noqa: ANN401 - a module
    """Let go of what would make the annotations of its functions, which nobody asks for."""
    for one in module.__dict__.values():
        if type(one) is _FUNCTION:
            one.__annotate__ = None
        elif type(one) is type and one.__module__ == module.__name__:
            for method in one.__dict__.values():
                if type(method) is _FUNCTION:
                    method.__annotate__ = None


def _lay_down(module: Any, data: bytes | memoryview) -> None:  # noqa: ANN401 - a module
    """Have a module run when it is first asked for a name, by whatever thread."""
    names = module.__dict__
    lock = _thread.RLock()

    def wake(name: str) -> object:
        if name[:2] != "__":  # what is asked of every module that there is
            with lock:
                if names.get("__getattr__") is wake:
                    _run(module, loads(data))  # noqa: S302
                    del names["__getattr__"]
            if name in names:
                return names[name]
        message = f"module {module.__name__!r} has no attribute {name!r}"
        raise AttributeError(message)

    names["__getattr__"] = wake
