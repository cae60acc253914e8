"""What source files were found to have, kept from one reading of a tree to the next.

Theory of operation. An inventory's time goes into parsing, and most files of a tree are those of
the time before. What a file has is found again by a digest of its very bytes, never by its path or
a time: so another checkout of the same code, and a machine that keeps only the cache, find it too.

All listings stand in one file of the cache directory, written whole under another name and renamed.
It is used only if it is a regular file of this user's, closed to all others, of this very Python
and Tombs (what can be parsed, and what a stub is, is theirs to say), and if the checksum of its
table is right; and a listing only if its own is. What can't be used is as if it weren't there: the
source is read. Nothing of it is ever executed.

    file     16s magic, u32 version, u32 Python's hexversion, u32 how many listings, u32 crc32 of
             Tombs' version and the table; the table; what it tells of
    table    of each listing 16s digest of the source, u64 where it lies, u32 its length, u32 crc32
    listing  JSON: [[qualified name, first line, last line, stub], ...]

Those that were asked for last stand first; where there is no more room, the others go.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import sys
from binascii import crc32
from contextlib import suppress
from typing import TYPE_CHECKING

from tombs.evidence.model import Source
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

VERSION: Final = 1  # raise it whenever another listing would be made of the same source
MOST: Final = 32 << 20  # bytes of all listings together: 400,000 functions and more
MAGIC: Final = b"tombs listings\r\n"
_NAME: Final = "listings"
_HEAD: Final = struct.Struct("<16sIIII")
_ROW: Final = struct.Struct("<16sQII")


def written(functions: Iterable[Source]) -> bytes:
    """Write a listing down."""
    return json.dumps([*functions], separators=(",", ":")).encode()


def rows(listing: bytes | memoryview) -> tuple[Source, ...]:
    """Read a listing.

    Raises:
        ValueError: it is none.
    """
    try:
        return tuple([Source(*row) for row in json.loads(bytes(listing))])
    except (TypeError, RecursionError) as fault:
        message = f"this is no listing: {fault}"
        raise ValueError(message) from None


class Listings:
    """The listings of one cache directory.

    Args:
        directory: where they are kept, made if it isn't there; None keeps nothing.
    """

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._used: dict[bytes, bytes | memoryview] = {}
        self._fresh = False
        self._data: dict[bytes, tuple[memoryview, int]] = {}
        if directory is not None:
            with suppress(OSError):
                self._data = {digest: (data, crc) for digest, data, crc in _read(self._path)}

    @property
    def _path(self) -> str:
        return os.path.join(self._directory or "", f"{_NAME}-{sys.implementation.cache_tag}.cache")

    def __len__(self) -> int:
        return len(self._data)

    def get(self, digest: bytes) -> tuple[Source, ...] | None:
        """Find what a source has, by the digest of its bytes; None where nothing can be trusted."""
        data, crc = self._data.get(digest, (b"", -1))
        if crc32(data) != crc:
            return None
        try:
            found = rows(data)
        except ValueError:
            return None
        self._used[digest] = data
        return found

    def put(self, digest: bytes, listing: bytes) -> None:
        """Keep a listing; it is written with the next `save`."""
        self._used[digest] = listing
        self._fresh = True

    def save(self) -> None:
        """Write what is new, together with what is there.

        Raises:
            OSError: it can't be written; nothing is lost but time.
        """
        if self._directory is None or not self._fresh:
            return
        kept: dict[bytes, tuple[bytes | memoryview, int]] = {}
        left = MOST
        others = {digest: one for digest, one in self._data.items() if digest not in self._used}
        used = {digest: (data, crc32(data)) for digest, data in self._used.items()}
        for digest, (data, crc) in (used | others).items():
            left -= len(data) + _ROW.size
            if left < 0:
                break
            kept[digest] = data, crc
        _write(self._path, kept)
        self._fresh = False


def _read(path: str) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield digest, listing and checksum of each listing of a file that can be trusted."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb", buffering=0) as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return
        data = memoryview(file.read(_HEAD.size + MOST))
    if len(data) < _HEAD.size:
        return
    magic, version, python, count, crc = _HEAD.unpack_from(data)
    if (magic, version, python) != (MAGIC, VERSION, sys.hexversion):
        return
    table = data[_HEAD.size : _HEAD.size + count * _ROW.size]
    if len(table) != count * _ROW.size or _checksum(table) != crc:
        return
    for digest, at, length, own in _ROW.iter_unpack(table):
        yield digest, data[at : at + length], own


def _write(path: str, listings: dict[bytes, tuple[bytes | memoryview, int]]) -> None:
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.makedirs(directory, 0o700, exist_ok=True)
        os.chmod(directory, 0o700)  # whatever the umask
    at = _HEAD.size + len(listings) * _ROW.size
    table = bytearray()
    for digest, (data, crc) in listings.items():
        table += _ROW.pack(digest, at, len(data), crc)
        at += len(data)
    unready = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    fd = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # as above
        with open(fd, "wb") as file:
            head = (MAGIC, VERSION, sys.hexversion, len(listings), _checksum(table))
            file.write(_HEAD.pack(*head) + table)
            for data, _ in listings.values():
                file.write(data)
        os.rename(unready, path)
    except BaseException:
        os.unlink(unready)
        raise


def _checksum(table: memoryview | bytearray) -> int:
    return crc32(table, crc32(__version__.encode()))
