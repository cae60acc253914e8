"""The boundary: what we do wrong stays with us, what isn't ours passes.

A signal's handler may run between any two instructions of ours, and what it raises belongs to the
program. It is told apart by where it was raised: in a frame of this package, or in one of others.
The standard library's frames belong to who called it: where we import something, and can't (the
program has narrowed sys.path, say), that must not become the program's import error.
"""

from __future__ import annotations

import os

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def ours(fault: BaseException) -> bool:
    """Tell whether an exception was raised by our own code, or by what that called."""
    answer = False
    if _OWN is None:  # Python ends, and has cleared this module
        return True
    step = fault.__traceback__
    while step is not None:  # the last frame decides that isn't the library's
        file = step.tb_frame.f_code.co_filename
        if file.startswith(_OWN):
            answer = True
        elif not _is_library(file):
            answer = False
        step = step.tb_next
    return answer


def _is_library(file: str) -> bool:
    if file.startswith("<frozen "):
        return True
    return file.startswith(_LIBRARY) and not any(part in file for part in _INSTALLED)


def failure(fault: Exception) -> str:
    """Say why a module isn't watched, where we are at fault."""
    return f"Tombs failed: {type(fault).__name__}: {fault}"
