"""Part `epochs`: Django under gunicorn with an epoch of a minute, against none; and a function's.

Two servers run side by side, one with epochs and one without, both under Tombs, and are asked in
turns, each for as long as an epoch lasts: so in each turn all that was called is armed again once,
and called again. Which of the two comes first changes from turn to turn.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.bench import INSIDE
from benchmarks.contenders import PLAIN, TOMBS
from benchmarks.generated import generate
from benchmarks.pairs import Pairs, Spread
from benchmarks.part_requests import serving, site

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.pairs import Sample

FUNCTIONS = 3000
_SHARES = {"p99": 0.99, "median": 0.5}


def epochs(bench: Bench) -> None:
    """Measure what requests cost, and what a function does."""
    _function(bench)
    _requests(bench)


def _function(bench: Bench) -> None:
    """Measure nanoseconds: to arm a function again, and for the call that follows."""
    place = bench.path("rearm")
    name = generate(place, "rearmed", FUNCTIONS)
    path = os.pathsep.join((place, bench.environment.programs))
    environ = bench.tombs(name, "--epoch", "24h", PYTHONPATH=path)
    bench.child(environ, ("rearm", name))  # the cache is made
    runs = [bench.child(environ, ("rearm", name)) for _ in range(bench.times(9, 5))]
    for measure in ("arm", "next"):
        spread = Spread.of(one[measure] for one in runs)
        bench.add(f"epochs.{measure}", TOMBS, spread, "ns", [one[measure] for one in runs])


def _requests(bench: Bench) -> None:
    """Measure requests: the 99th percentile, the median, and how long each takes of the whole."""
    where = site(bench)
    length = bench.times(60, 6)
    ways = {
        "without": bench.tombs("django", **where),
        "with": bench.tombs("django", "--epoch", f"{length}s", **where),
    }
    found: dict[str, list[Sample]] = {way: [] for way in ways}
    whole: dict[str, list[float]] = {way: [] for way in ways}
    with ExitStack() as stack:
        servers = {way: stack.enter_context(serving(bench, ways[way])) for way in ways}
        for port, _ in servers.values():
            _asked(bench, port, 3)
        for turn in range(bench.times(5, 3)):
            for way in list(ways)[:: 1 if turn % 2 else -1]:
                port, pid = servers[way]
                before = _processor(pid)
                took = _asked(bench, port, length)
                each = (_processor(pid) - before) / len(took)
                whole[way] += took
                found[way].append(_sample(took, length) | {"cpu": each})
    pairs = Pairs(found["without"], found["with"])
    bench.add("epochs.cpu", PLAIN, Spread.of(pairs.noise("cpu")), "ratio")
    bench.add("epochs.cpu", TOMBS, pairs.spread("cpu"), "ratio")
    for key in ("each", *_SHARES):
        before, after = (_sample(whole[way], length)[key] for way in ways)
        if key == "each":
            before, after = (value * len(pairs.plain) for value in (before, after))
        spread = pairs.spread(key)
        if key in _SHARES:  # of all turns together: one turn's is of few requests
            spread = spread._replace(median=after / before, fastest=None)
        note = f"{before * 1000:.2f} ms to {after * 1000:.2f} ms, an epoch of {length} s"
        bench.add(f"epochs.{key}", PLAIN, Spread.of(pairs.noise(key)), "ratio")
        bench.add(f"epochs.{key}", TOMBS, spread, "ratio", pairs.raw(), note)


def _asked(bench: Bench, port: str, seconds: int) -> list[float]:
    """Ask a server for so long; gives how long each request took."""
    script = os.path.join(INSIDE, "client.py")
    command = [sys.executable, script, port, str(seconds), "each"]
    return list(json.loads(bench.call(command, bench.plain(), seconds + 60)))


def _processor(pid: int) -> float:
    """Give the processor time that a server's workers have taken, in seconds."""
    taken = 0
    for child in _text(f"/proc/{pid}/task/{pid}/children").split():
        for task in os.listdir(f"/proc/{child}/task"):
            taken += int(_text(f"/proc/{child}/task/{task}/schedstat").split()[0])
    return taken / 1e9


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _sample(took: list[float], seconds: int) -> Sample:
    took = sorted(took)
    shares = {key: took[int(len(took) * share)] for key, share in _SHARES.items()}
    return {"each": seconds / len(took), **shares}
