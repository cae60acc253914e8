"""The page of a diff in a real browser: sorted, searched, clicked, by mouse and by keyboard."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("jinja2")

from tests.support_evidence import evidence, run
from tombs.diff import Diff
from tombs.evidence.standing import Standings
from tombs.evidence.windows import Demands, window
from tombs.formats import html
from tombs.formats.paths import Paths
from tombs.gates import Limits, Outcome
from tombs.ignore import Ignore, parse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support_browser import Browser

EVIL = "<img src=x onerror=owned()>\x1b[31m"
OLD = evidence(
    {
        "shop.cart": {"total": "alive", "void": "alive", "gone": "alive", "fax": "dead"},
        "shop.year": {"end": "dead"},
    },
    by=run(release="1"),
)
NEW = evidence(
    {
        "shop.cart": {"total": "dead", "void": "dead", "fax": "dead", EVIL: "dead"},
        "shop.year": {"end": "dead"},
    },
    by=run("shop-2", release=EVIL, hours=240, processes=7),
)
IGNORED = "shop.cart.void 2027-01-01 the old application\nshop.x 2026-01-01 issue 417\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Write the diff of the shop."""
    demands = Demands(windows=[window("shop.year.**", "400d", "pyproject.toml")])
    diff = Diff(("old", Standings(OLD, demands)), (EVIL, Standings(NEW, demands)))
    ignore = Ignore(parse(IGNORED, "ignored.txt"), date(2026, 11, 22))
    outcome = Outcome(diff, Limits(["newly-dead", "changed"], 50), ignore)
    path = tmp_path / "diff.html"
    path.write_bytes(b"".join(html.render(outcome, Paths(str(tmp_path)))))
    return path


@pytest.fixture
def shown(browser: Browser, page: Path) -> Browser:
    """Show it."""
    browser.show(page)
    return browser


def names(browser: Browser, kind: str) -> list[str]:
    """Give the functions of a class, as they stand in its list."""
    found = browser.value(
        f"[...document.querySelectorAll('#{kind} .function b')].map(one => one.textContent)"
    )
    assert isinstance(found, list)
    return found


def test_what_both_sides_are_worth_comes_first(shown: Browser) -> None:
    """Exposure, windows and states of each side stand above gates and classes."""
    order = shown.value("[...document.querySelectorAll('h2')].map(one => one.textContent.trim())")
    assert order[0].startswith("Before")
    assert order[1].startswith("Now <img src=x")
    assert order[2:6] == ["Gates", "Ignored", "Changes", "newly-dead"]
    sides = [shown.text(f".sides .card:nth-child({at})") for at in (1, 2)]
    assert "watched 1d since" in sides[0]
    assert "4 processes, release 1" in sides[0]
    assert "watched 10d since" in sides[1]
    assert "window 400d for shop.year.**: 1 function, 1 unknown until then" in sides[1]
    assert "dead" in sides[1]


def test_gates_and_ignored_functions_are_told(shown: Browser) -> None:
    """Each gate with its outcome, each entry with what it hides; an expired one fails."""
    gates = shown.text("section[aria-labelledby=gates]")
    assert "--fail-on newly-dead\tfailed\t1 function" in gates
    assert "--fail-on changed\tpassed\t0 functions" in gates
    assert "--max-dead 50\tpassed" in gates
    assert shown.text(".verdict") == "failed\n2 of 4 gates passed"
    shown.click("summary h2")
    entries = shown.text("[aria-label='Entries of the ignore file']")
    assert "shop.cart.void\t2027-01-01\t1\tthe old application" in entries
    assert "shop.x\t2026-01-01 expired\t0" in entries


def test_classes_are_sections_with_counts(shown: Browser) -> None:
    """What matters is open, what is only counted opens by its link or its head."""
    assert names(shown, "newly-dead") == ["total", "void"]
    place = shown.text("#newly-dead td:nth-child(3)")
    assert place == "cart.py:1\n/srv/app/shop/"
    assert shown.text("#newly-dead .badge") == "2"
    assert names(shown, "added-never-called") == ["<img src=x onerror=owned()>\\x1b[31m"]
    assert names(shown, "removed-alive") == ["gone"]
    opened = "document.querySelector('#still-dead').open"
    assert shown.value(opened) is False
    shown.click(".classes a[href='#still-dead']")
    assert shown.value(opened) is True
    assert names(shown, "still-dead") == ["fax"]
    assert "window" not in shown.text("#still-dead")


def test_a_click_on_a_head_sorts_its_class(shown: Browser) -> None:
    """Down, and up again; the other classes stay as they are."""
    head = "#newly-dead [data-key=remark]"
    shown.click(head)
    assert names(shown, "newly-dead") == ["void", "total"]
    order = f"document.querySelector('{head}').closest('th').ariaSort"
    assert shown.value(order) == "ascending"
    shown.click(head)
    assert names(shown, "newly-dead") == ["total", "void"]
    assert shown.value(order) == "descending"
    other = "document.querySelector('#removed-alive [aria-sort] button').dataset.key"
    assert shown.value(other) == "name"


