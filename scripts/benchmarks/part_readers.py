"""Part `readers`: what one waits for, and how much memory it takes, with 100,000 functions."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.bench import INSIDE
from benchmarks.contenders import TOMBS
from benchmarks.footprint import Footprint, measure
from benchmarks.generated import generate
from benchmarks.pairs import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.bench import Bench

FUNCTIONS = 100_000
REAL = ("sympy", "django")
SNAPSHOTS = 1000

# What is measured, by the arguments of `tombs`.
COMMANDS = {
    "status": ("status", "new.json"),
    "report": ("report", "new.json"),
    "report.source": ("report", "new.json", "--source", "tree"),
    "html": ("report", "new.json", "--html", "report.html"),
    "html.source": ("report", "new.json", "--source", "tree", "--html", "source.html"),
    "diff": ("diff", "old.json", "new.json"),
    "diff.source": ("diff", "old.json", "new.json", "--source", "tree"),
    "why": ("why", "diophantine", "new.json", "--source", "tree"),
    "inventory": ("inventory", "--source", "tree", "-o", "again.json"),
}


def readers(bench: Bench) -> None:
    """Measure each command on real source, and on generated source for what it lacks."""
    place = bench.path("readers")
    os.mkdir(os.path.join(place, "fleet"))
    environ = bench.plain(TOMBS_CACHE=bench.path("cache"))
    tree = os.path.join(place, "tree")
    for name in REAL:
        origin = os.path.join(bench.environment.programs, name)
        ignored = shutil.ignore_patterns("__pycache__", "locale")
        shutil.copytree(origin, os.path.join(tree, name), ignore=ignored)
    first = ("inventory", "--source", "tree", "-o", "listed.json")
    real = _run(bench, first, environ, place), _functions(os.path.join(place, "listed.json"))
    generate(tree, "many", max(FUNCTIONS - real[1], 10))
    _run(bench, first, environ, place)
    listed = os.path.join(place, "listed.json")
    note = f"{real[1]:,} functions of {' and '.join(REAL)}"
    _add(bench, "inventory.cold", [real[0]], note)
    snapshots = bench.times(SNAPSHOTS, SNAPSHOTS // 10)
    making = (bench.environment.python, os.path.join(INSIDE, "evidence.py"))
    bench.call([*making, listed, place, str(snapshots)], environ, timeout=600)
    note = f"{_functions(listed):,} functions"
    commands = dict(COMMANDS)
    if "html" in bench.call([_tombs(bench), "diff", "--help"], environ):
        commands["diff.html"] = ("diff", "old.json", "new.json", "--format", "html=diff.html")
    for name, words in commands.items():
        runs = [_run(bench, words, environ, place) for _ in range(bench.times(5, 1))]
        _add(bench, name, runs, note)
    fleet = [os.path.join("fleet", name) for name in os.listdir(os.path.join(place, "fleet"))]
    merged = _run(bench, ("merge", "-o", "merged.json", *fleet), environ, place)
    name = "merge" if snapshots == SNAPSHOTS else "merge.few"
    _add(bench, name, [merged], f"{snapshots:,} snapshots of 10,000 functions")


def _tombs(bench: Bench) -> str:
    return os.path.join(os.path.dirname(bench.environment.python), "tombs")


def _run(bench: Bench, words: Sequence[str], environ: dict[str, str], place: str) -> Footprint:
    return measure((_tombs(bench), *words), environ, place)


def _add(bench: Bench, name: str, runs: Sequence[Footprint], note: str) -> None:
    walls = Spread.of([1000 * one.wall for one in runs])
    processor = Spread.of([one.processor for one in runs])
    told = f"{note}; {processor.median:.1f} s of processor time"
    bench.add(f"readers.{name}", TOMBS, walls, "ms", [one._asdict() for one in runs], told)
    peaks = Spread.of([one.peak for one in runs])
    bench.add(f"readers.{name}.memory", TOMBS, peaks, "bytes")


def _functions(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        return sum(len(_rows(line)) for line in file if line.startswith('{"listed"'))


def _rows(line: str) -> list[object]:
    rows = json.loads(line)["functions"]
    assert isinstance(rows, list)  # noqa: S101 - the tool's own file
    return rows
