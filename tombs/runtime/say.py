"""What Tombs tells people from within their program: lines on stderr, `tombs: ...`, each once."""

from __future__ import annotations

import os

_said: set[str] = set()
_stderr_was_open = True
_diverted: list[list[str]] = []


def look() -> None:
    """See whether the program has a stderr.

    Where it was closed at the start, descriptor 2 may be the program's data file later.
    """
    global _stderr_was_open  # noqa: PLW0603 - one process, one stderr
    try:
        os.fstat(2)
    except OSError:
        _stderr_was_open = False


def divert(told: list[str]) -> None:
    """Have what is told put into a list from now on: this process is not to print anything."""
    _diverted[:] = [told]


def say(message: str) -> None:
    """Tell something, if it wasn't told before; what can't be written is let go."""
    if _diverted:
        _diverted[0].append(message)
        return
    if message in _said or not _stderr_was_open:
        return
    _said.add(message)
    try:  # noqa: SIM105 - contextlib is an import that costs the program
        os.write(2, f"tombs: {message}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
