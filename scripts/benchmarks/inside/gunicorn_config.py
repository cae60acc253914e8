"""gunicorn's settings: two workers, each with two threads, on a free port of the loopback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

bind = "127.0.0.1:0"
workers = 2
worker_class = "gthread"
threads = 2
keepalive = 30
loglevel = "warning"
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """Tell the port, once the application is loaded."""
    port = worker.sockets[0].getsockname()[1]
    fifo = os.open(os.environ["BENCH_READY"], os.O_WRONLY)
    os.write(fifo, f"{port}\n".encode())
    os.close(fifo)
