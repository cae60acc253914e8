"""The numbers of the few operations that Tombs looks for in instructions, or writes.

The library's `opcode` would tell them. But a program that has a module of that name itself would
get the library's instead, once that is loaded; or Tombs would load the program's, long before the
program does. So those of the Pythons that need some with their default engine are written down
here, by the number that stands at the head of each .pyc: it changes with any operation. They take
neither the 50 KB of that module, nor the half millisecond to load it.
"""

from __future__ import annotations

from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

KNOWN: Final[Mapping[int, Mapping[str, int]]] = {
    3495: {  # 3.11
        "CALL": 171, "EXTENDED_ARG": 144, "JUMP_FORWARD": 110, "LOAD_CONST": 100,
        "LOAD_GLOBAL": 116, "POP_TOP": 1, "PRECALL": 166, "RESUME": 151,
    },
    3531: {  # 3.12
        "CALL": 171, "CALL_INTRINSIC_1": 173, "EXTENDED_ARG": 144, "JUMP_FORWARD": 110,
        "LOAD_CONST": 100, "LOAD_GLOBAL": 116, "POP_TOP": 1, "RESUME": 151,
    },
    3571: {  # 3.13
        "CALL": 53, "CALL_INTRINSIC_1": 55, "EXTENDED_ARG": 71, "JUMP_FORWARD": 79,
        "LOAD_CONST": 83, "LOAD_GLOBAL": 91, "POP_TOP": 32, "RESUME": 149,
    },
}  # fmt: skip
# What 3.11 makes of those that a prologue has, as it specialises them.
SPECIALISED: Final = {
    "CALL": (22, 23, 24),
    "EXTENDED_ARG": (34,),
    "LOAD_CONST": (44,),
    "LOAD_GLOBAL": (47, 48, 55),
    "PRECALL": (64, 65, 66, 67, 72, 73, 76, 77, 78, 79, 80, 81, 113, 121, 127, 141, 143),
    "RESUME": (150,),
}


def numbers() -> Mapping[str, int]:
    """Give the numbers of this Python's operations by their names."""
    known = KNOWN.get(int.from_bytes(MAGIC_NUMBER[:2], "little"))
    if known is None:
        from opcode import opmap  # noqa: PLC0415 - see above

        return opmap
    return known
