"""What a command takes: seconds, processor time, and memory, that of its own children included."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.faults import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EVERY = 0.02  # seconds


class Footprint(NamedTuple):
    """What one run took."""

    wall: float  # seconds
    processor: float  # seconds, of it and of the processes that it waited for
    peak: int  # bytes: the most that it and its children had at a time


def measure(command: Sequence[str], environ: dict[str, str], directory: str) -> Footprint:
    """Run a command to its end.

    Raises:
        BenchError: it ended with an error, or took more than ten minutes.
    """
    peak = 0
    ended = threading.Event()
    with open(os.path.join(directory, "stderr"), "w+b") as stderr:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, env=environ, cwd=directory, stdout=subprocess.DEVNULL, stderr=stderr
        )

        def look() -> None:
            nonlocal peak
            while not ended.wait(_EVERY):
                peak = max(peak, sum(map(_resident, _family(child.pid))))

        watcher = threading.Thread(target=look)
        watcher.start()
        late = threading.Timer(600, child.kill)
        late.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
            wall = time.perf_counter() - began
        finally:
            late.cancel()
            ended.set()
            watcher.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        if child.returncode:
            told = stderr.read().decode(errors="replace")
            raise BenchError(f"exit code {child.returncode}: {' '.join(command[1:3])}", told)
    unit = 1 if sys.platform == "darwin" else 1024
    return Footprint(wall, used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss * unit))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                for child in file.read().split():
                    yield from _family(int(child))
    except OSError:  # it has ended, or this system doesn't tell: then the largest process counts
        return


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
