"""What the tombs of a program must be, found without Tombs.

A program runs below `programs/tracer.py`, which records by sys.setprofile which functions ran. The
functions that were loaded are found here, in another process, from the code of each module that
ran: a code object is a function when its file says `def` with its name, or when it is a lambda.
Loaded and not run is a tomb, to the line and to the name.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

from tests.support_runs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TRACER = PROGRAMS / "tracer.py"
DEF = re.compile(r"\bdef\s+(\w+)")


class Place(NamedTuple):
    """A function as a wire line names it."""

    file: str
    start: int
    name: str


class Truth(NamedTuple):
    """What the tracer recorded, against what was loaded."""

    tombs: Counter[Place]
    alike: frozenset[Place]
    loaded: int
    ran: int
    modules: int
    left_out: Counter[str]


def traced(record: Path, namespace: Sequence[str], program: Path, *arguments: str) -> list[str]:
    """The arguments for a Python that runs a program below the tracer."""
    return [str(TRACER), str(record), ",".join(namespace), str(program), *arguments]


def truth(record: Path) -> Truth:
    """Read a tracer's record and work out which tombs there must be."""
    told = json.loads(record.read_text("utf-8"))
    ran = {(file, line, name, str(where)) for file, line, name, where in told["ran"]}
    tombs: Counter[Place] = Counter()
    alike: set[Place] = set()
    left_out: Counter[str] = Counter()
    loaded = modules = 0
    for name, file in {(str(name), str(file)) for name, file in told["modules"]}:
        if not Path(file).is_file():
            left_out["code from exec or eval, which no import has loaded"] += 1
            continue
        modules += 1
        keys = Counter((_key(code), code.co_qualname) for code in functions(name, file))
        for (key, qualname), count in keys.items():
            loaded += count
            place = Place(file, key[1], wire_name(name, qualname))
            if key not in ran:
                tombs[place] += count
            elif count > 1:
                left_out["lambdas of one line that can't be told apart"] += count
                alike.add(place)
    entered = loaded - tombs.total() - left_out["lambdas of one line that can't be told apart"]
    return Truth(tombs, frozenset(alike), loaded, entered, modules, left_out)


def observed(lines: Sequence[str]) -> Counter[Place]:
    """The tombs of a dump in format json."""
    found: Counter[Place] = Counter()
    for line in lines:
        tomb = json.loads(line)
        scope, function = tomb.get("scope"), tomb["function"]
        where = tomb["location"]
        found[
            Place(where["file"], where["start"], f"{scope}::{function}" if scope else function)
        ] += 1
    return found


def wire_name(module: str, qualname: str) -> str:
    """How format `function` writes a function: a class's own function after two colons."""
    scope, _, name = qualname.rpartition(".")
    if not scope or scope.endswith(">"):  # <locals>, <listcomp>, <genexpr>
        return f"{module}.{qualname}"
    return f"{module}.{scope}::{name}"


@lru_cache(maxsize=2048)
def functions(module: str, file: str) -> tuple[CodeType, ...]:
    """The code of every function of a module, from its .pyc or source, without Tombs."""
    code = importlib.machinery.SourceFileLoader(module, file).get_code(module)
    source = importlib.util.decode_source(Path(file).read_bytes())
    # Python reads identifiers in the normal form NFKC.
    defined = {*DEF.findall(unicodedata.normalize("NFKC", source)), "<lambda>"}
    assert isinstance(code, CodeType)
    return tuple(part for part in _walk(code) if part.co_name in defined and _optimized(part))


def differences(expected: Truth, found: Counter[Place]) -> str:
    """Every function on which two sides differ, for a person to read; empty when none."""
    compared = Counter({place: n for place, n in found.items() if place not in expected.alike})
    wanted = Counter(
        {place: n for place, n in expected.tombs.items() if place not in expected.alike}
    )
    missing = [f"not a tomb, says Tombs; it never ran: {place}" for place in wanted - compared]
    extra = [f"a tomb, says Tombs; it ran: {place}" for place in compared - wanted]
    return "\n".join([*missing, *extra])


def _walk(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _walk(constant)


def _optimized(code: CodeType) -> bool:
    # CO_OPTIMIZED: class bodies lack it, and a class may be named as some function is.
    return bool(code.co_flags & 1)


def _key(code: CodeType) -> tuple[str, int, str, str]:
    where = ""
    if code.co_name == "<lambda>":
        where = str([list(p) for p in sorted({p for p in code.co_positions() if None not in p})])
    return code.co_filename, code.co_firstlineno, code.co_qualname, where
