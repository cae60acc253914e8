"""pyperformance's programs, a fixed number of loops each.

Each is imported from the directory that pyperformance ships it in; the import is not measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

MODULE = "run_benchmark"


class _Runner:
    """Stands in for pyperf's runner, where a program's work is only to be had through it."""

    def __init__(self, loops: int) -> None:
        self.metadata: dict[str, object] = {}
        self._loops = loops

    def bench_func(self, _name: str, function: Callable[..., object], *args: object) -> None:
        for _ in range(self._loops):
            function(*args)


def _deltablue(program: Any, loops: int) -> None:
    for _ in range(loops):
        program.delta_blue(100)


def _go(program: Any, loops: int) -> None:
    for _ in range(loops):
        program.versus_cpu()


def _chaos(program: Any, loops: int) -> None:
    arguments = argparse.Namespace(
        thickness=0.25, width=128, height=128, iterations=1000, filename=None, rng_seed=1234
    )
    program.main(_Runner(loops), arguments)


def _pyflate(program: Any, loops: int) -> None:
    """Unpack the program's own source: the archive that it comes with takes a second."""
    import bz2
    import io

    with open(program.__file__, "rb") as file:
        packed = bz2.compress(file.read()[:8000])
    for _ in range(loops):
        field = program.RBitfield(io.BytesIO(packed))
        field.readbits(16)
        program.bzip2_main(field)


LONG = 4  # times as many loops: about a second
# What one program does, and its loops: as a rule, and for contenders that are many times slower.
PROGRAMS: dict[str, tuple[Callable[[Any, int], object], int, int]] = {
    "richards": (lambda program, loops: program.Richards().run(loops), 6, 2),
    "deltablue": (_deltablue, 120, 20),
    "raytrace": (lambda program, loops: program.bench_raytrace(loops, 40, 40, None), 5, 1),
    "chaos": (_chaos, 20, 4),
    "hexiom": (lambda program, loops: program.main(loops, 25), 60, 10),
    "go": (_go, 3, 1),
    "pyflate": (_pyflate, 10, 2),
    "nbody": (lambda program, loops: program.bench_nbody(loops, "sun", 20000), 5, 1),
}


def load(name: str) -> ModuleType:
    """Import a program by its own name, from the directory of all of them."""
    sys.path.insert(0, os.path.join(os.environ["BENCH_PROGRAMS"], f"bm_{name}"))
    return __import__(MODULE)


def work(name: str, size: str) -> dict[str, float]:
    """Run a program; size is `long`, `whole` or `light`."""
    from measure import Clock

    run, whole, light = PROGRAMS[name]
    program = load(name)
    clock = Clock()
    run(program, {"long": LONG * whole, "whole": whole, "light": light}[size])
    measured: dict[str, float] = clock.read()
    return measured
