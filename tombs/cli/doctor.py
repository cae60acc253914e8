"""The command `tombs doctor`: tells what would be watched and what wouldn't, and why."""

from __future__ import annotations

import json
import os
import textwrap
from typing import TYPE_CHECKING

import click

from tombs import config
from tombs.checkup.asking import NoAnswerError, ask
from tombs.checkup.findings import NOTE, PROBLEM, Section
from tombs.checkup.modules import look_at_modules
from tombs.checkup.places import look_at_places
from tombs.checkup.program import resolve
from tombs.checkup.python import look_at_command, look_at_engine, look_at_python, tag_of
from tombs.checkup.settings import ENDS, settle
from tombs.checkup.tools import TOOLS, look_at_tools
from tombs.checkup.windows import look_at_windows
from tombs.cli.environment import environment, inherited
from tombs.cli.run import dump_fault, given, option_of
from tombs.errors import TombsError
from tombs.formats.words import clean, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

_WIDTH: Final = 80
_MARK: Final = 9  # the width of a state and what parts it from the text


def _check(form: str, words: tuple[str, ...], **flags: str | tuple[str, ...] | None) -> int:
    """Look at everything, tell it, and give the exit code."""
    try:
        directory = os.getcwd()
    except OSError as fault:
        raise TombsError(f"the working directory can't be used: {fault.strerror}") from None
    sections = examine(words, given(flags, directory), directory)
    for line in _json(sections) if form == "json" else _text(sections):
        click.echo(line)
    return int(_counted(sections, PROBLEM) > 0)


def examine(
    words: tuple[str, ...], said: Mapping[str, config.Given], directory: str
) -> list[Section]:
    """Look at everything that decides what is watched.

    Args:
        words: the command; without one it is this interpreter.
        said: what the command line says.
        directory: the working directory.

    Raises:
        TombsError: there is no such command.
    """
    environ = inherited()
    settings, about_settings = settle(said, environ, directory)
    fault_of_dump = dump_fault(settings.dump)
    if fault_of_dump:
        about_settings.problem(fault_of_dump, ENDS)
    program = resolve(words, environ)
    sections = [look_at_command(program)]
    found = None
    given_to_it = environment(settings, words or ("python",), environ)
    if program.python:
        names = (settings.namespace, settings.exclude)
        try:
            found = ask(program, given_to_it, names, [tool.module for tool in TOOLS])
        except NoAnswerError as fault:
            sections[0].problem(fault.message)
    if found is not None:
        sections.append(look_at_python(found, program))
        sections.append(look_at_engine(found, settings.engine))
    sections += [about_settings, look_at_windows(settings.namespace)]
    if found is not None:
        sections.append(look_at_modules(settings, found, program))
        sections.append(look_at_tools(program, {**given_to_it, **program.changes}, found))
    stem = (given_to_it["TOMBS_RUN"], tag_of(found))
    sections.append(look_at_places(settings, {**environ, **program.changes}, stem))
    return sections


def _counted(sections: list[Section], state: str) -> int:
    return sum(finding.state == state for section in sections for finding in section.findings)


def _text(sections: list[Section]) -> Iterator[str]:
    for section in sections:
        yield section.title
        for finding in section.findings:
            yield from _wrapped(f"  {finding.state}".ljust(_MARK + 2), clean(finding.text))
            if finding.advice:
                yield from _wrapped(" " * (_MARK + 2), clean(finding.advice))
    problems, notes = _counted(sections, PROBLEM), _counted(sections, NOTE)
    yield ""
    told = count(problems, "problem") if problems else "nothing keeps Tombs from watching"
    yield f"{told}, {count(notes, 'note')}"


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _json(sections: list[Section]) -> Iterator[str]:
    told = {
        "problems": _counted(sections, PROBLEM),
        "notes": _counted(sections, NOTE),
        "sections": [
            {
                "title": section.title,
                "findings": [finding._asdict() for finding in section.findings],
            }
            for section in sections
        ],
    }
    yield json.dumps(told, indent=1)


command = click.Command(
    "doctor",
    callback=_check,
    params=[
        click.Option(
            ["--format", "form"],
            type=click.Choice(["text", "json"]),
            default="text",
            help="How the findings are told.",
        ),
        *(option_of(option) for option in config.OPTIONS if option.key != "format"),
        click.Argument(["words"], metavar="[COMMAND [ARGS]...]", nargs=-1, type=click.UNPROCESSED),
    ],
    context_settings={"allow_interspersed_args": False, "max_content_width": 100},
    options_metavar="[OPTIONS] [--]",
    help="""Tell what would be watched and what wouldn't, and why.

    COMMAND is what stands behind `tombs-run`; it is not run, but its Python is asked. Without it,
    this interpreter is looked at. The options are those of `tombs-run`, but for --format.

    Exit code 1 says that something asked for would not be watched, or not be served.""",
)
