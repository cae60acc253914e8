"""Asks a running program for its tombs."""

from __future__ import annotations

import socket

from tombs import secret
from tombs.errors import ServerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.address import Address

REQUESTS: Final = ("tombs", "tombs json", "tombs function", "graveyard")
_PIECE: Final = 256 * 1024


def fetch(
    address: Address, request: str = "tombs", timeout: float = 10.0, token_file: str | None = None
) -> Iterator[bytes]:
    """Connect, ask, and give the answer in pieces as it comes.

    Args:
        address: where the program listens.
        request: one of REQUESTS.
        timeout: seconds to wait for the connection, and for each piece.
        token_file: has what a server over TCP may want to be told first; a unix socket's knows who
            its clients are, and isn't told.

    Raises:
        ServerError: nobody answers there, or the answer ends in the middle.
        TombsError: the token file can't be used.
    """
    asked = request.encode("ascii") + b"\n"
    if token_file and address.kind == "tcp":
        asked = secret.read(token_file) + b"\n" + asked
    last = b""
    for last in _ask(address, asked, timeout):
        yield last
    if last:
        if request != "graveyard" and not last.endswith(b"\n"):
            raise ServerError(f"{address} stopped in the middle of a line")
    elif request == "graveyard":
        raise _refused(address)
    elif address.kind == "tcp":
        # A program without a tomb answers with nothing, and so does one that wants a token. But
        # there is no graveyard without a byte.
        for _ in fetch(address, "graveyard", timeout, token_file):
            break


def _ask(address: Address, asked: bytes, timeout: float) -> Iterator[bytes]:
    with connect(address, timeout) as connection:
        last = b""
        try:
            connection.sendall(asked)
            while piece := connection.recv(_PIECE):
                last = piece
                yield piece
        except TimeoutError as fault:
            raise ServerError(
                f"{address} sent nothing for {timeout:g} seconds",
                "The program may be stopped, or be serving others: try again.",
            ) from fault
        except OSError as fault:
            if last:
                raise ServerError(f"{address} went away in the middle of its answer") from fault
            raise _refused(address) from fault


def _refused(address: Address) -> ServerError:
    advice = "It answers the user that it runs as, and root."
    if address.kind == "tcp":
        advice = "It may want a token (--token-file), or another than the one it was given."
    return ServerError(f"{address} closed the connection without an answer", advice)


def connect(address: Address, timeout: float) -> socket.socket:
    """Connect to a program.

    Args:
        address: where it listens.
        timeout: seconds to wait for the connection, and then for each step.

    Raises:
        ServerError: nobody answers there.
    """
    try:
        if address.kind == "tcp":
            return socket.create_connection((address.host, address.port), timeout)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(address.path)
        except BaseException:
            connection.close()
            raise
    except (ConnectionRefusedError, FileNotFoundError) as fault:
        raise ServerError(
            f"nothing is listening at {address}",
            "Is the program running, and was it started by tombs-run?",
        ) from fault
    except PermissionError as fault:
        raise ServerError(
            f"no permission to connect to {address}",
            "The program runs as another user: become that user, or root.",
        ) from fault
    except (TimeoutError, BlockingIOError) as fault:
        raise ServerError(
            f"{address} did not accept a connection within {timeout:g} seconds",
            "The program may be stopped, or be serving others: try again.",
        ) from fault
    except OSError as fault:
        raise ServerError(f"can't connect to {address}: {fault.strerror or fault}") from fault
    return connection
