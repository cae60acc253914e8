"""Takes an order back that a process has not obeyed yet: out of its memory, where it lies.

`sys.remote_exec` writes a script's path into the process, and a number beside it that says whether
the script is still to be run. Nothing of Python's can undo that, and it must be undone: until the
process runs Python the next time, whatever ends its wait would run the script first, and if that is
a signal, what its handler raises (KeyboardInterrupt, SystemExit) would be taken for an error of the
script's, printed, and lost. Tried on 3.14 and 3.15, with an empty script, too.

The path is of a directory with a random name, so that where it stands behind that number there is
no doubt what it is; and the number is all that is written.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.cli.target import Target

_WANTED: Final = struct.Struct("=i")  # 1: the script is to be run
_PIECE: Final = 1 << 20
_HEAP: Final = "[heap]"  # of a thread that isn't the first; where it has grown large it isn't read
_HEAP_MOST: Final = 64 << 20


def take_back(target: Target, path: str) -> bool | None:
    """Have a process not run a script that it was told to run.

    Args:
        target: the process.
        path: of the script.

    Returns:
        True where it was still to be run, and isn't now; False where it has been run; None where
        that can't be known, and nothing was done.
    """
    with suppress(OSError):
        fd = os.open(f"/proc/{target.pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        try:
            for start, end in _data(target):
                at = _find(fd, start, end, os.fsencode(path) + b"\0")
                if at is None:
                    continue
                (wanted,) = _WANTED.unpack(os.pread(fd, _WANTED.size, at - _WANTED.size))
                if wanted == 1:
                    os.pwrite(fd, _WANTED.pack(0), at - _WANTED.size)
                return wanted == 1 if wanted in {0, 1} else None
        finally:
            os.close(fd)
    return None


def _data(target: Target) -> Iterator[tuple[int, int]]:
    """Give where Python's own data lies, in which the first thread's state is, and the heap."""
    images = target.images()
    with open(f"/proc/{target.pid}/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            place, rights, _, _, _, *name = line.rstrip("\n").split(maxsplit=5)
            start, end = (int(one, 16) for one in place.split("-"))
            small = name == [_HEAP] and end - start <= _HEAP_MOST
            if rights.startswith("rw") and (small or (name[:1] and name[0] in images)):
                yield start, end


def _find(fd: int, start: int, end: int, text: bytes) -> int | None:
    rest = b""
    while start < end:
        piece = os.pread(fd, min(_PIECE, end - start), start)
        if not piece:
            break
        found = (rest + piece).find(text)
        if found >= 0:
            return start - len(rest) + found
        start += len(piece)
        rest = (rest + piece)[1 - len(text) :]
    return None
