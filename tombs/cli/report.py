"""The command `tombs report`: where the dead code is, in the terminal or as one HTML file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tombs.cli.demands import demand_options
from tombs.cli.entry import tell
from tombs.cli.progress import progress
from tombs.cli.sources import (
    chosen,
    colored,
    gather,
    need_for_html,
    reading_options,
    source_argument,
    tree_option,
)
from tombs.evidence import files
from tombs.evidence.standing import Standings
from tombs.formats.words import clean, count
from tombs.report import text
from tombs.report.blame import ages, worth_asking
from tombs.report.report import Report
from tombs.report.tested import Tests

if TYPE_CHECKING:
    from typing import Any


@click.command("report")
@source_argument
@tree_option(
    "A source tree: tells never loaded from never called, knows stubs; its code is shown,"
    " with owner (CODEOWNERS) and last change (git)."
)
@click.option("--html", metavar="FILE", help="Write one self-contained HTML file.")
@click.option(
    "--tests",
    metavar="FILE",
    help="The graveyard of the test suite (pytest --tombs): tells which dead functions it calls.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many levels of packages the terminal shows.",
)
@click.option("--git/--no-git", default=True, help="Ask git when dead code was last changed.")
@demand_options
@reading_options
def command(source: str | None, trees: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401 - one value an option
    """Show where the dead code is: a tree of packages, or with --html a page to explore.

    SOURCE is a unix:// or tcp:// address, a graveyard file, a saved snapshot, the name of a kept
    graveyard, or - for standard input; without it, the only live graveyard of the run directory.
    """
    html = given["html"]
    if html is not None:
        need_for_html("jinja2", "pygments")
    place = chosen(source)
    if place == "-" == given["tests"]:
        raise click.UsageError("only one of SOURCE and --tests can be standard input")
    evidence = gather(place, trees)
    tests = Tests(gather(given["tests"])) if given["tests"] else None
    standings = Standings(evidence, given["demands"])
    report = Report(evidence.applications(), standings, trees, tests)
    if html is None:
        for line in text.render(report, _style(), given["depth"]):
            click.echo(line)
        return
    if given["git"]:
        _ask_git(report)
    _write(report, html)


def _style() -> text.Style:
    color = colored()
    try:
        "█▒·…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return text.Style(color, ascii_only=True)
    return text.Style(color)


def _ask_git(report: Report) -> None:
    asked = worth_asking(report.modules)
    for found in progress(ages(asked), "asking git", len(asked)):
        report.ages.update(found)
        report.unasked += not found


def _write(report: Report, path: str) -> None:
    from tombs.report.page import render  # noqa: PLC0415 - only HTML needs jinja2 and pygments

    pieces = len(report.modules) + sum(bool(module.path) for module in report.modules) + 5
    page = render(report)
    files.write(path, page if path == "-" else progress(page, f"writing {path}", pieces))
    if report.unasked and report.ages:
        modules = count(report.unasked, "module")
        tell("tombs", f"git told nothing of {modules}: not committed, or no time left")
    if path != "-":
        tell("tombs", f"{clean(path)} is written; a browser shows it")
