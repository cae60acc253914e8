"""What is known of each function: evidence, laid flat by the functions' identity.

A function is the same in another deployment when module and qualified name are the same, and its
number among those with equal names (property setters, overloads, lambdas). A line means nothing.
"""

from __future__ import annotations

import os
import re
from itertools import repeat
from typing import TYPE_CHECKING

from tombs.evidence import model
from tombs.evidence.exposure import Exposure, measure, of_runs
from tombs.evidence.model import join_states
from tombs.evidence.watch import Watch
from tombs.evidence.windows import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

    from tombs.evidence.calls import Call
    from tombs.evidence.model import Evidence, Function, Listed, Seen, Stack
    from tombs.evidence.windows import Demands, Window

DEAD: Final = "dead"
ALIVE: Final = "alive"
UNKNOWN: Final = "unknown"
NEVER_LOADED: Final = "never loaded"
STUB: Final = "stub"
STATES: Final = (DEAD, ALIVE, UNKNOWN, NEVER_LOADED, STUB)

MAIN: Final = "__main__"
_STATES: Final = {model.TOMB: DEAD, model.ALIVE: ALIVE, model.UNKNOWN: UNKNOWN}
_NONE: Final = Exposure()
_NOT_ALL_SEEN: Final = "some of its calls could not be seen"
# A scope of its own before Python 3.12 only: names must not depend on the Python.
_INLINED: Final = re.compile(r"<(?:list|set|dict)comp>\.")


class Standing:
    """What is known of one function.

    Args:
        module: its module; of a script `__main__(name of the file)`.
        qualname: its qualified name there.
        ordinal: its number among those with equal names, from 1.
    """

    __slots__ = (
        *("call", "end", "exposure", "file", "hashes", "method", "module", "ordinal", "qualname"),
        *("refused", "source", "source_lines", "stack", "start", "state", "stub", "why", "window"),
    )

    def __init__(self, module: str, qualname: str, ordinal: int) -> None:
        self.module = module
        self.qualname = qualname
        self.ordinal = ordinal
        self.file = ""  # where the program had it
        self.source = ""  # where the listed source has it
        self.source_lines = (0, 0)  # first and last there, which may be another state of the file
        self.start = self.end = 0
        self.method = False
        self.state = UNKNOWN
        self.why = ""  # of what is unknown or a stub, the reason
        self.refused = ""  # the state that it would have, were it not watched too little
        self.stub = ""  # why nobody is meant to call it
        self.exposure = _NONE
        self.call: Call | None = None  # when it was called, where that is known
        self.stack: Stack | None = None  # who called it when it came back from the dead
        self.window = NONE  # for how long it must be watched
        self.hashes: tuple[tuple[str, str], ...] = ()  # bytecode, and the hash of its own code

    def called(self, call: Call, stack: Stack | None) -> None:
        """Take in when it was called, and who called it after a long time."""
        self.call = call if self.call is None else self.call.join(call)
        if stack is not None:
            self.stack = stack if self.stack is None else max(self.stack, stack)

    @property
    def awaited(self) -> bool:
        """Whether it matters how long it was watched: it is not known to be called or a stub."""
        return self.exposure.runs > 0 and self.state not in {ALIVE, STUB}

    @property
    def id(self) -> str:
        """Its identity across deployments."""
        return identity(self.module, self.qualname, self.ordinal)

    @property
    def name(self) -> str:
        """Its dotted name, for people."""
        number = f"#{self.ordinal}" if self.ordinal > 1 else ""
        return f"{self.module}.{self.qualname}{number}"


def identity(module: str, qualname: str, ordinal: int) -> str:
    """Write an identity as text."""
    return f"{module}:{qualname}" if ordinal == 1 else f"{module}:{qualname}#{ordinal}"


