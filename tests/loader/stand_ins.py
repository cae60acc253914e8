"""Stand-ins for the engine, and modules on disk for the finder to find."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tombs.loader.finder import Finder
from tombs.loader.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType


class Engine:
    """Arms nothing, and remembers what it was asked to arm."""

    def __init__(self) -> None:
        self.armed: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    def recall(self, name: str, file: str, payload: memoryview) -> tuple[int, None]:
        """Find nothing in the cache."""
        assert name
        assert file
        assert payload
        return 1, None

    def arm(
        self, name: str, code: CodeType, key: int | None = None, entry: object = None
    ) -> CodeType:
        """Remember a module."""
        del key, entry
        self.armed.append(name)
        if self.fault is not None:
            raise self.fault
        return code

    def failed(self, name: str, fault: Exception) -> None:
        """Remember a failure."""
        self.failures.append((name, str(fault)))

    def inlined(self) -> None:
        """Remember nothing: nobody compiles here."""

    def elsewhere(self) -> None:
        """Remember nothing: there is one interpreter here."""


@contextmanager
def finding(*wanted: str, exclude: tuple[str, ...] = ()) -> Iterator[tuple[Finder, Engine]]:
    """Install a finder for a while, with an engine that only remembers."""
    engine = Engine()
    finder = Finder(Namespace(wanted, exclude), engine)
    finder.install()
    try:
        yield finder, engine
    finally:
        finder.remove()


def on_path(directory: Path, files: dict[str, str]) -> Path:
    """Write modules into a directory, and put that on the path."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    sys.path.insert(0, str(directory))
    return directory
