"""Loads the modules that a start needs one after the other, past the search for each.

A start needs fifty modules of this package, and what importing one of them costs is for the most
part not its own: the system locks it, asks each finder on `sys.meta_path`, looks through the
directory, and makes out four times where its .pyc would lie. Where ours lie is known. So they are
loaded as importlib's documentation has it for a file whose place is known, and are in everything
what an import would have made.

What a module's .pyc holds is run where it is as plain as nearly all are: of this source by its time
and its size, as Python itself would have it. With any other the standard loader does what there is
to do (a stale .pyc is made anew).

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
    from collections.abc import Iterable
    from typing import Any, Final

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
_WORD: Final = 0xFFFFFFFF
_FUNCTION: Final[Any] = type(lambda: None)
# Where each function that is annotated has another beside it: a third of a megabyte of them.
_ANNOTATE: Final = sys.version_info >= (3, 14)


def load(names: Iterable[str]) -> None:
    """Load modules of this package that aren't loaded yet.

    Args:
        names: which; what they need first.
    """
    spec = sys.modules["tombs"].__spec__
    if _thread._count() or type(getattr(spec, "loader", None)) is not SourceFileLoader:  # noqa: SLF001
        return
    for name in names:
        if name not in sys.modules and not _load(name):
            return


def _load(name: str) -> bool:
    done = False
    try:
        above, _, last = name.rpartition(".")
        parent = sys.modules[above]
        module = _made(parent, name, last)
        sys.modules[name] = module
        data = _kept(module.__file__, module.__spec__.cached)
        if data is None:
            module.__loader__.exec_module(module)
        elif name in ASLEEP:
            _lay_down(module, data)
        else:
            _run(module, data)
        setattr(parent, last, module)
        done = True
    except Exception:  # noqa: BLE001, S110 - whoever imports it meets the same, and is told
        pass
    finally:
        if not done:
            sys.modules.pop(name, None)
    return done


def _made(parent: Any, name: str, last: str) -> Any:  # noqa: ANN401 - modules
    directory = parent.__path__[0]
    package = name in PACKAGES
    if package:
        directory, last = f"{directory}/{last}", "__init__"
    file = f"{directory}/{last}.py"
    spec = ModuleSpec(name, SourceFileLoader(name, file), origin=file, is_package=package)
    spec.has_location = True
    if package:
        spec.submodule_search_locations = [directory]
    else:  # its .pyc lies beside the package's own
        before, own, after = (parent.__spec__.cached or "").rpartition("__init__")
        spec.cached = f"{before}{last}{after}" if own else None
    return module_from_spec(spec)


def _kept(file: str, cached: str | None) -> memoryview | None:
    """Give what a .pyc holds; None where it isn't plainly of this source as it is."""
    if cached is None:
        return None
    try:
        found = stat(file)
        with open_code(cached) as opened:
            data = opened.read()
    except OSError:
        return None
    known = (int(found.st_mtime) & _WORD) | (found.st_size & _WORD) << 32
    same: bool = data[:_HEAD] == _PLAIN + known.to_bytes(8, "little")
    return memoryview(data)[_HEAD:] if same else None


def _run(module: Any, data: memoryview) -> None:  # noqa: ANN401 - a module
    """Run a module as its loader does."""
    code = loads(data)  # noqa: S302
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


def _lay_down(module: Any, data: memoryview) -> None:  # noqa: ANN401 - a module
    """Have a module run when it is first asked for a name, by whatever thread."""
    names = module.__dict__
    lock = _thread.RLock()

    def wake(name: str) -> object:
        if name[:2] != "__":  # what is asked of every module that there is
            with lock:
                if names.get("__getattr__") is wake:
                    _run(module, data)
                    del names["__getattr__"]
            if name in names:
                return names[name]
        message = f"module {module.__name__!r} has no attribute {name!r}"
        raise AttributeError(message)

    names["__getattr__"] = wake
