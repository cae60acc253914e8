"""The code that a module was loaded from, read once more from its .pyc."""

from __future__ import annotations

import os
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Final

_HEAD: Final = 16
_CODE = type((lambda: None).__code__)


def payload(path: str, largest: int) -> memoryview | None:
    """Read the marshalled code of a .pyc.

    Args:
        path: its path.
        largest: how long it may be, in bytes.

    Returns:
        What is behind its head; None where it can't be read, or isn't this Python's.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, TypeError):
        return None
    try:
        size = os.fstat(fd).st_size
        data = os.read(fd, size) if _HEAD < size <= largest else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    if data[:4] != MAGIC_NUMBER or len(data) != size:
        return None
    return memoryview(data)[_HEAD:]


def code_of(marshalled: memoryview) -> CodeType | None:
    """Give the code that was marshalled; None where it is something else."""
    try:
        code = loads(marshalled)  # noqa: S302 - it is what was imported
    except (EOFError, ValueError, TypeError):
        return None
    return code if type(code) is _CODE else None
