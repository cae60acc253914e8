"""Puts the code of the modules that a start loads together in one file.

Theory of operation. To read a .pyc takes ten calls of the system, and a start needs sixty; of one
file a few pieces are read, and of each source its time and size are asked.

That file is this module's own .pyc. What lies behind a module's code there Python doesn't look at;
where the module is to be imported, it is. And like every .pyc it is taken away by whoever
uninstalls the package, and made anew, without a bundle, by whoever compiles it again.

    .pyc     head and code of this module
    pieces   each the code of some modules that are loaded one after the other, marshalled: [code,
             ...]; of those that are asleep at first marshalled once more. A name that several of
             them have is made once
    table    marshalled: {names of a list: (what their sources are known by, where the first piece
             lies, [how long each is])}
    end      u32 length of the table, 16s mark

As in a .pyc a source is known by its time and its size, and who could write there is trusted. Where
one has changed, all of its list are read from their own .pyc; where one is known in another way (by
a hash, say) no bundle is made.

`tombs-run` makes it, where it may write there and where Python would: never the program.
"""

from __future__ import annotations

import os
import sys
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from marshal import dumps, loads
from typing import TYPE_CHECKING

from tombs import ahead

if TYPE_CHECKING:
    from types import CodeType
    from typing import Final

LISTS: Final = (ahead.START, ahead.SERVING, ahead.MONITORING, ahead.REWRITING)
# Modules. The more the fewer names are made twice; but the code of all is in memory until the last
# has run, and what that leaves free between what stays isn't used at once.
_PIECE: Final = 14


def keep() -> None:
    """Make the bundle of this installation, where it is missing or stale and can be made.

    Where it can't, for whatever reason, the program starts as it would without.
    """
    if sys.dont_write_bytecode or type(__spec__.loader) is not SourceFileLoader:
        return
    place = cache_from_source(__file__)
    with suppress(Exception):
        if not _fresh(place) and os.access(os.path.dirname(place), os.W_OK):
            made = _made()
            if made is not None:
                _replace(place, made)


def _fresh(place: str) -> bool:
    try:
        with open(place, "rb") as opened:
            rows = ahead.table(opened)
        return {names: row[0] for names, row in rows.items()} == {
            names: tuple(map(ahead.known, map(ahead.source, names))) for names in LISTS
        }
    except Exception:  # noqa: BLE001 - missing, without a bundle, or damaged
        return False


def _made() -> bytes | None:
    """Put the file together; None where a .pyc is missing, stale, or known in another way."""
    own = _payload(__file__)
    if own is None:
        return None
    # Made anew from code, since there may be an old bundle behind it.
    made = bytearray(ahead.head(__file__) + dumps(loads(own)))  # noqa: S302 - as the import did
    rows: ahead.Table = {}
    for names in LISTS:
        sources = [ahead.source(name) for name in names]
        codes: list[object] = []
        for name, source in zip(names, sources, strict=True):
            payload = _payload(source)
            if payload is None:
                return None
            codes.append(bytes(payload) if name in ahead.ASLEEP else _code(payload, source))
        pieces = [dumps(codes[at : at + _PIECE]) for at in range(0, len(codes), _PIECE)]
        rows[names] = tuple(map(ahead.known, sources)), len(made), list(map(len, pieces))
        made += b"".join(pieces)
    written = dumps(rows)
    made += written + len(written).to_bytes(4, "little") + ahead.MARK
    return bytes(made) if len(written) + 4 + len(ahead.MARK) <= ahead.TAIL else None


def _code(payload: memoryview, source: str) -> CodeType:
    code: CodeType = loads(payload)  # noqa: S302 - as above
    _fix_co_filename(code, source)
    return code


def _payload(file: str) -> memoryview | None:
    return ahead.kept(file, cache_from_source(file))


def _replace(place: str, data: bytes) -> None:
    # Not by its loader, which takes a write that was cut short for a whole one (3.13.0).
    new = f"{place}.{os.getpid()}"
    mode = os.stat(__file__).st_mode & 0o666 | 0o200  # as Python does
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as written:
            written.write(data)
        os.replace(new, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
