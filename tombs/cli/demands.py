"""How much evidence makes a verdict: `--min-window`, `--min-processes`, and windows by pattern.

Windows stand in `[tool.tombs.windows]` of the pyproject.toml of the working directory, as a pattern
and its length each, and are added to, or taken back for a pattern, by `--window`.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import click

from tombs.cli.project import table
from tombs.errors import ConfigError
from tombs.evidence import durations
from tombs.evidence.windows import Demands, Window, window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def demand_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that ask for a least exposure; the command is given `demands`."""

    @functools.wraps(command)
    def demanding(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        min_window: str,
        min_processes: int,
        windows: Sequence[str],
        **given: Any,  # noqa: ANN401 - as above
    ) -> Any:  # noqa: ANN401 - whatever the command gives
        return command(*args, demands=settle(min_window, min_processes, windows), **given)

    for option in (
        click.option(
            "--min-processes",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Call nothing dead that fewer processes have watched: it is unknown.",
        ),
        click.option(
            "--window",
            "windows",
            metavar="PATTERN=TIME",
            multiple=True,
            help="Ask for longer where a name fits: 'app.billing.**=400d'. * is one part of a name,"
            " ** any number; the pattern with the most parts written out holds. Also in"
            " [tool.tombs.windows].",
        ),
        click.option(
            "--min-window",
            default="0s",
            metavar="TIME",
            help="Call nothing dead that was watched for less (7d, 12h): it is unknown.",
        ),
    ):
        option(demanding)
    return demanding


def settle(least: str, processes: int, given: Sequence[str]) -> Demands:
    """Settle what is asked of evidence.

    Args:
        least: the window of every function, as written.
        processes: how many must have taken part.
        given: windows by pattern, as on the command line: each is stronger than one of the same
            pattern in pyproject.toml, and the last of several is the strongest.

    Raises:
        ConfigError: with every fault, its option or its file and key.
    """
    found, faults = from_project()
    length = 0
    try:
        length = durations.parse(least)
    except ValueError as fault:
        faults.append(f"--min-window: {least!r} {fault}")
    for text in given:
        pattern, equals, time = text.rpartition("=")
        if not equals:
            faults.append(f"--window: {text!r} has no length; PATTERN=TIME is allowed")
            continue
        _add(found, faults, (pattern, time), "--window", "--window")
    if faults:
        raise ConfigError(faults)
    return Demands(length, processes, found.values())


def from_project() -> tuple[dict[str, Window], list[str]]:
    """Read `[tool.tombs.windows]`, by pattern, and give its faults."""
    try:
        directory = os.getcwd()
    except OSError:  # it is gone, and with it whatever it said
        return {}, []
    path, values, faults = table(directory)
    found: dict[str, Window] = {}
    windows = values.get("windows", {})
    if not isinstance(windows, dict):
        return {}, [f"{path}: tool.tombs.windows is no table of patterns and lengths"]
    for pattern, length in windows.items():
        place = f'{path}: tool.tombs.windows."{pattern}"'
        if isinstance(length, str):
            _add(found, faults, (pattern, length), place, os.path.basename(path))
        elif isinstance(length, dict) and length:  # a.b = "1d" is a table a
            inner, value = next(iter(length.items()))
            said = f'"{pattern}.{inner}" = "{value}"'
            faults.append(f"{place}: a dotted pattern stands in quotes: {said}")
        else:
            faults.append(f'{place}: {length!r} is not allowed; a length in quotes is, as "400d"')
    return found, faults


def _add(
    found: dict[str, Window], faults: list[str], said: tuple[str, str], place: str, by: str
) -> None:
    try:
        found[said[0]] = window(*said, by)
    except ValueError as fault:
        faults.append(f"{place}: {fault}")
