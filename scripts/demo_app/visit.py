"""Visits some pages of the shop: waits for its socket, then asks for each."""

from __future__ import annotations

import http.client
import socket
import sys
import time

PATIENCE = 30.0


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def connect(self) -> None:
        """Connect to the socket whose path stands in for the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def visit(path: str, page: str) -> str:
    """Ask for one page."""
    connection = Connection(path)
    connection.request("GET", page, headers={"Host": "shop"})
    return connection.getresponse().read().decode()


def main(path: str, pages: list[str]) -> None:
    """Wait until the shop is open, then visit its pages."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            visit(path, pages[0])
            break
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    for page in pages:
        print(f"GET {page:16} {visit(path, page).splitlines()[0]}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
