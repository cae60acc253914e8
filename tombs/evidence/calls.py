"""When a module's functions were called, as far as that was seen: a number for each column.

A fleet has seen millions of calls, so none of them is an object. A column is one whole number, with
a lane of 64 bits for each function, the first function's the lowest; the top bit of a lane is 0. So
two columns are joined by a few operations on large numbers, however many functions there are:

    with the top bits of one set, the other is taken away from it: no lane borrows from the next,
    and a lane's top bit stays where its value was no less than the other's; spread over its lane,
    that bit chooses between the two

A function of which no call is known has 0 as its last call and the largest value as its first: then
what is joined to it is what comes of it. (Tried: `map(min, one, other)` over arrays takes 9 to 17
times as long, and an object for each call more than that.)

Written down, a column is the base64 of its lanes' bytes, the lowest first; 0 stands for no call in
all of them. (Tried: lists of numbers. A snapshot of 10,000 functions was 102 million instructions
to merge with those, and 56 with these.)
"""

from __future__ import annotations

import binascii
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

_LANE: Final = 8  # bytes
_TOP: Final = 1 << 63


class Call(NamedTuple):
    """When a function was called, as far as that was seen."""

    first: int  # nanoseconds since the epoch
    last: int  # the beginning of the newest epoch that had a call; without epochs, the first call
    release: str  # that it was last called in
    processes: int  # that called it, at least, in one run

    def join(self, other: Call) -> Call:
        """Unite what two runs saw."""
        last, release = max(self[1:3], other[1:3])
        return Call(min(self.first, other.first), last, release, max(self[3], other[3]))


class Calls(NamedTuple):
    """What `Call` says, of all functions of a module."""

    functions: int  # of the module, called or not
    first: int
    last: int
    processes: int
    releases: tuple[str, ...]  # of each function, empty where no call is known; one alone: of all

    def join(self, other: Calls) -> Calls:
        """Unite what two runs saw of the same module: as `Call.join`, function by function."""
        functions, first, last, processes, releases = other
        tops = _tops(self.functions)
        if releases != self.releases or len(releases) > 1:
            releases = _short(max(pair) for pair in zip(self._lasts(), other._lasts(), strict=True))
        return Calls(
            functions,
            self.first ^ ((self.first ^ first) & _no_less(self.first, first, tops)),
            last ^ ((self.last ^ last) & _no_less(self.last, last, tops)),
            processes ^ ((self.processes ^ processes) & _no_less(self.processes, processes, tops)),
            releases,
        )

    def each(self) -> dict[int, Call]:
        """Give the calls that are known, by their functions' indexes."""
        firsts = _numbers(self.first, self.functions)
        processes = _numbers(self.processes, self.functions)
        return {
            index: Call(firsts[index], last, release, processes[index])
            for index, (last, release) in enumerate(self._lasts())
            if last
        }

    def labelled(self, release: str) -> Calls:
        """Name the release of those last calls that have none."""
        rows = ((last, known or release) for last, known in self._lasts())
        return self._replace(releases=_short(rows))

    def written(self) -> dict[str, Any]:
        """Write it down, as `read` takes it."""
        never = _spread(_nothing(self.last, _tops(self.functions)))
        return {
            "first": _text(self.first & ~never, self.functions),
            "last": _text(self.last, self.functions),
            "processes": _text(self.processes, self.functions),
            "release": self.releases[0] if len(self.releases) == 1 else self.releases,
        }

    def _lasts(self) -> Iterator[tuple[int, str]]:
        lasts = _numbers(self.last, self.functions)
        if len(self.releases) == self.functions:
            return zip(lasts, self.releases, strict=True)
        return ((last, self.releases[0] if last else "") for last in lasts)


def of(count: int, calls: Mapping[int, tuple[int, int, str, int]]) -> Calls | None:
    """Pack calls; None where there are none.

    Args:
        count: how many functions the module has.
        calls: as `Call` has them, by the functions' indexes.

    Raises:
        ValueError: a number is none that a lane can hold.
    """
    if not calls:
        return None
    rows: list[tuple[int, int, str, int]] = [(0, 0, "", 0)] * count
    for index, call in calls.items():
        rows[index] = call
    firsts, lasts, releases, processes = zip(*rows, strict=True)
    columns = [_column(one, count) for one in (firsts, lasts, processes)]
    return _made(count, columns, releases)


def read(count: int, value: dict[str, Any]) -> Calls | None:
    """Read what was written down; None where no call is in it.

    Args:
        count: how many functions the module has.
        value: it, and nothing in it is trusted.

    Raises:
        ValueError: it is wrong; as are TypeError and KeyError.
    """
    columns = [_lanes(value[name], count) for name in ("first", "last", "processes")]
    release = value["release"]
    if isinstance(release, str):
        return _made(count, columns, (release,))
    if len(release) != count or set(map(type, release)) != {str}:
        raise ValueError("no release for each function")
    return _made(count, columns, release)


def _made(count: int, columns: Sequence[int], releases: Sequence[str]) -> Calls | None:
    first, last, many = columns
    tops = _tops(count)
    if (first | last | many) & tops:
        raise ValueError("a number is too large")
    never = _spread(_nothing(last, tops))
    if (first | many) & never:
        raise ValueError("numbers that speak of no call")
    if not last:
        return None
    short = tuple(releases)
    if len(short) == count:
        short = _short(zip(_numbers(last, count), releases, strict=True))
    return Calls(count, first | never, last, many, short)


def _short(lasts: Iterator[tuple[int, str]]) -> tuple[str, ...]:
    """Write the functions' releases in the one way there is; each comes with the last call."""
    rows = [(last, release if last else "") for last, release in lasts]
    called = {release for last, release in rows if last}
    return tuple(called) if len(called) == 1 else tuple(release for _, release in rows)


@lru_cache(1024)
def _tops(count: int) -> int:
    """Give a column of which only the top bits are set."""
    return int.from_bytes(_TOP.to_bytes(_LANE, "little") * count, "little")


def _spread(tops: int) -> int:
    """Set all bits below each of some top bits, and take these away."""
    return tops - (tops >> 63)


def _no_less(one: int, other: int, tops: int) -> int:
    """Give all bits of the lanes where one column is no less than another."""
    return _spread(((one | tops) - other) & tops)


def _nothing(column: int, tops: int) -> int:
    """Give the top bits of the lanes that hold 0: only there nothing is taken away from them."""
    return (tops - column) & tops


def _column(numbers: Sequence[int], count: int) -> int:
    try:
        return int.from_bytes(struct.pack(f"<{count}Q", *numbers), "little")
    except struct.error as fault:
        raise ValueError(str(fault)) from None


def _numbers(column: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}Q", column.to_bytes(count * _LANE, "little"))


def _lanes(text: str, count: int) -> int:
    data = binascii.a2b_base64(text, strict_mode=True)
    if len(data) != count * _LANE:
        raise ValueError("not as many as there are functions")
    return int.from_bytes(data, "little")


def _text(column: int, count: int) -> str:
    return binascii.b2a_base64(column.to_bytes(count * _LANE, "little"), newline=False).decode()
