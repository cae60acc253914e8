"""Reads saved snapshots (tombs.evidence.saved has the format); nothing in one is trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tombs.errors import GraveyardError
from tombs.evidence import calls
from tombs.evidence.compression import faults
from tombs.evidence.model import (
    STATES,
    Function,
    Listed,
    Module,
    Note,
    Run,
    Seen,
    Source,
    Stack,
)
from tombs.evidence.saved import FORMAT, VERSION
from tombs.version import __version__

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from typing import Final

    from tombs.evidence.calls import Calls

    Item = tuple[Run | Seen | Listed, bytes | None]
    # By a line as it stands in a file: what it says, and the digest of that.
    Known = dict[bytes, tuple[Module | Listed, bytes]]

_LONGEST: Final = 256 << 20  # bytes of a line: more than a million functions in one module
_HEADER_LONGEST: Final = 1 << 20
_HELP: Final = "Fetch or save it again; nothing was written."


class SpoiledError(Exception):
    """What is wrong with a line."""


class Reader:
    """Reads one saved snapshot, piece by piece.

    Args:
        stream: its bytes, unpacked.
        source: what they come from, for messages.
        known: modules that were read before, by their line: most snapshots of a fleet have the same
            ones, which are then read and held once. (A digest of each line costs more than the
            whole lines do as keys.)
    """

    def __init__(self, stream: io.BufferedReader, source: str, known: Known) -> None:
        self._stream = stream
        self._source = source
        self._known = known
        self._number = 0
        self._version = 0
        self._applications: list[str] = []
        self._runs: list[str] = []
        self._pending: tuple[Module, bytes] | None = None

    def items(self) -> Iterator[Item]:
        """Yield all that the snapshot holds, with digests where they are known.

        Raises:
            GraveyardError: with file and line.
        """
        broken = faults()
        try:
            self._header(self._next(_HEADER_LONGEST))
            while not (line := self._next(_LONGEST)).startswith(b'{"end"'):
                item = self._item(line)
                if item is not None:
                    yield item
            self._end(line)
        except SpoiledError as fault:
            raise GraveyardError(f"{self._source}:{self._number}: {fault}", _HELP) from None
        except broken as fault:
            message = f"{self._source}:{self._number + 1}: can't be read on: {fault}"
            raise GraveyardError(message, _HELP) from None

    def _next(self, longest: int) -> bytes:
        line = self._stream.readline(longest)
        if line:
            self._number += 1
            if not line.endswith(b"\n"):
                more = "is longer than any snapshot's" if len(line) == longest else "is cut short"
                raise SpoiledError(f"the line {more}")
        return line

    def _header(self, line: bytes) -> None:
        if not line:
            self._number = 1
            raise SpoiledError("the file is empty")
        header = _loads(line)
        if header.get("format") != FORMAT:
            raise SpoiledError("this is no saved snapshot of Tombs")
        version = header.get("version")
        if type(version) is not int or version < 1:
            raise SpoiledError("its version is no number")
        if version > VERSION:
            raise SpoiledError(
                f"its format is version {version}, this Tombs ({__version__}) reads up to"
                f" {VERSION}: read it with a later one"
            )
        self._version = version
        applications = header.get("applications")
        if not isinstance(applications, list):
            raise SpoiledError("it doesn't name its applications")
        self._applications = applications

    def _end(self, line: bytes) -> None:
        if self._pending is not None:
            raise SpoiledError("the states of the module before are missing")
        if _loads(line).get("end") != self._number - 1:
            raise SpoiledError("lines are missing before this one, or too many")
        if self._stream.read(1):
            self._number += 1
            raise SpoiledError("something follows the end line")

    def _item(self, line: bytes) -> Item | None:
        if not line:
            self._number += 1
            raise SpoiledError("the file ends before its end line: it was cut short")
        if self._pending is not None:
            (module, key), self._pending = self._pending, None
            return self._seen(module, _loads(line)), key
        if line.startswith((b'{"module"', b'{"listed"')):
            # The same line was seen in another snapshot: what it says is known.
            if line not in self._known:
                described = _described(_loads(line))
                self._known[line] = described, described.digest()
            known, key = self._known[line]
            if isinstance(known, Listed):
                return known, key
            self._pending = known, key
            return None
        value = _loads(line)
        if "run" in value:
            run = _run(value)
            if run.application not in self._applications:
                raise SpoiledError(
                    f"a run of another application, {run.application!r}, in a snapshot of"
                    f" {', '.join(map(str, self._applications)) or 'none'}"
                )
            self._runs.append(run.key)
            return run, None
        if "module" in value or "listed" in value:  # written by others, in another order
            raise SpoiledError("a module's line must begin with its name")
        return None

    def _seen(self, module: Module, value: dict[str, Any]) -> Seen:
        states, runs = value.get("states"), value.get("runs")
        if not isinstance(states, str) or states.strip(STATES):
            raise SpoiledError(f"this is no line of states of {module.name}")
        if len(states) != len(module.functions):
            raise SpoiledError(f"the states of {module.name} don't fit its functions")
        try:
            found = {self._runs[_whole(number)]: _whole(when) for number, when in runs or []}
        except (TypeError, ValueError, IndexError):
            raise SpoiledError(f"the runs of {module.name} are wrong") from None
        if not found:
            raise SpoiledError(f"no run has seen {module.name}")
        count = len(states)
        try:
            known = None
            if self._version == 1:
                known = _called(value.get("calls", []), count)
            elif "calls" in value:
                known = calls.read(count, value["calls"])
            stacks = {
                _index(row[0], count): Stack(_whole(row[1]), _frames(row[2]))
                for row in value.get("stacks", ())
            }
        except (TypeError, ValueError, LookupError):
            raise SpoiledError(f"the calls of {module.name} are wrong") from None
        return Seen(module, states, found, known, stacks)


def _called(rows: list[Any], count: int) -> Calls | None:
    """Read a row for each call, as version 1 has them."""
    if not rows:
        return None
    indexes, firsts, lasts, releases, processes, *_ = zip(*rows, strict=False)
    _all_whole(indexes, firsts, lasts, processes)
    _all_text(releases)
    if max(indexes) >= count:
        raise IndexError("no such function")
    found = zip(firsts, lasts, releases, processes, strict=True)
    return calls.of(count, dict(zip(indexes, found, strict=True)))


def _loads(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise SpoiledError(f"this is no JSON: {fault}") from None
    if not isinstance(value, dict):
        raise SpoiledError("this is no JSON object")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no whole number")
    return value


def _all_whole(*columns: tuple[object, ...]) -> None:
    for column in columns:
        if set(map(type, column)) != {int} or min(column) < 0:  # type: ignore[type-var, operator]
            raise ValueError("no whole number")


def _all_text(*columns: tuple[object, ...]) -> None:
    for column in columns:
        if set(map(type, column)) != {str}:
            raise TypeError("no text")


def _index(value: object, count: int) -> int:
    index = _whole(value)
    if index >= count:
        raise IndexError("no such function")
    return index


def _frames(value: list[Any]) -> tuple[tuple[str, str, int], ...]:
    return tuple((_text(file), _text(name), _whole(line)) for file, name, line in value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _described(value: dict[str, Any]) -> Module | Listed:
    try:
        if "module" in value:
            name, file = _text(value["module"]), _text(value["file"])
            return Module(name, file, _text(value["code"]), _functions(value["functions"]))
        return Listed(_text(value["listed"]), _text(value["file"]), _sources(value["functions"]))
    except (KeyError, TypeError, ValueError) as fault:
        raise SpoiledError(f"this is no line of a module: {fault}") from None


def _functions(rows: list[Any]) -> tuple[Function, ...]:
    if rows == []:
        return ()
    names, starts, ends, methods, own = zip(*rows, strict=True)
    _all_text(names, own)
    _all_whole(starts, ends)
    return tuple(map(Function, names, starts, ends, map(bool, methods), own))


def _sources(rows: list[Any]) -> tuple[Source, ...]:
    if rows == []:
        return ()
    names, starts, ends, reasons = zip(*rows, strict=True)
    _all_text(names, reasons)
    _all_whole(starts, ends)
    return tuple(map(Source, names, starts, ends, reasons))


def _run(value: dict[str, Any]) -> Run:
    try:
        about = _object(value["run"])
        notes = frozenset(
            Note(_text(kind), _text(module), _whole(functions), _text(reason))
            for kind, module, functions, reason in value["notes"]
        )
        return Run(
            about,
            _whole(value["created"]),
            _whole(value["seen"]),
            _whole(value["ended"]),
            _whole(value["processes"]),
            _whole(value["dropped"]),
            notes,
            _whole(value.get("paused", 0)),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise SpoiledError(f"this is no line of a run: {fault}") from None
