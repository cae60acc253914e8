"""Shortens paths: takes away what the user doesn't want to be written down or sent.

    /srv/app/shop/basket.py     shop/basket.py     with the prefix /srv/app

Done where a path enters the graveyard, so that nobody who reads it, however, finds the prefix.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Shorten:
    """Takes prefixes away.

    Args:
        prefixes: directories; where several fit, the longest is taken away.
    """

    __slots__ = ("_prefixes", "some")

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        self._prefixes = sorted(map(os.path.abspath, prefixes), key=len, reverse=True)
        self.some = bool(self._prefixes)  # whether there is anything to do

    def path(self, path: str) -> str:
        """Give a path from the prefix on; one that lies elsewhere as it is."""
        for prefix in self._prefixes:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] == "/":
                return path[len(prefix) :].lstrip("/")
        return path

    def text(self, text: str) -> str:
        """Do it with every path in a text: a command line, what an error says.

        What only begins like a prefix, or has one in its middle, is another path.
        """
        for prefix in self._prefixes:
            at = text.find(prefix)
            while at >= 0:
                end = at + len(prefix)
                if _in_path(text[at - 1 : at]) or _in_name(text[end : end + 1]):
                    at = text.find(prefix, end)
                    continue
                below = text[end : end + 1] == "/" and _in_path(text[end + 1 : end + 2])
                text = text[:at] + ("" if below else ".") + text[end + below :]
                at = text.find(prefix, at)
        return text


def _in_name(char: str) -> bool:
    return char.isalnum() or (char != "" and char in "._-")


def _in_path(char: str) -> bool:
    return char == "/" or _in_name(char)
