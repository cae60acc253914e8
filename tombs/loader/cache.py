"""What was made of a module's code before: its image, and its rewritten code.

Theory of operation. A module's entry is found by a digest of the very bytes it was loaded from (the
payload of its .pyc), its name and its path; never by a time, since builds with fixed time stamps
would run the old release. All modules of one top-level package stand in one pack: one file to open
instead of hundreds.

A pack is written whole under another name and renamed, so it is never seen half done, and readers
keep the file that they have open. It is used only if it is this user's, closed to all others, and
of this very Python and Tombs; and an entry only if its hashes are right, so that a flipped bit is
never executed. They guard against accidents; against intent stand owner and mode, as for the .pyc
files, which whoever could write here could write as well.

Of a pack its table is read, and of the rest what is asked for, a module at a time: into memory that
is warm already. The descriptor stays open meanwhile. A program that closes all descriptors may get
its number for a file of its own; what is read from that has not the hashes that are in the table,
and where one reads says nothing to the file.

    pack     16s magic, u32 version, u32 Python's hexversion, u64 hash of Tombs' version,
             u32 how many entries, u32 crc32 of the table; the table; what it tells of
    table    of each entry u64 key, u64 where its image lies, u32 length of image, u32 length of
             code, 16s digest of the image, u64 hash of the code, u32 crc32 of the image, 4 zeros;
             its code lies behind its image
"""

from __future__ import annotations

import _struct as struct  # struct itself would be a module more
import os
import sys
from _imp import source_hash
from binascii import crc32

from tombs.block import Image
from tombs.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Protocol

    class Held(Protocol):
        """A descriptor that is closed only if it is still ours."""

        fd: int

        def close(self) -> None:
            """Close it."""

    Hold = Callable[[int], Held]

VERSION: Final = 3
HEAD: Final = struct.Struct("<16sIIQ")
TABLE: Final = struct.Struct("<II")
ENTRY: Final = struct.Struct("<QQII16sQI4x")
MAGIC: Final = b"tombs cache\r\n\x1a\0\0"
MOST: Final = 256 << 20  # bytes; a pack that is larger is started afresh
PYC_HEAD: Final = 16
_OPEN_MOST: Final = 8  # packs that are open at once
_TABLE_AT: Final = HEAD.size + TABLE.size
_DIGEST_AT: Final = 24  # in an entry of the table


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
        loaded: what that is a part of: before it there is room for the head of a .pyc.
    """

    __slots__ = ("code", "crc", "digest", "image", "key", "loaded")

    def __init__(
        self,
        key: int,
        image: bytes | memoryview,
        digest: bytes,
        crc: int,
        code: bytes | memoryview,
        loaded: bytearray | None = None,
    ) -> None:
        self.key = key
        self.image = image
        self.digest = digest
        self.crc = crc
        self.code = code
        self.loaded = loaded

    def pyc(self, head: bytes) -> bytes | bytearray:
        """Give its code as a .pyc with that head."""
        if self.loaded is None:
            return head + self.code
        self.loaded[:PYC_HEAD] = head
        return self.loaded


class Pack:
    """A pack that is open for reading.

    Args:
        held: its descriptor.
        table: its table, whose checksum is right.
    """

    __slots__ = ("_held", "_table", "keys")

    def __init__(self, held: Held, table: bytes) -> None:
        self._held = held
        self._table = table
        starts = range(0, len(table), ENTRY.size)
        self.keys = {row[0]: at for row, at in zip(ENTRY.iter_unpack(table), starts, strict=True)}

    @classmethod
    def open(cls, path: str, hold: Hold) -> Pack | None:
        """Open a pack; None where there is none that can be trusted."""
        try:
            held = hold(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except OSError:
            return None
        try:
            table = _table(held.fd)
            if table is not None:
                return cls(held, table)
        except OSError:
            pass
        held.close()
        return None

    def get(self, key: int, *, image: bool = True, code: bool = True) -> Entry | None:
        """Read an entry, or one half of it; None where there is none, or where its hash is wrong.

        What is only read is guarded against accidents, what is executed against more.
        """
        at = self.keys.get(key)
        if at is None:
            return None
        _, start, size, code_size, digest, code_hash, crc = ENTRY.unpack_from(self._table, at)
        entry = Entry(key, b"", digest, crc, b"")
        fd = self._held.fd
        try:
            if image:
                entry.image = os.pread(fd, size, start)
                if len(entry.image) != size or crc32(entry.image) != crc:
                    return None
            if code and code_size:
                entry.loaded = bytearray(PYC_HEAD + code_size)
                entry.code = memoryview(entry.loaded)[PYC_HEAD:]
                if _read(fd, start + size, entry.code) != code_size:
                    return None
                if _hash(entry.code) != code_hash:
                    return None
        except OSError:  # closed by the program, or something that has no places
            return None
        return entry

    def digest(self, key: int) -> bytes | None:
        """Give the digest of an entry's image, by what the table says; None where there is none."""
        at = self.keys.get(key)
        return None if at is None else self._table[at + _DIGEST_AT : at + _DIGEST_AT + 16]

    def close(self) -> None:
        """Give the descriptor back."""
        self._held.close()


