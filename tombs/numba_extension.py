"""What numba is told of the prologue, so that rewritten functions compile as ever.

numba calls `init` before it first compiles, by the entry point `numba_extensions`. The name that a
prologue loads is a global of a type that numba doesn't know; here it learns to take it for a
compiled function that does nothing. What runs compiled is called unseen: of the module that the
function is from, nothing is called dead from then on.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def init() -> None:
    """Have numba take the prologue's call for nothing."""
    # numba is loading this; who doesn't have it never comes here.
    import numba  # type: ignore[import-not-found]  # noqa: PLC0415
    from numba.extending import typeof_impl  # type: ignore[import-not-found]  # noqa: PLC0415

    from tombs.runtime.vacate import Fallback, Vacate  # noqa: PLC0415

    nothing = numba.njit(lambda _index: None)

    def kind(value: Vacate | Fallback, _context: object) -> Any:  # noqa: ANN401 - numba's own types
        if isinstance(value, Vacate):
            value.unseen()
        return numba.typeof(nothing)

    typeof_impl.register(Vacate, kind)
    typeof_impl.register(Fallback, kind)
