"""A program that has loaded many functions: waits to be told to serve requests, or to end.

Its standard input says what to do, a line each: `requests SECONDS` serves Django requests one after
another in this process, and prints how long each took; end of file ends it. It says `ready` first,
and where Tombs listens.
"""

from __future__ import annotations

import json
import os
import sys
import time


def _requests(seconds: float) -> list[float]:
    import adminsite

    application = _application()
    took = []
    now = time.perf_counter()
    until = now + seconds
    while now < until:
        began = now
        adminsite.get(application, adminsite.LIGHT)
        now = time.perf_counter()
        took.append(now - began)
    return took


_made: list[object] = []


def _application() -> object:
    if not _made:
        import adminsite

        _made.append(adminsite.load())
    return _made[0]


def main(package: str) -> None:
    """Load, then do as told."""
    if package:
        __import__(package)
    if os.environ.get("BENCH_DATABASE"):
        _requests(0.5)
    session = sys.modules["tombs.process"].current() if "tombs.process" in sys.modules else None
    if session:
        session.settle()  # else some seconds of registering are part of what is measured
    about = {
        "pid": os.getpid(),
        "address": str(session.address) if session else "",
        "path": session.path if session else "",
    }
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        word, _, rest = line.partition(" ")
        if word == "requests":
            print(json.dumps(_requests(float(rest))), flush=True)


main(sys.argv[1])
