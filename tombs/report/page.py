"""A report as one HTML file: map, packages, functions and their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tombs.evidence.standing import DEAD, NEVER_LOADED
from tombs.formats.words import clean, count, exposure_lines, watched, window_lines
from tombs.report import shell
from tombs.report.data import Data
from tombs.report.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.report.report import Report
    from tombs.report.tree import Node

_SCRIPTS: Final = (
    "begin.js",
    "program.js",
    "map.js",
    "table.js",
    "functions.js",
    "detail.js",
    "source.js",
    "main.js",
)
_ROWS: Final = 250  # of the table of packages
_DEPTH: Final = 3


class Row(NamedTuple):
    """A row of the table of packages."""

    level: int
    name: str
    functions: int
    dead: int
    never: int
    lines: int
    share: str
    watched: str
    bar: list[shell.Part]


def render(report: Report) -> Iterator[bytes]:
    """Write the page, a piece a module."""
    root = report.root
    rows = [_row(level, node) for level, node in walk(root, _DEPTH)]
    return shell.render(
        "report.html",
        _SCRIPTS,
        Data(report).pieces(),
        title=", ".join(map(clean, report.applications)) or "no program",
        exposure=exposure_lines(report.exposure),
        windows=window_lines(report.windows),
        watched=report.exposure.runs > 0,
        counts=root.counts,
        lines=root.lines,
        total=root.functions,
        all_lines=sum(root.lines.values()),
        bar=_bar(root),
        rows=rows[:_ROWS],
        more=max(len(rows) - _ROWS, 0),
        tested=report.tested(),
        owners=[
            (clean(one.owner), count(one.functions, "function"), count(one.lines, "line"))
            for one in report.owners()
        ],
    )


def _row(level: int, node: Node) -> Row:
    lines = sum(node.lines.values())
    return Row(
        level,
        clean(node.name),
        node.functions,
        node.counts[DEAD],
        node.counts[NEVER_LOADED],
        node.lines[DEAD],
        f"{100 * node.share():.0f} %" if lines else "-",
        watched(node.exposures).removeprefix("watched "),
        _bar(node),
    )


def _bar(node: Node) -> list[shell.Part]:
    """Divide a bar by the lines of the states; without any line, by functions."""
    return shell.bar(node.lines if any(node.lines.values()) else node.counts)
