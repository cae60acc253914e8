"""Lengths of time, as people write and read them; nanoseconds in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tombs.lengths import SECOND, UNITS, parse

if TYPE_CHECKING:
    from typing import Final

__all__ = ["SECOND", "moment", "parse", "show"]
_YEAR_9999: Final = 253_402_300_799 * SECOND


def show(length: int) -> str:
    """Write a length of time in its two largest units."""
    if 0 < length < SECOND:
        return "less than 1s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        number, length = divmod(length, UNITS[unit])
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
