"""A module's image: its functions as bytes that mean the same at any address.

The image is made once for a module's code and then copied as it is: into every graveyard that the
module is registered in, and into the cache beside its code. So everything that costs time for each
function (names, lines, hashes, the rendered wire lines) is done here, and registering is one copy.

    u32 count, length of module name, of file, of names, of lines, flags (HIDES); then 8 zero bytes
    u64 hash      of each function's own code (0: not known)
    u32 start     first line of each
    u32 end       last line of each
    u32 mark      tells apart functions that share line and name (0: no other has them)
    u32 name_at   count + 1 offsets into the names
    u32 line_at   count + 1 offsets into the lines
    u8  kind      of each: 1 method
    module name, file, qualified names, wire lines: UTF-8

Functions stand in the order of their first line, so that one is found by bisection, with nothing
built beforehand.
"""

from __future__ import annotations

import _struct as struct  # struct itself would be a module more
from _bisect import bisect_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

HEAD = struct.Struct("<IIIIII8x")
_PAIR = struct.Struct("<II")
METHOD = 1
# The module sets up a tracer or the like: what that calls is reported to no other (describe.py).
HIDES = 1


class Entry:
    """One function, as an image holds it.

    Args:
        qualname: qualified name within its module.
        start: first line of the code, decorators included.
        end: last line that has code.
        method: whether it was defined directly in a class body.
        own_hash: of the function's own code; 0 where not known.
        mark: tells it from others with the same line and name; 0 where there are none.
    """

    __slots__: Final = ("end", "mark", "method", "own_hash", "qualname", "start")

    def __init__(
        self, qualname: str, start: int, end: int, *, method: bool, own_hash: int = 0, mark: int = 0
    ) -> None:
        self.qualname = qualname
        self.start = start
        self.end = end
        self.method = method
        self.own_hash = own_hash
        self.mark = mark


def encode(text: str) -> bytes:
    """Give text as UTF-8; a byte of an odd file name, which is no character, stays a surrogate."""
    return text.encode("utf-8", "surrogatepass")


def build(
    module: str, file: str, entries: Sequence[Entry], lines: Sequence[str], flags: int = 0
) -> bytes:
    """Make a module's image.

    Args:
        module: the module's name.
        file: path of its source, absolute.
        entries: its functions, ordered by first line.
        lines: the wire line of each, as `tombs.wire.line` renders it.
        flags: the module's.
    """
    count = len(entries)
    name_bytes = [encode(entry.qualname) for entry in entries]
    line_bytes = [text.encode() for text in lines]
    name_blob = b"".join(name_bytes)
    line_blob = b"".join(line_bytes)
    module_bytes, file_bytes = encode(module), encode(file)
    words = struct.Struct(f"<{count}Q{count}I{count}I{count}I{count + 1}I{count + 1}I{count}B")
    return b"".join(
        (
            HEAD.pack(
                *(count, len(module_bytes), len(file_bytes), len(name_blob), len(line_blob)), flags
            ),
            words.pack(
                *[entry.own_hash for entry in entries],
                *[entry.start for entry in entries],
                *[entry.end for entry in entries],
                *[entry.mark for entry in entries],
                *_offsets(name_bytes),
                *_offsets(line_bytes),
                *[METHOD if entry.method else 0 for entry in entries],
            ),
            module_bytes,
            file_bytes,
            name_blob,
            line_blob,
        )
    )


def _offsets(parts: Sequence[bytes]) -> list[int]:
    at = 0
    offsets = [0]
    for part in parts:
        at += len(part)
        offsets.append(at)
    return offsets


def digest(image: bytes | memoryview) -> bytes:
    """Give the 16 bytes by which a module's image is found again in a graveyard."""
    from _blake2 import blake2b  # noqa: PLC0415 - describe.py has loaded it by then

    return blake2b(image, digest_size=16).digest()


def image_count(image: bytes | memoryview) -> int:
    """Give the count of functions of an image, without taking it apart."""
    return int.from_bytes(image[:4], "little")


# The views into an image, in the order in which they lie there.
_VIEWS = (
    *("hashes", "starts", "ends", "marks", "_name_at", "_line_at"),
    *("_kinds", "module_bytes", "file_bytes", "_names", "_lines"),
)
_PLACES = {name: at for at, name in enumerate(_VIEWS)}
_WORDS = 6  # so many are of words, the first of two-fold ones


