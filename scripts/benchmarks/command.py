"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.environment import ROOT, Environment
from benchmarks.faults import BenchError
from benchmarks.part_epochs import epochs
from benchmarks.part_latency import latency
from benchmarks.part_load import load
from benchmarks.part_memory import memory
from benchmarks.part_readers import readers
from benchmarks.part_requests import requests
from benchmarks.part_run import run
from benchmarks.part_socket import socket
from benchmarks.part_start import start
from benchmarks.part_workers import workers
from benchmarks.report import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.results import Result

PARTS: dict[str, tuple[Callable[[Bench], None], str]] = {
    "run": (run, "pyperformance's programs; what a call costs"),
    "requests": (requests, "Django's admin in one process, and under gunicorn"),
    "load": (load, "imports, with Tombs' cache warm and empty"),
    "start": (start, "process start-up with nothing to watch"),
    "memory": (memory, "private memory, and the graveyard file"),
    "workers": (workers, "two processes that call the same functions"),
    "socket": (socket, "100,000 tombs over the socket, and from the file"),
    "readers": (readers, "the readers' time and memory with 100,000 functions"),
    "latency": (latency, "requests while tombs are fetched once a second"),
    "epochs": (epochs, "requests with an epoch of a minute; what it costs a function"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; gives the exit code: 1 where `--check` finds a target missed."""
    options = _parser().parse_args(argv)
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        print(f"scripts/bench: no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    about = machine.about()
    pythons: list[tuple[Environment, list[Result]]] = []
    lost = False
    for python in options.python or [sys.executable]:
        try:
            environment = _environment(python, options)
            pythons.append((environment, _bench(environment, options)))
        except BenchError as fault:
            print(f"scripts/bench: {fault.message}\n{fault.output}", file=sys.stderr)
            lost = True
    if not pythons:
        return 2
    text = markdown(about, [(one.version, results) for one, results in pythons])
    print(f"\n{text}", flush=True)
    if options.markdown:
        _write(options.markdown, text)
    if options.json:
        found = [
            {
                "python": one.version,
                "packages": one.packages,
                "results": [result.data() for result in results],
            }
            for one, results in pythons
        ]
        whole = {"about": about, "quick": options.quick, "pythons": found}
        _write(options.json, json.dumps(whole, indent=1) + "\n")
    missed = [result for _, results in pythons for result in results if result.met is False]
    if lost:
        return 2
    return 1 if options.check and missed else 0


def _parser() -> argparse.ArgumentParser:
    parts = "\n".join(f"  {name:10}{what}" for name, (_, what) in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Put Tombs beside the plain program and every rival, on this machine.",
        epilog=f"parts:\n{parts}\n\ndocs/benchmarks.md tells how it is measured.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help="only these; all without any")
    add("--quick", action="store_true", help="a look in about three minutes; no record")
    add("--no-rivals", dest="rivals", action="store_false", help="Tombs and plain alone")
    add("--python", action="append", metavar="PATH", help="measure on this one; may be repeated")
    add("--dir", metavar="PATH", help="where environments are made (default: .venvs of the tree)")
    add("--markdown", metavar="PATH", help="write the tables there, too")
    add("--json", metavar="PATH", help="write everything there, the single numbers included")
    add("--check", action="store_true", help="exit with 1 when a target is missed")
    return parser


def _environment(python: str, options: argparse.Namespace) -> Environment:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise BenchError(f"{python} does not run: {fault}") from None
    directory = options.dir or os.path.join(ROOT, ".venvs")
    name = f"bench-{done.stdout.strip()}"
    environment = Environment(os.path.join(os.path.abspath(directory), name), python, _say)
    environment.make(rivals=options.rivals)
    return environment


def _bench(environment: Environment, options: argparse.Namespace) -> list[Result]:
    bench = Bench(environment, _say, quick=options.quick, rivals=options.rivals)
    try:
        for name, (part, _) in PARTS.items():
            if not options.parts or name in options.parts:
                began = time.monotonic()
                _say(f"== {name} on Python {environment.version}")
                try:
                    part(bench)
                except BenchError as fault:
                    bench.fail(name, "tombs", fault)
                    _say(fault.output)
                _say(f"== {name}: {time.monotonic() - began:.0f} s")
    finally:
        bench.close()
    return bench.results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
