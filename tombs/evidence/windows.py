"""The windows of confidence: how long a function must have been watched to be called dead.

A window is a length of time, for all functions (`--min-window`) or for those that a pattern fits
(`[tool.tombs.windows]`, `--window`). Until a function was watched for so long it is unknown. Time
is that of the clock on the wall: a day on which ten processes ran side by side is one day, and how
many they were is demanded apart (`--min-processes`).

A pattern is of dotted names, as the reports write them, and fits the whole of a name:

    *       one part; within a part (`legacy_*`) any text without a dot
    **      any number of parts, none too: `shop.billing.**` fits `shop.billing.Invoice.void`

What tells equal names apart (`#2`) needs no mention: a pattern without it fits all of them. Of
several that fit one name, the one holds that writes out the most parts; then the one with the most
parts written in part; then the one with the most `*`; of those the longest window. `--min-window`
is the least for every function, whatever its pattern says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tombs import patterns
from tombs.evidence import durations
from tombs.patterns import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from tombs.evidence.exposure import Exposure


class Window(NamedTuple):
    """A length of time, and for what it is asked."""

    length: int  # nanoseconds; 0 asks for nothing
    pattern: str = EVERYWHERE
    by: str = ""  # who asks for it: an option, or a file

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """What it is ordered by among those that fit one name; the largest holds."""
        parts = self.pattern.split(".")
        whole = sum("*" not in part for part in parts)
        single = parts.count("*")
        some = len(parts) - whole - single - parts.count(EVERYWHERE)
        return whole, some, single, self.length


NONE: Final = Window(0)


def window(pattern: str, length: str, by: str) -> Window:
    """Read a window.

    Raises:
        ValueError: the pattern or the length is none.
    """
    fault = patterns.check(pattern)
    if fault:
        raise ValueError(f"{pattern!r} {fault}")
    try:
        return Window(durations.parse(length), pattern, by)
    except ValueError as fault:
        raise ValueError(f"{length!r} {fault}") from None


class Demands:
    """The least exposure that makes a verdict.

    Args:
        window: nanoseconds that every function must have been watched.
        processes: how many must have taken part.
        windows: longer ones, for functions that a pattern fits.
    """

    __slots__ = ("_any", "_least", "processes", "windows")

    def __init__(self, window: int = 0, processes: int = 0, windows: Iterable[Window] = ()) -> None:
        self._least = Window(window, by="--min-window")
        self.processes = processes
        self.windows = sorted(windows, key=lambda one: (one.rank, one.pattern), reverse=True)
        # One expression for all, the strongest first: a hundred thousand names are asked.
        self._any = re.compile("|".join(f"({_fitting(one.pattern)})" for one in self.windows))

    def __bool__(self) -> bool:
        return bool(self.windows or self.processes or self._least.length)

    def of(self, name: str) -> Window:
        """Give the window of a function by its dotted name; its length is 0 where none is asked."""
        found = self._any.fullmatch(f"{name}.") if self.windows else None
        chosen = self.windows[(found.lastindex or 1) - 1] if found else NONE
        return chosen if chosen.length >= self._least.length else self._least

    def lacking(self, exposure: Exposure, asked: Window) -> str:
        """Say what an exposure lacks for a window; empty where it is enough."""
        if exposure.watched < asked.length:
            return f"watched {part(exposure.watched, asked.length)}"
        if exposure.processes < self.processes:
            return f"watched by {exposure.processes:,} of {self.processes:,} processes"
        return ""


def part(watched: int, length: int) -> str:
    """Say how much of a window has passed."""
    passed, whole = durations.show(watched), durations.show(length)
    return f"nearly {whole}" if passed == whole else f"{passed} of {whole}"


def _fitting(pattern: str) -> str:
    """Write a pattern as a regular expression for names with a dot behind each of their parts.

    What stands between two `**` is taken where it first fits, for good (atomic groups): whatever
    follows can begin later, too, so no name makes the search try everything.
    """
    blocks = [""]
    for one in pattern.split("."):
        if one == EVERYWHERE:
            blocks.append("")
        else:
            blocks[-1] += _single(one) + r"\."
    first, *rest = blocks
    if not rest or rest[-1]:
        blocks[-1] = blocks[-1].removesuffix(r"\.") + r"(?:#[0-9]+)?\."
        first, *rest = blocks
    if not rest:
        return first
    middle = "".join(rf"(?>(?:[^.]*\.)*?{block})" for block in rest[:-1] if block)
    return rf"{first}{middle}(?:[^.]*\.)*{rest[-1]}"


def _single(text: str) -> str:
    """Write one part of a pattern as a regular expression."""
    if text == "*":
        return "[^.]+"
    first, *rest = map(re.escape, text.split("*"))
    if not rest:
        return first
    middle = "".join(f"(?>[^.]*?{piece})" for piece in rest[:-1])
    return f"{first}{middle}[^.]*{rest[-1]}"
