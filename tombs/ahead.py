"""Loads the modules that a start needs one after the other, past the search for each.

A start needs fifty modules of this package, and what importing one of them costs is for the most
part not its own: the system locks it, asks each finder on `sys.meta_path`, and looks through the
directory. Where ours lie is known. So they are loaded as importlib's documentation has it for a
file whose place is known, by the standard loader (a stale .pyc is made anew), and are in everything
what an import would have made. Measured on 3.12 and 3.11: a seventh and a ninth of all instructions
that a start takes beside the plain one's.

Nothing depends on these lists. What isn't in them, or can't be loaded so (the package lies in an
archive), is imported by whoever needs it; out of order, they only gain less. And it is only done
while there is one thread: no other may meet a module half loaded.
"""

from __future__ import annotations

import _thread
import sys
from _frozen_importlib import ModuleSpec, module_from_spec
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

# Each behind those that it imports; the packages that they are in are imported as ever.
START: Final = (
    *("tombs.errors", "tombs.address", "tombs.rundir", "tombs.values", "tombs.wire"),
    *("tombs.config", "tombs.identity", "tombs.streams", "tombs.runtime.say", "tombs.engines"),
    *("tombs.loader.boundary", "tombs.loader.loader", "tombs.loader.functions"),
    *("tombs.loader.module", "tombs.loader.finder", "tombs.loader.loaded"),
    *("tombs.loader.namespace", "tombs.block", "tombs.loader.strangers", "tombs.loader.kept"),
    *("tombs.shorten", "tombs.loader.populate", "tombs.loader.enlisted"),
    *("tombs.runtime.originals", "tombs.runtime.descriptors", "tombs.runtime.locks"),
    *("tombs.runtime.ending", "tombs.runtime.forking"),
    *("tombs.runtime.leaving", "tombs.layout", "tombs.runtime.watching", "tombs.snapshot"),
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


def load(names: Iterable[str]) -> None:
    """Load modules of this package that aren't loaded yet.

    Args:
        names: which; what they need first.
    """
    package = sys.modules["tombs"]
    loader = getattr(package.__spec__, "loader", None)
    if _thread._count() or type(loader) is not SourceFileLoader:  # noqa: SLF001
        return
    for name in names:
        if name not in sys.modules and not _load(package.__path__[0], name):
            return


def _load(directory: str, name: str) -> bool:
    parent, _, last = name.rpartition(".")
    if parent not in sys.modules:
        __import__(parent)
    file = f"{directory}{name[5:].replace('.', '/')}.py"
    loader = SourceFileLoader(name, file)
    spec = ModuleSpec(name, loader, origin=file)
    spec.has_location = True
    sys.modules[name] = module = module_from_spec(spec)
    done = False
    try:
        loader.exec_module(module)
        setattr(sys.modules[parent], last, module)
        done = True
    except Exception:  # noqa: BLE001, S110 - whoever imports it meets the same, and is told
        pass
    finally:
        if not done:
            sys.modules.pop(name, None)
    return done
