"""Part `socket`: 100,000 tombs sent to a client, and read from the file."""

from __future__ import annotations

import os
import re
import shutil
import socket as sockets
import time
from typing import TYPE_CHECKING

from benchmarks.application import Application
from benchmarks.contenders import TOMBS
from benchmarks.faults import BenchError
from benchmarks.generated import generate
from benchmarks.pairs import Spread

if TYPE_CHECKING:
    from benchmarks.bench import Bench

TOMB_COUNT = 100_000
MODULES = 500
ROOM = ("--slots", "200000", "--strings", "128M")


def socket(bench: Bench) -> None:
    """Measure the time that a client waits, one that says nothing as one that asks at once."""
    place = bench.path("socket")
    name = generate(place, "many", TOMB_COUNT, MODULES)
    environ = bench.tombs(name, *ROOM, PYTHONPATH=place)
    silent, asking, note = [], [], ""
    with Application(bench, name, environ) as application:
        for _ in range(bench.times(15, 7)):
            took, size, lines = _fetch(application.address, b"")
            silent.append(took * 1000)
            asking.append(_fetch(application.address, b"tombs\n")[0] * 1000)
            note = f"{lines:,} lines, {size:,} bytes"
        bench.add("socket.time", TOMBS, Spread.of(silent), "ms", silent, note)
        bench.add("socket.asked", TOMBS, Spread.of(asking), "ms", asking, note)
        _file(bench, application.graveyard)
    _writes(bench, name, environ)


def _fetch(address: str, request: bytes) -> tuple[float, int, int]:
    """Read everything; gives the seconds, the bytes and the lines."""
    began = time.perf_counter()
    with sockets.socket(sockets.AF_UNIX) as connection:
        connection.connect(address.removeprefix("unix://"))
        if request:
            connection.sendall(request)
        pieces = []
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    took = time.perf_counter() - began
    return took, sum(map(len, pieces)), sum(piece.count(b"\n") for piece in pieces)


def _file(bench: Bench, path: str) -> None:
    """Measure the reading of the graveyard file, by the command that people use."""
    command = [os.path.join(os.path.dirname(bench.environment.python), "tombs"), "fetch", path]
    took = []
    try:
        for _ in range(bench.times(7, 3)):
            began = time.perf_counter()
            bench.call(command, bench.plain())
            took.append((time.perf_counter() - began) * 1000)
    except BenchError as fault:
        bench.fail("socket.file", TOMBS, fault)
        return
    bench.add("socket.file", TOMBS, Spread.of(took), "ms", took, "`tombs fetch FILE`, all of it")


def _writes(bench: Bench, name: str, environ: dict[str, str]) -> None:
    """Look at the sizes of writes, through strace where it is installed and allowed."""
    strace = shutil.which("strace")
    if strace is None:
        bench.fail("socket.write", TOMBS, BenchError("strace is not installed"))
        return
    log = os.path.join(bench.scratch, "strace.log")
    calls = "trace=sendto,sendmsg,writev,sendfile"
    before = (strace, "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", log)
    try:
        with Application(bench, name, environ, before) as application:
            _fetch(application.address, b"")
    except BenchError as fault:
        bench.fail("socket.write", TOMBS, fault)
        return
    with open(log, encoding="utf-8", errors="replace") as file:
        sizes = [int(size) for size in re.findall(r"= (\d+)$", file.read(), re.MULTILINE)]
    if len(sizes) < 2:
        bench.fail("socket.write", TOMBS, BenchError("strace saw no writes"))
        return
    note = f"{len(sizes)} writes, {sum(sizes):,} bytes"
    bench.add("socket.write", TOMBS, Spread.of([min(sizes[:-1])]), "bytes", sizes, note)
