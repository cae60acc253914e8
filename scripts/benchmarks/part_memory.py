"""Part `memory`: private memory, what a function takes and what Tombs itself takes; the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, RIVALS, TOMBS
from benchmarks.faults import BenchError
from benchmarks.generated import generate
from benchmarks.pairs import Spread
from benchmarks.part_load import WHAT

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def memory(bench: Bench) -> None:
    """Measure what is fixed, then what comes with each function, then the graveyard's file."""
    fixed = _fixed(bench)
    for what in WHAT:
        _functions(bench, what, fixed)
    place = bench.path("memory")
    many = generate(place, "many", 10_000)
    sample = bench.child(bench.tombs(many, PYTHONPATH=place), ("loading", many))
    bench.add("memory.graveyard", TOMBS, Spread.of([sample["touched"]]), "bytes", sample)


def _fixed(bench: Bench) -> float:
    """Measure a process that watches next to nothing; ctypes, which Tombs needs, is in both."""
    place = bench.path("memory")
    one = generate(place, "alone", 2, 1)
    path = {"PYTHONPATH": place}
    work = ("loading", f"ctypes,{one}")
    times = bench.times(9, 5)
    pairs = bench.compare(times, work, bench.plain(**path), bench.tombs(one, **path))
    fixed = Spread.of(pairs.differences("private"))
    bench.add("memory.fixed", TOMBS, fixed, "bytes", pairs.raw())
    apart = [
        bench.child(bench.plain(), ("loading", "ctypes"), seed=seed)["private"]
        - bench.child(bench.plain(), ("loading", ""), seed=seed)["private"]
        for seed in range(bench.times(5, 3))
    ]
    bench.add("memory.ctypes", PLAIN, Spread.of(apart), "bytes")
    return fixed.median


def _functions(bench: Bench, what: str, fixed: float) -> None:
    plain, watched = bench.plain(), bench.tombs(what)
    work = ("loading", what)
    measure = "memory.function" if what == "sympy" else f"memory.function.{what}"
    for state, environ in ((".cold", watched), ("", watched)):  # the first fills what is kept
        times = 1 if state else bench.times(9, 3)
        pairs = bench.compare(times, work, plain, environ)
        functions = pairs.other[0]["functions"]
        each = [(difference - fixed) / functions for difference in pairs.differences("private")]
        note = f"import of {what}, {functions:,} functions"
        bench.add(measure + state, TOMBS, Spread.of(each), "bytes", pairs.raw(), note)
    for rival in RIVALS if bench.rivals else ():
        if bench.quick and rival.name == "slipcover":
            continue  # takes half a minute
        try:
            pairs = bench.compare(1, work, plain, bench.rival(rival, what), rival.name)
        except BenchError as fault:
            bench.fail(measure, rival.name, fault)
            continue
        each = [difference / functions for difference in pairs.differences("private")]
        bench.add(measure, rival.name, Spread.of(each), "bytes", note="what is fixed included")
