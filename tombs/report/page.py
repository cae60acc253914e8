"""A report as one HTML file that needs nothing else: no network, and a strict policy of its own.

The only script and the only style sheet that a browser may take are those whose hashes the page
names; data comes as JSON in a block that is no script. What the evidence says (names, paths,
source) gets into the page by the template engine's escaping, or as text by the script.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tombs.evidence.durations import SECOND, moment
from tombs.evidence.standing import ALIVE, DEAD, NEVER_LOADED, STATES, STUB, UNKNOWN
from tombs.formats.words import clean, count, exposure_lines, watched, window_lines
from tombs.report.data import Data
from tombs.report.tree import walk
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.report.report import Report
    from tombs.report.tree import Node

_TEMPLATES: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
# One script in the end; in this order.
_SCRIPTS: Final = ("begin.js", "program.js", "map.js", "table.js", "source.js", "main.js")
_DATA: Final = "<!-- data -->"
_ROWS: Final = 250  # of the table of packages
_DEPTH: Final = 3
_MEANINGS: Final = {
    DEAD: "loaded and never called while it was watched",
    ALIVE: "called at least once",
    UNKNOWN: "the evidence doesn't tell",
    NEVER_LOADED: "in the source, but its module was never imported",
    STUB: "has a body only because the language wants one; nobody is meant to call it",
}


class Part(NamedTuple):
    """A part of a bar."""

    state: str
    begin: float  # both of 100
    width: float


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
    bar: list[Part]


def render(report: Report) -> Iterator[bytes]:
    """Write the page, a piece a module."""
    page = _page(report)
    before, _, after = page.partition(_DATA)
    yield before.encode()
    for piece in Data(report).pieces():
        yield piece.encode()
    yield after.encode()


def _page(report: Report) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = "{:,}".format
    # Markup is right: they are the project's own files.
    style = Markup(_own("report.css"))  # noqa: S704
    script = Markup(_script())  # noqa: S704
    root = report.root
    rows = [_row(level, node) for level, node in walk(root, _DEPTH)]
    return environment.get_template("report.html").render(
        version=__version__,
        written=moment(time.time_ns() // SECOND * SECOND),
        title=", ".join(map(clean, report.applications)) or "no program",
        exposure=exposure_lines(report.exposure),
        windows=window_lines(report.windows),
        watched=report.exposure.runs > 0,
        counts=root.counts,
        lines=root.lines,
        total=root.functions,
        all_lines=sum(root.lines.values()),
        meanings={state: _MEANINGS[state] for state in STATES},
        bar=_bar(root),
        rows=rows[:_ROWS],
        more=max(len(rows) - _ROWS, 0),
        tested=report.tested(),
        owners=[
            (clean(one.owner), count(one.functions, "function"), count(one.lines, "line"))
            for one in report.owners()
        ],
        asked=report.ages != {},
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(_DATA),  # noqa: S704 - a constant
    )


def _script() -> str:
    return "".join(map(_own, _SCRIPTS))


def _own(name: str) -> str:
    with open(os.path.join(_TEMPLATES, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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


def _bar(node: Node) -> list[Part]:
    """Divide a bar by the lines of the states; without any line, by functions."""
    numbers = node.lines if any(node.lines.values()) else node.counts
    total = max(sum(numbers.values()), 1)
    parts = []
    begin = 0.0
    for state in (DEAD, NEVER_LOADED, UNKNOWN, STUB, ALIVE):
        width = round(100 * numbers[state] / total, 3)
        if width:
            parts.append(Part(state.replace(" ", "-"), round(begin, 3), width))
            begin += width
    return parts
