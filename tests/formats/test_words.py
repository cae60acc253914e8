"""What all forms say alike."""

from __future__ import annotations

import pytest

from tombs.evidence.exposure import Exposure
from tombs.formats.words import unlike
from tombs.lengths import SECOND

HOUR = 3600 * SECOND
WHOLE = Exposure(watched=HOUR, processes=4, runs=1)


@pytest.mark.parametrize(
    ("watched", "processes", "told"),
    [
        (HOUR, 4, ""),
        (HOUR - 60 * SECOND, 4, ""),
        (HOUR - 61 * SECOND, 4, "watched 58m 59s by 4 processes"),
        (HOUR, 3, "watched 1h by 3 processes"),
        (0, 4, "watched 0s by 4 processes"),
    ],
)
def test_a_package_is_told_apart_only_where_it_matters(
    watched: int, processes: int, told: str
) -> None:
    """Up to a minute after the start nothing is said; another number of processes always is."""
    package = Exposure(watched=watched, processes=processes, runs=1)
    assert unlike([package], WHOLE) == told


def test_a_hundredth_of_a_long_time_is_nothing() -> None:
    """Two days of two hundred are; three are not."""
    whole = Exposure(watched=200 * 24 * HOUR, processes=1, runs=1)
    assert unlike([whole._replace(watched=198 * 24 * HOUR)], whole) == ""
    assert unlike([whole._replace(watched=197 * 24 * HOUR)], whole) == "watched 197d by 1 process"
    assert unlike([Exposure()], whole) == ""
