"""One HTML file that needs nothing else: no network, and a strict policy of its own.

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
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Final

_TEMPLATES: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_STYLE: Final = "page.css"
_DATA: Final = "<!-- data -->"
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


def render(
    template: str, scripts: Iterable[str], data: Iterable[str], **values: object
) -> Iterator[bytes]:
    """Write a page, a piece at a time.

    Args:
        template: its file.
        scripts: files that make one script in the end, in this order.
        data: what the script is given: harmless JSON, in pieces.
        values: what the template shows.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = "{:,}".format
    # Markup is right: they are the project's own files.
    style = Markup(_own(_STYLE))  # noqa: S704
    script = Markup("".join(map(_own, scripts)))  # noqa: S704
    page = environment.get_template(template).render(
        version=__version__,
        written=moment(time.time_ns() // SECOND * SECOND),
        meanings={state: _MEANINGS[state] for state in STATES},
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(_DATA),  # noqa: S704 - a constant
        **values,
    )
    before, _, after = page.partition(_DATA)
    yield before.encode()
    for piece in data:
        yield piece.encode()
    yield after.encode()


def _own(name: str) -> str:
    with open(os.path.join(_TEMPLATES, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def bar(numbers: Mapping[str, int]) -> list[Part]:
    """Divide a bar by numbers of states."""
    total = max(sum(numbers.values()), 1)
    parts = []
    begin = 0.0
    for state in (DEAD, NEVER_LOADED, UNKNOWN, STUB, ALIVE):
        width = round(100 * numbers[state] / total, 3)
        if width:
            parts.append(Part(state.replace(" ", "-"), round(begin, 3), width))
            begin += width
    return parts
