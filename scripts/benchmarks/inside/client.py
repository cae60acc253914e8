"""Asks a server for the admin's page over and over; prints the seconds that one request takes.

    python client.py PORT SECONDS COOKIE
    python client.py PORT SECONDS each

With `wrk`, where it is installed; else four connections of its own, kept alive, in one thread.
With `each` two of these ask for a lighter page that needs no cookie, and what is printed is how
long each of the requests took, as JSON.
"""

from __future__ import annotations

import json
import re
import select
import shutil
import socket
import subprocess
import sys
import time

PAGE = "/admin/auth/user/"
LIGHT = "/admin/login/"
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


def _own(
    port: int, seconds: float, page: str, cookie: str = "", connections: int = CONNECTIONS
) -> list[float]:
    """Give how long each request took, in the order of the answers."""
    header = f"Cookie: sessionid={cookie}\r\n" if cookie else ""
    request = f"GET {page} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode()
    held, asked = {}, {}
    began = time.perf_counter()
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        asked[connection] = time.perf_counter()
        connection.sendall(request)
        held[connection] = b""
    took = []
    while time.perf_counter() - began < seconds:
        for connection in select.select(list(held), [], [], 30)[0]:
            done, held[connection] = _answer(connection, held[connection])
            if done:
                now = time.perf_counter()
                took.append(now - asked[connection])
                asked[connection] = now
                held[connection] = b""
                connection.sendall(request)
    for connection in held:
        connection.close()
    return took


def main() -> None:
    """Warm the server up, then measure."""
    port, seconds, cookie = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    if cookie == "each":
        _own(port, 0.5, LIGHT)
        print(json.dumps(_own(port, seconds, LIGHT, connections=2)))
        return
    _own(port, 0.5, PAGE, cookie)
    wrk = shutil.which("wrk")
    began = time.perf_counter()
    if wrk:
        print(_wrk(wrk, port, seconds, cookie))
    else:
        answered = len(_own(port, seconds, PAGE, cookie))
        print((time.perf_counter() - began) / answered)


main()
