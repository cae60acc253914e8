"""What became of each function between two deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support_evidence import HOUR, evidence, run
from tombs.diff import CHANGED, Diff
from tombs.evidence.model import Note
from tombs.evidence.standing import Standings
from tombs.evidence.windows import Demands

if TYPE_CHECKING:
    from tombs.evidence.model import Evidence, Run


def classes(old: Evidence, new: Evidence, demands: Demands | None = None) -> dict[str, str]:
    """Give the class of each function that changed."""
    diff = Diff(("old", Standings(old, demands)), ("new", Standings(new, demands)))
    return {change.function.id: change.kind for change in diff.changes}


def one(
    state: str | None,
    source: str | None = None,
    *,
    by: Run | None = None,
    own: str = "0" * 16,
    code: str = "3531",
) -> Evidence:
    """Make a side where shop.a.f has this state, and perhaps a source that has it (or not)."""
    listing = None if source is None else {"shop.a": {"f": ""} if source == "f" else {"g": ""}}
    modules: dict[str, dict[str, str]] = {} if state is None else {"shop.a": {"f": state}}
    modules |= {"shop.other": {"x": "alive"}}
    return evidence(modules, listing, by, own={"f": own}, code=code)


GONE = {"shop.a": {"g": "alive"}}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("alive", "dead", "newly-dead"),
        ("alive", "alive", None),
        ("alive", "unknown", "unknown"),
        ("dead", "alive", "resurrected"),
        ("dead", "dead", "still-dead"),
        ("dead", "unknown", "unknown"),
        ("unknown", "alive", None),
        ("unknown", "dead", "unknown"),
        ("unknown", "unknown", None),
    ],
)
def test_a_function_of_both_sides(old: str, new: str, kind: str | None) -> None:
    """Every pair of states has its class."""
    assert classes(one(old), one(new)).get("shop.a:f") == kind


@pytest.mark.parametrize(
    ("old", "kind"), [("alive", "removed-alive"), ("dead", "removed-dead"), ("unknown", None)]
)
def test_a_function_that_its_loaded_module_lost(old: str, kind: str | None) -> None:
    """A module that was loaded is known to its last function, without any source."""
    assert classes(one(old), evidence(GONE)).get("shop.a:f") == kind


@pytest.mark.parametrize(
    ("old", "source", "kind"),
    [
        ("alive", None, "unknown"),
        ("alive", "g", "removed-alive"),
        ("alive", "f", "no-longer-loaded"),
        ("dead", None, "unknown"),
        ("dead", "g", "removed-dead"),
        ("dead", "f", "still-dead"),
    ],
)
def test_a_module_that_was_not_loaded(old: str, source: str | None, kind: str) -> None:
    """Whether its functions were removed, only the source of the new side tells."""
    assert classes(one(old), one(None, source))["shop.a:f"] == kind


def test_a_module_that_was_dropped_is_no_module_that_was_removed() -> None:
    """What had no room is unknown."""
    full = run(notes=[Note("dropped", "shop.a", 9, "slots full")])
    assert classes(one("alive"), one(None, by=full)) == {"shop.a:f": "unknown"}


@pytest.mark.parametrize(
    ("new", "source", "kind"),
    [
        ("dead", None, "added-never-called"),
        ("alive", None, None),
        ("unknown", None, None),
        (None, "f", "added-never-called"),  # its module was loaded without it
    ],
)
def test_a_function_that_was_added(new: str | None, source: str | None, kind: str | None) -> None:
    """Called, it is nobody's concern."""
    assert classes(evidence(GONE), one(new, source)).get("shop.a:f") == kind


def test_a_module_that_neither_side_loaded() -> None:
    """Without the old source nobody knows whether it is new."""
    assert classes(evidence({"shop.b": {"x": "alive"}}), one(None, "f")).keys() == {"shop.b:x"}


def test_the_old_source_tells_what_was_added() -> None:
    """A module that was never loaded on either side, in the source of the new one only."""
    old = evidence({"shop.b": {"x": "alive"}}, {"shop.b": {"x": ""}})
    new = evidence({"shop.b": {"x": "alive"}}, {"shop.b": {"x": ""}, "shop.c": {"y": ""}})
    assert classes(old, new) == {"shop.c:y": "added-never-called"}


