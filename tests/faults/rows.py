"""What a row of the table of faults is, and where its tests may be."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One row.

    Args:
        fault: what is done.
        outcome: what must come of it.
        tests: where: files of tests/, each with a test's name.
    """

    fault: str
    outcome: str
    tests: tuple[str, ...]


def row(fault: str, outcome: str, *tests: str) -> Fault:
    """Make a row."""
    return Fault(fault, outcome, tests)


KILLED = "faults/test_killed.py::test_"
AWAITING = "faults/test_awaiting.py::test_"
FORKS = "faults/test_forks.py::test_"
SIGNALS = "faults/test_signals.py::test_"
EXITS = "faults/test_exits.py::test_"
PLACES = "faults/test_places.py::test_"
FILES = "faults/test_files.py::test_"
INTERPRETER = "faults/test_interpreter.py::test_"
TOOLS = "faults/test_tools.py::test_"
QUERIES = "faults/test_tools_queries.py::test_"
SECRETS = "faults/test_secrets.py::test_"
TOKEN = "runtime/test_token.py::test_"
SERVER = "runtime/test_server.py::test_"
SOCKETS = "runtime/test_sockets.py::test_"
