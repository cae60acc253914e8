"""A tomb: a function that the program has loaded and never entered."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Tomb:
    """One function's place and name, as the wire tells it.

    Args:
        file: path of the source file.
        start: first line of the code, decorators included.
        end: last line that has code.
        scope: dotted name of the class, for a method; else None.
        function: the method's name, or the plain function's full dotted name.
    """

    __slots__: Final = ("end", "file", "function", "scope", "start")

    def __init__(self, file: str, start: int, end: int, scope: str | None, function: str) -> None:
        self.file = file
        self.start = start
        self.end = end
        self.scope = scope
        self.function = function

    @property
    def name(self) -> str:
        """The `function` format's name: `scope::function`, or the function alone."""
        return self.function if self.scope is None else f"{self.scope}::{self.function}"

    def _values(self) -> tuple[str, int, int, str | None, str]:
        return (self.file, self.start, self.end, self.scope, self.function)

    def __eq__(self, other: object) -> bool:
        """Tombs are equal when all five values are."""
        return isinstance(other, Tomb) and self._values() == other._values()

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._values())

    def __repr__(self) -> str:
        """Show all five values."""
        return "Tomb({!r}, {!r}, {!r}, {!r}, {!r})".format(*self._values())
