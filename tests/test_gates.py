"""Gates, and the list of what they leave out of account."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support_evidence import evidence
from tombs.diff import Diff
from tombs.errors import TombsError
from tombs.evidence.standing import Standings
from tombs.gates import Limits, Outcome
from tombs.ignore import Ignore, parse

OLD = evidence({"shop.a": {"f": "alive", "g": "dead", "h": "dead"}})
NEW = evidence({"shop.a": {"f": "dead", "g": "dead", "h": "dead", "k": "dead"}})
DIFF = Diff(("old", Standings(OLD)), ("new", Standings(NEW)))
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("limits", "ignored", "passed"),
    [
        (Limits(), "", True),
        (Limits(["newly-dead"]), "", False),
        (Limits(["removed-alive", "resurrected"]), "", True),
        (Limits(["newly-dead"]), "shop.a.f 2026-11-22 it", True),
        (Limits(["newly-dead"]), "shop.?.* 2027-01-01 it", True),
        (Limits(["newly-dead"]), "a.f 2027-01-01 it", False),
        (Limits(), "nothing 2026-11-21 it", False),
        (Limits(max_dead=4), "", True),
        (Limits(max_dead=3), "", False),
        (Limits(max_dead=3), "shop.a.g 2027-01-01 it", True),
        (Limits(max_growth=2), "", True),
        (Limits(max_growth=1), "", False),
        (Limits(max_growth=1), "shop.a.k 2027-01-01 it", True),
        (Limits(max_growth=1), "shop.a.g 2027-01-01 dead on both sides", False),
    ],
)
def test_gates(limits: Limits, ignored: str, passed: bool) -> None:
    """Each limit holds; what is ignored counts on neither side, and an expired entry fails."""
    ignore = Ignore(parse(ignored, "ignored"), TODAY)
    assert Outcome(DIFF, limits, ignore).passed is passed


def test_an_expired_entry_is_named() -> None:
    """With file and line, pattern and day; and it hides nothing any more."""
    ignore = Ignore(parse("# why\n\nshop.* 2026-01-31 the old app", "it"), TODAY)
    outcome = Outcome(DIFF, Limits(["newly-dead"]), ignore)
    assert [gate.told for gate in outcome.gates if not gate.passed] == [
        "1 function",
        "it:3: shop.* expired on 2026-01-31",
    ]
    assert not outcome.ignored


def test_every_fault_of_the_file_is_told_at_once() -> None:
    """With their lines."""
    text = "a\nb 2026-13-01 x\nc 2026-12-01\n# fine\nd tomorrow x\ne 2026-12-01 fine"
    with pytest.raises(TombsError) as fault:
        parse(text, "it")
    assert fault.value.message.splitlines() == [
        "it:1: there is no date behind the pattern",
        "it:2: there is no day 2026-13-01",
        "it:3: there is no reason behind the date",
        "it:5: there is no date behind the pattern",
    ]


def test_a_pattern_is_of_the_whole_name() -> None:
    """And the first entry that fits is the one that is told."""
    ignore = Ignore(parse("shop.* 2027-01-01 one\nshop.a.f 2027-01-01 two", "it"), TODAY)
    found = ignore.of("shop.a.f")
    assert found is not None
    assert found.reason == "one"
    assert ignore.of("myshop.a.f") is None
    assert Ignore().of("shop.a.f") is None
