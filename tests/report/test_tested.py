"""What the tests keep alive."""

from __future__ import annotations

from tests.support_evidence import evidence, run
from tombs.evidence.standing import Standings
from tombs.report.tested import NOT_KNOWN, TESTED, UNTESTED, Tests


def test_each_dead_function_gets_its_answer() -> None:
    """Called by the tests, not called, in a module they never loaded, or nobody can tell."""
    names = dict.fromkeys(("called", "missed", "blind", "other"), "dead")
    program = {"shop.a": names, "shop.b": {"f": "dead"}, "web": {"f": "dead"}}
    production = evidence(program, by=run(namespace=["shop", "web"]))
    suite = {"shop.a": {"called": "alive", "missed": "dead", "blind": "unknown"}}
    tests = Tests(evidence(suite, by=run("pytest-00000002")))
    answers = {one.name: tests.of(one) for one in Standings(production).functions.values()}
    assert answers == {
        "shop.a.called": TESTED,
        "shop.a.missed": UNTESTED,
        "shop.a.blind": NOT_KNOWN,
        "shop.a.other": NOT_KNOWN,
        "shop.b.f": UNTESTED,
        "web.f": NOT_KNOWN,
    }
