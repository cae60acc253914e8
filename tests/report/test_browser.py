"""The page in a real browser: sorted, searched, clicked, by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("pygments")

from tests.support_browser import Browser
from tests.support_evidence import evidence, run
from tombs.evidence.model import Evidence, Function, Listed, Module, Run, Seen, Source
from tombs.evidence.standing import Standings
from tombs.evidence.windows import Demands, window
from tombs.report import page
from tombs.report.blame import Change
from tombs.report.report import Report
from tombs.report.tested import Tests

EVIL = "<img src=x onerror=owned()>\x1b[31m"
CART = f"""\
class Cart:
    def total(self):
        return sum(self.prices)

    def void(self, reason="{EVIL}"):
        self.prices = []
        return reason


def round_up(amount):
    return amount + 1
"""
ROWS = [("Cart.total", 2, 3, "3"), ("Cart.void", 5, 7, "0"), ("round_up", 10, 11, "0")]


def shop(by: Run, place: Path) -> Evidence:
    """Make the evidence of a small shop, and its source."""
    (place / "shop").mkdir(exist_ok=True)
    (place / "shop" / "cart.py").write_text(CART)
    states = "".join(state for *_, state in ROWS)
    rows = tuple(Function(name, first, last, "." in name, "") for name, first, last, _ in ROWS)
    made = evidence(
        {f"shop.web.{EVIL}": {EVIL: "dead", "view": "alive"}, "shop.api": {"lost": "unknown"}},
        by=by,
    )
    made.add(Seen(Module("shop.cart", "/srv/shop/cart.py", "", rows), states, {by.key: by.created}))
    listed = tuple(Source(name, first, last, "") for name, first, last, _ in ROWS)
    made.add(Listed("shop.cart", "shop/cart.py", listed))
    made.add(Listed("shop.admin", "shop/admin.py", (Source("panel", 1, 30, ""),)))
    return made


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Browser:
    """Show the report of the shop."""
    (tmp_path / "CODEOWNERS").write_text("/shop/ @shop\n")
    made = shop(run(application=EVIL), tmp_path)
    tests = Tests(evidence({"shop.cart": {"round_up": "alive"}}, by=run("tests")))
    report = Report(made.applications(), Standings(made), [str(tmp_path)], tests)
    report.ages = {
        "shop.cart:Cart.void": Change(1_600_000_000, EVIL, "0123456789", earlier=False),
        "shop.cart:round_up": Change(1_700_000_000, "Ada", "9876543210", earlier=False),
    }
    (tmp_path / "report.html").write_bytes(b"".join(page.render(report)))
    browser.show(tmp_path / "report.html")
    return browser


def names(browser: Browser) -> list[str]:
    """Give the functions of the table, as they stand in it."""
    found = browser.value(
        "[...document.querySelectorAll('#body b:first-child')].map(one =>"
        " one.closest('.function') && one.textContent).filter(Boolean)"
    )
    assert isinstance(found, list)
    return found


def focused(browser: Browser) -> str:
    """Give the text of what has the focus."""
    text = browser.value("document.activeElement.innerText")
    assert isinstance(text, str)
    return text


def test_the_dead_come_first_and_by_length(shown: Browser) -> None:
    """At the beginning there are the dead functions, the longest first."""
    assert names(shown)[0].startswith("<img src=x")
    assert names(shown)[1:] == ["Cart.void", "round_up"]
    assert shown.text("#told") == "3 functions"
    assert "3" in shown.text(".figure.main dd")


def test_a_click_on_a_head_sorts(shown: Browser) -> None:
    """Once up, again down, and the order is told to those who can't see it."""
    heads = "document.querySelector('[data-key=change]').closest('th').ariaSort"
    for way, order in (("ascending", -1), ("descending", 1)):
        shown.click("[data-key=change]")
        assert shown.value(heads) == way
        dated = [name for name in names(shown) if not name.startswith("<")]
        assert dated == ["round_up", "Cart.void"][::order]
    assert focused(shown).startswith("Last change")


