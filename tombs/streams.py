"""Keeps 0, 1 and 2 free for the program, where it was started with one of them closed.

The next file that is opened gets the lowest number, and a library that is loaded keeps it: a
program that then opens its own standard stream would not get it. So while something of ours is
opened, the free ones are taken by /dev/null, and given back afterwards.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_LAST = 2
_ctypes: list[ModuleType] = []
_kinds: dict[str, Any] = {}


def hold() -> list[int]:
    """Take the standard descriptors that are closed; gives what `release` gives back."""
    taken: list[int] = []
    try:
        while True:
            fd = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            if fd > _LAST:
                os.close(fd)
                return taken
            taken.append(fd)
    except OSError:  # no /dev, or no descriptor left: then we do without
        return taken


def release(taken: list[int]) -> None:
    """Close again what `hold` took."""
    for fd in taken:
        os.close(fd)


def ctypes() -> ModuleType:
    """Import ctypes, late: it costs 7 ms, and loads a library that stays open."""
    if not _ctypes:
        taken = hold()
        try:
            import ctypes as module  # noqa: PLC0415 - see above
        finally:
            release(taken)
        _ctypes.append(module)
    return _ctypes[0]


def kind(code: str) -> Any:  # noqa: ANN401 - a type of ctypes, made here
    """Give ctypes' type of a plain value: what arrays over memory are made of.

    From what ctypes itself is made of, which costs 1 ms instead of 7; each type is made once.

    Args:
        code: as in `struct`: `B` an unsigned byte, `I` four bytes, `H` two, `c` a character.
    """
    if code not in _kinds:
        taken = hold()
        try:
            from _ctypes import _SimpleCData  # noqa: PLC0415 - it opens a library
        finally:
            release(taken)
        meta: Any = type(_SimpleCData)
        _kinds[code] = meta(f"kind_{code}", (_SimpleCData,), {"_type_": code})
    return _kinds[code]
