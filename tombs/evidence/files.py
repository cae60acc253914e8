"""Files written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from tombs.blocks import joined
from tombs.errors import TombsError
from tombs.evidence.compression import writer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

_PIECE: Final = 64 << 10  # bytes


def write(path: str, lines: Iterable[bytes]) -> None:
    """Write a file, compressed as its name asks for; the old one goes only when all is written.

    Args:
        path: the file; `-` is standard output. What is no regular file (a pipe, a device) is
            written to as it is.
        lines: its content, unpacked.

    Raises:
        TombsError: it can't be written.
    """
    if path == "-":
        for piece in joined(lines, _PIECE):
            left = memoryview(piece)
            # Where PYTHONUNBUFFERED is set nothing is between this and the descriptor: each write
            # is a call of the system, and may take less than it is given.
            while left:
                taken = sys.stdout.buffer.write(left)
                if not taken:
                    raise TombsError("standard output takes no more for now: it must wait")
                left = left[taken:]
        sys.stdout.buffer.flush()
        return
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "wb") as file:
                _write(file.fileno(), path, lines)
            return
        _replace(os.path.realpath(path), lines)
    except OSError as fault:
        if isinstance(fault, BrokenPipeError):
            raise
        raise TombsError(f"{path} can't be written: {fault.strerror or fault}") from None


def _replace(path: str, lines: Iterable[bytes]) -> None:
    folder, name = os.path.split(path)
    # The end of the name is kept: it says how to compress.
    new = os.path.join(folder, f".{os.urandom(4).hex()}.{name}"[-255:])
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            with suppress(FileNotFoundError):
                os.fchmod(fd, stat.S_IMODE(os.stat(path).st_mode))
            _write(fd, path, lines)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def _write(fd: int, name: str, lines: Iterable[bytes]) -> None:
    with open(fd, "wb", closefd=False) as plain:
        packed = writer(plain, name)
        try:
            for piece in joined(lines, _PIECE):
                packed.write(piece)
        finally:
            if packed is not plain:
                packed.close()