def test_stubs_are_no_news() -> None:
    """Neither dead nor added nor removed."""
    old = evidence({"shop.a": {"f": "dead", "g": "dead"}}, {"shop.a": {"f": "p", "g": "p"}})
    new = evidence({"shop.a": {"f": "dead", "h": "dead"}}, {"shop.a": {"f": "p", "h": "p"}})
    assert classes(old, new) == {}


@pytest.mark.parametrize(("own", "dead"), [("a", 0), ("b", 1)])
def test_one_source_speaks_of_the_stubs_of_both(own: str, dead: int) -> None:
    """A stub isn't dead on the side without source, unless it has another body there."""
    old = evidence({"shop.a": {"f": "dead"}}, {"shop.a": {"f": "p"}}, own={"f": "a" * 16})
    diff = Diff(("", Standings(old)), ("", Standings(one("dead", own=own * 16))))
    assert (diff.old.dead, diff.new.dead) == (0, dead)


@pytest.mark.parametrize(
    ("own", "code", "body", "kind"),
    [
        ("a" * 16, "3531", "same", None),
        ("b" * 16, "3531", "changed", CHANGED),
        ("b" * 16, "3627", "unknown", None),
        ("", "3531", "unknown", None),
    ],
)
def test_bodies_are_compared_where_they_can_be(
    own: str, code: str, body: str, kind: str | None
) -> None:
    """Another bytecode is unknown, not changed; a body that changed is said of any class."""
    old = one("alive", own="a" * 16)
    new = one("alive", own=own, code=code)
    assert classes(old, new).get("shop.a:f") == kind
    dead = Diff(("", Standings(old)), ("", Standings(one("dead", own=own, code=code))))
    assert [change.body for change in dead.of("newly-dead")] == [body]


def test_lines_say_nothing() -> None:
    """Functions that stand elsewhere in their file are the same."""
    old = evidence({"shop.a": {"f": "alive", "g": "dead"}})
    new = evidence({"shop.a": {"new": "alive", "f": "alive", "g": "dead"}})
    assert classes(old, new) == {"shop.a:g": "still-dead"}


def test_a_moved_function_is_removed_and_added() -> None:
    """Identity is module and qualified name; the same name in two classes is two."""
    old = evidence({"shop.a": {"A.f": "dead", "B.f": "alive"}, "shop.b": {"x": "alive"}})
    new = evidence({"shop.a": {"B.f": "alive"}, "shop.b": {"A.f": "dead", "x": "alive"}})
    assert classes(old, new) == {"shop.a:A.f": "removed-dead", "shop.b:A.f": "added-never-called"}


def test_too_little_evidence_makes_no_class() -> None:
    """With less than was asked for nothing is dead, on either side."""
    short = run(hours=1)
    old, new = one("alive"), one("dead", by=short)
    assert classes(old, new, Demands(window=2 * HOUR)) == {"shop.a:f": "unknown"}
    assert classes(new, old, Demands(window=2 * HOUR)) == {}
    assert classes(old, new, Demands(window=HOUR)) == {"shop.a:f": "newly-dead"}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("dead", "dead", "unknown"),
        ("dead", "alive", None),
        ("alive", "alive", None),
        ("unknown", "unknown", None),
        ("dead", None, "unknown"),
        ("alive", None, "removed-alive"),
        (None, "dead", "unknown"),
        (None, "alive", None),
    ],
)
def test_a_verdict_that_is_refused_is_told(
    old: str | None, new: str | None, kind: str | None
) -> None:
    """On too little evidence a gate must not seem passed because nothing is dead."""
    sides = [
        evidence({"shop.a": {"g": "alive", **({"f": state} if state else {})}})
        for state in (old, new)
    ]
    assert classes(sides[0], sides[1], Demands(window=99 * HOUR)).get("shop.a:f") == kind


def test_a_verdict_on_what_was_never_loaded_is_refused_too() -> None:
    """As is one on what is a stub by the source of one side: nobody waits for that."""
    source = {"shop.b": {"f": "", "stub": "body is ..."}}
    never = evidence({"shop.a": {"g": "alive"}}, source)
    found = classes(never, never, Demands(window=99 * HOUR))
    assert found == {"shop.b:f": "unknown"}
    assert classes(evidence({"shop.a": {"g": "alive"}}), never, Demands(processes=9)) == {}
