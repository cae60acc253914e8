"""Lengths of time, as people write and read them; nanoseconds in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

SECOND: Final = 1_000_000_000
_UNITS: Final = {
    "w": 7 * 86400 * SECOND,
    "d": 86400 * SECOND,
    "h": 3600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
}
_WRITTEN: Final = re.compile(r"(?:[0-9]{1,6}[wdhms])+")
_PART: Final = re.compile(r"([0-9]+)([wdhms])")
_YEAR_9999: Final = 253_402_300_799 * SECOND


def parse(text: str) -> int:
    """Read a length of time such as `7d`, `12h` or `1d12h`.

    Raises:
        ValueError: it is none.
    """
    if not _WRITTEN.fullmatch(text):
        raise ValueError("is no length of time; allowed are such as 7d, 12h, 1d12h, 30m, 2w")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def show(length: int) -> str:
    """Write a length of time in its two largest units."""
    if 0 < length < SECOND:
        return "less than 1s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        number, length = divmod(length, _UNITS[unit])
        if number or (unit == "s" and not parts):
            parts.append(f"{number}{unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def moment(when: int) -> str:
    """Write a moment, in UTC: evidence comes from machines all over the world."""
    if not 0 <= when <= _YEAR_9999:
        return "at no time"
    return datetime.fromtimestamp(when // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
