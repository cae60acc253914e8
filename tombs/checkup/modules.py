"""The modules: which would be watched, which are loaded too early, which can't be watched."""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING, Any

from tombs.checkup.findings import Section, several
from tombs.loader.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from tombs.checkup.program import Program
    from tombs.config import Settings

_COMPILED: Final = (*EXTENSION_SUFFIXES, ".so", ".pyd")
_PASSED: Final = ("__pycache__", "site-packages", "dist-packages", "node_modules")
_MOST: Final = 50_000  # directory entries that are looked at
_BUILT_IN: Final = ("BuiltinImporter", "type")


class Tally:
    """What a directory of modules holds.

    Args:
        sources: how many modules Python can load code of.
        compiled: the names of those that are compiled.
        whole: everything was looked at.
    """

    def __init__(self) -> None:
        self.sources = 0
        self.compiled: list[str] = []
        self.whole = True


def look_at_modules(settings: Settings, found: Mapping[str, Any], program: Program) -> Section:
    """Say what would be watched.

    Args:
        settings: what was settled: names wanted and left out.
        found: what the probe told.
        program: where the program's own modules would be.
    """
    section = Section("modules")
    late = [name for name, file in found["loaded"] if not file.endswith(_COMPILED)]
    # The engine that can watch what is loaded already is the one that needs sys.monitoring.
    if late and (found["monitoring"] is None or settings.engine == "rewrite"):
        section.problem(
            f"loaded before Tombs starts, and not watched: {several(late)}",
            "A .pth file of site-packages imports it; --engine monitoring (3.12) can watch it.",
        )
    elif late:
        section.note(
            f"loaded before Tombs starts: {several(late)}: what isn't called again is unknown"
        )
    namespace = Namespace(settings.namespace, settings.exclude)
    for name in settings.namespace:
        if name == "*":
            section.ok("*: every module that is imported, the standard library's too")
        else:
            _name(section, name, found["names"].get(name), namespace, program)
    if not settings.namespace:
        _first_party(section, namespace, program)
    return section


def _name(
    section: Section,
    name: str,
    spec: Mapping[str, Any] | None,
    namespace: Namespace,
    program: Program,
) -> None:
    """Judge one name of the namespace by what an import would find."""
    if is_script(name, program):
        section.ok(f"{name}: the script itself")
        return
    if not namespace.of_name(name):
        section.problem(f"{name}: is left out by --exclude, or is part of Tombs")
    elif spec is None:
        section.problem(
            f"{name}: no module of this name can be imported from {os.getcwd()}",
            "Right where the program itself adds the directory to sys.path; else it is misspelt.",
        )
    elif "fault" in spec:
        section.note(f"{name}: an import hook failed when it was looked for: {spec['fault']}")
    elif spec["places"] is not None:
        _package(section, name, spec, namespace)
    elif spec["origin"].endswith(_COMPILED):
        section.problem(f"{name}: {spec['origin']} is an extension module: it can't be watched")
    elif not spec["code"] or spec["loader"] in _BUILT_IN:
        where = spec["origin"] or spec["loader"]
        section.problem(f"{name}: its loader has no code to give ({where}): it can't be watched")
    elif spec["origin"] == "frozen":
        section.problem(f"{name}: is frozen into this Python, and loaded without Tombs")
    else:
        section.ok(f"{name}: {spec['origin']}")


def is_script(name: str, program: Program) -> bool:
    """Tell whether a name is the script's, which is also called what its file is called."""
    script = program.script
    if not script or script.startswith("-"):
        return name == "__main__"
    return name in ("__main__", os.path.splitext(os.path.basename(script))[0])


def _package(section: Section, name: str, spec: Mapping[str, Any], namespace: Namespace) -> None:
    tally = Tally()
    places = [place for place in spec["places"] if os.path.isdir(place)]
    for place in places:
        count(place, name, namespace, tally)
    if not places:  # within a zip file, or wherever a loader has it
        section.ok(f"{name}: {spec['origin'] or spec['loader']}")
        return
    if not tally.sources and not tally.compiled:
        section.problem(f"{name}: {several(places)} holds no module")
        return
    about = "" if tally.whole else "more than "
    modules = "module" if tally.sources == 1 else "modules"
    section.ok(f"{name}: {about}{tally.sources:,} {modules} in {several(places)}")
    if tally.compiled:
        section.note(f"extension modules can't be watched: {several(sorted(tally.compiled))}")


def count(directory: str, name: str, namespace: Namespace, tally: Tally) -> None:
    """Count the modules below a directory that a namespace wants."""
    seen = 0
    for place, within, files in os.walk(directory):
        within[:] = sorted(one for one in within if one.isidentifier() and one not in _PASSED)
        inner = os.path.relpath(place, directory)
        prefix = name if inner == "." else f"{name}.{inner.replace(os.sep, '.')}"
        for file in files:
            seen += 1
            if seen > _MOST:
                tally.whole = False
                return
            _one(file, prefix, namespace, tally)


def _one(file: str, prefix: str, namespace: Namespace, tally: Tally) -> None:
    stem = file.partition(".")[0]
    module = prefix if stem == "__init__" else f"{prefix}.{stem}"
    verdict = namespace.of_name(module)
    if verdict is not None and not verdict:
        return
    if file.endswith((".py", ".pyc")):
        tally.sources += 1
    elif file.endswith(_COMPILED):
        tally.compiled.append(module)


def _first_party(section: Section, namespace: Namespace, program: Program) -> None:
    """Name what lies beside the program, where no name was given."""
    names = sorted(
        {name for path in [*program.path, *program.more] for name in _beside(path, namespace)}
    )
    text = "no namespace is given: all that is neither installed nor the standard library's"
    if names:
        section.ok(f"{text}; here {several(names)}")
    else:
        section.note(f"{text}; nothing of the kind lies here", "Name your packages with -n.")


def _beside(directory: str, namespace: Namespace) -> Iterator[str]:
    """Yield the modules and packages of a directory that are first-party code."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        stem, dot, suffix = entry.name.partition(".")
        if not stem.isidentifier():
            continue
        package = not dot and os.path.isfile(os.path.join(entry.path, "__init__.py"))
        verdict = namespace.of_name(stem)
        if verdict is None:
            verdict = namespace.of_place(entry.path)
        if (suffix == "py" or package) and verdict:
            yield stem