class Standings:
    """What is known of every function.

    Args:
        evidence: of which runs.
        demands: the least exposure for `dead` and `never loaded`; what has less is unknown.

    Attributes:
        windows: how many functions each pattern's window is asked of, and of how many of them it
            is still awaited.
    """

    def __init__(self, evidence: Evidence, demands: Demands | None = None) -> None:
        self._runs = evidence.runs
        self._exposures: dict[tuple[int, ...], Exposure] = {}
        self.exposure = of_runs(evidence.runs)
        self.functions: dict[str, Standing] = {}
        self.loaded: set[str] = set()  # modules that some run has registered
        self.listed: set[str] = set()  # modules that the source has
        self.tops: set[str] = set()  # packages that the source has
        self.notes: dict[str, str] = {}  # module: why it is not watched
        for run in evidence.runs.values():
            for note in run.notes:
                self.notes[note.module] = f"not watched: {note.reason}"
        self._scripts = _scripts(evidence.modules.values())
        groups: dict[str, list[Seen]] = {}
        for seen in evidence.modules.values():
            groups.setdefault(self._shown(seen), []).append(seen)
        for name, group in groups.items():
            self.loaded.add(name)
            if len(group) == 1:
                self._load_one(name, group[0])
            else:
                group.sort(
                    key=lambda seen: (max(seen.runs.values()), seen.module.file, seen.states)
                )
                self._load(name, group)
        self._watch = Watch(evidence.runs.values(), self.loaded)
        for listed in evidence.listed.values():
            self._list(listed)
        self.windows: dict[Window, list[int]] = {}
        if demands:
            self.windows = {window: [0, 0] for window in demands.windows}
            for standing in self.functions.values():
                self._demand(standing, demands)

    def _shown(self, seen: Seen) -> str:
        name = seen.module.name
        return f"{MAIN}({self._scripts[seen.module.file]})" if name == MAIN else name

    def _load_one(self, name: str, seen: Seen) -> None:
        """Lay flat what was seen of a module that has one variant, as nearly all have."""
        exposure = self._exposure([seen])
        (_, file, code, functions), states = seen[:2]
        names = numbered([function[0] for function in functions])
        made = []
        for (qualname, ordinal), function, state in zip(names, functions, states, strict=True):
            standing = Standing(name, qualname, ordinal)
            self.functions[identity(name, qualname, ordinal)] = standing
            made.append(standing)
            # As _describe does: a hundred thousand calls are heard.
            standing.file, standing.exposure = file, exposure
            standing.state = _STATES[state]
            if state == model.UNKNOWN:
                standing.why = _NOT_ALL_SEEN
            _, standing.start, standing.end, standing.method, own = function
            if own:
                standing.hashes = ((code, own),)
        if seen.calls:
            for index, call in seen.calls.each().items():
                made[index].called(call, seen.stacks.get(index))

    def _load(self, name: str, group: list[Seen]) -> None:
        """Lay flat what was seen of one module, the newest variant last."""
        rows: dict[str, list[tuple[Seen, Function, str]]] = {}
        for seen in group:
            functions = seen.module.functions
            calls = seen.calls.each() if seen.calls else {}
            names = numbered([function.qualname for function in functions])
            for index, ((qualname, ordinal), function, state) in enumerate(
                zip(names, functions, seen.states, strict=True)
            ):
                key = identity(name, qualname, ordinal)
                if key in rows:
                    rows[key].append((seen, function, state))
                else:
                    rows[key] = [(seen, function, state)]
                    self.functions[key] = Standing(name, qualname, ordinal)
                if index in calls:
                    self.functions[key].called(calls[index], seen.stacks.get(index))
        for key, row in rows.items():
            self._fill(self.functions[key], row)

    def _fill(self, standing: Standing, row: list[tuple[Seen, Function, str]]) -> None:
        newest, function, state = row[-1]
        for _, _, other in row[:-1]:
            state = join_states(state, other)
        _describe(standing, newest, function, state)
        standing.exposure = self._exposure(
            [
                seen
                for seen, one, _ in row
                if not changed((seen.module.code, one.hash), (newest.module.code, function.hash))
            ]
        )
        hashes = {(seen.module.code, one.hash) for seen, one, _ in row if one.hash}
        standing.hashes = tuple(sorted(hashes))

    def _exposure(self, seen: list[Seen]) -> Exposure:
        key = tuple(map(id, seen))
        exposure = self._exposures.get(key)
        if exposure is None:
            runs: dict[str, int] = {}
            for one in seen:
                for run, when in one.runs.items():
                    runs[run] = min(when, runs.get(run, when))
            exposure = measure((self._runs[run], when) for run, when in runs.items())
            self._exposures[key] = exposure
        return exposure

    def _list(self, listed: Listed) -> None:
        """Add what the source says of one module."""
        name = _script_of(listed, self._scripts) or listed.name
        self.listed.add(name)
        self.tops.add(name.partition(".")[0])
        state, why, exposure = self._unseen(name)
        names = numbered([function.qualname for function in listed.functions])
        for (qualname, ordinal), source in zip(names, listed.functions, strict=True):
            key = identity(name, qualname, ordinal)
            standing = self.functions.get(key)
            if standing is None:
                if not state:
                    continue
                standing = self.functions[key] = Standing(name, qualname, ordinal)
                standing.file, standing.start, standing.end = listed.file, *source[1:3]
                standing.state, standing.why, standing.exposure = state, why, exposure
            standing.source, standing.stub = listed.file, source.stub
            standing.source_lines = source.start, source.end
            if source.stub and standing.state != ALIVE:
                standing.state, standing.why = STUB, source.stub

    def _unseen(self, name: str) -> tuple[str, str, Exposure]:
        """Say what a function is that the source has and no run; an empty state: no matter."""
        if name in self.loaded:
            return UNKNOWN, "in the source, but not in the code that ran", Exposure()
        if name in self.notes:
            return UNKNOWN, self.notes[name], Exposure()
        return self._watch.of(name)

    def _demand(self, standing: Standing, demands: Demands) -> None:
        """Make unknown what the evidence is too little for."""
        standing.window = demands.of(standing.name)
        counts = self.windows.get(standing.window)
        if counts is not None:
            counts[0] += 1
        if standing.state in {DEAD, NEVER_LOADED}:
            lacking = demands.lacking(standing.exposure, standing.window)
            if lacking:
                standing.refused = standing.state
                standing.state, standing.why = UNKNOWN, lacking
                if counts is not None:
                    counts[1] += 1


