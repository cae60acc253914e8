"""Lengths of time as people write them; read without `re`, which a program may not have loaded."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SECOND: Final = 1_000_000_000
UNITS: Final = {
    "w": 7 * 86400 * SECOND,
    "d": 86400 * SECOND,
    "h": 3600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
}
_DIGITS: Final = 6


def parse(text: str) -> int:
    """Read a length of time such as `7d`, `12h` or `1d12h`.

    Returns:
        Nanoseconds.

    Raises:
        ValueError: it is none.
    """
    total = 0
    digits = ""
    for char in text:
        if char in "0123456789" and len(digits) < _DIGITS:
            digits += char
        elif char in UNITS and digits:
            total += int(digits) * UNITS[char]
            digits = ""
        else:
            digits = "x"
            break
    if not text or digits:
        raise ValueError("is no length of time; allowed are such as 7d, 12h, 1d12h, 30m, 2w")
    return total
