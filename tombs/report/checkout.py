"""The source that a report speaks of: where its files are, and whose checkout it is."""

from __future__ import annotations

import os
import tokenize
from typing import TYPE_CHECKING

from tombs.inventory import importable
from tombs.report.owners import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from tombs.report.tree import Module

_LARGEST: Final = 4 << 20  # bytes of a file that is still shown


class Checkout:
    """The source trees that were named.

    Args:
        trees: their directories.
    """

    def __init__(self, trees: Sequence[str]) -> None:
        self._tops = [os.path.realpath(importable(tree)) for tree in trees]
        self.roots = {top: root_of(top) for top in self._tops}
        self._owners = {root: read(root) for root in set(self.roots.values())}

    def place(self, modules: Iterable[Module]) -> None:
        """Tell modules where their source lies, from the checkout's root, and who owns it."""
        for module in modules:
            source = next((one.source for one in module.functions if one.source), "")
            for top in self._tops if source else ():
                path = os.path.join(top, source)
                if os.path.isfile(path):
                    root = self.roots[top]
                    module.path = path
                    module.file = os.path.relpath(path, root).replace(os.sep, "/")
                    module.owners = self._owners[root].of(module.file)
                    break


def root_of(directory: str) -> str:
    """Give the root of the checkout that a directory is in; without one, where the person is."""
    found = os.path.realpath(directory)
    while not os.path.lexists(os.path.join(found, ".git")):
        above = os.path.dirname(found)
        if above == found:
            here = os.path.realpath(".")
            inside = os.path.commonpath([here, os.path.realpath(directory)]) == here
            return here if inside else os.path.realpath(directory)
        found = above
    return found


def text_of(path: str) -> str | None:
    """Read a source file as text, its lines ended by line feeds; None where that can't be."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                return None
            encoding, _ = tokenize.detect_encoding(file.readline)
            file.seek(0)
            text = file.read().decode(encoding, "replace")
    except (OSError, SyntaxError, LookupError):
        return None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
