"""Fixtures of the tests that run real programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support_runs


@pytest.fixture
def rundir() -> Iterator[Path]:
    """A run directory of its own, with a path short enough for sockets."""
    with support_runs.short_directory() as directory:
        yield directory


@pytest.fixture(params=support_runs.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that this Python has, in turn."""
    return str(request.param)
