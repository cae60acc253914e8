"""What is imported late is imported before the first fork.

A module that is being imported by another thread at the moment of a fork is locked in the child for
ever. What the program imports is the program's care; what Tombs puts off until it is needed must
not be in the middle of it. So before a process forks for the first time all of that is loaded:
importing it waits for the thread that may be at it. And no child pays for it again, nor needs the
right to read it, which it may have given up.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# All that the session, and what it imports, imports within a function and may still do after a
# fork; tests/faults holds it.
LATE: Final = (
    "_blake2",
    "_ctypes",
    "binascii",
    "tombs.journal",
    "tombs.loader.cache",
    "tombs.loader.describe",
    "tombs.loader.early",
    "tombs.loader.functions",
    "tombs.loader.lost",
    "tombs.loader.opcodes",
    "tombs.loader.pyc",
    "tombs.runtime.history",
    "tombs.runtime.hush",
    "tombs.runtime.vacate",
)
LATE_OF: Final = {"rewrite": ("tombs.loader.poke", "tombs.loader.rewrite")}
_loaded: list[bool] = []


def load_ahead(engine: str) -> None:
    """Import what was put off; after the first time it does nothing.

    Args:
        engine: the name of the one at work.
    """
    if _loaded:
        return
    _loaded.append(True)
    for name in (*LATE, *LATE_OF.get(engine, ())):
        try:  # noqa: SIM105 - contextlib is an import that costs the program
            __import__(name)
        except ImportError:  # it will be missed, and told, where it is needed
            pass
