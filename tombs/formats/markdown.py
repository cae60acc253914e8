"""A diff in Markdown: for a comment, or for the summary of a CI job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tombs.diff import CLASSES, NOT_KNOWN, STILL_DEAD
from tombs.formats.words import clean, count, remarks, side_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from tombs.diff import Change
    from tombs.formats.paths import Paths
    from tombs.gates import Outcome

_SPECIAL: Final = re.compile(r"([\\`*_\[\]#!|<>~&$@])")
_COUNTED: Final = frozenset({STILL_DEAD, NOT_KNOWN})
_CELL_MOST: Final = 300
COMMENT_MOST: Final = 65_536  # characters that GitHub takes of a comment; GitLab takes more


def render(outcome: Outcome, paths: Paths) -> Iterator[str]:
    """Write a diff in lines."""
    diff = outcome.diff
    yield f"## Tombs: {_headline(outcome)}"
    yield ""
    for head, side in (("Old", diff.old), ("New", diff.new)):
        yield f"- **{head}** {code(side.name)}: " + "; ".join(map(escape, side_lines(side)))
    if not diff.bodies_known:
        yield "- Whether bodies changed is unknown: the two ran on Pythons with other bytecode."
    yield ""
    if outcome.gates:
        yield "| gate | result | found |"
        yield "|---|---|---|"
        for gate in outcome.gates:
            result = "passed" if gate.passed else "**failed**"
            yield f"| {code(gate.name)} | {result} | {escape(gate.told)} |"
        yield ""
    for kind, meaning in CLASSES.items():
        changes = diff.of(kind)
        if changes:
            yield from _class(outcome, kind, meaning, changes, paths)


def _headline(outcome: Outcome) -> str:
    diff = outcome.diff
    told = f"{count(diff.new.dead, 'dead function')}, {diff.old.dead:,} before"
    return told if outcome.passed else f"failed; {told}"


def _class(
    outcome: Outcome, kind: str, meaning: str, changes: list[Change], paths: Paths
) -> Iterator[str]:
    yield f"### {kind} ({len(changes):,})"
    yield ""
    yield f"{meaning[0].upper()}{meaning[1:]}."
    yield ""
    if kind in _COUNTED:
        return
    yield "| function | place | |"
    yield "|---|---|---|"
    for change in changes:
        function = change.function
        said = remarks(change)
        entry = outcome.ignored.get(function.id)
        if entry is not None:
            said = f"ignored until {entry.until}: {entry.reason}"
        place = f"{paths.of(function)}:{function.start}"
        yield f"| {code(function.name)} | {code(place)} | {escape(said)} |"
    yield ""


def code(text: str) -> str:
    """Write a text as code, whatever is in it."""
    text = clean(text)[:_CELL_MOST].replace("|", "\\|")
    if "`" not in text:
        return f"`{text}`"
    longest = max(map(len, re.findall("`+", text)))
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"


def escape(text: str) -> str:
    """Write a text so that nothing in it is markup."""
    return _SPECIAL.sub(r"\\\1", clean(text)[:_CELL_MOST])


def fitted(lines: Iterable[str], most: int) -> str:
    """Join lines as far as there is room, and say so where they don't fit.

    Args:
        lines: what is to be written.
        most: how many bytes of UTF-8 there may be.
    """
    told = "\n\n*The rest doesn't fit here.*\n"
    room = most - len(told)
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            return ("\n".join(kept) + told) if most >= len(told) else ""
        kept.append(line)
    return "\n".join(kept) + "\n"