def test_the_watched_column_tells_and_sorts(browser: Browser, tmp_path: Path) -> None:
    """How long and by how many; what waits for its window is unknown, and says for how long."""
    made = evidence({"shop.a": {"f": "dead"}}, by=run("shop-1", hours=12, processes=1))
    later = evidence({"shop.b": {"g": "dead"}, "shop.tax": {"due": "dead"}}, by=run("shop-2"))
    for item in later.items():
        made.add(item)
    demands = Demands(windows=[window("shop.tax.**", "400d", "pyproject.toml")])
    path = tmp_path / "report.html"
    path.write_bytes(b"".join(page.render(Report(["shop"], Standings(made, demands)))))
    browser.show(path)
    for order in (["g", "f"], ["f", "g"]):
        browser.click("[data-key=watched]")
        assert names(browser) == order
    cells = "[...document.querySelectorAll('#body td:nth-child(4)')].map(one => one.innerText)"
    assert browser.value(cells) == ["12h\nby 1 process", "1d\nby 4 processes"]
    tile = "document.querySelector('#map button[aria-label^=tax]').ariaLabel"
    assert browser.value(tile).startswith("tax: unknown")
    browser.click("input[value=unknown]")
    browser.click("[data-at='2']")
    assert "unknown watched 1d of 400d" in browser.text("#facts")
    assert "window 400d for shop.tax.**, by pyproject.toml" in browser.text("#facts")


def test_a_search_finds_by_every_word(shown: Browser) -> None:
    """Names, files and owners are searched; nothing found is said in words."""
    shown.click("#search")
    shown.write("@shop VOID")
    assert names(shown) == ["Cart.void"]
    assert shown.text("#told") == "1 function"
    shown.write(" nothing")
    assert names(shown) == []
    assert "No function fits" in shown.text("#body")
    shown.click("#clear")
    assert shown.text("#told") == "7 functions"


def test_states_and_tests_are_chosen(shown: Browser) -> None:
    """Boxes for the states, a choice for what the tests say."""
    shown.click("input[value='never loaded']")
    assert "panel" in names(shown)
    shown.value(
        "(() => { const one = document.querySelector('#tests'); one.value = 'tested';"
        " one.dispatchEvent(new Event('change')); })()"
    )
    assert names(shown) == ["round_up"]


def test_the_map_leads_into_packages(shown: Browser) -> None:
    """A tile of a package opens it, one of a module chooses it, a crumb leads back."""
    labels = "[...document.querySelectorAll('#map button > b')].map(one => one.textContent)"
    assert set(shown.value(labels)) == {"admin", "api", "cart", "web"}
    shown.click("#map button[aria-label^='cart']")
    assert names(shown) == ["Cart.void", "round_up"]
    assert shown.text("#told") == "2 functions in shop.cart"
    shown.click("#map button[aria-label^='cart']")
    assert shown.text("#told") == "3 functions in shop"
    shown.click("#crumbs button")
    assert shown.value(labels) == ["shop"]
    assert "shop: " in str(shown.value("document.querySelector('#map button').ariaLabel"))


def test_the_map_is_used_by_keys_alone(shown: Browser) -> None:
    """Arrows move, Enter opens, Backspace goes back; only one tile is in the way of Tab."""
    count = "document.querySelectorAll('#map button[tabindex=\"0\"]').length"
    assert shown.value(count) == 1
    shown.value("document.querySelector('#map button').focus()")
    first = focused(shown)
    shown.press("ArrowRight")
    assert focused(shown) != first
    assert shown.value(count) == 1
    shown.press("Enter")
    assert shown.text("#told").endswith(" in shop.web")
    for above in ("shop", "everything"):
        shown.press("Backspace")
        assert shown.text("#crumbs button[aria-current]") == above