def _read(fd: int, start: int, code: memoryview) -> int:
    """Read a file from a place on into memory which nothing is copied to again."""
    if hasattr(os, "preadv"):
        return os.preadv(fd, (code,), start)
    data = os.pread(fd, len(code), start)
    if len(data) == len(code):
        code[:] = data
    return len(data)


def _table(fd: int) -> bytes | None:
    """Read the table of a pack; None where the file isn't to be trusted."""
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        return None
    head = os.pread(fd, _TABLE_AT, 0)
    if len(head) != _TABLE_AT or head[: HEAD.size] != _head():
        return None
    count, crc = TABLE.unpack_from(head, HEAD.size)
    if _TABLE_AT + count * ENTRY.size > found.st_size:
        return None
    table = os.pread(fd, count * ENTRY.size, _TABLE_AT)
    return table if len(table) == count * ENTRY.size and crc32(table) == crc else None


class Cache:
    """The packs of one engine.

    Args:
        directory: where they live; made if it isn't there.
        engine: `rewrite` or `monitoring`.
        hold: keeps a descriptor out of the program's way.
    """

    def __init__(self, directory: str, engine: str, hold: Hold) -> None:
        self._directory = directory
        self._hold = hold
        self._suffix = f"-{sys.implementation.cache_tag}-{engine}.pack"
        self._packs: dict[str, Pack | None] = {}
        self._fresh: dict[str, list[Entry]] = {}

    @staticmethod
    def key_of(name: str, file: str, payload: bytes | memoryview) -> int:
        """Digest a module's marshalled code, name and path.

        64 bits of SipHash, by which Python itself tells whether a .pyc fits its source.
        """
        where = source_hash(VERSION, f"{name}\0{file}".encode("utf-8", "surrogatepass"))
        whole = source_hash(VERSION, payload)
        return int.from_bytes(whole, "little") ^ int.from_bytes(where, "little")

    def get(self, name: str, key: int, *, image: bool = True, code: bool = True) -> Entry | None:
        """Find a module's entry, or one half of it; None where none can be trusted."""
        pack = self._pack(name)
        return None if pack is None else pack.get(key, image=image, code=code)

    def knows(self, name: str, key: int) -> bool:
        """Tell whether a module has an entry, which is read by `get` and only then looked at."""
        pack = self._pack(name)
        return pack is not None and key in pack.keys

    def digest(self, name: str, key: int) -> bytes | None:
        """Give the digest of a module's image, which is not read; None where it has no entry."""
        pack = self._pack(name)
        return None if pack is None else pack.digest(key)

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
            kept = {entry.key: entry for entry in _entries(path, self._hold)}
            places = {_place(entry) for entry in fresh}
            entries = [entry for entry in kept.values() if _place(entry) not in places] + fresh
            if sum(len(entry.image) + len(entry.code) for entry in entries) > MOST:
                entries = fresh
            _write(path, entries)

    def rest(self) -> None:
        """Let go of what was read: programs import much at their start, and little later."""
        packs, self._packs = self._packs, {}
        for pack in tuple(packs.values()):
            if pack is not None:
                pack.close()

    def _pack(self, name: str) -> Pack | None:
        top = name.partition(".")[0]
        packs = self._packs
        try:
            return packs[top]
        except KeyError:
            pass
        while len(packs) >= _OPEN_MOST:
            oldest = packs.pop(next(iter(packs)), None)
            if oldest is not None:
                oldest.close()
        pack = packs[top] = Pack.open(self._path(top), self._hold)
        return pack

    def _path(self, top: str) -> str:
        return os.path.join(self._directory, top + self._suffix)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _place(entry: Entry) -> tuple[bytes, bytes]:
    image = Image(memoryview(entry.image))
    return bytes(image.module_bytes), bytes(image.file_bytes)


def _head() -> bytes:
    return HEAD.pack(MAGIC, VERSION, sys.hexversion, _hash(__version__.encode()))


def _entries(path: str, hold: Hold) -> list[Entry]:
    pack = Pack.open(path, hold)
    if pack is None:
        return []
    try:
        read = [pack.get(key) for key in pack.keys]
        return [entry for entry in read if entry is not None]
    finally:
        pack.close()


def _write(path: str, entries: list[Entry]) -> None:
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.makedirs(directory, 0o700, exist_ok=True)
        os.chmod(directory, 0o700)  # whatever the umask
    unready = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    fd = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # as above
        with open(fd, "wb") as file:
            table = _table_of(entries)
            file.write(_head())
            file.write(TABLE.pack(len(entries), crc32(table)))
            file.write(table)
            for entry in entries:
                file.write(entry.image)
                file.write(entry.code)
        os.rename(unready, path)
    except BaseException:
        os.unlink(unready)
        raise


def _table_of(entries: list[Entry]) -> bytes:
    at = _TABLE_AT + len(entries) * ENTRY.size
    rows = []
    for entry in entries:
        size, code_size = len(entry.image), len(entry.code)
        code = _hash(entry.code)
        rows.append(ENTRY.pack(entry.key, at, size, code_size, entry.digest, code, entry.crc))
        at += size + code_size
    return b"".join(rows)
