"""How much was watched, and how it is told."""

from __future__ import annotations

import pytest

from tests.support_evidence import HOUR, START, run
from tombs.evidence.durations import moment, parse, show
from tombs.evidence.exposure import Exposure, measure


def test_time_is_counted_once() -> None:
    """Two runs side by side watch one day, not two; a gap between runs is not watched."""
    one, two, later = run("a", hours=24), run("b", hours=30), run("c", hours=50)
    found = measure([(one, START), (two, START + 20 * HOUR), (later, START + 48 * HOUR)])
    assert found.watched == 32 * HOUR
    assert (found.runs, found.processes) == (3, 12)
    assert (found.since, found.until) == (START, START + 50 * HOUR)


def test_releases_are_named_once() -> None:
    """Each label once, in order; a run without one adds none."""
    runs = [run("a", release="2"), run("b", release="1"), run("c", release="2"), run("d")]
    assert measure((one, START) for one in runs).releases == ("1", "2")


def test_a_clock_set_back_takes_nothing_away() -> None:
    """No time is negative."""
    assert measure([(run(hours=-5), START)]).watched == 0
    assert measure([]) == Exposure()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604_800), ("12h", 43_200), ("1d12h", 129_600), ("90m", 5400), ("2w", 1_209_600)],
)
def test_lengths_are_read(text: str, seconds: int) -> None:
    """As people write them."""
    assert parse(text) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1y", "1.5h", "7d ", "\u0667d", "9999999d"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """And what is allowed is said."""
    with pytest.raises(ValueError, match="7d, 12h"):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (3600, "1h"), (3661, "1h 1m"), (604_800, "7d"), (90_000, "1d 1h")],
)
def test_lengths_are_shown(seconds: int, text: str) -> None:
    """In no more than two units."""
    assert show(seconds * 10**9) == text


def test_the_odd_moments_are_shown() -> None:
    """Less than a second isn't nothing, and no number breaks a report."""
    assert show(1) == "less than 1s"
    assert moment(START) == "2026-09-21 14:13 UTC"
    assert moment(1 << 80) == moment(-1) == "at no time"
