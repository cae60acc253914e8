"""A clock on the wall that a test sets for a program, and a program for itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += atol(getenv("SHIFTED"));
    return failed;
}
"""


def shifted(place: Path, seconds: int) -> dict[str, str]:
    """The variables that shift a program's clock on the wall, and nothing else of it.

    The program may set SHIFTED anew. None where there is no compiler, or no LD_PRELOAD: then the
    clock stays.
    """
    source, library = place / "clock.c", place / "clock.so"
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return {}
    source.write_text(CLOCK, "utf-8")
    words = [compiler, "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(words, check=True, timeout=60, capture_output=True)
    return {"LD_PRELOAD": str(library), "SHIFTED": str(seconds)}
