"""The table of faults is whole: every row has its tests, and every test here its row."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.rows import Fault
from tests.faults.table import FAULTS

TESTS = Path(__file__).parent.parent


def found(path: Path) -> set[str]:
    """Give the names of a file's tests."""
    tree = ast.parse(path.read_bytes())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.fault[:40])
def test_every_row_has_its_tests(fault: Fault) -> None:
    """They exist where the row says."""
    assert fault.tests
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert name in found(TESTS / file), test


def test_every_test_has_its_row() -> None:
    """What is tested here can be read in the table."""
    named = {test for fault in FAULTS for test in fault.tests}
    for path in (TESTS / "faults").glob("test_*.py"):
        if path != Path(__file__):
            assert not {f"faults/{path.name}::{name}" for name in found(path)} - named
