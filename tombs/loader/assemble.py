"""The prologue put in by the `bytecode` library, which takes a function apart and builds it again.

It knows nothing of the splice's tables, so it is the fallback for what the splice can't do, and the
oracle it is tested against. It takes a millisecond a function, and its import 30.
"""

from __future__ import annotations

from opcode import opmap

from bytecode import Bytecode, Instr
from bytecode.instr import InstrLocation

from tombs.loader.prologue import NAME, SpliceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_NOWHERE = InstrLocation(None, None, None, None)

# What the library raises for code it doesn't understand. Not Exception: what a signal handler
# raises while it works is the program's.
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


def assemble(code: CodeType, index: int) -> CodeType:
    """Make a function's code that first calls the vacate; nested functions stay as they are.

    Args:
        code: a function's code, as compiled.
        index: its number within the module.

    Raises:
        SpliceError: the library can't do it either.
    """
    try:
        listing = Bytecode.from_code(code)
        at = 1 + next(at for at, item in enumerate(listing) if _starts(item))
        listing[at:at] = _prologue(index)
        return listing.to_code()
    except (*_FAULTS, StopIteration) as error:
        raise SpliceError(f"it can't be assembled: {error}") from error


def _starts(item: object) -> bool:
    """Tell whether this is the RESUME that a function's body stands behind."""
    return (
        isinstance(item, Instr)
        and item.name == "RESUME"
        and isinstance(item.arg, int)
        and item.arg & 3 == 0
    )


def _prologue(index: int) -> list[Instr]:
    """List the prologue's instructions, without a location, as the splice has them."""
    call = [Instr("CALL", 1, location=_NOWHERE)]
    if "PRECALL" in opmap:
        call.insert(0, Instr("PRECALL", 1, location=_NOWHERE))
    return [
        Instr("LOAD_GLOBAL", (True, NAME), location=_NOWHERE),
        Instr("LOAD_CONST", index, location=_NOWHERE),
        *call,
        Instr("POP_TOP", location=_NOWHERE),
    ]
