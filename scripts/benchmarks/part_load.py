"""Part `load`: imports, with what Tombs keeps of modules there (warm) and not there (cold)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, RIVALS, TOMBS
from benchmarks.faults import BenchError
from benchmarks.pairs import Spread

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.pairs import Pairs

WHAT = ("sympy", "django")  # inside/loading.py's words; the packages that are watched, too


def load(bench: Bench) -> None:
    """Measure imports."""
    for what in WHAT:
        plain, watched = bench.plain(), bench.tombs(what)
        work = ("loading", what)
        bench.child(plain, work)
        bench.child(watched, work)  # from now on what is kept is there
        warm = bench.compare(bench.times(11, 5), work, plain, watched)
        bench.add(f"load.{what}", PLAIN, Spread.of(warm.noise("cpu")), "ratio")
        _imports(bench, f"load.{what}", TOMBS, warm)
        anew = partial(bench.tombs, what)
        cold = bench.compare(bench.times(7, 3), work, plain, anew)
        _imports(bench, f"load.{what}.cold", TOMBS, cold)
        _each(bench, f"load.function.{what}", warm)
        _each(bench, f"load.function.{what}.cold", cold)
        for rival in RIVALS if bench.rivals else ():
            try:
                environ = bench.rival(rival, what)
                times = bench.times(1 if rival.slow else 3, 1)
                pairs = bench.compare(times, work, plain, environ, rival.name)
            except BenchError as fault:
                bench.fail(f"load.{what}", rival.name, fault)
                continue
            _imports(bench, f"load.{what}", rival.name, pairs)


def _imports(bench: Bench, measure: str, contender: str, pairs: Pairs) -> None:
    wall, whole = pairs.spread("wall").median, pairs.spread("whole").median
    note = f"wall {wall:.2f}, whole process {whole:.2f}"
    bench.add(measure, contender, pairs.spread("cpu"), "ratio", pairs.raw(), note)


def _each(bench: Bench, measure: str, pairs: Pairs) -> None:
    """Add the time a function, of the import alone."""
    functions = pairs.other[0]["functions"]
    each = [difference / functions * 1e6 for difference in pairs.differences("cpu")]
    bench.add(measure, TOMBS, Spread.of(each), "µs", note=f"{functions:,} functions")
