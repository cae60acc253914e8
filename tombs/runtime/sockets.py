"""Where the server listens: who may take a place, and who may take it away.

A unix socket's place is taken only when it is empty, or when what is there is a socket of this
user's to which nobody listens any more. Anything else (a file, a directory, a symbolic link, a
socket in use) stays as it is: it isn't ours.

A unix socket is never open to others, not for an instant, and the umask, which all threads share,
is left alone: on Linux the mode that a socket has before it is bound is the mode that its place
gets; elsewhere its place gets the mode before the socket listens, and until it listens nobody can
connect.
"""

from __future__ import annotations

import _socket
import _struct as struct  # struct itself would be a module more
import errno
import os
import stat
import sys

from tombs.errors import ServerError
from tombs.runtime import descriptors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from tombs.address import Address

BACKLOG: Final = 128
NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TRIES: Final = 3
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_XUCRED: Final = "@IIh16I"  # version, uid, number of groups, groups


class NotNowError(ServerError):
    """An address at which one can't listen now, but maybe later."""


class Listener:
    """A socket that listens.

    Args:
        sock: the socket, bound and listening.
        path: its place, for a unix socket.
        place: what tells the file at that place from another.
    """

    __slots__ = ("_held", "_place", "path", "sock")

    def __init__(self, sock: _socket.socket, path: str, place: tuple[int, int]) -> None:
        self.sock = sock
        self.path = path
        self._place = place
        self._held = descriptors.Held(sock.fileno())

    def ok(self) -> bool:
        """Whether it still is our descriptor."""
        return self._held.ok()

    def in_place(self) -> bool:
        """Whether a client that connects to the address comes to this socket.

        Who gave up the right to look at its place, and couldn't take another, takes it for so.
        """
        try:
            return not self.path or descriptors.identity(os.lstat(self.path)) == self._place
        except PermissionError:
            return True
        except OSError:
            return False

    def close(self, *, unlink: bool) -> None:
        """Close it.

        Args:
            unlink: take the place away too, if it is this socket's.
        """
        if unlink and self.path and self.in_place():
            try:  # noqa: SIM105 - contextlib is an import that costs the program
                os.unlink(self.path)
            except OSError:  # it gave up its rights: the next start clears what is left
                pass
        close(self.sock, self._held)


def close(sock: _socket.socket, held: descriptors.Held) -> None:
    """Close a socket, unless the program did so already and its descriptor is somebody else's."""
    if held.ok():
        sock.close()
    else:
        sock.detach()


def bind(address: Address) -> Listener:
    """Listen at an address.

    Raises:
        NotNowError: somebody else listens there, or the system has no room.
        ServerError: it can't be done.
    """
    try:
        return _bind_unix(address.path) if address.kind == "unix" else _bind_tcp(address)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            raise NotNowError(
                f"can't listen at {address}: it is in use by another process"
            ) from fault
        kind = NotNowError if fault.errno in NO_ROOM else ServerError
        raise kind(f"can't listen at {address}: {fault.strerror or fault}") from fault


def _bind_unix(path: str) -> Listener:
    for _ in range(_TRIES):
        sock = _out_of_the_way(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM))
        try:
            if sys.platform == "linux":
                os.fchmod(sock.fileno(), 0o600)
            sock.bind(path)
            if stat.S_IMODE(os.lstat(path).st_mode) != 0o600:
                os.chmod(path, 0o600)  # under an umask like 0777, or not on Linux
            place = _place(path)
            if place is not None:
                sock.listen(BACKLOG)
                return Listener(sock, path, place)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                sock.close()
                raise
        except BaseException:
            sock.close()
            raise
        sock.close()
        _clear(path)
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def clear(address: Address) -> None:
    """Take away what is left of a socket at which nobody listens, where that can be done."""
    try:
        if address.kind == "unix":
            _clear(address.path)
    except (OSError, ServerError):  # it gave up its rights, or something else is there
        pass


def _clear(path: str) -> None:
    """Take away a socket of this user's at which nobody listens.

    Raises:
        ServerError: something else is there.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ServerError(
            f"can't listen at unix://{path}: a file that isn't a socket is there",
            "Remove it, or choose another place with --socket.",
        )
    if _listens(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if found.st_uid != os.geteuid():
        raise ServerError(
            f"can't listen at unix://{path}: another user's socket is there",
            "Remove it, or choose another place with --socket.",
        )
    if _place(path) == descriptors.identity(found):
        os.unlink(path)


def _listens(path: str) -> bool:
    """Whether anybody listens at a unix socket; where it can't be known, yes."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        probe.setblocking(False)  # noqa: FBT003 - it takes no keyword
        probe.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    finally:
        probe.close()
    return True


def _place(path: str) -> tuple[int, int] | None:
    """Give what tells the socket at a path from another; None where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return descriptors.identity(found) if stat.S_ISSOCK(found.st_mode) else None


def _bind_tcp(address: Address) -> Listener:
    # As bytes: of a str, getaddrinfo imports the idna codec.
    found = _socket.getaddrinfo(
        address.host.encode("ascii"), address.port, 0, _socket.SOCK_STREAM, 0, _socket.AI_PASSIVE
    )
    family, kind, protocol, _, where = found[0]
    sock = _out_of_the_way(_socket.socket(family, kind, protocol))
    try:
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return Listener(sock, "", (0, 0))


def accept(listener: _socket.socket) -> _socket.socket:
    """Accept a client.

    Raises:
        OSError: there is none, or no descriptor for it.
    """
    fd, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - accept() is the socket module's
    return _out_of_the_way(_socket.socket(listener.family, listener.type, listener.proto, fd))


def _out_of_the_way(sock: _socket.socket) -> _socket.socket:
    family, kind, protocol = sock.family, sock.type, sock.proto
    moved = _socket.socket(family, kind, protocol, descriptors.high(sock.detach()))
    moved.setblocking(False)  # noqa: FBT003 - it takes no keyword
    return moved


def welcome(sock: _socket.socket) -> bool:
    """Whether a client may have an answer: over a unix socket, this user and root may."""
    if sock.family != _socket.AF_UNIX:
        return True
    try:
        if sys.platform == "darwin":
            size = struct.calcsize(_XUCRED)
            found = sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, size)
            uid = struct.unpack_from("@II", found)[1]
        else:
            found = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
            uid = struct.unpack("@iII", found)[1]
    except OSError:
        return False
    return uid in (0, os.geteuid())
