"""What a page is given to show, as JSON that is harmless within HTML.

    {"states": [name, ...], "notes": [...], "owners": [...], "people": [...],
     "exposures": [exposure, ...], "tests": [name, ...] or [], "modules": [module, ...],
     "files": {number of a module: file}}

    module  n name, f file, o owners, l lines by state, x exposure; and of each function
            q qualified name, a first line, z lines after the first, s state (a digit each),
            t tests (a digit each), w {function: note}, e {function: exposure},
            c {function: [when, who, commit, 1 if it may be earlier]}, g functions gone from the
            source
    exposure  as `packed.exposed` gives it
    file    t its text, p its parts (tombs.report.highlight); p is empty where there were too many

What repeats is a number of a list. Names come cleaned: what does not print is written as escape.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tombs.evidence.standing import DEAD, NEVER_LOADED, STATES
from tombs.formats.words import clean
from tombs.report import highlight
from tombs.report.checkout import text_of
from tombs.report.lines import span
from tombs.report.packed import Numbers, exposed, harmless, name, others
from tombs.report.tested import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.evidence.standing import Standing
    from tombs.report.report import Report
    from tombs.report.tree import Module

SHOWN: Final = 24 << 20  # characters of source that a page carries; beyond, files are left out
COLORED: Final = 2 << 20  # of these, how many are coloured: that takes 0.2 s a million
_STATES: Final = {state: str(number) for number, state in enumerate(STATES)}
_ANSWERS: Final = {answer: str(number) for number, answer in enumerate(ANSWERS)}


class Data:
    """The JSON of a report, a piece at a time.

    Args:
        report: what there is to tell.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._notes = Numbers()
        self._owners = Numbers()
        self._people = Numbers()
        self._exposures = Numbers()
        self.left_out = 0  # files whose source found no room

    def pieces(self) -> Iterator[str]:
        """Yield it; a piece a module, so that one can see how far it is."""
        yield '{"modules":['
        for number, module in enumerate(self._report.modules):
            yield ("," if number else "") + harmless(self._module(module))
        yield '],"files":{'
        yield from self._files()
        lists = {
            "states": STATES,
            "tests": ANSWERS if self._report.tests else (),
            "notes": list(self._notes),
            "owners": [clean(owner) for owner in self._owners],
            "people": [clean(person) for person in self._people],
            "exposures": [exposed(*pair) for pair in self._exposures],
            "left": self.left_out,
        }
        yield "}," + harmless(lists)[1:]

    def _module(self, module: Module) -> dict[str, Any]:
        functions = module.functions
        spans = [span(one) for one in functions]
        told: dict[str, Any] = {
            "n": clean(module.name),
            "f": clean(module.file),
            "l": list(module.lines.values()),
            "q": [name(one.qualname, one.ordinal) for one in functions],
            "a": [first for first, _ in spans],
            "z": [last - first for first, last in spans],
            "s": "".join(_STATES[one.state] for one in functions),
        }
        notes = {at: self._notes[clean(one.why)] for at, one in enumerate(functions) if one.why}
        exposures = self._numbers(functions)
        told["x"] = exposures[0]
        if module.owners:
            told["o"] = [self._owners[owner] for owner in module.owners]
        if self._report.tests:
            tests = self._report.tests
            told["t"] = "".join(_ANSWERS[tests.of(one)] for one in functions)
        if module.path:
            told["g"] = [at for at, one in enumerate(functions) if not one.source]
        some = {"w": notes, "e": others(exposures), "c": self._changes(module)}
        return told | {key: values for key, values in some.items() if values}

    def _numbers(self, functions: list[Standing]) -> list[int]:
        """Number the exposures, those that are alike alike; mostly it is one and the same."""
        numbers: list[int] = []
        last = None
        for one in functions:
            if last is None or one.exposure is not last.exposure or one.window is not last.window:
                number = self._exposures[one.exposure, one.window]
            numbers.append(number)
            last = one
        return numbers

    def _changes(self, module: Module) -> dict[int, list[Any]]:
        ages = self._report.ages
        if not ages:
            return {}
        return {
            at: [change.when, self._people[change.author], change.commit, int(change.earlier)]
            for at, one in enumerate(module.functions)
            if (change := ages.get(one.id)) is not None
        }

    def _files(self) -> Iterator[str]:
        """Yield the source of the modules, those with the most dead lines first."""
        wanted = [
            (-module.lines[DEAD], -module.lines[NEVER_LOADED], number)
            for number, module in enumerate(self._report.modules)
            if module.path
        ]
        shown = colored = 0
        comma = ""
        for _, _, number in sorted(wanted):
            path = self._report.modules[number].path
            # What has no room isn't read: no file has more characters than bytes.
            text = text_of(path) if shown + _size(path) <= SHOWN else None
            if text is None:
                self.left_out += 1
                continue
            text = _printable(text)
            shown += len(text)
            parts = ""
            if colored + len(text) <= COLORED:
                colored += len(text)
                parts = highlight.parts(text)
            yield f'{comma}"{number}":{harmless({"t": text, "p": parts})}'
            comma = ","


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0  # whoever reads it will see


def _printable(text: str) -> str:
    """Escape what doesn't print: order marks can make source look other than it is."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "\n".join(
        "\t".join(clean(part) for part in line.split("\t")) for line in text.split("\n")
    )
