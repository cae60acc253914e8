"""The tables in Markdown, from the same data that the file has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import LABELS, PLAIN, RIVALS, TOMBS
from benchmarks.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.results import Result

_TITLES = {measure: row[0] for measure, row in TARGETS.items()} | {
    "requests.first": "run: the first Django requests of a process, as many",
    "requests.gunicorn": "run: Django requests under gunicorn, two workers",
    "load.django.cold": "load: Django set-up, Tombs' cache empty",
    "start.command": "start-up by `tombs-run`, over plain",
    "memory.ctypes": "memory: what importing ctypes takes",
    "socket.asked": "100,000 tombs to a client that asks at once",
    "socket.file": "100,000 tombs read from the file by `tombs fetch`",
    "latency.file": "request p99 while the file is read once a second",
    "latency.watched": "request p99 while the changes are followed",
    "latency.watched.median": "request median while the changes are followed",
    "latency.elsewhere": "request p99 while another process is fetched from",
    "latency.fetched.median": "request median while fetched once a second",
    "readers.inventory.cold": "`tombs inventory`, the first time",
    "readers.inventory.cold.memory": "`tombs inventory`, the first time: peak of memory",
    "readers.merge.few": "`tombs merge`, 100 snapshots",
    "readers.merge.few.memory": "`tombs merge`, 100 snapshots: peak of memory",
    "call.after": "a call after the first, over plain",
    "latency.again": "request p99 with nobody fetching, once more",
    "call.first": "the first call of a function, over plain",
    "epochs.cpu": "gunicorn: processor time for a request with such an epoch, to none",
    "epochs.median": "request median with an epoch of a minute, to none",
    "epochs.arm": "to arm a function again when an epoch ends",
    "epochs.next": "its next call, over one that isn't armed",
}
# The measures that rivals take part in, one row each.
_COMPARED = {
    "run.mean": "run: programs",
    "requests.admin": "run: Django requests",
    "load.sympy": "load: `import sympy`",
    "load.django": "load: Django set-up",
    "memory.function": "memory: bytes a function (sympy)",
}


def markdown(about: Mapping[str, object], pythons: Iterable[tuple[str, Sequence[Result]]]) -> str:
    """Give the whole report."""
    pieces = [
        (
            f"Measured {about['date']} on {about['processor']}, {about['processors']} processors,"
            f" {about['system']}; tree {about['commit']}. Ratios to the plain program: the median"
            " of paired, alternating runs, then the lowest to the highest; processor time where"
            " the work is one process's. _plain again_ is the plain program against itself: the"
            " noise.\n"
        )
    ]
    for version, results in pythons:
        engine = next((one.note for one in results if one.measure == "engine"), "")
        pieces.append(f"## Python {version}{engine}\n")
        pieces += [_targets(results), _rivals(results), _programs(results), _failures(results)]
    return "\n".join(piece for piece in pieces if piece)


def _targets(results: Sequence[Result]) -> str:
    noise = {one.measure: one for one in results if one.contender == PLAIN}
    own = [one for one in results if one.contender == TOMBS or one.measure not in _own(results)]
    rows = [["what", "target", "**tombs**", "lowest to highest", "fastest runs",
             "plain again", "", "note"]]  # fmt: skip
    for one in own:
        if one.measure.startswith("run.") and one.measure != "run.mean":
            continue
        aim = f"{one.target.sign} {one.show(one.target.value)}" if one.target and one.unit else ""
        plain = noise.get(one.measure)
        again = f"{plain.figure} ({plain.range})" if plain and one is not plain else ""
        verdict = {None: "", True: "reached", False: "**missed**"}[one.met]
        title = _TITLES.get(one.measure, one.measure)
        fastest = one.spread and one.spread.fastest
        best = one.show(fastest) if fastest else ""
        rows.append([title, aim, one.figure, one.range, best, again, verdict, one.note])
    return _table(rows)


def _own(results: Sequence[Result]) -> set[str]:
    return {one.measure for one in results if one.contender == TOMBS}


def _by(results: Sequence[Result]) -> dict[tuple[str, str], Result]:
    return {(one.measure, one.contender): one for one in results}


def _rivals(results: Sequence[Result]) -> str:
    found = _by(results)
    names = [TOMBS, *(rival.name for rival in RIVALS)]
    rows = [["", *(LABELS[name] for name in names)]]
    for measure, title in _COMPARED.items():
        cells = [_cell(found.get((measure, name))) for name in names]
        if any(cells):
            rows.append([title, *cells])
    return _table(rows)


def _programs(results: Sequence[Result]) -> str:
    found = _by(results)
    names = [PLAIN, TOMBS, *(rival.name for rival in RIVALS)]
    rows = [["program", *(LABELS[name] for name in names)]]
    for measure in dict.fromkeys(one.measure for one in results):
        if measure.startswith("run."):
            cells = [_cell(found.get((measure, name))) for name in names]
            rows.append([measure.removeprefix("run."), *cells])
    return _table(rows)


def _cell(one: Result | None) -> str:
    if one is None:
        return ""
    if one.spread is None:
        return "fails"
    value = one.spread.median
    if one.unit == "bytes":
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _failures(results: Sequence[Result]) -> str:
    """Tell why something failed: each reason once for each contender."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if one.spread is None:
            reasons.setdefault((one.contender, one.note), []).append(one.measure)
    lines = [
        f"- {LABELS.get(contender, contender)}, {', '.join(measures)}: `{reason}`"
        for (contender, reason), measures in reasons.items()
    ]
    return "What failed:\n\n" + "\n".join(lines) + "\n" if lines else ""


def _table(rows: list[list[str]]) -> str:
    if len(rows) < 2:
        return ""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
