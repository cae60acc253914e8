"""The command `tombs diff`: compares two deployments, and holds them against limits."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tombs.cli.demands import demand_options
from tombs.cli.progress import progress
from tombs.cli.sources import colored, gather, need_for_html, reading_options, tree_option
from tombs.diff import CLASSES, Diff
from tombs.errors import GraveyardError, TombsError
from tombs.evidence import files
from tombs.evidence.standing import Standings
from tombs.formats import github, gitlab, markdown, sarif, structured, text
from tombs.formats.paths import Paths
from tombs.gates import Limits, Outcome
from tombs.ignore import Ignore, parse
from tombs.inventory import importable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from tombs.evidence.model import Evidence

_RENDER = {
    "json": structured.render_json,
    "jsonl": structured.render_lines,
    "markdown": markdown.render,
    "github": github.render,
    "gitlab": gitlab.render,
    "sarif": sarif.render,
}
FORMATS = ("text", *_RENDER, "html")


def _classes(
    _context: click.Context, parameter: click.Parameter, value: Iterable[str]
) -> tuple[str, ...]:
    names = [name.strip() for text in value for name in text.split(",") if name.strip()]
    for name in names:
        if name not in CLASSES:
            allowed = ", ".join(CLASSES)
            raise click.BadParameter(
                f"{name!r} is no class; allowed are {allowed}", param=parameter
            )
    return tuple(dict.fromkeys(names))


def _forms(
    _context: click.Context, parameter: click.Parameter, value: Iterable[str]
) -> list[tuple[str, str]]:
    forms = []
    for one in value:
        name, _, path = one.partition("=")
        if name not in FORMATS or (path == "" and "=" in one):
            allowed = ", ".join(FORMATS)
            raise click.BadParameter(
                f"{one!r}: allowed are {allowed}, and each =FILE", param=parameter
            )
        forms.append((name, path or "-"))
    if sum(path == "-" for _, path in forms) > 1:
        raise click.BadParameter("only one can go to standard output", param=parameter)
    return forms or [("text", "-")]


@click.command("diff")
@click.argument("old")
@click.argument("new")
@tree_option("NEW's source tree: tells removed from never loaded, and knows stubs.")
@tree_option("OLD's source tree.", "--old-source", "old_trees")
@demand_options
@click.option(
    "--fail-on",
    metavar="CLASS,...",
    multiple=True,
    callback=_classes,
    help=f"Fail where there is a function of one of these classes: {', '.join(CLASSES)}.",
)
@click.option("--max-dead", type=click.IntRange(min=0), metavar="N", help="Fail beyond N dead.")
@click.option(
    "--max-dead-growth",
    type=int,
    metavar="N",
    help="Fail where more than N more are dead than before.",
)
@click.option(
    "--ignore",
    metavar="FILE",
    help="Entries PATTERN YYYY-MM-DD REASON, one a line; one that has expired fails.",
)
@click.option(
    "--format",
    "forms",
    metavar="FORMAT[=FILE]",
    multiple=True,
    callback=_forms,
    help=f"{', '.join(FORMATS)}; to a file where one is named. Can be given several times.",
)
@click.option("--all", "everything", is_flag=True, help="List what is only counted otherwise.")
@click.option(
    "--across-applications", is_flag=True, help="Compare even where they are two applications."
)
@reading_options
def command(**given: Any) -> int:  # noqa: ANN401 - one value an option
    """Compare two deployments by module and qualified name, never by line.

    OLD and NEW are each a unix:// or tcp:// address, a graveyard file, a saved snapshot, the name
    of a kept graveyard, or - for standard input. Ends with 0 where every gate was passed, 1 where
    one failed, 2 on an error.

    The format `github` also appends Markdown to the job's summary (GITHUB_STEP_SUMMARY).
    """
    if given["old"] == "-" == given["new"]:
        raise click.UsageError("only one of OLD and NEW can be standard input")
    if any(form == "html" for form, _ in given["forms"]):
        need_for_html("jinja2")
    ignore = _ignore(given["ignore"])
    old = gather(given["old"], given["old_trees"])
    new = gather(given["new"], given["trees"])
    if not given["across_applications"]:
        _same_application((given["old"], old), (given["new"], new))
    demands = given["demands"]
    diff = Diff((given["old"], Standings(old, demands)), (given["new"], Standings(new, demands)))
    limits = Limits(given["fail_on"], given["max_dead"], given["max_dead_growth"])
    outcome = Outcome(diff, limits, ignore)
    trees = given["trees"]
    paths = Paths(below=[*trees, *map(importable, trees)])
    for form, path in given["forms"]:
        lines = _lines(outcome, paths, form, path, everything=given["everything"])
        files.write(path, lines if path == "-" else progress(lines, f"writing {path}"))
        if form == "github":
            _summarize(outcome, paths)
    return 0 if outcome.passed else 1


def _lines(
    outcome: Outcome, paths: Paths, form: str, path: str, *, everything: bool
) -> Iterator[bytes]:
    if form == "html":
        from tombs.formats import html  # noqa: PLC0415 - only HTML needs jinja2

        yield from html.render(outcome, paths)
        return
    if form == "markdown":  # what is longer would be no comment at all
        yield markdown.fitted(markdown.render(outcome, paths), markdown.COMMENT_MOST).encode()
        return
    if form == "text":
        color = path == "-" and colored()
        lines = text.render(outcome, paths, everything=everything, color=color)
    else:
        lines = _RENDER[form](outcome, paths)
    for line in lines:
        yield line.encode("utf-8", "backslashreplace") + b"\n"


def _ignore(path: str | None) -> Ignore:
    if path is None:
        return Ignore()
    try:
        with open(path, encoding="utf-8") as file:
            entries = parse(file.read(), path)
    except (OSError, UnicodeDecodeError) as fault:
        raise TombsError(f"{path}: can't be read: {fault}") from None
    return Ignore(entries, datetime.now(UTC).date())


def _same_application(old: tuple[str, Evidence], new: tuple[str, Evidence]) -> None:
    before, now = old[1].applications(), new[1].applications()
    if before and now and not set(before) & set(now):
        raise GraveyardError(
            f"{new[0]}: is of the application {', '.join(map(repr, now))}, and {old[0]} of"
            f" {', '.join(map(repr, before))}",
            "Compare them all the same with --across-applications.",
        )


def _summarize(outcome: Outcome, paths: Paths) -> None:
    """Append to the summary of a GitHub job, as far as there is room."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with open(path, "ab") as file:
            room = github.SUMMARY_MOST - file.tell()
            file.write(markdown.fitted(markdown.render(outcome, paths), room).encode())
    except OSError as fault:
        raise TombsError(f"{path}: the job's summary can't be written: {fault.strerror}") from None
