"""What an epoch costs a function: to be armed again, and the call that follows."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def _calls(functions: Iterable[Callable[[], Any]]) -> float:
    began = time.perf_counter()
    for function in functions:
        function()
    return time.perf_counter() - began


def work(package: str) -> dict[str, float]:
    """Measure with all functions of a generated package; gives nanoseconds for each."""
    session = sys.modules["tombs.process"].current()
    functions = __import__(package).functions()
    session.settle()
    _calls(functions)
    own = {function.__code__ for function in functions}
    codes = [code for code in session.graveyard.history.turn() if code in own]
    if len(codes) != len(functions):
        raise SystemExit(f"{len(codes)} of {len(functions)} functions are to be armed")
    arm = session._engine.rearm  # noqa: SLF001 - what the background thread calls
    began = time.perf_counter()
    for code in codes:
        arm(code)
    took = time.perf_counter() - began
    following = _calls(functions)
    if len(session.graveyard.history.turn()) != len(functions):
        raise SystemExit("the calls that followed were not noticed")
    after = _calls(functions)
    count = len(functions) / 1e9
    return {"arm": took / count, "next": (following - after) / count}