class Image:
    """An image's bytes, read where they lie.

    A view into them is made when it is first looked at, and no other with it: most modules are
    registered and never looked at again, and more objects have the collector run more often while a
    program is importing.

    Args:
        data: the image, nothing before and nothing behind it.

    Raises:
        ValueError: the lengths in it don't add up.
    """

    __slots__: Final = (
        "_data",
        "_kinds",
        "_line_at",
        "_lines",
        "_name_at",
        "_names",
        "_names_at",
        "count",
        "ends",
        "file_bytes",
        "flags",
        "hashes",
        "marks",
        "module_bytes",
        "starts",
    )

    _kinds: memoryview
    _line_at: memoryview
    _lines: memoryview
    _name_at: memoryview
    _names: memoryview
    ends: memoryview
    file_bytes: memoryview
    hashes: memoryview
    marks: memoryview
    module_bytes: memoryview
    starts: memoryview

    def __init__(self, data: memoryview) -> None:
        if len(data) < HEAD.size:
            message = "image shorter than its head"
            raise ValueError(message)
        count, module, file, names, lines, flags = HEAD.unpack_from(data)
        # 29: a hash, five words and a kind each; and of the two rows of offsets one more
        if HEAD.size + 29 * count + 8 + module + file + names + lines != len(data):
            message = "image lengths don't add up"
            raise ValueError(message)
        self._data = data
        self._names_at = HEAD.size + 29 * count + 8 + module + file
        self.count: int = count
        self.flags: int = flags

    def __getattr__(self, name: str) -> memoryview:
        """Make a view that is missing."""
        place = _PLACES.get(name)
        if place is None:
            raise AttributeError(name)
        data = self._data
        count, module, file, names, _, _ = HEAD.unpack_from(data)
        words = HEAD.size + 8 * count
        kinds = words + 4 * (5 * count + 2)
        text = kinds + count
        ends = (
            *(HEAD.size, words, words + 4 * count, words + 8 * count, words + 12 * count),
            *(words + 16 * count + 4, kinds, text, text + module, text + module + file),
            *(text + module + file + names, len(data)),
        )
        view = data[ends[place] : ends[place + 1]]
        if not place:
            view = view.cast("Q")
        elif place < _WORDS:
            view = view.cast("I")
        setattr(self, name, view)
        return view

    @property
    def module(self) -> str:
        """The module's name."""
        return str(self.module_bytes, "utf-8", "surrogatepass")

    @property
    def file(self) -> str:
        """Path of the module's source."""
        return str(self.file_bytes, "utf-8", "surrogatepass")

    def qualname(self, index: int) -> str:
        """Give a function's qualified name within its module."""
        return str(self.name(index), "utf-8", "surrogatepass")

    def name(self, index: int) -> memoryview:
        """Give a function's qualified name as the bytes that lie there."""
        return self._names[self._name_at[index] : self._name_at[index + 1]]

    def method(self, index: int) -> bool:
        """Tell whether a function was defined directly in a class body."""
        return bool(self._kinds[index] & METHOD)

    def line(self, index: int) -> memoryview:
        """Give a function's wire line."""
        return self.lines(index, index + 1)

    def lines(self, first: int, beyond: int) -> memoryview:
        """Give the wire lines of a run of functions: one slice, nothing copied."""
        if not first and beyond == self.count:
            return self._lines  # no object more: who asks for all of them asks for many modules'
        return self._lines[self._line_at[first] : self._line_at[beyond]]

    def picked(self, first: int, chosen: bytes) -> bytes:
        """Copy the wire lines of some functions, a slice for each run of them.

        Slices of bytes, not of the view: of a hundred thousand functions those would be so many
        objects that a collection comes of it, in which the program has to wait.

        Args:
            first: the function from which on they are chosen.
            chosen: for each a 1, or a 0.
        """
        count, ends = len(chosen), self._line_at
        before = ends[first]
        text = bytes(self.lines(first, first + count))
        parts: list[bytes] = []
        beyond = 0
        while (at := chosen.find(1, beyond)) >= 0:
            beyond = chosen.find(0, at)
            if beyond < 0:
                beyond = count
            parts.append(text[ends[first + at] - before : ends[first + beyond] - before])
        return b"".join(parts)

    def find(self, start: int, qualname: str) -> list[int]:
        """Give the indexes of the functions with this first line and qualified name."""
        starts = self.starts
        data, count = self._data, self.count
        index = bisect_left(starts, start)
        found: list[int] = []
        while index < count and starts[index] == start:
            # As `name` finds it, but without views that stay.
            first, beyond = _PAIR.unpack_from(data, HEAD.size + 20 * count + 4 * index)
            at = self._names_at
            if data[at + first : at + beyond] == encode(qualname):
                found.append(index)
            index += 1
        return found

    def around(self, line: int, qualname: str) -> list[int]:
        """Give the indexes of the functions of this name that begin before a line and reach it.

        A decorator that compiles a function anew has left itself out, and so its own line.
        """
        wanted = encode(qualname)
        return [
            index
            for index in range(bisect_left(self.starts, line))
            if self.ends[index] >= line and self.name(index) == wanted
        ]

    def check(self) -> None:
        """Look at every offset.

        Raises:
            ValueError: one of them points outside, or backwards.
        """
        for offsets, text in ((self._name_at, self._names), (self._line_at, self._lines)):
            listed = offsets.tolist()
            if listed[0] != 0 or listed[-1] != len(text) or listed != sorted(listed):
                message = "image offsets point outside"
                raise ValueError(message)
