"""Part `start`: how much later a process starts that has nothing to watch."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.contenders import PLAIN, TOMBS
from benchmarks.pairs import Spread, alternate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.bench import Bench
    from benchmarks.pairs import Pairs, Sample


def start(bench: Bench) -> None:
    """Measure `python -c pass` from start to end, in the environment and by `tombs-run`."""
    python = bench.environment.python
    nothing = [python, "-c", "pass"]
    plain, watched = bench.plain(), bench.tombs("nothing_of_that_name")
    launcher = os.path.join(os.path.dirname(python), "tombs-run")
    options = ("-n", "nothing_of_that_name", "--dir", bench.path("run"), "--cache", "0")
    by_command = [launcher, *options, "--", *nothing]

    def timed(command: Sequence[str], environ: dict[str, str]) -> Sample:
        began = time.perf_counter()
        bench.call(command, environ)
        return {"ms": (time.perf_counter() - began) * 1000}

    pairs = alternate(
        bench.times(60, 25), lambda _: timed(nothing, plain), lambda _: timed(nothing, watched)
    )
    noise = [after["ms"] - before["ms"] for before, after in pairwise(pairs.plain)]
    bench.add("start.empty", PLAIN, Spread.of(noise), "ms")
    bench.add("start.empty", TOMBS, pairs.longer("ms"), "ms", pairs.raw(), _plain(pairs))
    pairs = alternate(
        bench.times(15, 5), lambda _: timed(nothing, plain), lambda _: timed(by_command, plain)
    )
    bench.add("start.command", TOMBS, pairs.longer("ms"), "ms", pairs.raw(), _plain(pairs))


def _plain(pairs: Pairs) -> str:
    """Say how long the plain program took: the same machine is up to twice as slow when busy."""
    times = [one["ms"] for one in pairs.plain]
    return f"plain {median(times):.1f} ms, fastest {min(times):.1f}"
