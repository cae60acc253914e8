"""Finds the file of a function in the checkout that a report speaks to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tombs.evidence.standing import Standing


class Paths:
    """From the path where a program had its source to the path in a checkout.

    Evidence names files as the machine had them that ran the program. The longest end of such a
    path that is a file in the checkout is that file; where none is, the path is shown as it was.

    Args:
        root: the checkout.
        below: directories in it from which modules are imported, such as `src`.
    """

    def __init__(self, root: str = ".", below: Sequence[str] = ()) -> None:
        self._root = os.path.abspath(root)
        self._places = [self._root, *(os.path.abspath(place) for place in below)]
        self._known: dict[tuple[str, str], str] = {}

    def of(self, function: Standing) -> str:
        """Give the path of a function's file, relative to the checkout if it is there."""
        key = (function.source, function.file)
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(self, source: str, file: str) -> str:
        parts = [part for part in file.split("/") if part not in {"", ".", ".."}]
        ends = ["/".join(parts[at:]) for at in range(len(parts))]
        for end in [source, *ends] if source else ends:
            for place in self._places:
                path = os.path.join(place, end)
                if os.path.isfile(path):
                    inside = os.path.relpath(path, self._root)
                    if not inside.startswith(".."):
                        return inside.replace(os.sep, "/")
        return file or source
