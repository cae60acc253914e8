"""Graveyards for tests: made in a temporary directory, with modules compiled on the spot."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tombs.block import digest
from tombs.loader.describe import image
from tombs.loader.functions import walk
from tombs.runtime.opening import encode, open_graveyard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import CodeType

    from tombs.runtime.graveyard import Graveyard, Record

SOURCE = """\
def first():
    pass

class Second:
    def method(self):
        return lambda: 3
"""
NAMES = ["m.first", "m.Second::method", "m.Second.method.<locals>.<lambda>"]
_opened: list[Graveyard] = []
WHO: dict[str, object] = {"run": "app-00000000", "pid": 1, "application": "app"}


def compiled(source: str, file: str = "/srv/m.py") -> CodeType:
    """Compile a module."""
    return compile(source, file, "exec", dont_inherit=True)


def module_image(source: str = SOURCE, name: str = "m", file: str = "/srv/m.py") -> bytes:
    """Make a module's image."""
    return image(name, file, walk(compiled(source, file)))


def opened(directory: Path, *, slots: int = 100, strings: int = 64 << 10) -> Graveyard:
    """Open the graveyard of a directory, which the first call makes."""
    made = open_graveyard(str(directory / "app-00000000-x"), slots, strings, WHO)[0]
    _opened.append(made)
    return made


def close_opened() -> None:
    """Give back the descriptors of all that were opened."""
    while _opened:
        _opened.pop().close()


def register(
    graveyard: Graveyard, source: str = SOURCE, name: str = "m", *, late: bool = False
) -> Record:
    """Register a module."""
    data = module_image(source, name)
    return graveyard.register(data, digest(data), late=late)


def told(graveyard: Graveyard, form: str = "function") -> list[str]:
    """Give the lines of its tombs."""
    return b"".join(graveyard.lines(form)).decode().splitlines()


def identity_of(**values: object) -> bytes:
    """Write an identity as a graveyard holds it."""
    return encode(values)


def forked(action: Callable[[], int | bool | None]) -> int:
    """Run something in a forked child; gives the child's process id.

    The child's exit code is what it gives, 77 for an exception, and it has 20 seconds.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 77
    try:
        signal.alarm(20)
        code = int(action() or 0)
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a child and give its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
