"""Other tools in the same program: which there are, and how Tombs gets on with each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from tombs.checkup.findings import Section

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from tombs.checkup.program import Program


class Tool(NamedTuple):
    """What one is known by, and what is to be said of it.

    Args:
        name: as people call it.
        module: the module that it is loaded as.
        remark: how Tombs gets on with it.
        commands: programs that put it in front of another.
        variables: beginnings of variables that set it up.
        outside: its command must stand in front of `tombs-run`, not behind it.
    """

    name: str
    module: str
    remark: str
    commands: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    outside: bool = False


_RUNS: Final = "runs the command"
_BESIDE = "both work"
_WRAPS = "both work; what it puts around a function is its own, and not watched"
_GREEN = "both work, patched before Tombs or after"
_CHECKS = "both work: the functions are watched as it has changed them"

TOOLS: Final = (
    Tool(
        "coverage.py", "coverage", _BESIDE, ("coverage",),
        ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"),
    ),
    Tool("ddtrace", "ddtrace", _WRAPS, ("ddtrace-run",), ("DD_",)),
    Tool(
        "OpenTelemetry", "opentelemetry.instrumentation", _WRAPS,
        ("opentelemetry-instrument",), ("OTEL_",), outside=True,
    ),
    Tool("Sentry", "sentry_sdk", _WRAPS, (), ("SENTRY_",)),
    Tool("New Relic", "newrelic", "not tried", ("newrelic-admin",), ("NEW_RELIC_",)),
    Tool("gevent", "gevent", _GREEN),
    Tool("eventlet", "eventlet", _GREEN),
    Tool("beartype.claw", "beartype", _CHECKS),
    Tool("typeguard", "typeguard", _CHECKS),
    Tool(
        "numba", "numba",
        "both work; what it compiles isn't seen: of a module that imports it nothing is dead",
    ),
    Tool(
        "torch.compile", "torch",
        "both work; under monitoring, from the first torch.compile on, nothing is called dead",
    ),
    Tool(
        "Pony ORM", "pony",
        "both work; under rewrite a module that imports it is left alone, and Pony can't read the"
        " lambda of a query elsewhere",
    ),
    Tool("Cython", "Cython", "compiled modules can't be watched"),
    Tool("slipcover", "slipcover", "not tried", ("slipcover",)),
    Tool("pyinstrument", "pyinstrument", "not tried", ("pyinstrument",)),
    Tool("scalene", "scalene", "not tried", ("scalene",)),
    Tool("debugpy", "debugpy", "not tried", ("debugpy",), ("DEBUGPY_", "PYDEVD_")),
)  # fmt: skip


def look_at_tools(
    program: Program, environ: Mapping[str, str], found: Mapping[str, Any]
) -> Section:
    """Name the tools that are at work, or set up, or only installed.

    Args:
        program: the command.
        environ: its environment.
        found: what the probe told.
    """
    section = Section("other tools")
    installed = []
    for tool in TOOLS:
        signs = _signs(tool, program, environ, found)
        if tool.outside and _RUNS in signs:
            section.problem(
                f"{tool.name}: its sitecustomize takes the place of Tombs' and doesn't run it",
                f"Put tombs-run behind it: {tool.commands[0]} tombs-run …",
            )
        elif signs:
            section.note(f"{tool.name}: {'; '.join(signs)}: {tool.remark}")
        elif tool.module in found["installed"]:
            installed.append(tool)
    _hooks(section, found)
    remarks: dict[str, list[str]] = {}
    for tool in installed:
        remarks.setdefault(tool.remark, []).append(tool.name)
    for remark, names in remarks.items():
        section.ok(f"installed, and used only if the program does: {', '.join(names)}: {remark}")
    if not section.findings:
        section.ok("none that is known")
    return section


def _hooks(section: Section, found: Mapping[str, Any]) -> None:
    """Tell what of the interpreter is in use by somebody, whoever it is."""
    for kind, what in (("trace", "sys.settrace"), ("profile", "sys.setprofile")):
        if found["hooks"][kind]:
            section.note(
                f"{what} is in use before Tombs starts: both work; what it calls itself isn't seen"
                " by monitoring"
            )
    if found["finders"]:
        section.note(f"import hooks before Tombs starts: {', '.join(found['finders'])}: both work")


def _signs(
    tool: Tool, program: Program, environ: Mapping[str, str], found: Mapping[str, Any]
) -> list[str]:
    """Say by what a tool was noticed."""
    signs = []
    names = {os.path.basename(word) for word in program.words[:1]}
    if names.intersection(tool.commands) or program.script.startswith(f"-m {tool.module}"):
        signs.append(_RUNS)
    if tool.module in found["modules"]:
        signs.append("loaded before Tombs starts")
    seen = sorted(name for name in environ if name.startswith(tool.variables)) * bool(
        tool.variables
    )
    if seen:
        signs.append(f"set up by {', '.join(seen[:3])}")
    directory = tool.module.replace(".", os.sep) + os.sep
    if any(directory in f"{path}{os.sep}" for path in environ.get("PYTHONPATH", "").split(":")):
        signs.append("on PYTHONPATH")
    return signs
