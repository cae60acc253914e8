"""A diff as one HTML page: both sides, the gates, and a list of functions for each class.

What the page's script is given:

    {"states": [name, ...], "classes": [name, ...], "files": [...], "remarks": [...],
     "entries": [...], "exposures": [exposure, ...], "modules": [module, ...]}

    module  n name; and of each of its changes q qualified name, a first line, z lines after the
            first, k class, b body, s state now, o state before (a character each, `-` where it is
            not there), f file, x exposure now, y exposure before (the number of most, and in F, X,
            Y {change: number} of those that have another), w {change: remark}, i {change: entry of
            the ignore file}
    exposure  as `packed.exposed` gives it; null where a side has no such function
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from tombs.diff import CLASSES, NOT_KNOWN, STILL_DEAD
from tombs.evidence.standing import STATES
from tombs.formats.words import clean, count, exposure_lines, remark, remarks, window_lines
from tombs.report import shell
from tombs.report.packed import Numbers, exposed, harmless, name, others

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.diff import Change, Side
    from tombs.evidence.standing import Standing
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome
    from tombs.ignore import Entry

_SCRIPTS: Final = ("begin.js", "table.js", "detail.js", "changes.js")
_CLOSED: Final = frozenset({STILL_DEAD, NOT_KNOWN})  # what is only counted at first
_PLAIN: Final = 100  # functions of a class that are listed where no script is allowed
_STATES: Final = {state: str(number) for number, state in enumerate(STATES)}
_KINDS: Final = {kind: str(number) for number, kind in enumerate(CLASSES)}
_BODIES: Final = {"": "-", "same": "s", "changed": "c", "unknown": "u"}


class _Shown(NamedTuple):
    """A side as the page shows it."""

    label: str
    name: str
    exposure: list[str]
    windows: list[str]
    counts: dict[str, int]
    total: int
    bar: list[shell.Part]


class _Class(NamedTuple):
    """A class as the page shows it."""

    name: str
    meaning: str
    number: int
    open: bool
    failing: bool
    plain: list[tuple[str, str, str]]  # names, places and remarks of the first


def render(outcome: Outcome, paths: Paths) -> Iterator[bytes]:
    """Write the page, a piece a module."""
    diff = outcome.diff
    failing = outcome.failing()
    ignore = outcome.ignore
    hidden = Counter(outcome.ignored.values())
    return shell.render(
        "diff.html",
        _SCRIPTS,
        _Data(outcome, paths).pieces(),
        title=f"{count(diff.new.dead, 'dead function')}, {diff.old.dead:,} before",
        passed=outcome.passed,
        gates=[(clean(gate.name), gate.passed, clean(gate.told)) for gate in outcome.gates],
        sides=[_shown("Before", diff.old), _shown("Now", diff.new)],
        bodies_known=diff.bodies_known,
        entries=[(*_entry(entry), hidden[entry], True) for entry in ignore.holding]
        + [(*_entry(entry), 0, False) for entry in ignore.expired],
        classes=[
            _Class(
                kind,
                meaning,
                diff.counts[kind],
                kind not in _CLOSED or kind in failing,
                kind in failing,
                [_plain(change, paths) for change in diff.of(kind)[:_PLAIN]],
            )
            for kind, meaning in CLASSES.items()
            if diff.counts[kind]
        ],
        plain=_PLAIN,
    )


def _shown(label: str, side: Side) -> _Shown:
    return _Shown(
        label,
        clean(side.name),
        exposure_lines(side.exposure),
        window_lines(side.windows),
        side.counts,
        sum(side.counts.values()),
        shell.bar(side.counts),
    )


def _entry(entry: Entry) -> tuple[str, str, str, str]:
    return clean(entry.pattern), str(entry.until), clean(entry.reason), clean(entry.place)


def _plain(change: Change, paths: Paths) -> tuple[str, str, str]:
    function = change.function
    return clean(function.name), f"{clean(paths.of(function))}:{function.start}", remarks(change)


class _Data:
    """The JSON of a diff, a piece at a time.

    Args:
        outcome: what there is to tell.
        paths: finds the files.
    """

    def __init__(self, outcome: Outcome, paths: Paths) -> None:
        self._outcome = outcome
        self._paths = paths
        self._files = Numbers()
        self._remarks = Numbers()
        self._entries = Numbers()
        self._exposures = Numbers()

    def pieces(self) -> Iterator[str]:
        """Yield it; a piece a module."""
        yield '{"modules":['
        comma = ""
        groups = groupby(self._outcome.diff.changes, lambda change: change.function.module)
        for module, changes in groups:
            yield comma + harmless(self._module(module, list(changes)))
            comma = ","
        lists = {
            "states": STATES,
            "classes": list(CLASSES),
            "files": [clean(file) for file in self._files],
            "remarks": list(self._remarks),
            "entries": [f"until {one.until}: {clean(one.reason)}" for one in self._entries],
            "exposures": [pair and exposed(*pair) for pair in self._exposures],
        }
        yield "]," + harmless(lists)[1:]

    def _module(self, module: str, changes: list[Change]) -> dict[str, Any]:
        functions = [change.function for change in changes]
        ignored = self._outcome.ignored
        told: dict[str, Any] = {
            "n": clean(module),
            "q": [name(one.qualname, one.ordinal) for one in functions],
            "a": [one.start for one in functions],
            "z": [max(one.end - one.start, 0) for one in functions],
            "k": "".join(_KINDS[change.kind] for change in changes),
            "b": "".join(_BODIES[change.body] for change in changes),
            "s": "".join(_state(change.new) for change in changes),
            "o": "".join(_state(change.old) for change in changes),
        }
        rows = {
            "f": [self._files[self._paths.of(one)] for one in functions],
            "x": [self._exposure(change.new) for change in changes],
            "y": [self._exposure(change.old) for change in changes],
        }
        for key, numbers in rows.items():
            told[key] = numbers[0]
        some = {key.upper(): others(numbers) for key, numbers in rows.items()}
        some["w"] = {
            at: self._remarks[said]
            for at, change in enumerate(changes)
            if (change.why or change.body) and (said := remark(change))
        }
        some["i"] = {
            at: self._entries[ignored[one.id]]
            for at, one in enumerate(functions)
            if one.id in ignored
        }
        return told | {key: values for key, values in some.items() if values}

    def _exposure(self, standing: Standing | None) -> int:
        return self._exposures[standing and (standing.exposure, standing.window)]


def _state(standing: Standing | None) -> str:
    return "-" if standing is None else _STATES[standing.state]
