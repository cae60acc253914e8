"""Files that are compressed: written by the ending of their name, read by their first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, cast

from tombs.errors import GraveyardError

if TYPE_CHECKING:
    from types import ModuleType
    from typing import BinaryIO, Final

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
# The standard library's (3.14+), and the same for earlier Pythons.
_ZSTD_MODULES: Final = ("compression.zstd", "backports.zstd")
_LEVEL: Final = 6


def reader(stream: io.BufferedReader, source: str) -> io.BufferedReader:
    """Give what a file holds, unpacked if its first bytes say that it is compressed.

    Raises:
        GraveyardError: it is compressed by zstd, and nothing here can unpack that.
    """
    first = stream.peek(4)[:4]
    if first[:2] == _GZIP:
        # A buffer over any raw stream; mypy wants to know the kind of the inner one.
        return cast("io.BufferedReader", io.BufferedReader(gzip.GzipFile(fileobj=stream)))
    if first == _ZSTD:
        return io.BufferedReader(_zstd(source).ZstdFile(stream, "rb"))
    return stream


def writer(stream: BinaryIO, name: str) -> BinaryIO:
    """Give a stream that compresses into another, as the ending of the name asks for.

    Closing it finishes what it writes and leaves the other open; where nothing is asked for it is
    the other.
    """
    if name.endswith(".gz"):
        # No name and no time in it: equal evidence gives equal bytes.
        return gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0)  # type: ignore[return-value]
    if name.endswith(".zst"):
        file: BinaryIO = _zstd(name).ZstdFile(stream, "wb")
        return file
    return stream


def faults() -> tuple[type[BaseException], ...]:
    """Name what reading can raise, spoiled compressed data included."""
    found: list[type[BaseException]] = [OSError, EOFError, zlib.error]
    for name in _ZSTD_MODULES:
        try:
            found.append(import_module(name).ZstdError)
        except ImportError:
            continue
    return tuple(found)


def _zstd(source: str) -> ModuleType:
    for name in _ZSTD_MODULES:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise GraveyardError(
        f"{source}: this Python can't read or write zstd",
        "Install tombs[zstd], use Python 3.14 or later, or a name that ends in .gz.",
    )
