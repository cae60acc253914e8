"""Tells which Python this is, so that nothing made by one is ever used by another."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal would import enum
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER

_NO_DESCRIPTOR = (1 << 31) - 1  # no process may have so many
_named: list[str] = []


def is_main() -> bool:
    """Tell whether this is the process's main interpreter, and not one made within it."""
    import _thread  # noqa: PLC0415 - asked once, at a start

    if hasattr(_thread, "_is_main_interpreter"):  # 3.13
        return bool(_thread._is_main_interpreter())  # noqa: SLF001
    try:
        # Before 3.13 nothing says it but this, which loads no library: what isn't the main thread
        # of the main interpreter is turned away before the descriptor is looked at.
        _signal.set_wakeup_fd(_NO_DESCRIPTOR)
    except ValueError:
        pass
    except OSError:
        return True
    name = "_xxsubinterpreters"
    there = name in sys.modules
    interpreters = __import__(name)
    if not there:  # who imports it is to be noticed
        del sys.modules[name]
    return bool(interpreters.get_current() == interpreters.get_main())


def interpreter() -> str:
    """Name this interpreter: implementation, exact version, build flags, and where it lives.

    Equal in every process whose code objects have the same layout and whose standard library is
    the same; a virtual environment has the identity of the Python that it was made from.
    """
    if not _named:
        tag = sys.implementation.cache_tag or sys.implementation.name
        flags = getattr(sys, "abiflags", "")
        _named.append(f"{tag}{flags}-{sys.hexversion:x}@{os.path.realpath(sys.base_prefix)}")
    return _named[0]


def bytecode() -> str:
    """Name the bytecode this interpreter compiles to: Python's magic number, and -O where it is on.

    Hashes of code say something about each other only where both speak of the same.
    """
    magic = str(int.from_bytes(MAGIC_NUMBER[:2], "little"))
    return f"{magic}-O{sys.flags.optimize}" if sys.flags.optimize else magic
