"""What was made of a module's code before: its image, and its rewritten code.

Theory of operation. A module's entry is found by a digest of the very bytes it was loaded from (the
payload of its .pyc), its name and its path; never by a time, since builds with fixed time stamps
would run the old release. All modules of one top-level package stand in one pack: one file to open
instead of hundreds.

A pack is written whole under another name and renamed, so it is never seen half done, and readers
keep what they have mapped. It is used only if it is this user's, closed to all others, and of this
very Python and Tombs; and an entry only if its hashes are right, so that a flipped bit is never
executed. They guard against accidents; against intent stand owner and mode, as for the .pyc files,
which whoever could write here could write as well.

    pack     16s magic, u32 version, u32 Python's hexversion, u64 hash of Tombs' version;
             then entries, each at a multiple of 8
    entry    u64 key, u32 length of image, u32 length of code, 16s digest of the image,
             u64 hash of the code, u32 crc32 of the image, 4 zeros; image, code
"""

from __future__ import annotations

import os
import struct
import sys
from _imp import source_hash
from binascii import crc32
from mmap import ACCESS_READ, mmap

from tombs.block import Image
from tombs.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

VERSION: Final = 1
HEAD: Final = struct.Struct("<16sIIQ")
ENTRY: Final = struct.Struct("<QII16sQI4x")
MAGIC: Final = b"tombs cache\r\n\x1a\0\0"
MOST: Final = 256 << 20  # bytes; a pack that is larger is started afresh


def _hash(data: bytes | memoryview) -> int:
    return int.from_bytes(source_hash(VERSION, data), "little")


class Entry:
    """One module's entry.

    Args:
        key: digest of what it was made from, and of the module's name and path.
        image: the module's image.
        digest: the image's digest (tombs.block).
        crc: the image's crc32.
        code: its rewritten code, marshalled; empty where the engine needs none.
    """

    __slots__ = ("code", "crc", "digest", "image", "key")

    def __init__(
        self,
        key: int,
        image: bytes | memoryview,
        digest: bytes,
        crc: int,
        code: bytes | memoryview,
    ) -> None:
        self.key = key
        self.image = image
        self.digest = digest
        self.crc = crc
        self.code = code


class Cache:
    """The packs of one engine.

    Args:
        directory: where they live; made if it isn't there.
        engine: `rewrite` or `monitoring`.
    """

    def __init__(self, directory: str, engine: str) -> None:
        self._directory = directory
        self._suffix = f"-{sys.implementation.cache_tag}-{engine}.pack"
        self._packs: dict[str, dict[int, tuple[memoryview, int]]] = {}
        self._fresh: dict[str, list[Entry]] = {}

    @staticmethod
    def key_of(name: str, file: str, payload: bytes | memoryview) -> int:
        """Digest a module's marshalled code, name and path.

        64 bits of SipHash, by which Python itself tells whether a .pyc fits its source.
        """
        return _hash(payload) ^ _hash(f"{name}\0{file}".encode("utf-8", "surrogatepass"))

    def get(self, name: str, key: int) -> Entry | None:
        """Find a module's entry; None where there is none that can be trusted."""
        pack = self._pack(name)
        found = pack.get(key)
        if found is None:
            return None
        entry = _trusted(*found)
        if entry is None:
            del pack[key]
        return entry

    def put(self, name: str, entry: Entry) -> None:
        """Keep a module's entry; it is written with the next `flush`."""
        self._fresh.setdefault(_top(name), []).append(entry)

    def flush(self) -> None:
        """Write what was put, together with what is there, but for what it replaces.

        Raises:
            OSError: it can't be written; nothing is lost but time.
        """
        while self._fresh:
            top, fresh = self._fresh.popitem()
            path = self._path(top)
            kept = {entry.key: entry for entry in _entries(_open(path))}
            places = {_place(entry) for entry in fresh}
            entries = [entry for entry in kept.values() if _place(entry) not in places] + fresh
            if sum(len(entry.image) + len(entry.code) for entry in entries) > MOST:
                entries = fresh
            _write(path, entries)

    def rest(self) -> None:
        """Let go of what was read: programs import much at their start, and little later."""
        self._packs = {}

    def _pack(self, name: str) -> dict[int, tuple[memoryview, int]]:
        top = _top(name)
        pack = self._packs.get(top)
        if pack is None:
            pack = {}
            data = _open(self._path(top))
            if data is not None:
                view = memoryview(data)
                pack = {key: (view, at) for key, at in _index(view)}
            self._packs[top] = pack
        return pack

    def _path(self, top: str) -> str:
        return os.path.join(self._directory, top + self._suffix)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _place(entry: Entry) -> tuple[bytes, bytes]:
    image = Image(memoryview(entry.image))
    return bytes(image.module_bytes), bytes(image.file_bytes)


def _open(path: str) -> mmap | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077 or found.st_size < HEAD.size:
            return None
        data = _mapped(fd, found.st_size)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)
    if data[: HEAD.size] != _head():
        return None
    return data


def _mapped(fd: int, size: int) -> mmap:
    if sys.version_info >= (3, 13):
        return mmap(fd, size, access=ACCESS_READ, trackfd=False)
    # Mapped, it would keep a duplicate of the descriptor; a program that closes all descriptors has
    # that number for a file of its own by the time that the mapping lets go of it.
    data = mmap(-1, size)
    with memoryview(data) as view:
        at = 0
        while at < size:
            read = os.readv(fd, [view[at:]])
            if not read:
                raise OSError("it is shorter than it was")
            at += read
    return data


def _head() -> bytes:
    return HEAD.pack(MAGIC, VERSION, sys.hexversion, _hash(__version__.encode()))


def _index(view: memoryview) -> list[tuple[int, int]]:
    found = []
    at = HEAD.size
    while at + ENTRY.size <= len(view):
        key, image, code, *_ = ENTRY.unpack_from(view, at)
        end = at + ENTRY.size + image + code
        if end > len(view):
            break
        found.append((key, at))
        at = end + -end % 8
    return found


def _trusted(view: memoryview, at: int) -> Entry | None:
    """Read an entry; None where its digests are wrong."""
    key, image_size, code_size, image_digest, code_hash, crc = ENTRY.unpack_from(view, at)
    start = at + ENTRY.size
    middle = start + image_size
    image, code = view[start:middle], view[middle : middle + code_size]
    # What is only read is guarded against accidents, what is executed against more.
    if crc32(image) != crc or (code_size and _hash(code) != code_hash):
        return None
    return Entry(key, image, image_digest, crc, code)


def _entries(data: mmap | None) -> list[Entry]:
    if data is None:
        return []
    view = memoryview(data)
    read = [_trusted(view, at) for _, at in _index(view)]
    return [entry for entry in read if entry is not None]


def _write(path: str, entries: list[Entry]) -> None:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    unready = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    fd = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(_head())
            for entry in entries:
                code = _hash(entry.code)
                sizes = len(entry.image), len(entry.code)
                file.write(ENTRY.pack(entry.key, *sizes, entry.digest, code, entry.crc))
                file.write(entry.image)
                file.write(entry.code)
                file.write(bytes(-(ENTRY.size + len(entry.image) + len(entry.code)) % 8))
        os.rename(unready, path)
    except BaseException:
        os.unlink(unready)
        raise
