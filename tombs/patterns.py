"""Patterns of dotted names: what they are, and which names they fit.

A pattern is of dotted names, and fits the whole of a name:

    *       one part; within a part (`legacy_*`) any text without a dot
    **      any number of parts, none too: `shop.billing.**` fits `shop.billing.Invoice.void`

The commands, which ask a hundred thousand names at once, write patterns as regular expressions
(tombs.evidence.windows); in the application a few names are asked, and none of that is loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

EVERYWHERE: Final = "**"
_REFUSED: Final = frozenset("?:[]")
_RULES: Final = "a pattern is dotted parts; * is one part, ** any number of them"


def check(text: str) -> str:
    """Say what is wrong with a pattern; empty where nothing is."""
    parts = text.split(".")
    refused = any(char in _REFUSED or char.isspace() for char in text)
    if refused or not text.isprintable() or not all(parts):
        return f"is no pattern; {_RULES}"
    if any(EVERYWHERE in part and part != EVERYWHERE for part in parts):
        return f"is no pattern: ** is a part by itself; {_RULES}"
    return ""


class Patterns:
    """Several patterns.

    Args:
        texts: the patterns, each as `check` likes it.
    """

    __slots__ = ("_patterns",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._patterns = [text.split(".") for text in texts]

    def __bool__(self) -> bool:
        """Tell whether there is one."""
        return bool(self._patterns)

    def fit(self, name: str) -> bool:
        """Tell whether one of them fits a name."""
        return any(len(one) in _reached(one, name) for one in self._patterns)

    def reach(self, name: str) -> bool:
        """Tell whether one of them fits a longer name that begins with these parts."""
        return any(any(at < len(one) for at in _reached(one, name)) for one in self._patterns)


def _reached(pattern: list[str], name: str) -> set[int]:
    """Give how many of a pattern's parts can be used up when the name is."""
    at = _beyond(pattern, {0})
    for part in name.split("."):
        following = set()
        for number in at:
            if number < len(pattern):
                if pattern[number] == EVERYWHERE:
                    following.add(number)
                elif _fits(pattern[number], part):
                    following.add(number + 1)
        at = _beyond(pattern, following)
    return at


def _beyond(pattern: list[str], at: set[int]) -> set[int]:
    """Add what is reached by having `**` stand for nothing."""
    found = set(at)
    for number in at:
        place = number
        while place < len(pattern) and pattern[place] == EVERYWHERE:
            place += 1
            found.add(place)
    return found


def _fits(pattern: str, part: str) -> bool:
    if pattern == "*":
        return bool(part)
    first, *rest = pattern.split("*")
    if not rest:
        return part == first
    *middle, last = rest
    end = len(part) - len(last)
    if not part.startswith(first) or end < len(first) or not part.endswith(last):
        return False
    at = len(first)
    for piece in middle:
        found = part.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
