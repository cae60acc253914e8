"""What all forms of a diff say alike."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tombs.evidence.durations import SECOND, moment, show
from tombs.evidence.standing import DEAD, STATES
from tombs.patterns import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from tombs.diff import Change, Side
    from tombs.evidence.calls import Call
    from tombs.evidence.exposure import Exposure
    from tombs.evidence.standing import Standing
    from tombs.evidence.windows import Window

_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def clean(text: str) -> str:
    """Make a text harmless: what doesn't print (control characters, half surrogates) is escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else "?"


def count(number: int, one: str, many: str = "") -> str:
    """Write a number of things."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Write a number of bytes."""
    for unit, of in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= of:
            return f"{number / of:.1f} {unit}" if number < 100 * of else f"{number // of:,} {unit}"
    return count(number, "byte")


def exposure_lines(exposure: Exposure) -> list[str]:
    """Say what evidence is worth, in lines."""
    if not exposure.runs:
        return ["no run: nothing was watched"]
    shown = ", ".join(map(clean, exposure.releases[:5]))
    if len(exposure.releases) > 5:
        shown += f" and {len(exposure.releases) - 5} more"
    word = "release" if len(exposure.releases) == 1 else "releases"
    label = f"{word} {shown}" if shown else "no release named"
    by = f"{count(exposure.runs, 'run')}, {count(exposure.processes, 'process', 'processes')}"
    return [f"watched {show(exposure.watched)} since {moment(exposure.since)}", f"{by}, {label}"]


def call_lines(call: Call) -> list[str]:
    """Say when a function was called, in lines."""
    label = f" in release {clean(call.release)}" if call.release else ""
    by = count(call.processes, "process", "processes") if call.processes else "a process"
    return [
        f"first called {moment(call.first)}, by {by} at least",
        f"last known call {moment(call.last)}{label}"
        if call.last > call.first
        else f"not known to be called after that{label}",
    ]


def watched(exposures: Iterable[Exposure]) -> str:
    """Say how long functions were watched and by how many processes; empty where none was."""
    found = [one for one in exposures if one.runs]
    if not found:
        return ""
    times = [one.watched for one in found]
    numbers = [one.processes for one in found]
    return _watched(min(times), max(times), min(numbers), max(numbers))


@lru_cache(1024)  # the functions of a module were all watched alike
def _watched(least: int, most: int, fewest: int, many: int) -> str:
    shortest, longest = show(least), show(most)
    told = shortest if shortest == longest else f"{shortest} to {longest}"
    by = count(many, "process", "processes")
    return f"watched {told} by " + (by if fewest == many else f"{fewest:,} to {by}")


def unlike(exposures: Iterable[Exposure], whole: Exposure) -> str:
    """Say how long functions were watched, where it is otherwise than the program as a whole.

    That a module is loaded a little after the start is otherwise by nothing: up to a minute, or a
    hundredth, is left unsaid.
    """
    found = [one for one in exposures if one.runs]
    near = max(60 * SECOND, whole.watched // 100)
    if all(
        one.processes == whole.processes and abs(whole.watched - one.watched) <= near
        for one in found
    ):
        return ""
    return watched(found)


def window_line(window: Window) -> str:
    """Say which window is asked of a function; empty where none is."""
    if not window.length:
        return ""
    fits = "" if window.pattern == EVERYWHERE else f" for {clean(window.pattern)}"
    return f"window {show(window.length)}{fits}, by {clean(window.by)}"


def window_lines(windows: dict[Window, list[int]]) -> list[str]:
    """Say of each pattern's window for how many functions it holds, and how many wait for it."""
    lines = []
    for window, (functions, unknown) in windows.items():
        told = f"window {show(window.length)} for {clean(window.pattern)}"
        state = f", {unknown:,} unknown until then" if unknown else ""
        lines.append(f"{told}: {count(functions, 'function')}{state}")
    return lines


def states_line(counts: dict[str, int]) -> str:
    """Say how many functions have which state."""
    total = sum(counts.values())
    parts = [f"{counts[state]:,} {state}" for state in STATES if counts[state] or state == DEAD]
    return f"{count(total, 'function')}: {', '.join(parts)}"


def side_lines(side: Side) -> list[str]:
    """Say of one side of a diff what it is worth and what it has."""
    windows = window_lines(side.windows)
    return [*exposure_lines(side.exposure), states_line(side.counts), *windows]


def remark(change: Change) -> str:
    """Say what must be said beside a change; often nothing."""
    parts = [change.why] if change.why else []
    if change.body == "changed" and change.kind != "changed":
        parts.append("its code changed")
    return clean("; ".join(parts))


def evidence(change: Change) -> str:
    """Say how long a change's function was watched on the sides that say it was not called."""
    now, before = _uncalled(change.new), _uncalled(change.old)
    if now and before:
        return f"{now}; before: {before.removeprefix('watched ')}"
    return now or (f"before: {before}" if before else "")


def remarks(change: Change) -> str:
    """Say all that must be said beside a change, in one line."""
    return "; ".join(part for part in (remark(change), evidence(change)) if part)


def _uncalled(standing: Standing | None) -> str:
    return watched([standing.exposure]) if standing is not None and standing.awaited else ""
