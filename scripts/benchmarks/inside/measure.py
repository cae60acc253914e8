"""What a process can say of itself: time, private memory, how many functions Tombs registered."""

from __future__ import annotations

import os
import sys
import time


class Clock:
    """Wall and processor time since it was made; the latter of all threads."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self) -> dict[str, float]:
        """Give both, in seconds."""
        cpu = time.process_time()
        return {"wall": time.perf_counter() - self._wall, "cpu": cpu - self._cpu}


def memory() -> dict[str, float]:
    """Give the bytes that are this process's alone, and apart from them those of shared mappings.

    Private_Dirty of private mappings: what a further worker costs. Private_Clean is left out, since
    it turns into Shared_Clean as soon as anything else runs the same interpreter. The graveyard is
    a shared mapping, and counts as such although only one process may have it.
    """
    private = shared = 0
    is_shared = False
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
            for line in file:
                first, _, rest = line.partition(" ")
                if not first.endswith(":"):
                    is_shared = rest[3:4] == "s"
                elif first == "Private_Dirty:" and not is_shared:
                    private += int(rest.split()[0]) << 10
                elif first == "Rss:" and is_shared:
                    shared += int(rest.split()[0]) << 10
    except OSError:
        return {}
    return {"private": private, "shared": shared}


def graveyard() -> dict[str, float]:
    """Give how many functions the graveyard has, what its file takes, and the memory by then.

    What Tombs had put off is done first: it is Tombs' work all the same. Nothing without Tombs.
    """
    module = sys.modules.get("tombs.process")
    session = module.current() if module else None
    if session is None:
        return {}
    session.settle()
    from tombs.layout import SLOTS_USED

    used = session.graveyard.region.words[SLOTS_USED]
    return {"functions": used, "touched": os.stat(session.path).st_blocks * 512} | memory()
