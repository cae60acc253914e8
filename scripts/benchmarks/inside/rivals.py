"""How each rival is started within a process, watching nothing but the packages named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

_held: list[Any] = []


def start(contender: str, watched: list[str]) -> None:
    """Start a rival; the packages may not be imported yet."""
    {
        "coverage-c": _coverage,
        "coverage-sysmon": _coverage,
        "slipcover": _slipcover,
        "setprofile": _setprofile,
        "ddtrace": _ddtrace,
        "scavenger": _scavenger,
    }[contender](watched)


def collected(contender: str) -> bool:
    """Tell whether a rival has seen anything: one that doesn't work costs nothing."""
    if contender.startswith("coverage"):
        _held[0].stop()
        return bool(_held[0].get_data().measured_files())
    if contender == "slipcover":
        return bool(_held[0].get_coverage()["files"])
    if contender == "ddtrace":
        return bool(_held[0]._instance._get_covered_lines())  # noqa: SLF001 - it has no other way
    if contender == "scavenger":
        return bool(_held[0].get_invocations()[0])
    return bool(_held[0])


def places(watched: list[str]) -> list[Path]:
    """Give the directories of the packages: all of them lie in the environment's programs."""
    programs = Path(os.environ["BENCH_PROGRAMS"])
    found = [programs / name for name in watched if (programs / name).is_dir()]
    return found or [programs]


def _coverage(watched: list[str]) -> None:
    import coverage

    collector = coverage.Coverage(data_file=None, source=[str(place) for place in places(watched)])
    collector.start()
    core = type(collector._collector.tracers[0]).__name__  # noqa: SLF001 - nothing else tells
    wanted = "SysMonitor" if os.environ["COVERAGE_CORE"] == "sysmon" else "CTracer"
    if core != wanted:
        raise SystemExit(f"coverage used {core} in place of {wanted}")
    _held.append(collector)


def _slipcover(watched: list[str]) -> None:
    import slipcover

    matcher = slipcover.FileMatcher(sources=[str(place) for place in places(watched)])
    sources = [str(place) for place in places(watched)]
    cover = slipcover.Slipcover(source=sources)
    manager = slipcover.ImportManager(cover, matcher)
    manager.__enter__()
    _held.extend((cover, manager))


def _setprofile(_watched: list[str]) -> None:
    """The least that a collector of called functions does when it is written in Python."""
    seen = set()

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    sys.setprofile(called)
    _held.append(seen)


def _ddtrace(watched: list[str]) -> None:
    from ddtrace.internal.coverage.code import ModuleCodeCollector

    ModuleCodeCollector.install(include_paths=places(watched))
    ModuleCodeCollector.start_coverage()
    _held.append(ModuleCodeCollector)


def _scavenger(watched: list[str]) -> None:
    from scavenger.internal.invocation_registry import InvocationRegistry
    from scavenger.internal.patch import Patcher

    registry = InvocationRegistry()
    Patcher(watched, [], [], exclude_init=False, invocation_registry=registry).patch()
    _held.append(registry)
