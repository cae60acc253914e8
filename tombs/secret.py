"""The token that a client over TCP has to know: read from a file that is ours alone.

It is a file and not an option or a variable, since those can be seen from outside of a process.
What is wrong with the file is said without a word of what is in it.
"""

from __future__ import annotations

import os
import stat

from tombs.errors import TombsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LEAST: Final = 16  # characters: fewer can be guessed
MOST: Final = 200  # with its line feed it fits what a client may send as a request
_ENDS: Final = b"\r\n"
_HELP: Final = "Make one: (umask 077; openssl rand -hex 32 > FILE)"


def read(path: str) -> bytes:
    """Read a token.

    Links are followed: what counts is whose the file is that stands at their end, and secrets are
    often handed to a container as links.

    Args:
        path: a regular file with one line. Owned by this user it must be closed to all others;
            owned by root, a group may read it.

    Returns:
        The line, without its end: LEAST to MOST printable ASCII characters, none of them a space.

    Raises:
        TombsError: it can't be read, others can, or it holds no token.
    """
    try:
        # Not to wait for somebody to write into a FIFO.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as fault:
        message = f"the token file {path} can't be read: {fault.strerror}"
        raise TombsError(message, _HELP) from None
    try:
        fault_found = _fault_of(os.fstat(fd))
        # Its line's end may be two characters, and one more is too many.
        line = b"" if fault_found else os.read(fd, MOST + len(_ENDS) + 1)
    except OSError as fault:
        fault_found, line = f"can't be read: {fault.strerror}", b""
    finally:
        os.close(fd)
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    fault_found = fault_found or _fault_in(line)
    if fault_found:
        raise TombsError(f"the token file {path} {fault_found}", _HELP)
    return line


def _fault_of(found: os.stat_result) -> str:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    if found.st_uid not in (0, os.geteuid()):
        return f"is owned by user {found.st_uid}, who is neither this user nor root"
    # A file of root's can only be meant for a program without root's rights through a group.
    others = 0o077 if found.st_uid == os.geteuid() else 0o037
    if mode & others:
        return f"is open to others (mode {mode:o}): chmod 600 it"
    return ""


def _fault_in(line: bytes) -> str:
    if not line:
        return "is empty"
    if not all(0x21 <= byte <= 0x7E for byte in line):
        return "holds more than one line, or what is no printable ASCII character"
    if not LEAST <= len(line) <= MOST:
        return f"is too short or too long a token; allowed are {LEAST} to {MOST} characters"
    return ""
