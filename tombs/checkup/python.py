"""The program's Python: whether Tombs starts there, with which engine, and what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tombs import identity
from tombs.checkup.findings import Section
from tombs.loader.monitoring import TOOLS
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from tombs.checkup.program import Program

_KEEP_OUT: Final = {
    "isolated": "-I",
    "ignore_environment": "-E",
    "no_site": "-S",
}
_INSTALL: Final = "Install Tombs there, and use the tombs-run of that Python."


def look_at_command(program: Program) -> Section:
    """Say what a command comes down to."""
    section = Section("command")
    if not program.words:
        section.ok("none given: this interpreter is looked at")
    elif program.kind == "python":
        runs = f", which runs {program.script}" if program.script else ""
        section.ok(f"{program.file}{runs}")
        if program.python[0] != program.file:
            section.ok(f"its first line names {' '.join(program.python)}")
    elif program.kind == "shell":
        section.note(
            f"{program.file} is a shell script: a Python that it starts is watched where it is"
            " this one",
            "Give the command that it runs in the end, to have that one looked at.",
        )
    elif program.kind == "embeds":
        section.note(
            f"{program.file} seems to have a Python inside, which can't be asked: it is watched"
            " where it is this one and reads PYTHONPATH"
        )
    else:
        section.problem(
            f"{program.file} is no Python: nothing in it is watched",
            "A Python that it starts is watched where it is the one of this tombs-run.",
        )
    return section


def look_at_python(found: Mapping[str, Any], program: Program) -> Section:
    """Judge whether Tombs would start."""
    section = Section("python")
    python, tombs = found["python"], found["tombs"]
    build = " debug build" if python["debug"] else ""
    section.ok(
        f"{python['implementation']} {python['version']}{python['abiflags']}{build} at"
        f" {python['executable']}"
    )
    if python["implementation"] != "cpython":
        section.problem(f"{python['implementation']} is not supported; CPython is")
    elif not python["supported"]:
        section.problem(f"Python {python['version']} is too old: 3.11 is the first that will do")
    elif "t" in python["abiflags"]:
        section.problem(
            "it is a free-threaded build, in which Tombs stays off", "Use the build with the GIL."
        )
    elif "fault" in tombs:
        section.problem(f"Tombs can't be imported there: {tombs['fault']}", _INSTALL)
    elif tombs["identity"] != identity.interpreter():
        section.problem(
            f"it is another Python ({tombs['identity']}) than that of this tombs-run"
            f" ({identity.interpreter()}): Tombs stays off in it",
            "Use the tombs-run of that Python.",
        )
    elif tombs["version"] != __version__:
        section.note(f"it has Tombs {tombs['version']}; this one is {__version__}")
    else:
        section.ok(f"Tombs {tombs['version']} is there")
    if python["setuid"]:
        section.problem("it runs as another user than started it (setuid): Tombs stays off")
    _start(section, found, program)
    return section


def _start(section: Section, found: Mapping[str, Any], program: Program) -> None:
    flags = found["python"]["flags"]
    hidden = found["hidden"]
    if found["bootstrap"]:
        if hidden:
            section.note(f"{hidden} is hidden by Tombs' own sitecustomize, which runs it")
    else:
        own = f", unless {hidden} calls tombs.start()" if hidden and not flags["no_site"] else ""
        kept = [letter for name, letter in _KEEP_OUT.items() if flags[name]]
        if flags["isolated"]:
            kept = ["-I"]  # which sets the other two
        if kept:
            why, advice = f"{kept[0]} is given", f"Leave {kept[0]} out."
        elif "PYTHONPATH" in program.changes:
            why = "the command sets PYTHONPATH anew"
            advice = "Set it in front of tombs-run: PYTHONPATH=… tombs-run …"
        else:
            why, advice = "PYTHONPATH doesn't reach it", ""
        section.problem(f"{why}: Tombs is not started{own}", advice)
    harmless = [
        name
        for name, said in (("-P", "safe_path"), ("-s", "no_user_site"), ("-X dev", "dev_mode"))
        if flags[said] and not flags["isolated"]
    ]
    if flags["optimize"]:
        harmless.append("-" + "O" * min(flags["optimize"], 2))
    if harmless:
        section.ok(f"{' and '.join(harmless)}: nothing changes")


def look_at_engine(found: Mapping[str, Any], wanted: str) -> Section:
    """Say which engine would be chosen, and why."""
    section = Section("engine")
    tools = found["monitoring"]
    taken = [f"{tool} by {_who(name)}" for tool, name in (tools or {}).items() if name is not None]
    if taken:
        section.note(f"monitoring tool identifiers taken: {', '.join(taken)}")
    if tools is None:
        if wanted == "monitoring":
            section.problem("monitoring was asked for, and came with Python 3.12")
        section.ok("rewrite: this Python has no sys.monitoring")
    elif wanted == "rewrite":
        section.ok("rewrite: it was asked for; every call costs a little on this Python")
    elif any(tools[str(tool)] is None for tool in TOOLS):
        free = next(tool for tool in TOOLS if tools[str(tool)] is None)
        why = "it was asked for" if wanted == "monitoring" else "this Python has sys.monitoring"
        section.ok(f"monitoring: {why}, and tool identifier {free} is free")
    else:
        ours = ", ".join(map(str, sorted(TOOLS)))
        section.note(f"rewrite: tool identifiers {ours} are taken; every call costs a little")
    if found["erases"] is False:
        section.note("the prologue can't be erased in this build: every call costs a little")
    return section


def _who(name: object) -> str:
    return str(name) or "a tool without a name"


def tag_of(found: Mapping[str, Any] | None) -> str:
    """Give the tag by which files of a Python are called; of an unknown one, this one's."""
    if found is None or found["python"]["implementation"] != "cpython":
        import sys  # noqa: PLC0415 - the rare case

        return sys.implementation.cache_tag or ""
    major, minor, _ = found["python"]["version"].split(".")
    return f"cpython-{major}{minor}"
