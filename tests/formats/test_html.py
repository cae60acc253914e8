"""The page of a diff: self-contained, under a strict policy, and harmless whatever names say."""

from __future__ import annotations

from datetime import date

import pytest

pytest.importorskip("jinja2")

from tests.support_evidence import evidence, run
from tests.support_page import Elements, check_policy, check_self_contained, given
from tombs.diff import CLASSES, Diff
from tombs.evidence.standing import Standings
from tombs.formats import html
from tombs.formats.paths import Paths
from tombs.gates import Limits, Outcome
from tombs.ignore import Ignore, parse

EVIL = '</script><img src=x onerror=alert(1)><!--\u2028\u2029&"\x1b[31m\u202e'


def rendered(name: str = "plain") -> str:
    """Give the page of a diff in which everything that can have a name has this one."""
    old = evidence({f"shop{name}": {"f": "alive", "g": "dead"}}, by=run(release=name))
    new = evidence({f"shop{name}": {"f": "dead", name: "dead"}}, by=run("2", release=name))
    diff = Diff((name, Standings(old)), (name, Standings(new)))
    shown = name.replace("\u2028", "").replace("\u2029", "").replace(" ", "")
    ignored = f"shop*f 2027-01-01 {shown}\n{shown} 2026-01-01 {shown}\n"
    ignore = Ignore(parse(ignored, "ignored"), date(2026, 11, 22))
    outcome = Outcome(diff, Limits(["newly-dead"], 1), ignore)
    return b"".join(html.render(outcome, Paths("/nowhere"))).decode()


def test_the_policy_names_the_one_script_and_the_one_style() -> None:
    """Nothing is allowed but these two, by the hashes of what stands in the page."""
    check_policy(rendered())


def test_nothing_comes_from_elsewhere_and_nothing_acts_inline() -> None:
    """No address, no style attribute, no event handler."""
    check_self_contained(rendered())


def test_markup_in_names_stays_text() -> None:
    """The same elements stand in the page, whatever files, releases and functions are called."""
    plain, evil = rendered(), rendered(EVIL)
    assert [tag for tag, _ in Elements(plain).found] == [tag for tag, _ in Elements(evil).found]
    assert "\x1b" not in evil
    assert "\u202e" not in evil


def test_what_a_page_is_given() -> None:
    """Changes with class, states, code, place and evidence of both sides."""
    told = given(rendered())
    (module,) = told["modules"]
    assert (module["n"], module["q"]) == ("shopplain", ["f", "g", "plain"])
    kinds = [told["classes"][int(digit)] for digit in module["k"]]
    assert kinds == ["newly-dead", "removed-dead", "added-never-called"]
    assert told["classes"] == list(CLASSES)
    now = [digit if digit == "-" else told["states"][int(digit)] for digit in module["s"]]
    before = [digit if digit == "-" else told["states"][int(digit)] for digit in module["o"]]
    assert (now, before) == (["dead", "-", "dead"], ["alive", "dead", "-"])
    assert module["b"] == "s--"
    assert told["entries"][module["i"]["0"]] == "until 2027-01-01: plain"
    assert told["files"][module["f"]] == "/srv/app/shopplain.py"
    exposures = [module["X"].get(str(at), module["x"]) for at in range(3)]
    assert told["exposures"][exposures[0]]["told"][0].startswith("watched 1d since")
    assert told["exposures"][exposures[1]] is None