def test_a_function_is_shown_with_its_source(shown: Browser) -> None:
    """The facts, and the file with what is dead in it marked, at the function itself."""
    shown.click("#body tr:nth-child(2) .function")
    assert shown.text("#detail-title") == "Cart.void"
    facts = shown.text("#facts")
    for told in ("watched 1d", "shop/cart.py:5", "2020-09-13 by <img", "0123456789", "@shop"):
        assert told in facts
    assert "untested" not in facts
    lines = "[...document.querySelectorAll('.line.s-dead .number')].map(one => +one.textContent)"
    assert shown.value(lines) == [5, 6, 7, 10, 11]
    assert shown.text("#here").startswith("5")
    assert "dead" in shown.text("#here .marked")
    assert shown.text("#here code").startswith('    def void(self, reason="<img')
    colored = "[...document.querySelectorAll('#here .t-k')].map(one => one.textContent)"
    assert shown.value(colored) == ["def "]
    shown.press("Escape")
    assert shown.value("document.querySelector('#detail').open") is False
    assert focused(shown).startswith("Cart.void")


def test_the_table_is_used_by_keys_alone(shown: Browser) -> None:
    """Arrows, Home and End move through the rows, Enter opens one."""
    shown.value("document.querySelector('#body button').focus()")
    shown.press("End")
    assert focused(shown).startswith("round_up")
    shown.press("Home")
    shown.press("ArrowDown")
    shown.press("Enter")
    assert shown.text("#detail-title") == "Cart.void"
    assert focused(shown) == "Cart.void"


def test_a_screen_reader_is_told_what_there_is(shown: Browser) -> None:
    """Landmarks, heads, and everything that can be used has a name."""
    told = shown.named()
    roles = {role for role, _ in told}
    assert {"banner", "main", "navigation", "search", "status", "table", "columnheader"} <= roles
    used = ("button", "checkbox", "combobox", "searchbox", "region", "link")
    assert [(role, name) for role, name in told if role in used and not name] == []
    assert ("heading", "Map of the code") in told


def test_of_a_hundred_thousand_rows_few_are_made(browser: Browser, tmp_path: Path) -> None:
    """Rows are made where one looks, and a search through all is at once."""
    by = run()
    functions = {f"Class{at // 7}.method_{at}": "dead" for at in range(100)}
    made = evidence({f"shop.part{at % 17}.m{at}": functions for at in range(1000)}, by=by)
    path = tmp_path / "report.html"
    path.write_bytes(b"".join(page.render(Report(["shop"], Standings(made)))))
    browser.show(path)
    assert browser.text("#told") == "100,000 functions"
    rows = "document.querySelectorAll('#body tr').length"
    assert browser.value(rows) < 60
    browser.value("document.querySelector('#body button').focus()")
    browser.press("End")
    assert browser.value(rows) < 60
    assert browser.value("document.activeElement.closest('tr').ariaRowIndex") == "100001"
    browser.click("#search")
    browser.write("m999. method_42")
    assert names(browser) == ["Class6.method_42"]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(shown: Browser, width: int, dark: bool) -> None:
    """Neither the page nor an open function has to be scrolled sideways."""
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    browser = shown
    browser.show(Path(browser.value("location.pathname")), width=width, dark=dark)
    assert (browser.value(ground) == "rgb(19, 22, 25)") is dark
    assert browser.value("document.documentElement.scrollWidth") <= width
    browser.click("#body button")
    assert browser.value("document.querySelector('#detail').scrollWidth") <= width


def test_no_evidence_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    """An empty report explains itself."""
    path = tmp_path / "report.html"
    path.write_bytes(b"".join(page.render(Report([], Standings(Evidence())))))
    browser.show(path)
    assert browser.text("h1") == "no program"
    assert "Nothing was watched" in browser.text(".empty")


def test_without_scripts_the_packages_are_there(browser: Browser, tmp_path: Path) -> None:
    """A place that allows no script at all still shows the totals and the table of packages."""
    path = tmp_path / "report.html"
    made = evidence({"shop.a": {"f": "dead"}, "shop.b": {"g": "alive"}})
    path.write_bytes(b"".join(page.render(Report(["shop"], Standings(made)))))
    with browser.without_scripts():
        browser.ask("Page.navigate", url=path.as_uri())
        browser.until("Page.loadEventFired")
    assert browser.text("noscript").startswith("Scripts are off")
    assert browser.value("getComputedStyle(document.querySelector('#functions')).display") == "none"
    assert "shop.a" in str(browser.value("document.querySelector('.packages').textContent"))
