"""Part `run`: programs while they run, and what a single call costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, RIVALS, TOMBS
from benchmarks.faults import BenchError
from benchmarks.generated import generate
from benchmarks.inside.programs import MODULE, PROGRAMS
from benchmarks.pairs import Spread, mean

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.contenders import Rival


def run(bench: Bench) -> None:
    """Measure Tombs, then single calls, then the rivals."""
    _tombs(bench)
    _calls(bench)
    for rival in RIVALS if bench.rivals else ():
        _rival(bench, rival)


def _tombs(bench: Bench) -> None:
    plain, watched = bench.plain(), bench.tombs(MODULE)
    noises, ratios = [], []
    for program in PROGRAMS:
        # What Tombs does once is measured by the parts that load and start.
        work = ("programs", program, "whole" if bench.quick else "long")
        pairs = bench.compare(bench.times(9, 3), work, plain, watched)
        noises.append(Spread.of(pairs.noise("cpu")))
        ratios.append(pairs.spread("cpu"))
        bench.add(f"run.{program}", PLAIN, noises[-1], "ratio")
        bench.add(f"run.{program}", TOMBS, ratios[-1], "ratio", pairs.raw())
    bench.add("run.mean", PLAIN, mean(noises), "ratio")
    bench.add("run.mean", TOMBS, mean(ratios), "ratio")


def _rival(bench: Bench, rival: Rival) -> None:
    size = "light" if rival.slow or bench.quick else "whole"
    ratios = []
    for program in PROGRAMS:
        measure = f"run.{program}"
        work = ("programs", program, size)
        try:
            watched = bench.rival(rival, f"{MODULE},bm_{program}")
            pairs = bench.compare(bench.times(3, 1), work, bench.plain(), watched, rival.name)
        except BenchError as fault:
            bench.fail(measure, rival.name, fault)
            continue
        ratios.append(pairs.spread("cpu"))
        bench.add(measure, rival.name, ratios[-1], "ratio", pairs.raw())
    if len(ratios) == len(PROGRAMS):
        bench.add("run.mean", rival.name, mean(ratios), "ratio")
    else:
        lost = BenchError(f"{len(PROGRAMS) - len(ratios)} of {len(PROGRAMS)} programs fail")
        bench.fail("run.mean", rival.name, lost)


def _calls(bench: Bench) -> None:
    """Measure the first call of each of 20,000 functions, and a call of one again and again."""
    place = bench.path("calls")
    name = generate(place, "called", 20_000)
    path = {"PYTHONPATH": place}
    work = ("calls", name)
    plain, watched = bench.plain(**path), bench.tombs(name, **path)
    pairs = bench.compare(bench.times(9, 3), work, plain, watched)
    for key in ("first", "after"):
        differences = Spread.of(pairs.differences(key))
        bench.add(f"call.{key}", TOMBS, differences, "ns", pairs.raw())
