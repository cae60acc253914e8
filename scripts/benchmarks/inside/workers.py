"""Forked workers that call the same functions at the same time, each on a processor of its own."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

ROUNDS = 4000


def _worker(number: int, functions: list[Any], begin: int, result: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {mine[number % len(mine)]})
    os.read(begin, 1)
    began = time.process_time()
    for _ in range(ROUNDS):
        for function in functions:
            function()
    os.write(result, json.dumps(time.process_time() - began).encode() + b"\n")


def work(package: str, workers: str) -> dict[str, float]:
    """Give a worker's processor time, the mean of all."""
    functions = __import__(package).functions()[:1000]
    count = int(workers)
    begin, go = os.pipe()
    results, result = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            try:
                _worker(number, functions, begin, result)
            finally:
                os._exit(0)
        children.append(child)
    os.close(result)
    os.write(go, b"g" * count)
    for child in children:
        os.waitpid(child, 0)
    with os.fdopen(results) as file:
        times = [float(line) for line in file]
    return {"cpu": sum(times) / count, "wall": max(times)}
