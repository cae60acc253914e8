"""Part `latency`: an application's requests, while 100,000 tombs are fetched from it each second.

Requests follow one another in the application's main thread without a pause: the hardest case for a
thread beside it; they begin when all functions are registered. Six ways take turns, each turn
beginning with another: nobody fetches (`quiet`), nobody once more (the noise), somebody fetches
over the socket, somebody reads the file, somebody fetches as much from another process (what the
mere work on the machine does), and somebody follows the changes as `tombs watch` does.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from benchmarks.application import Application
from benchmarks.bench import INSIDE
from benchmarks.contenders import PLAIN, TOMBS
from benchmarks.faults import BenchError
from benchmarks.generated import generate
from benchmarks.pairs import Pairs
from benchmarks.part_requests import site
from benchmarks.part_socket import MODULES, ROOM, TOMB_COUNT

if TYPE_CHECKING:
    from benchmarks.bench import Bench

_TITLES = {
    "again": PLAIN,
    "elsewhere": PLAIN,
    "file": TOMBS,
    "fetched": TOMBS,
    "watched": TOMBS,
}


def latency(bench: Bench) -> None:
    """Measure; the figure is of all turns together, the ends are of single turns."""
    place = bench.path("latency")
    name = generate(place, "many", TOMB_COUNT, MODULES)
    programs = os.pathsep.join((place, bench.environment.programs))
    environ = bench.tombs(name, *ROOM, **site(bench) | {"PYTHONPATH": programs})
    idle = bench.tombs(name, *ROOM, PYTHONPATH=place)
    phases: dict[str, list[list[float]]] = {}
    with Application(bench, name, environ) as serves, Application(bench, name, idle) as other:
        ways: dict[str, tuple[str, ...]] = {
            "quiet": (),
            "again": (),
            "fetched": ("socket", serves.address),
            "elsewhere": ("socket", other.address),
            "file": ("file", serves.graveyard),
            "watched": ("changes", serves.address),
        }
        for turn in range(bench.times(6, 3)):
            order = list(ways)
            for way in order[turn % len(order) :] + order[: turn % len(order)]:
                phases.setdefault(way, []).append(_phase(bench, serves, ways[way]))
    for way, contender in _TITLES.items():
        for share, suffix in ((0.5, ".median"), (0.99, "")):
            _compare(
                bench, f"latency.{way}{suffix}", contender, phases["quiet"], phases[way], share
            )


def _compare(
    bench: Bench,
    measure: str,
    contender: str,
    quiet: list[list[float]],
    other: list[list[float]],
    share: float,
) -> None:
    pairs = Pairs(*([{"s": _quantile(one, share)} for one in turns] for turns in (quiet, other)))
    before, after = (
        _quantile([s for one in turns for s in one], share) for turns in (quiet, other)
    )
    spread = pairs.spread("s")._replace(median=after / before, fastest=None)
    note = f"{before * 1000:.2f} ms to {after * 1000:.2f} ms"
    bench.add(measure, contender, spread, "ratio", pairs.raw(), note)


def _phase(bench: Bench, application: Application, way: tuple[str, ...]) -> list[float]:
    """Have requests served for some seconds, while somebody fetches or nobody does."""
    seconds = bench.times(4, 2)
    if not way:
        return application.requests(seconds)
    command = [bench.environment.python, os.path.join(INSIDE, "fetcher.py"), *way]
    with subprocess.Popen(command, env=bench.plain(), stdin=subprocess.PIPE) as fetcher:
        took = application.requests(seconds)
    # Leaving the block closed its standard input, which is how it ends, and waited for it.
    if fetcher.returncode:
        raise BenchError(f"fetching ({way[0]}) failed with exit code {fetcher.returncode}")
    return took


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
