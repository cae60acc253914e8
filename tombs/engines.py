"""The choice of the engine, and what belongs to one of them alone."""

from __future__ import annotations

import sys

from tombs import ahead
from tombs.runtime.say import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tombs.loader.monitoring import Monitoring
    from tombs.loader.namespace import Namespace
    from tombs.loader.populate import Populator
    from tombs.loader.rewriting import Rewriting
    from tombs.runtime.graveyard import Graveyard
    from tombs.runtime.vacate import Vacate


def start_engine(
    wanted: str,
    populator: Populator,
    namespace: Namespace,
    wake: Callable[[], None],
    undo: list[Callable[[], object]],
    pause: Callable[[], object] | None = None,
) -> Monitoring | Rewriting:
    """Start an engine.

    Args:
        wanted: `auto`, `monitoring` or `rewrite`; monitoring falls back where it can't be had.
        populator: registers the modules that it sees.
        namespace: says which.
        wake: has what it set aside populated soon.
        undo: gets what takes it away again.
        pause: the program goes on after that; called now and then meanwhile.
    """
    populator.strangers.wanted = namespace.of_module
    if wanted != "rewrite" and hasattr(sys, "monitoring"):
        ahead.load(ahead.MONITORING)
        from tombs.loader.monitoring import Monitoring  # noqa: PLC0415 - this engine's alone

        monitoring = Monitoring(populator, namespace, wake, pause)
        if monitoring.start():
            populator.reported = True
            undo.append(monitoring.stop)
            return monitoring
        if wanted == "monitoring":
            say("no tool identifier of sys.monitoring is free: the rewrite engine takes over")
    ahead.load(ahead.REWRITING)
    from tombs.loader.rewriting import Rewriting  # noqa: PLC0415 - this engine's alone
    from tombs.runtime.vacate import Fallback  # noqa: PLC0415 - as above

    rewriting = Rewriting(populator, namespace, Fallback, wake)
    rewriting.start()
    undo.append(rewriting.stop)
    if sys.argv[:1] in (["-c"], ["-m"]):  # no script, unless it is one's that spawned this process
        from tombs.loader import spawned  # noqa: PLC0415 - as above

        spawned.watch_spawned(rewriting.arm_spawned)
    else:
        from tombs.loader import script  # noqa: PLC0415 - as above

        arm, lose = rewriting.arm_script, rewriting.lose_script
        if script.watch_script(arm, lose, namespace.of_script):
            undo.append(script.forget_script)
    return rewriting


def vacates(engine: str, graveyard: Graveyard) -> Callable[[], Vacate]:
    """Give what makes what marks the functions of one module."""
    from tombs.runtime.vacate import Vacate  # noqa: PLC0415 - not where nothing is watched

    erase = None
    if engine == "rewrite":
        from tombs.loader import poke  # noqa: PLC0415 - this engine's alone

        erase = poke.erase if poke.can_erase() else None
    markers, history = graveyard.markers, graveyard.history
    return lambda: Vacate(markers, None, erase, history)
