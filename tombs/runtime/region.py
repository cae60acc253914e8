"""One graveyard file: made, opened, mapped, and given room.

The file is made under another name, whole and with its header written, and only then gets its own:
whoever finds it finds all of it. It has its full size from the start but is sparse; room is
allocated chunk by chunk before it is used, so that a full disk refuses a registration and never
kills a program with SIGBUS. What is written has its room: the header isn't allocated before. On a
disk it needs none, then, where the file is removed before it is written back.
"""

from __future__ import annotations

import _struct as struct  # struct itself would be a module more
import errno
import fcntl
import os
import sys
from mmap import MADV_RANDOM, MAP_SHARED, PROT_READ, PROT_WRITE, mmap

from tombs import layout
from tombs.errors import GraveyardError
from tombs.runtime.descriptors import Held, high

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CHUNK: Final = 64 * 1024
_ROWS: Final = 16 * 1024  # bytes of history at a time: of a thousand functions
_SAME: Final = _ROWS // layout.ROW.size  # so many slots share them, and a page of markers
_OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_NO_ALLOCATION: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def make(path: str, slots: int, strings: int, identity: bytes, now: int) -> None:
    """Make a graveyard file, all of it or nothing.

    Args:
        path: where; replaced if it is there, so hold the registration lock.
        slots: how many markers.
        strings: bytes of the strings region.
        identity: what identifies the run, JSON of at most `layout.IDENTITY_MOST` bytes.
        now: nanoseconds since the epoch.

    Raises:
        OSError: no room, no right, no such directory.
    """
    markers_at, strings_at, size = layout.regions(slots, strings)
    header = bytearray(layout.HEADER_SIZE)
    layout.HEADER.pack_into(
        header, 0, layout.MAGIC, layout.VERSION, layout.PROBE, slots, markers_at, strings_at,
        layout.history_at(slots, strings) - strings_at, now, len(identity),
        0, 0, 0, 0, 0, now, 0, 0,
    )  # fmt: skip
    header[layout.IDENTITY_AT : layout.IDENTITY_AT + len(identity)] = identity
    unready = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    fd = os.open(unready, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(fd, 0o600)  # whatever the umask
        os.ftruncate(fd, size)
        _write(fd, header)
        os.rename(unready, path)
    except BaseException:
        os.unlink(unready)
        raise
    finally:
        os.close(fd)


def _write(fd: int, header: bytearray) -> None:
    if os.pwrite(fd, header, 0) < len(header):  # a full disk may have some of its small blocks left
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def allocate(fd: int, at: int, size: int) -> None:
    """Take disk space for a range of a file.

    Raises:
        OSError: ENOSPC or EDQUOT where there is none.
    """
    if sys.platform == "darwin":
        # fstore_t: flags ALLOCATEALL, mode PEOFPOSMODE, offset, length, allocated
        fcntl.fcntl(fd, 42, struct.pack("<IiQQQ", 4, 3, 0, at + size, 0))
        return
    try:
        os.posix_fallocate(fd, at, size)
    except OSError as fault:
        if fault.errno not in _NO_ALLOCATION:
            raise
        # A file system without allocation: zeros written by hand take the space as well. Nothing of
        # the range is in use yet, or (a page of markers that was partly used) it was allocated
        # before and is left alone.
        os.pwrite(fd, bytes(size), at)


class Region:
    """A graveyard file, mapped shared for reading and writing.

    Args:
        path: the file.

    Raises:
        OSError: it can't be opened or mapped.
        GraveyardError: it is no graveyard of this version, or not ours.
    """

    __slots__: Final = (
        "_held",
        "history_at",
        "map",
        "markers_at",
        "path",
        "slots",
        "strings",
        "strings_at",
        "view",
        "words",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self._held = Held(high(os.open(path, _OPEN)))
        try:
            self._check(self._held.fd)
            _, _, size = layout.regions(self.slots, self.strings)
            self.map = _mapped(self._held.fd, size)
            _read_no_more(self.map)
        except BaseException:
            self._held.close()
            raise
        self.words = memoryview(self.map)[: layout.IDENTITY_AT].cast("Q")
        self.view = memoryview(self.map).toreadonly()  # all slices of it share one buffer object

    def _check(self, fd: int) -> None:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise _refusal(self.path, "it isn't this user's alone")
        header = os.pread(fd, layout.HEADER.size, 0)
        if len(header) < layout.HEADER.size or header[:8] != layout.MAGIC:
            raise _refusal(self.path, "it is no graveyard")
        _, version, probe, slots, markers_at, strings_at, strings = layout.HEADER.unpack(header)[:7]
        if version != layout.VERSION:
            raise _refusal(self.path, f"its format is {version}, not {layout.VERSION}")
        if probe != layout.PROBE:
            raise _refusal(self.path, "it comes from a machine with another byte order")
        expected = layout.regions(slots, strings)
        if (markers_at, strings_at) != expected[:2] or found.st_size < expected[2]:
            raise _refusal(self.path, "its size doesn't fit its header")
        self.slots, self.strings = slots, strings
        self.markers_at, self.strings_at = markers_at, strings_at
        self.history_at = layout.history_at(slots, strings)

    def fd(self) -> int:
        """Give the file's descriptor; a new one where the program closed the one there was.

        Raises:
            OSError: another file stands in its place, or the right to open it was given up.
        """
        if not self._held.ok():
            anew = Held(high(os.open(self.path, _OPEN)))
            if not anew.same(self._held):
                anew.close()
                raise FileNotFoundError(errno.ENOENT, "the graveyard was removed", self.path)
            self._held = anew
        return self._held.fd

    def there(self) -> bool:
        """Tell whether others who open the path find the same file."""
        return self._held.at(self.path)

    def _allocate(self, at: int, size: int) -> None:
        try:
            allocate(self.fd(), at, size)
        except OSError as fault:
            if fault.errno != errno.EBADF:
                raise
            allocate(self.fd(), at, size)  # the program closed it a moment after it was looked at

    def room(self, used: int, size: int) -> None:
        """Allocate the strings region up to a place, in whole chunks. Hold the registration lock.

        Raises:
            OSError: the disk is full.
        """
        allocated = self.words[layout.ALLOCATED]
        if used + size > allocated:
            wanted = min(layout.round_up(used + size, CHUNK), self.strings)
            self._allocate(self.strings_at + allocated, wanted - allocated)
            self.words[layout.ALLOCATED] = wanted

    def slot_room(self, first: int, count: int) -> None:
        """Allocate the markers and the history of some slots, what no earlier slot needed.

        Raises:
            OSError: the disk is full.
        """
        if first and (first - 1) // _SAME == (first + count - 1) // _SAME:
            return  # the slot before them needed as much
        for at, size, step, end in (
            (self.markers_at, 1, layout.PAGE, self.strings_at),
            (self.history_at, layout.ROW.size, _ROWS, len(self.map)),
        ):
            had = layout.round_up(first * size, step)
            wanted = min(layout.round_up((first + count) * size, step), end - at)
            if wanted > had:
                self._allocate(at + had, wanted - had)

    def doubt(self) -> None:
        """Mark every function as unknown that wasn't seen called."""
        at, populated = self.markers_at, bytes((layout.POPULATED,))
        beyond = at + self.words[layout.SLOTS_USED]
        while (at := self.map.find(populated, at, beyond)) >= 0:
            self.map[at] = layout.UNKNOWN

    def close(self) -> None:
        """Give the descriptor back; the mapping stays while somebody may store a marker."""
        self._held.close()


def _mapped(fd: int, size: int) -> mmap:
    if sys.version_info >= (3, 13):
        return mmap(fd, size, MAP_SHARED, PROT_READ | PROT_WRITE, trackfd=False)
    # It keeps a duplicate of the descriptor, at the lowest number there is: let that not be 0, 1 or
    # 2, which a program that closed them counts on getting back.
    low = [os.dup(fd)]
    try:
        while low[-1] < 3:
            low.append(os.dup(fd))
        os.close(low.pop())
        return mmap(fd, size, MAP_SHARED, PROT_READ | PROT_WRITE)
    finally:
        for one in low:
            os.close(one)


def _read_no_more(mapped: mmap) -> None:
    """Have the system read no more of the file than the pages that are looked at.

    On disk it would fill megabytes around each with zeros as it is first looked at, which takes the
    program tens of milliseconds, and keep them in memory.
    """
    try:  # noqa: SIM105 - contextlib is an import that costs the program
        mapped.madvise(MADV_RANDOM)
    except OSError:  # it costs time, and nothing else
        pass


def _refusal(path: str, reason: str) -> GraveyardError:
    return GraveyardError(f"{path} can't be used: {reason}", "Remove it, or choose another --dir.")
