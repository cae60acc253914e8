"""What one call costs: of an empty function again and again, and of many the first time."""

from __future__ import annotations

import time

LOOPS = 3_000_000


def work(package: str) -> dict[str, float]:
    """Measure with the functions of a generated package (tombs of benchmarks.generated)."""
    functions = __import__(package).functions()
    began = time.perf_counter()
    for function in functions:
        function()
    first = (time.perf_counter() - began) / len(functions)
    function = functions[0]
    began = time.perf_counter()
    for _ in range(LOOPS):
        function()
    return {"first": first * 1e9, "after": (time.perf_counter() - began) / LOOPS * 1e9}