def test_a_class_is_sorted_by_how_long_it_was_watched(browser: Browser, tmp_path: Path) -> None:
    """The longest first; each says how long and by how many processes."""
    old = evidence({"shop.a": {"f": "alive"}, "shop.b": {"g": "alive"}})
    new = evidence({"shop.a": {"f": "dead"}}, by=run("shop-2", hours=12, processes=1))
    for item in evidence({"shop.b": {"g": "dead"}}, by=run("shop-3", hours=240)).items():
        new.add(item)
    outcome = Outcome(Diff(("old", Standings(old)), ("new", Standings(new))))
    path = tmp_path / "diff.html"
    path.write_bytes(b"".join(html.render(outcome, Paths(str(tmp_path)))))
    browser.show(path)
    browser.click("#newly-dead [data-key=watched]")
    assert names(browser, "newly-dead") == ["g", "f"]
    browser.click("#newly-dead [data-key=watched]")
    assert names(browser, "newly-dead") == ["f", "g"]
    cells = (
        "[...document.querySelectorAll('#newly-dead td:nth-child(4)')].map(one => one.innerText)"
    )
    assert browser.value(cells) == ["12h\nby 1 process", "10d\nby 4 processes"]


def test_a_search_goes_through_all_classes(shown: Browser) -> None:
    """Names, files and remarks; each class says how many it has."""
    shown.click("#search")
    shown.write("OLD application")
    assert names(shown, "newly-dead") == ["void"]
    assert names(shown, "removed-alive") == []
    assert shown.text("#told") == "1 function found"
    assert shown.text("#newly-dead .fitting") == "1 found"
    assert "No function fits" in shown.text("#removed-alive")


def test_a_change_is_shown_in_full(shown: Browser) -> None:
    """Both sides with state and evidence, place, code, and who ignores it until when."""
    shown.click("#newly-dead tbody tr:nth-child(2) .function")
    assert shown.text("#detail-title") == "void"
    facts = shown.text("#facts")
    for told in ("alive watched 1d", "dead watched 10d", "7 processes", "/srv/app/shop/cart.py:11"):
        assert told in facts
    assert "until 2027-01-01: the old application" in facts
    assert "same" in facts
    shown.press("Escape")
    assert shown.value("document.querySelector('#detail').open") is False


def test_keys_alone_are_enough(shown: Browser) -> None:
    """Tab comes to search, heads and lists; arrows move, Enter opens, Escape goes back."""
    way = []
    for _ in range(60):
        shown.press("Tab")
        way.append(
            shown.value(
                "(() => { const one = document.activeElement; return one.id || one.dataset.key"
                " || one.className || one.ariaLabel || one.tagName; })()"
            )
        )
        if way[-1] == "plain function":
            break
    assert way[0] == "skip"
    assert way[-1] == "plain function"
    assert {"search", "name", "SUMMARY"} <= set(way)
    shown.press("ArrowDown")
    shown.press("Enter")
    assert shown.text("#detail-title") == "void"
    shown.press("Escape")
    assert shown.value("document.activeElement.innerText").startswith("void")


def test_a_screen_reader_is_told_what_there_is(shown: Browser) -> None:
    """Landmarks, heads, and everything that can be used has a name."""
    told = shown.named()
    roles = {role for role, _ in told}
    assert {"banner", "main", "search", "status", "table", "columnheader"} <= roles
    used = ("button", "checkbox", "combobox", "searchbox", "region", "link")
    assert [(role, name) for role, name in told if role in used and not name] == []
    assert ("heading", "newly-dead") in told


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    """Neither the page nor an open function has to be scrolled sideways."""
    browser.show(page, width=width, dark=dark)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert (browser.value(ground) == "rgb(19, 22, 25)") is dark
    assert browser.value("document.documentElement.scrollWidth") <= width
    browser.click("#newly-dead tbody button")
    assert browser.value("document.querySelector('#detail').scrollWidth") <= width


def test_of_a_hundred_thousand_changes_few_rows_are_made(browser: Browser, tmp_path: Path) -> None:
    """Rows are made where one looks, and a search through all is at once."""
    functions = {f"Class{at // 7}.method_{at}": "alive" for at in range(100)}
    modules = [f"shop.part{at % 17}.m{at}" for at in range(1000)]
    old = evidence(dict.fromkeys(modules, functions))
    new = evidence(dict.fromkeys(modules, dict.fromkeys(functions, "dead")), by=run("shop-2"))
    outcome = Outcome(Diff(("old", Standings(old)), ("new", Standings(new))))
    path = tmp_path / "diff.html"
    path.write_bytes(b"".join(html.render(outcome, Paths(str(tmp_path)))))
    browser.show(path)
    assert browser.text("#told") == "100,000 functions in 1 class"
    rows = "document.querySelectorAll('tbody tr').length"
    assert browser.value(rows) < 60
    browser.value("document.querySelector('#newly-dead tbody button').focus()")
    browser.press("End")
    assert browser.value(rows) < 60
    assert browser.value("document.activeElement.closest('tr').ariaRowIndex") == "100001"
    browser.click("#search")
    browser.write("m999. method_42")
    assert names(browser, "newly-dead") == ["Class6.method_42"]


def test_without_scripts_the_classes_are_there(browser: Browser, page: Path) -> None:
    """A place that allows no script shows sides, gates, counts, and the first functions of each."""
    with browser.without_scripts():
        browser.ask("Page.navigate", url=page.as_uri())
        browser.until("Page.loadEventFired")
    assert browser.value("getComputedStyle(document.querySelector('#filters')).display") == "none"
    assert "shop.cart.total /srv/app/shop/cart.py:1" in browser.text("#newly-dead .plain-list")


def test_no_change_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    """An empty diff explains itself."""
    same = evidence({"shop": {"f": "alive"}})
    outcome = Outcome(Diff(("old", Standings(same)), ("new", Standings(same))))
    path = tmp_path / "diff.html"
    path.write_bytes(b"".join(html.render(outcome, Paths(str(tmp_path)))))
    browser.show(path)
    assert "Nothing changed" in browser.text("#functions")
    assert browser.value("document.querySelector('.verdict')") is None
