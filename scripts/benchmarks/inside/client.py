"""Asks a server for the admin's page over and over; prints the seconds that one request takes.

    python client.py PORT SECONDS COOKIE

With `wrk`, where it is installed; else four connections of its own, kept alive, in one thread.
"""

from __future__ import annotations

import re
import select
import shutil
import socket
import subprocess
import sys
import time

PAGE = "/admin/auth/user/"
CONNECTIONS = 4


def _wrk(program: str, port: int, seconds: float, cookie: str) -> float:
    command = [
        program, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-H", f"Cookie: sessionid={cookie}",
        f"http://127.0.0.1:{port}{PAGE}",
    ]  # fmt: skip
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if found is None or "Non-2xx" in output:
        raise SystemExit(output)
    return 1 / float(found[1])


def _answer(connection: socket.socket, held: bytes) -> tuple[bool, bytes]:
    """Read once; tells whether the answer is whole, and gives what is held of it until then."""
    got = connection.recv(65536)
    held += got
    head, mark, body = held.partition(b"\r\n\r\n")
    if not got or (mark and not head.startswith(b"HTTP/1.1 200")):
        raise SystemExit(f"the server answered {head[:100]!r}")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(mark and length and len(body) >= int(length[1])), held


def _own(port: int, seconds: float, cookie: str) -> float:
    request = (
        f"GET {PAGE} HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={cookie}\r\n\r\n".encode()
    )
    held = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        connection.sendall(request)
        held[connection] = b""
    began = time.perf_counter()
    answered = 0
    while time.perf_counter() - began < seconds:
        for connection in select.select(list(held), [], [], 30)[0]:
            done, held[connection] = _answer(connection, held[connection])
            if done:
                answered += 1
                held[connection] = b""
                connection.sendall(request)
    took = time.perf_counter() - began
    for connection in held:
        connection.close()
    return took / answered


def main() -> None:
    """Warm the server up, then measure."""
    port, seconds, cookie = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    _own(port, 0.5, cookie)
    wrk = shutil.which("wrk")
    print(_wrk(wrk, port, seconds, cookie) if wrk else _own(port, seconds, cookie))


main()
