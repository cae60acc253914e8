"""What evidence says of each function."""

from __future__ import annotations

import pytest

from tests.support_evidence import HOUR, START, evidence, listed, run, seen, states
from tombs.evidence.model import Evidence, Note
from tombs.evidence.standing import Standings, numbered
from tombs.evidence.windows import Demands


def test_the_three_markers_are_three_states() -> None:
    """Never called is dead, called is alive, and what could not be watched is unknown."""
    made = evidence({"shop.cart": {"a": "dead", "b": "alive", "c": "unknown"}})
    assert states(Standings(made)) == {
        "shop.cart:a": "dead",
        "shop.cart:b": "alive",
        "shop.cart:c": "unknown",
    }


def test_equal_names_are_told_apart_by_their_number() -> None:
    """A property and its setter are two functions."""
    made = evidence({"shop.cart": {"Cart.total": "alive", "Cart.total#2": "dead"}})
    assert states(Standings(made)) == {
        "shop.cart:Cart.total": "alive",
        "shop.cart:Cart.total#2": "dead",
    }


def test_names_do_not_depend_on_the_python() -> None:
    """Before 3.12 a comprehension was a scope of its own, and showed in names."""
    assert list(numbered(["f.<locals>.<listcomp>.<lambda>", "f.<locals>.<lambda>"])) == [
        ("f.<locals>.<lambda>", 1),
        ("f.<locals>.<lambda>", 2),
    ]
    assert list(numbered(["<genexpr>.<lambda>"])) == [("<genexpr>.<lambda>", 1)]


def test_a_call_of_any_variant_is_a_call() -> None:
    """Old code was called, and the new code of the same release never: the function is alive."""
    by = run()
    one = seen(by, "shop.cart", {"a": "alive", "b": "dead"}, own={"a": "1" * 16})
    two = seen(by, "shop.cart", {"a": "dead"}, own={"a": "2" * 16})
    standings = Standings(Evidence([by, one, two]))
    assert states(standings) == {"shop.cart:a": "alive", "shop.cart:b": "dead"}
    assert len(standings.functions["shop.cart:a"].hashes) == 2


def test_watching_begins_anew_where_the_code_is_another() -> None:
    """By the hash of its own code; where that isn't known, or of another Python, it goes on."""
    one, two = run("shop-1", hours=50), run("shop-2", hours=30)
    names = {"same": "dead", "changed": "dead", "unhashed": "dead"}
    old = {"same": "1" * 16, "changed": "1" * 16, "unhashed": ""}
    new = seen(two, "shop.a", names, own={"same": "1" * 16, "changed": "2" * 16, "unhashed": "3"})
    later = new._replace(runs={two.key: two.created + HOUR})
    functions = Standings(
        Evidence([one, two, seen(one, "shop.a", names, own=old), later])
    ).functions
    hours = {one.qualname: one.exposure.watched // HOUR for one in functions.values()}
    assert hours == {"same": 50, "changed": 29, "unhashed": 50}
    other = seen(one, "shop.a", names, own=old, code="3000")
    functions = Standings(Evidence([one, two, other, later])).functions
    assert {one.exposure.watched // HOUR for one in functions.values()} == {50}


def test_one_run_that_could_not_see_is_enough_against_dead() -> None:
    """Watched by one run and not by another: nobody knows."""
    one, two = run("shop-1"), run("shop-2")
    made = Evidence(
        [one, two, seen(one, "shop.a", {"f": "dead"}), seen(two, "shop.a", {"f": "unknown"})]
    )
    assert states(Standings(made)) == {"shop.a:f": "unknown"}


def test_the_script_is_told_apart_by_its_file() -> None:
    """Two scripts are two modules, though Python calls both __main__."""
    by = run()
    made = Evidence(
        [
            by,
            seen(by, "__main__", {"main": "alive"}, file="/srv/app/serve.py"),
            seen(by, "__main__", {"main": "dead"}, file="/srv/app/manage.py"),
        ]
    )
    assert states(Standings(made)) == {
        "__main__(serve.py):main": "alive",
        "__main__(manage.py):main": "dead",
    }


def test_the_script_of_the_source_is_the_script_that_ran() -> None:
    """A file that ran as the script isn't a module that was never loaded."""
    by = run(namespace=[])
    ran = seen(by, "__main__", {"main": "dead", "stub": "dead"}, file="/srv/app/manage.py")
    made = Evidence([by, ran, listed("manage", {"main": "", "stub": "abstract"})])
    assert states(Standings(made)) == {
        "__main__(manage.py):main": "dead",
        "__main__(manage.py):stub": "stub",
    }


SOURCE = {"shop.cart": {"a": ""}, "shop.old": {"x": "", "y": "abstract"}}


def test_never_loaded_is_not_never_called() -> None:
    """With the source, a module that nobody imported is known; its stubs are stubs."""
    made = evidence({"shop.cart": {"a": "dead"}}, SOURCE)
    assert states(Standings(made)) == {
        "shop.cart:a": "dead",
        "shop.old:x": "never loaded",
        "shop.old:y": "stub",
    }


@pytest.mark.parametrize(
    ("by", "state", "why"),
    [
        (run(dropped=1), "unknown", "want of room"),
        (run(notes=[Note("dropped", "shop.old", 2, "slots full")]), "unknown", "slots full"),
        (run(namespace=["shop.cart"]), None, ""),
        (run(exclude=["shop.old"]), None, ""),
        (run(namespace=["*"]), "never loaded", ""),
        (run(namespace=[]), "never loaded", ""),
        (run(namespace=["sho"]), None, ""),
    ],
)
def test_never_loaded_is_said_only_of_what_was_watched(by: object, state: str, why: str) -> None:
    """Outside of the namespace nothing is claimed, and what was dropped is unknown."""
    made = evidence({"shop.cart": {"a": "dead"}}, SOURCE, by=by)  # type: ignore[arg-type]
    standing = Standings(made).functions.get("shop.old:x")
    assert (standing and standing.state) == state
    assert standing is None or why in standing.why


def test_a_stub_that_was_called_is_alive() -> None:
    """What was called was called."""
    made = evidence({"shop.a": {"f": "alive", "g": "dead"}}, {"shop.a": {"f": "p", "g": "p"}})
    assert states(Standings(made)) == {"shop.a:f": "alive", "shop.a:g": "stub"}


def test_source_of_another_version_claims_nothing() -> None:
    """In a module that was loaded, a function that only the source has is unknown."""
    made = evidence({"shop.a": {"f": "dead"}}, {"shop.a": {"f": "", "g": ""}})
    assert states(Standings(made))["shop.a:g"] == "unknown"


@pytest.mark.parametrize(
    ("demands", "state"),
    [
        (Demands(24 * HOUR, 4), "dead"),
        (Demands(24 * HOUR + 1, 0), "unknown"),
        (Demands(0, 5), "unknown"),
    ],
)
def test_too_little_evidence_makes_no_verdict(demands: Demands, state: str) -> None:
    """A day and four processes are enough for those who ask no more; alive is alive anyway."""
    made = evidence({"shop.a": {"f": "dead", "g": "alive"}})
    assert states(Standings(made, demands)) == {"shop.a:f": state, "shop.a:g": "alive"}


def test_a_module_is_watched_from_when_it_was_loaded() -> None:
    """The exposure is that of the function, not of the run."""
    by = run(hours=24)
    late = seen(by, "shop.a", {"f": "dead"})
    late.runs[by.key] = START + 23 * HOUR
    exposure = Standings(Evidence([by, late])).functions["shop.a:f"].exposure
    assert (exposure.watched, exposure.since) == (HOUR, START + 23 * HOUR)
