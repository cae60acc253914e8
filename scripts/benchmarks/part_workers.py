"""Part `workers`: two processes that call the same functions, in one graveyard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, TOMBS
from benchmarks.generated import generate
from benchmarks.pairs import Pairs, Spread

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def workers(bench: Bench) -> None:
    """Measure two workers against one, plain and under Tombs in turns, and compare these."""
    place = bench.path("workers")
    name = generate(place, "shared", 1000)
    path = {"PYTHONPATH": place}
    plain, watched = bench.plain(**path), bench.tombs(name, **path)
    one, two = ("workers", name, "1"), ("workers", name, "2")
    alone, shared = Pairs([], []), Pairs([], [])
    for seed in range(bench.times(9, 5)):
        for pairs, environ in ((alone, plain), (shared, watched)):
            pairs.plain.append(bench.child(environ, one, seed=seed))
            pairs.other.append(bench.child(environ, two, seed=seed))
    bench.add("workers.two", PLAIN, alone.spread("cpu"), "ratio", alone.raw(), "two / one")
    ratios = [
        with_tombs / without
        for with_tombs, without in zip(shared.ratios("cpu"), alone.ratios("cpu"), strict=True)
    ]
    note = "two / one, by what that is for the plain program"
    bench.add("workers.two", TOMBS, Spread.of(ratios), "ratio", shared.raw(), note)
