"""The modules that were loaded before watching began: armed where the engine can, else noted."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Protocol

    from tombs.loader.namespace import Namespace
    from tombs.loader.populate import Populator

    class Engine(Protocol):
        """What arms modules."""

        def arm_late(self, name: str, code: CodeType) -> bool:
            """Populate a module that ran already; False where that is of no use."""


_COMPILED = (".so", ".pyd")
_FEW = 5


def arm_loaded(engine: Engine, namespace: Namespace, populator: Populator) -> list[str]:
    """Arm the wanted modules that are loaded already.

    Returns:
        The names of those that can't be watched, noted here for the first time in this run; the
        standard library's are noted and not named.
    """
    unwatched = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if type(file) is not str or name == "__main__" or not namespace.of_module(name, file):
            continue
        if file.endswith(_COMPILED):  # nothing in it is a function of Python's
            continue
        code = _code(name, module)
        if code is None or engine.arm_late(name, code):
            continue
        if (
            populator.unwatched(name, 0, "was loaded before watching began")
            and name.partition(".")[0] not in sys.stdlib_module_names
        ):
            unwatched.append(name)
    return sorted(unwatched)


def first_of(names: list[str]) -> str:
    """Name a few, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _code(name: str, module: object) -> CodeType | None:
    get_code = getattr(getattr(module, "__loader__", None), "get_code", None)
    if get_code is None:
        return None
    try:
        code: CodeType | None = get_code(name)
    except Exception:  # noqa: BLE001 - it is somebody's loader: whatever it may raise, the program runs
        return None
    return code
