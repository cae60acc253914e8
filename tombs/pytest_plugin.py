"""A pytest plugin: saves the test suite's own graveyard.

    pytest --tombs=shop --tombs-output=tests.json.gz

Off unless `--tombs` is given. What only the tests keep alive shows where production's graveyard and
this one are laid side by side. With pytest-xdist the workers take part in one run, and the process
that leads them saves it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

    import pytest

    from tombs import Off
    from tombs.session import Session

DEFAULT: Final = "tombs.json.gz"
_started: list[tuple[Session | Off, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; nothing else is done where they aren't used."""
    group = parser.getgroup("tombs", "functions that no test calls")
    group.addoption(
        "--tombs",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="watch the modules with this dotted prefix, and save the suite's graveyard",
    )
    group.addoption(
        "--tombs-output",
        default=DEFAULT,
        metavar="FILE",
        help=f"where to save it; compressed as .gz or .zst (default: {DEFAULT})",
    )


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before any conftest is loaded: those import what is tested."""
    namespace = [
        part for text in early_config.known_args_namespace.tombs for part in text.split(",") if part
    ]
    if not namespace:
        return
    import tombs  # noqa: PLC0415 - not where the plugin is off

    session = tombs.start(namespace=namespace, socket="0")
    if session.path is not None:
        _started.append((session, session.path))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop, and save what was seen."""
    if not _started:
        return
    session, graveyard = _started.pop()
    session.stop()
    if hasattr(config, "workerinput"):  # of pytest-xdist: the leader saves
        return
    from tombs.client.source import load  # noqa: PLC0415 - not where the plugin is off
    from tombs.errors import TombsError  # noqa: PLC0415 - as above
    from tombs.evidence import files, saved  # noqa: PLC0415 - as above
    from tombs.evidence.standing import DEAD, Standings  # noqa: PLC0415 - as above
    from tombs.formats.words import clean, count  # noqa: PLC0415 - as above

    path = os.path.join(config.invocation_params.dir, config.getoption("tombs_output"))
    writer = config.get_terminal_writer()
    try:
        evidence = load(graveyard)
        files.write(path, saved.write(evidence))
    except TombsError as fault:
        writer.line(f"tombs: {clean(fault.message)}", red=True)
        return
    functions = Standings(evidence).functions.values()
    dead = sum(standing.state == DEAD for standing in functions)
    told = f"{count(len(functions), 'function')} loaded, {dead:,} called by no test"
    writer.line(f"tombs: {told}: {clean(path)}")
