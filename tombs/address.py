"""Names a socket: `unix://path`, `tcp://host:port`, or a bare path, which is a unix socket's.

Text in, values out: whether anything listens there is for others to find out.
"""

from __future__ import annotations

import os
import sys

from tombs.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ALLOWED: Final = (
    "allowed are unix://PATH, tcp://HOST:PORT, tcp://[::1]:PORT, a bare path, and 0 for none"
)
# What fits in sockaddr_un beside the closing zero byte. One byte more is a bind error at best.
UNIX_PATH_BYTES: Final = 103 if sys.platform == "darwin" else 107

_SCHEME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+.-")
_HOST = _SCHEME - {"+"} | {"_"}
_HOST6 = frozenset("0123456789abcdef:.")


class Address:
    """Where a server listens.

    Args:
        kind: `unix` or `tcp`.
        path: the socket's path, for `unix`.
        host: name or number without brackets, for `tcp`.
        port: for `tcp`.
    """

    __slots__ = ("host", "kind", "path", "port")

    def __init__(self, kind: str, path: str = "", host: str = "", port: int = 0) -> None:
        self.kind = kind
        self.path = path
        self.host = host
        self.port = port

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect, as far as the text tells."""
        if self.kind == "unix" or self.host in ("localhost", "::1"):
            return True
        parts = self.host.split(".")
        numbers = all(part.isdigit() and int(part) < 256 for part in parts)
        return parts[0] == "127" and len(parts) == 4 and numbers

    def __str__(self) -> str:
        """Give the one spelling by which `parse` finds this address again."""
        if self.kind == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    def __eq__(self, other: object) -> bool:
        """Addresses are equal when they are spelled the same."""
        return isinstance(other, Address) and str(self) == str(other)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(str(self))

    def __repr__(self) -> str:
        """Show the spelling."""
        return f"<Address {self}>"


def parse(text: str) -> Address | None:
    """Read an address; exactly `0` means that there is to be none, and gives None.

    Raises:
        AddressError: the text names no socket, or one that no system could make.
    """
    if text == "0":
        return None
    scheme, separator, rest = text.partition("://")
    if separator and scheme and _SCHEME.issuperset(scheme.lower()):
        if scheme.lower() == "unix":
            return _unix(text, rest)
        if scheme.lower() == "tcp":
            return _tcp(text, rest)
        raise AddressError(f"{text!r} has an unknown scheme", ALLOWED)
    host, colon, port = text.rpartition(":")
    if colon and "/" not in text and host and port.isdigit():
        # A file called `localhost:4000` would be made, and nobody would find it.
        raise AddressError(f"{text!r} could be a path or a host", f"write tcp://{text} or ./{text}")
    return _unix(text, text)


def _unix(text: str, path: str) -> Address:
    if not path or path.endswith("/") or "\0" in path:
        raise AddressError(f"{text!r} names no socket file", ALLOWED)
    size = len(os.fsencode(path))
    if size > UNIX_PATH_BYTES:
        raise AddressError(
            f"{text!r} is {size} bytes long",
            f"a unix socket's path has at most {UNIX_PATH_BYTES}: choose a shorter directory",
        )
    return Address("unix", path=path)


def _tcp(text: str, rest: str) -> Address:
    host, _, port = rest.rpartition(":")
    host = host.lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        named = ":" in host and _HOST6.issuperset(host)
    else:
        named = bool(host) and _HOST.issuperset(host)
    if not named:
        raise AddressError(f"{text!r} names no host", ALLOWED)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise AddressError(f"{text!r} names no port", "a port is a number from 1 to 65535")
    return Address("tcp", host=host, port=int(port))
