"""How a text becomes a setting's value.

Each function reads one text, and raises ValueError saying what is wrong with it and what is
allowed; those whose name ends in `_at` make a value that holds a relative path absolute.
"""

from __future__ import annotations

import os
import sys

from tombs import address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_EPOCH_LEAST: Final = 10  # seconds
ENGINES: Final = ("auto", "rewrite", "monitoring")


def dotted(text: str) -> str:
    """Read a dotted name."""
    if all(part.isidentifier() for part in text.split(".")):
        return text
    raise ValueError("is no dotted name; allowed are names such as app or app.billing")


def namespace(text: str) -> str:
    """Read a namespace."""
    try:
        return text if text == "*" else dotted(text)
    except ValueError as fault:
        raise ValueError(f"{fault}, and * for everything") from None


def whole(text: str) -> int | None:
    """Read a whole number; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def slots(text: str) -> int:
    """Read a number of slots."""
    number = whole(text)
    if number is None or not 1 <= number <= 1 << 24:
        raise ValueError("is not allowed; a whole number from 1 to 16777216 is")
    return number


def strings(text: str) -> int:
    """Read a size, in bytes."""
    unit = UNITS.get(text[-1:].upper())
    number = whole(text[:-1] if unit else text)
    size = -1 if number is None else number * (unit or 1)
    if not 64 << 10 <= size <= 4 << 30:
        raise ValueError("is not allowed; a size from 64K to 4G is, in bytes or with K, M or G")
    return size


def socket(text: str) -> str:
    """Read an address to serve at."""
    place = address.parse(text)
    if place is None:
        return text
    return str(place)


def socket_at(text: str, base: str) -> str:
    """Make an address absolute."""
    place = address.parse(text)
    if place is None or place.kind != "unix":
        return text
    return socket(f"unix://{path_at(place.path, base)}")


def dump(text: str) -> str | int | None:
    """Read where to dump: a path, a descriptor, or None for off."""
    number = whole(text)
    if number is None:
        return path(text)
    if number > 1 << 20:
        raise ValueError("is no descriptor; allowed are a path, a descriptor's number, 0 for off")
    return number or None


def path(text: str) -> str:
    """Read a path."""
    if not text or "\0" in text:
        raise ValueError("is no path")
    return text


def path_at(value: object, base: str) -> object:
    """Make a path absolute."""
    # Not normalised: `link/..` is not always the directory that `link` stands in.
    return os.path.join(base, value) if isinstance(value, str) else value


def prefix(text: str) -> str:
    """Read a directory whose path is to be taken away."""
    if not path(text).rstrip("/"):
        raise ValueError("is the beginning of every path; a directory below it is allowed")
    return text


def prefix_at(value: object, base: str) -> object:
    """Make such a directory absolute."""
    # Normalised, other than the rest: it is only compared, with paths as Python writes them.
    return prefix(os.path.normpath(os.path.join(base, str(value))))


def release(text: str) -> str:
    """Read a label."""
    if not text.isprintable() or not 1 <= len(text) <= 100:
        raise ValueError("is no label; allowed are up to 100 printable characters")
    return text


def name(text: str) -> str:
    """Read the name of a graveyard."""
    if not text.isascii() or not all(char.isalnum() or char in "_.-" for char in text):
        raise ValueError("is no name; allowed are up to 24 letters, digits, _, . and -")
    if not 1 <= len(text) <= 24 or text.strip("-.") != text:
        raise ValueError("is no name; it has 1 to 24 characters, and no - or . at its ends")
    return text


def switch(text: str) -> bool:
    """Read 1 or 0."""
    return choice("0", "1")(text) == "1"


def cache_at(value: object, base: str) -> object:
    """Make the cache's path absolute."""
    return value if value == "0" else path_at(value, base)


def length(text: str) -> int:
    """Read a length of time, in seconds."""
    from tombs import lengths  # noqa: PLC0415 - only where a length is said

    number = whole(text)  # of seconds, as `to_environ` writes them
    return lengths.parse(text) // lengths.SECOND if number is None else number


def pattern(text: str) -> str:
    """Read a pattern of dotted names."""
    from tombs import patterns  # noqa: PLC0415 - only where a pattern is said

    fault = patterns.check(text)
    if fault or "#" in text:
        raise ValueError(fault or "is no pattern: functions of equal names are marked together")
    return text


def epoch(text: str) -> int:
    """Read the length of an epoch, in seconds."""
    seconds = length(text)
    if 0 < seconds < _EPOCH_LEAST:
        raise ValueError(f"is too short; allowed are {_EPOCH_LEAST}s or more, and 0 for off")
    return seconds


def choice(*choices: str) -> Callable[[str], str]:
    """Make what reads one of some words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is not allowed; {', '.join(choices[:-1])} and {choices[-1]} are")
        return text

    return parse


def engine(text: str) -> str:
    """Read an engine's name."""
    if text == "monitoring" and not hasattr(sys, "monitoring"):
        raise ValueError("needs Python 3.12 or later; allowed on this one are auto and rewrite")
    return choice(*ENGINES)(text)
