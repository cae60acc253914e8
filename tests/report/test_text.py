"""The report in a terminal."""

from __future__ import annotations

import pytest

from tests.support_evidence import evidence, listed, run
from tombs.evidence.model import Evidence
from tombs.evidence.standing import Standings
from tombs.report.report import Report
from tombs.report.tested import Tests
from tombs.report.text import Style, columns, render

PROGRAM = {
    "shop.billing.invoice": {"Invoice.void": "dead", "total": "alive", "round": "dead"},
    "shop.web": {"view": "alive", "old_view": "dead", "lost": "unknown"},
}
EXPECTED = """\
shop
  watched 1d since 2026-09-21 14:13 UTC
  1 run, 4 processes, no release named

8 functions: 3 dead, 2 alive, 1 unknown, 2 never loaded
40 lines in functions: 15 dead, 10 never loaded

package                          functions     dead  dead lines  % of the lines
shop                                     8        3          15  ████▒▒····  38%
  billing.invoice                        3        2          10  ███████···  67%
  web                                    3        1           5  ███·······  33%
  admin                                  2        0           0  ▒▒▒▒▒▒▒▒▒▒   0%
█ dead  ▒ never loaded  · the rest

The longest dead functions
       5 lines  shop.billing.invoice.Invoice.void
                /srv/app/shop/billing/invoice.py:1
                watched 1d by 4 processes
       5 lines  shop.billing.invoice.round
                /srv/app/shop/billing/invoice.py:21
                watched 1d by 4 processes
       5 lines  shop.web.old_view
                /srv/app/shop/web.py:11
                watched 1d by 4 processes
"""


def lines(made: Evidence, style: Style | None = None, *, tests: Tests | None = None) -> list[str]:
    """Give the report's lines."""
    report = Report(made.applications(), Standings(made), (), tests)
    return list(render(report, style or Style(), 2))


def test_the_whole_report() -> None:
    """Exposure first, then the tree with its bars, then where to begin."""
    made = evidence(PROGRAM)
    made.add(listed("shop.admin", {"f": "", "g": ""}))
    assert "\n".join(lines(made)) + "\n" == EXPECTED


def test_it_fits_80_columns() -> None:
    """Deep, long and wide names are cut at their beginning; numbers stay in their columns."""
    names = {f"{'帳簿' * 30}.{'x' * 90}.m{at}": {"f": "dead"} for at in range(3)}
    rows = [row for row in lines(evidence(names)) if "%" in row]
    assert len(rows) > 1
    assert {columns(row) for row in rows} <= {79, 80}
    assert all(row.startswith(("package", "…", "  m", " ")) for row in rows)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """Everything is told with other signs."""
    shown = "\n".join(lines(evidence(PROGRAM), Style(ascii_only=True)))
    assert shown.isascii()
    assert "#####....." in shown


def test_colour_is_only_where_it_is_wanted() -> None:
    """Without colour there is no escape; with it the letters are the same."""
    plain = lines(evidence(PROGRAM))
    colored = lines(evidence(PROGRAM), Style(color=True))
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[31m" in line for line in colored)


@pytest.mark.parametrize("evil", ["\x1b[2J\x1b]0;owned\x07", "a\nb\rc", "\u202egnp.exe", "\x9b1m"])
def test_a_name_can_not_speak_to_the_terminal(evil: str) -> None:
    """Control characters and order marks are written as escapes, wherever the name stands."""
    by = run(application=evil, release=evil)
    made = evidence({f"shop.{evil}": {evil: "dead"}}, by=by)
    shown = lines(made)
    assert all(line.isprintable() for line in shown)
    assert sum("\\" in line for line in shown) >= 4


def test_what_the_tests_keep_alive_is_told() -> None:
    """With the tests' graveyard each dead function is tested or not."""
    suite = {"shop.web": {"old_view": "alive"}, "shop.billing.invoice": {"round": "dead"}}
    shown = lines(evidence(PROGRAM), tests=Tests(evidence(suite, by=run("tests"))))
    assert "by the tests: 1 tested, 1 untested, 1 not known" in shown
    assert "                /srv/app/shop/web.py:11  (tested)" in shown
    at = shown.index("Kept alive by the tests alone, the longest")
    assert shown[at + 1 :] == [
        "       5 lines  shop.web.old_view",
        "                /srv/app/shop/web.py:11  (tested)",
        "                watched 1d by 4 processes",
    ]


def test_no_evidence_is_no_error() -> None:
    """Nothing was watched: that is what is said."""
    assert lines(Evidence()) == [
        "  no run: nothing was watched",
        "",
        "0 functions: 0 dead",
        "0 lines in functions: 0 dead",
    ]


def test_a_package_without_lines_has_no_share() -> None:
    """Lambdas share their lines with what is around them: there is nothing to divide."""
    (row,) = [row for row in lines(evidence({"a": {"<lambda>": "dead"}})) if row.startswith("a ")]
    assert row.endswith("1        1           0                -")
