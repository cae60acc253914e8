"""Which modules are watched, and why.

A question is answered with its reason, so that `tombs` can explain itself. The name alone decides
wherever it can: a module that isn't wanted costs one look-up and no search.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MAIN: Final = frozenset({"__main__", "__mp_main__"})
_OWN: Final = frozenset({"tombs", "sitecustomize", "usercustomize"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


class Verdict:
    """Whether something is watched, and the reason."""

    __slots__ = ("reason", "wanted")

    def __init__(self, reason: str, *, wanted: bool) -> None:
        self.wanted = wanted
        self.reason = reason

    def __bool__(self) -> bool:
        """Tell whether it is watched."""
        return self.wanted


class Namespace:
    """The dotted prefixes the user chose; without any, all first-party code.

    Args:
        wanted: prefixes, `*` for everything, or none.
        excluded: prefixes left out.
    """

    __slots__ = ("_excluded", "_library", "_scripts", "_wanted")

    def __init__(self, wanted: tuple[str, ...], excluded: tuple[str, ...]) -> None:
        self._wanted = wanted
        self._excluded = excluded
        self._library = os.path.dirname(os.__file__) + os.sep
        self._scripts = os.path.dirname(sys.executable) if sys.executable else ""

    def of_name(self, name: str) -> Verdict | None:
        """Judge a module by its name; None where only its place can tell."""
        top = name.partition(".")[0]
        if top in _OWN:
            return Verdict("is part of Tombs, or of Python's start", wanted=False)
        prefix = _match(name, self._excluded)
        if prefix is not None:
            return Verdict(f"is excluded by {prefix}", wanted=False)
        if self._wanted:
            prefix = _match(name, self._wanted)
            if prefix is None:
                return Verdict("falls outside the namespace", wanted=False)
            return Verdict(f"is within {prefix}", wanted=True)
        if top in sys.stdlib_module_names:
            return Verdict("is of the standard library", wanted=False)
        return None

    def of_place(self, file: str) -> Verdict:
        """Judge a module, whose name didn't decide, by the file it comes from."""
        if _INSTALLED.intersection(file.split(os.sep)):
            return Verdict("is an installed package", wanted=False)
        if file.startswith(self._library):
            return Verdict("is of the standard library", wanted=False)
        return Verdict("is first-party code", wanted=True)

    def of_module(self, name: str, file: str) -> Verdict:
        """Judge a module by name and file together."""
        if name in MAIN:
            return self.of_script(file)
        verdict = self.of_name(name)
        return self.of_place(file) if verdict is None else verdict

    def of_script(self, file: str) -> Verdict:
        """Judge the script: it is `__main__`, and is also called what its file is called."""
        stem = os.path.splitext(os.path.basename(file))[0]
        excluded = _match("__main__", self._excluded) or _match(stem, self._excluded)
        if excluded is not None:
            return Verdict(f"is excluded by {excluded}", wanted=False)
        if self._wanted:
            wanted = _match("__main__", self._wanted) or _match(stem, self._wanted)
            if wanted is not None:
                return Verdict(f"is within {wanted}", wanted=True)
            return Verdict("falls outside the namespace", wanted=False)
        if os.path.dirname(file) == self._scripts:
            return Verdict("is an installed command", wanted=False)
        return self.of_place(file)


def _match(name: str, prefixes: tuple[str, ...]) -> str | None:
    """Find the prefix that a name lies within, on a dot boundary."""
    for prefix in prefixes:
        if prefix in ("*", name) or name.startswith(prefix + "."):
            return prefix
    return None
