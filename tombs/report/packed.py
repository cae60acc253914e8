"""What pages are given, written small: what repeats is a number of a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tombs.evidence.durations import SECOND, show
from tombs.formats.words import clean, exposure_lines, window_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tombs.evidence.exposure import Exposure
    from tombs.evidence.windows import Window


def harmless(value: object) -> str:
    """Write JSON that can stand in HTML: neither `<` nor `&`, and nothing but ASCII."""
    text = json.dumps(value, separators=(",", ":"), check_circular=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class Numbers(dict[Any, int]):
    """Gives each new value the next number."""

    def __missing__(self, key: object) -> int:
        self[key] = len(self)
        return self[key]


def others(values: Sequence[int]) -> dict[int, int]:
    """Give the values that are not as the first, by their place."""
    return {at: value for at, value in enumerate(values) if value != values[0]}


def exposed(exposure: Exposure, window: Window) -> dict[str, Any]:
    """Say what a function's evidence is worth, and which window is asked of it.

    Gives `told` in lines, `watched` in seconds, the same as `length` in text, and `processes`.
    """
    return {
        "told": [line for line in (*exposure_lines(exposure), window_line(window)) if line],
        "watched": exposure.watched // SECOND,
        "length": show(exposure.watched) if exposure.runs else "",
        "processes": exposure.processes,
    }


def name(qualname: str, ordinal: int) -> str:
    """Write a function's name within its module."""
    return clean(qualname if ordinal == 1 else f"{qualname}#{ordinal}")
