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
    path that is a file in the checkout is that file; where none is, the path is shown as it was. An
    end has all that the module's name has: `app.py` of a checkout is not flask/app.py of a library.

    Args:
        root: the checkout.
        below: directories in it from which modules are imported, such as `src`.
    """

    def __init__(self, root: str = ".", below: Sequence[str] = ()) -> None:
        self._root = os.path.abspath(root)
        self._places = [self._root, *(os.path.abspath(place) for place in below)]
        self._known: dict[tuple[str, str, str], str] = {}

    def of(self, function: Standing) -> str:
        """Give the path of a function's file, relative to the checkout if it is there."""
        key = (function.source, function.file, function.module)
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(self, source: str, file: str, module: str) -> str:
        parts = [part for part in file.split("/") if part not in {"", ".", ".."}]
        most = len(parts) - _named(parts, module) + 1
        ends = ["/".join(parts[at:]) for at in range(most)]
        for end in [source, *ends] if source else ends:
            for place in self._places:
                path = os.path.join(place, end)
                if os.path.isfile(path):
                    inside = os.path.relpath(path, self._root)
                    if not inside.startswith(".."):
                        return inside.replace(os.sep, "/")
        return file or source


def _named(parts: list[str], module: str) -> int:
    """Count the last parts of a path that a module's name stands for; one is the least."""
    names = module.split(".")
    for wanted in ([*names[:-1], f"{names[-1]}.py"], [*names, "__init__.py"]):
        if parts[-len(wanted) :] == wanted:
            return len(wanted)
    return 1
