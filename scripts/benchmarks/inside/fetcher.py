"""Fetches all tombs once a second, until its standard input ends.

    python fetcher.py socket ADDRESS | file PATH | changes ADDRESS

The last one doesn't fetch again and again: it follows the changes until then.
What it gets is thrown away: it is the sender that is looked at.
"""

from __future__ import annotations

import select
import socket
import sys
import time


def _from_socket(address: str) -> int:
    size = 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address.removeprefix("unix://"))
        while piece := connection.recv(1 << 20):
            size += len(piece)
    return size


def _from_file(path: str) -> int:
    from tombs.snapshot import read

    return sum(len(piece) for piece in read(path).lines("json"))


def _follow(address: str) -> None:
    size = 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address.removeprefix("unix://"))
        connection.sendall(b"tombs changes\n")
        while connection in select.select([sys.stdin, connection], [], [])[0]:
            piece = connection.recv(1 << 20)
            if not piece:
                raise SystemExit("the program let its follower go")
            size += len(piece)
    if size < 1_000_000:
        raise SystemExit("that were not all")


def main() -> None:
    """Fetch at 0.1, 1.1, 2.1 ... seconds; or follow."""
    if sys.argv[1] == "changes":
        _follow(sys.argv[2])
        return
    fetch = {"socket": _from_socket, "file": _from_file}[sys.argv[1]]
    next_time = time.monotonic() + 0.1
    while True:
        wait = max(next_time - time.monotonic(), 0)
        if select.select([sys.stdin], [], [], wait)[0]:
            return
        if fetch(sys.argv[2]) < 1_000_000:
            raise SystemExit("that were not all")
        next_time += 1


main()
