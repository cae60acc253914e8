"""A report for a terminal: a tree of packages, 80 columns wide."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from tombs.evidence.standing import DEAD, NEVER_LOADED
from tombs.formats.words import (
    clean,
    count,
    exposure_lines,
    states_line,
    unlike,
    watched,
    window_lines,
)
from tombs.report.report import length
from tombs.report.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.evidence.standing import Standing
    from tombs.report.report import Report
    from tombs.report.tree import Module, Node

_WIDTH: Final = 80
_HEADS: Final = ("functions", "dead", "dead lines")
_WIDTHS: Final = (9, 7, 10)
_BAR: Final = 10
_NAME: Final = _WIDTH - sum(_WIDTHS) - 2 * len(_WIDTHS) - 2 - _BAR - 5
_LONGEST: Final = 10
_OWNERS: Final = 15
_ROWS: Final = 400  # more than anybody reads


class Style(NamedTuple):
    """What the terminal can show."""

    color: bool = False
    ascii_only: bool = False


class _Signs(NamedTuple):
    dead: str
    never: str
    rest: str
    more: str
    cut: str


_UNICODE: Final = _Signs("█", "▒", "·", "…", "…")
_ASCII: Final = _Signs("#", "+", ".", "...", "~")


def render(report: Report, style: Style, depth: int) -> Iterator[str]:
    """Write a report in lines.

    Args:
        report: what there is to tell.
        style: what the terminal can show.
        depth: how many levels of packages.
    """
    signs = _ASCII if style.ascii_only else _UNICODE
    for application in report.applications:
        yield _paint(clean(application), "1", style)
    for line in exposure_lines(report.exposure):
        yield f"  {line}"
    yield ""
    yield states_line(report.root.counts)
    for line in window_lines(report.windows):
        yield f"  {line}"
    yield _lines_line(report.root)
    tested = report.tested()
    if tested:
        told = ", ".join(f"{number:,} {name}" for name, number in tested.items())
        yield f"by the tests: {told}"
    if not report.modules:
        return
    yield from _tree(report, style, signs, depth)
    yield from _functions("The longest dead functions", report.longest(_LONGEST), report, style)
    kept = report.kept(_LONGEST)
    yield from _functions("Kept alive by the tests alone, the longest", kept, report, style)
    yield from _owners(report, style)


def _lines_line(root: Node) -> str:
    lines = root.lines
    told = f"{count(sum(lines.values()), 'line')} in functions: {lines[DEAD]:,} dead"
    if lines[NEVER_LOADED]:
        told += f", {lines[NEVER_LOADED]:,} never loaded"
    return told


def _tree(report: Report, style: Style, signs: _Signs, depth: int) -> Iterator[str]:
    root = report.root
    yield ""
    heads = (head.rjust(width + 2) for head, width in zip(_HEADS, _WIDTHS, strict=True))
    yield _paint("package".ljust(_NAME) + "".join(heads) + "  % of the lines", "1", style)
    left = 0
    for number, (level, node) in enumerate(walk(root, depth)):
        if number >= _ROWS:
            left += 1
            continue
        numbers = (node.functions, node.counts[DEAD], node.lines[DEAD])
        cells = "".join(
            f"{one:,}".rjust(width + 2) for one, width in zip(numbers, _WIDTHS, strict=True)
        )
        indent = "  " * min(level - 1, 8)
        yield (
            _fitted(indent + clean(node.label), _NAME, signs)
            + cells
            + "  "
            + _bar(node, style, signs)
        )
        own = unlike(node.exposures, report.exposure)
        if own:
            yield f"{indent}    {own}"
    if left:
        yield f"{signs.more} and {left:,} more; --depth shows fewer levels, --html all"
    never = f"  {signs.never} never loaded" if root.lines[NEVER_LOADED] else ""
    yield f"{signs.dead} dead{never}  {signs.rest} the rest"


def _bar(node: Node, style: Style, signs: _Signs) -> str:
    if not sum(node.lines.values()):
        return " " * _BAR + "    -"
    dead = _cells(node.share(DEAD))
    never = min(_cells(node.share(NEVER_LOADED)), _BAR - dead)
    bar = _paint(signs.dead * dead, "31", style) + _paint(signs.never * never, "33", style)
    bar += _paint(signs.rest * (_BAR - dead - never), "2", style)
    return f"{bar} {100 * node.share(DEAD):3.0f}%"


def _cells(share: float) -> int:
    """Give the cells of a share: at least one of anything, all only of everything."""
    if share <= 0:
        return 0
    return _BAR if share >= 1 else min(max(round(share * _BAR), 1), _BAR - 1)


def _functions(
    title: str, found: list[tuple[Module, Standing]], report: Report, style: Style
) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield _paint(title, "1", style)
    for module, one in found:
        yield f"  {count(length(one), 'line').rjust(12)}  {clean(one.name)}"
        first = one.source_lines[0] if one.source else one.start
        tested = f"  ({report.tests.of(one)})" if report.tests else ""
        yield f"{'':16}{clean(module.file)}:{first}{tested}"
        yield f"{'':16}{watched([one.exposure])}"


def _owners(report: Report, style: Style) -> Iterator[str]:
    shares = report.owners()
    if not shares:
        return
    yield ""
    yield _paint("Dead code by owner", "1", style)
    for share in shares[:_OWNERS]:
        told = f"{count(share.lines, 'line')}, {count(share.functions, 'function')}"
        yield f"  {told.rjust(30)}  {clean(share.owner) or 'nobody'}"
    if len(shares) > _OWNERS:
        yield f"  and {count(len(shares) - _OWNERS, 'more owner')}"


def _fitted(text: str, width: int, signs: _Signs) -> str:
    """Make a text exactly so many columns wide; of one that is too long the end is kept."""
    wide = columns(text)
    if wide <= width:
        return text + " " * (width - wide)
    kept = ""
    left = width - 1
    for char in reversed(text):
        left -= columns(char)
        if left < 0:
            break
        kept = char + kept
    return signs.cut + kept + " " * (width - 1 - columns(kept))


def columns(text: str) -> int:
    """Count the columns a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _paint(text: str, code: str, style: Style) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if style.color and text else text