def _describe(standing: Standing, seen: Seen, function: Function, state: str) -> None:
    """Take over what one variant of a module says of a function."""
    standing.state = _STATES[state]
    standing.why = _NOT_ALL_SEEN if state == model.UNKNOWN else ""
    standing.file = seen.module.file
    _, standing.start, standing.end, standing.method, _ = function


def changed(was: tuple[str, str], now: tuple[str, str]) -> bool:
    """Tell whether a function's code is known to be another: then it was not watched as it is now.

    Args:
        was: the bytecode, and the hash of its own code; what is empty isn't known.
        now: the same of the newest.
    """
    return was[0] == now[0] and was[1] != now[1] and bool(was[0] and was[1] and now[1])


def numbered(qualnames: Sequence[str]) -> Iterable[tuple[str, int]]:
    """Give qualified names as every Python has them, each with its number among its equals."""
    if len(set(qualnames)) == len(qualnames) and "comp>." not in "\n".join(qualnames):
        return zip(qualnames, repeat(1))  # as nearly always
    return _counted(qualnames)


def _counted(qualnames: Iterable[str]) -> Iterator[tuple[str, int]]:
    counts: dict[str, int] = {}
    for qualname in qualnames:
        name = _INLINED.sub("", qualname) if "comp>." in qualname else qualname
        number = counts.get(name, 0) + 1
        counts[name] = number
        yield name, number


def _scripts(modules: Iterable[Seen]) -> dict[str, str]:
    """Name the scripts: by their file's name, where that is enough to tell them apart."""
    files = sorted({seen.module.file for seen in modules if seen.module.name == MAIN})
    names = [os.path.basename(file) for file in files]
    return {
        file: name if names.count(name) == 1 else file
        for file, name in zip(files, names, strict=True)
    }


def _script_of(listed: Listed, scripts: dict[str, str]) -> str:
    """Find the script that a listed file is; empty where it is none."""
    for file, name in scripts.items():
        if file == listed.file or file.endswith(f"/{listed.file}"):
            return f"{MAIN}({name})"
    return ""
