"""The modules that were loaded before watching began: armed where the engine can, else noted.

With the monitoring engine they are watched in place: whatever starts of them from now on is seen,
as every function is. What they consist of is found later (tombs.loader.late), and is unknown until
it is called.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from tombs.loader.late import Engine as Looks
    from tombs.loader.late import Late
    from tombs.loader.module import Module
    from tombs.loader.namespace import Namespace
    from tombs.loader.populate import Populator

    class Engine(Looks, Protocol):
        """What arms modules."""

        @property
        def name(self) -> str:
            """Its name."""

        def arm_late(self, name: str, file: str) -> list[Module] | None:
            """Watch a module that ran already, unless it is; None where that can't be."""


_COMPILED = (".so", ".pyd")
_FEW = 5
# Between two pauses: what is written down of one takes 0.04 ms, and a fork may be waiting.
_TOGETHER = 20
_LOOKED_AT = 500
_MODULE = type(sys)
_names_of_module: Any = vars(_MODULE)["__dict__"].__get__


def arm_loaded(
    engine: Engine,
    namespace: Namespace,
    populator: Populator,
    found: Callable[[tuple[Module, dict[str, object]]], object],
    pause: Callable[[], object],
) -> list[str]:
    """Arm the wanted modules that are loaded already.

    Args:
        engine: arms them.
        namespace: says which are wanted.
        populator: notes those that can't be watched.
        found: is given each that is armed, and its namespace.
        pause: called now and then, between two modules.

    Returns:
        The names of those that can't be watched, noted here for the first time in this run; the
        standard library's are noted and not named.
    """
    unwatched = []
    seen: set[int] = set()
    together = 0.0
    for listed, module in list(sys.modules.items()):
        together += 1 / _LOOKED_AT
        if together >= 1:
            together = 0
            pause()
        if listed[:6] == "tombs.":  # fifty, none of which is ever wanted
            continue
        names = names_of(module)
        file = names.get("__file__")
        if type(file) is not str or id(names) in seen:
            continue
        name = _name(listed, names)
        if not namespace.of_module(name, file) or (
            listed == "__main__" and engine.name == "rewrite"
        ):
            continue
        if file.endswith(_COMPILED):  # nothing in it is a function of Python's
            continue
        seen.add(id(names))
        armed = engine.arm_late(name, os.path.abspath(file))
        if armed is not None:
            for one in armed:
                found((one, names))
            together += 1 / _TOGETHER
        elif (
            populator.unwatched(name, 0, "was loaded before watching began")
            and name.partition(".")[0] not in sys.stdlib_module_names
        ):
            unwatched.append(name)
    return sorted(unwatched)


def names_of(module: object) -> dict[str, object]:
    """Give a module's namespace; an empty one for what is no module.

    Without asking the module: a lazy one would load itself.
    """
    found: dict[str, object] = _names_of_module(module) if issubclass(type(module), _MODULE) else {}
    return found or {}


def _name(listed: str, names: dict[str, object]) -> str:
    """Name a module: `-m pkg.mod` is pkg.mod, and no other goes by a name that it bears."""
    if listed == "__main__":
        name = getattr(names.get("__spec__"), "name", None)
        if type(name) is str:
            return name
    return listed


def look_for(
    found: list[tuple[Module, dict[str, object]]], engine: Engine, populator: Populator
) -> Late | None:
    """Have the functions of these modules looked for, a little at a time.

    Returns:
        The work; None where there is none.
    """
    if not found:
        for _ in engine.looked():
            pass
        return None
    from tombs.loader.late import Late  # noqa: PLC0415 - only where Tombs comes late

    late = Late(engine, populator)
    for module, names in found:
        late.add(module, names)
    return late


def first_of(names: list[str]) -> str:
    """Name a few, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
