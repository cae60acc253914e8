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
_MOST: Final = 1000  # names may be made up without an end
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


_START: Final = Verdict("is part of Tombs, or of Python's start", wanted=False)
_OUTSIDE: Final = Verdict("falls outside the namespace", wanted=False)
_STANDARD: Final = Verdict("is of the standard library", wanted=False)
_PACKAGE: Final = Verdict("is an installed package", wanted=False)
_COMMAND: Final = Verdict("is an installed command", wanted=False)
_FIRST_PARTY: Final = Verdict("is first-party code", wanted=True)


class Namespace:
    """The dotted prefixes the user chose; without any, all first-party code.

    Args:
        wanted: prefixes, `*` for everything, or none.
        excluded: prefixes left out.
    """

    __slots__ = ("_dotted", "_excluded", "_library", "_scripts", "_tops", "_wanted")

    def __init__(self, wanted: tuple[str, ...], excluded: tuple[str, ...]) -> None:
        # Made once: the finder asks for each module that a program imports, ours or not.
        self._wanted = {one: Verdict(f"is within {one}", wanted=True) for one in wanted}
        self._excluded = {one: Verdict(f"is excluded by {one}", wanted=False) for one in excluded}
        # What the first part of a name alone decides, by that part.
        self._tops: dict[str, Verdict] = {}
        self._dotted = {one.partition(".")[0] for one in (*wanted, *excluded) if "." in one}
        self._library = os.path.dirname(os.__file__) + os.sep
        self._scripts = os.path.dirname(sys.executable) if sys.executable else ""

    def of_name(self, name: str) -> Verdict | None:
        """Judge a module by its name; None where only its place can tell."""
        top = name.partition(".")[0]
        known = self._tops.get(top)
        if known is not None:
            return known
        verdict = self._judge(name, top)
        if verdict is not None and top not in self._dotted and len(self._tops) < _MOST:
            self._tops[top] = verdict
        return verdict

    def _judge(self, name: str, top: str) -> Verdict | None:
        if top in _OWN:
            return _START
        if self._excluded:
            verdict = _match(name, self._excluded)
            if verdict is not None:
                return verdict
        if self._wanted:
            return _match(name, self._wanted) or _OUTSIDE
        return _STANDARD if top in sys.stdlib_module_names else None

    def of_place(self, file: str) -> Verdict:
        """Judge a module, whose name didn't decide, by the file it comes from."""
        if _INSTALLED.intersection(file.split(os.sep)):
            return _PACKAGE
        return _STANDARD if file.startswith(self._library) else _FIRST_PARTY

    def of_module(self, name: str, file: str) -> Verdict:
        """Judge a module by name and file together."""
        if name in MAIN:
            return self.of_script(file)
        verdict = self.of_name(name)
        return self.of_place(file) if verdict is None else verdict

    def of_script(self, file: str) -> Verdict:
        """Judge the script: it is `__main__`, and is also called what its file is called."""
        stem = os.path.splitext(os.path.basename(file))[0]
        for name in ("__main__", stem):
            excluded = _match(name, self._excluded)
            if excluded is not None:  # a verdict that isn't wanted is false
                return excluded
        if self._wanted:
            return _match("__main__", self._wanted) or _match(stem, self._wanted) or _OUTSIDE
        return _COMMAND if os.path.dirname(file) == self._scripts else self.of_place(file)


def _match(name: str, prefixes: dict[str, Verdict]) -> Verdict | None:
    """Find the prefix that a name lies within, on a dot boundary, and give its verdict."""
    for prefix, verdict in prefixes.items():
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] in {"", "."}:
            return verdict
        if prefix == "*":
            return verdict
    return None
