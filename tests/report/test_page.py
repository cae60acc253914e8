"""The page: self-contained, under a strict policy, and harmless whatever names say."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("pygments")

from tests.support_evidence import evidence, listed, run
from tests.support_page import Elements, check_policy, check_self_contained, given
from tombs.evidence.model import Evidence
from tombs.evidence.standing import Standings
from tombs.report import data as data_of
from tombs.report import highlight, packed, page
from tombs.report.blame import Change
from tombs.report.report import Report
from tombs.report.tested import Tests

EVIL = '</script><img src=x onerror=alert(1)><!--\u2028\u2029&"\x1b[31m\u202e'
STYLES = Path(page.__file__).parent / "templates" / "page.css"


def rendered(made: Evidence, tests: Tests | None = None) -> str:
    """Give the page of evidence."""
    report = Report(made.applications(), Standings(made), (), tests)
    return b"".join(page.render(report)).decode()


def test_the_policy_names_the_one_script_and_the_one_style() -> None:
    """Nothing is allowed but these two, by the hashes of what stands in the page."""
    check_policy(rendered(evidence({"shop": {"f": "dead"}})))


def test_nothing_comes_from_elsewhere_and_nothing_acts_inline() -> None:
    """No address, no style attribute, no event handler, in the page and in what makes it."""
    check_self_contained(rendered(evidence({"shop": {"f": "dead"}})))


def test_markup_in_names_stays_text() -> None:
    """The same elements stand in the page, whatever programs, modules and functions are called."""
    pages = []
    for name in ("plain", EVIL):
        by = run(application=name, release=name)
        made = evidence({f"shop{name}": {name: "dead", "g": "unknown"}}, by=by)
        pages.append(rendered(made))
    kinds = [[tag for tag, _ in Elements(html).found] for html in pages]
    assert kinds[0] == kinds[1]
    assert "\x1b" not in pages[1]
    assert "\u202e" not in pages[1]
    assert given(pages[1])["modules"][0]["q"][0].startswith("</script><img src=x onerror=alert(1)>")


def test_the_data_is_ascii_and_has_no_markup() -> None:
    """Within the block no character could end it."""
    written = packed.harmless({EVIL: [EVIL, "\ud800"]})
    assert written.isascii()
    assert not set("<>&") & set(written)
    assert json.loads(written) == {EVIL: [EVIL, "\ud800"]}


def test_what_a_page_is_given() -> None:
    """Functions with lines, states, notes and what the tests say; lists hold what repeats."""
    made = evidence({"shop.a": {"f": "dead", "C.m": "alive", "f#2": "unknown"}})
    made.add(listed("shop.b", {"g": ""}))
    suite = evidence({"shop.a": {"f": "alive"}}, by=run("tests"))
    told = given(rendered(made, tests=Tests(suite)))
    a, b = told["modules"]
    assert (a["n"], a["q"], a["a"], a["z"]) == ("shop.a", ["f", "C.m", "f#2"], [1, 11, 21], [4] * 3)
    assert [told["states"][int(digit)] for digit in a["s"]] == ["dead", "alive", "unknown"]
    assert told["notes"][a["w"]["2"]] == "some of its calls could not be seen"
    assert [told["tests"][int(digit)] for digit in a["t"]] == ["tested", "not known", "not known"]
    assert told["states"][int(b["s"])] == "never loaded"
    exposure = told["exposures"][a["x"]]
    assert exposure["told"][0].startswith("watched 1d since")
    assert (exposure["watched"], exposure["length"], exposure["processes"]) == (86_400, "1d", 4)
    assert told["files"] == {}


def source(place: Path, text: bytes) -> Report:
    """Make a report with the source of one module."""
    (place / "shop.py").write_bytes(text)
    made = evidence({"shop": {"f": "dead", "gone": "dead"}})
    made.add(listed("shop", {"f": ""}))
    return Report(["shop"], Standings(made), [str(place)])


def told_of(report: Report) -> Any:  # noqa: ANN401 - it is JSON
    """Give what a page of a report is given."""
    return given(b"".join(page.render(report)).decode())


def test_source_comes_along_as_text_and_parts(tmp_path: Path) -> None:
    """The file is whole, harmless, and every part has its length; what is gone is said to be."""
    text = f"def f(x):\r\n\treturn '{EVIL} \U0001f480'  # done\r\n"
    told = told_of(source(tmp_path, text.encode()))
    file = told["files"]["0"]
    assert file["t"].startswith("def f(x):\n\treturn '</script><img")
    assert file["t"].replace("\n", "").replace("\t", "").isprintable()
    length = sum(int(number) for number in re.findall(r"\d+", file["p"]))
    assert length == len(file["t"].encode("utf-16-le")) // 2
    assert file["p"].startswith("4k1f")  # the space is coloured as what stands before it
    assert told["modules"][0]["g"] == [1]


@pytest.mark.parametrize("text", [b"# coding: nonsense\n", b"\xff\xfe\x00", b"x" * (5 << 20)])
def test_source_that_can_not_be_shown_is_left_out(text: bytes, tmp_path: Path) -> None:
    """A file of an unknown encoding or of many megabytes is counted, and no more."""
    told = told_of(source(tmp_path, text))
    assert (told["files"], told["left"]) == ({}, 1)


def test_there_is_only_so_much_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound files come without colours, and beyond another not at all."""
    report = source(tmp_path, b"def f():\n    return 1\n")
    monkeypatch.setattr(data_of, "COLORED", 5)
    assert told_of(report)["files"]["0"]["p"] == ""
    monkeypatch.setattr(data_of, "SHOWN", 5)
    assert told_of(report)["left"] == 1


def test_without_a_tree_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path in the evidence is no leave to read it."""
    path = tmp_path / "secret.py"
    path.write_text("password = 1\n")
    made = evidence({"shop": {"f": "dead"}})
    made = Evidence(
        one._replace(module=one.module._replace(file=str(path))) if hasattr(one, "module") else one
        for one in made.items()
    )
    assert "password" not in rendered(made)


def test_ages_come_along() -> None:
    """When, who, which commit, and whether it may be earlier."""
    made = evidence({"shop": {"f": "dead", "g": "dead"}})
    report = Report(["shop"], Standings(made))
    report.ages = {"shop:g": Change(1_600_000_000, "Ada <b>", "0123456789", earlier=True)}
    told = told_of(report)
    assert told["modules"][0]["c"] == {"1": [1_600_000_000, 0, "0123456789", 1]}
    assert told["people"] == ["Ada <b>"]


PARTS = {
    "def f(): pass": "4k1f4.4k",  # the space is coloured as what stands before it
    "class C(Base): x: int = None": "6k1f11.3b3.4k",
    "@a.b\nasync def f(self): return": "5d10k1f1.4b3.6k",
    "if match: type = case.match": "3k7.4b",
    "match x:\n case 1: y = x": "6k4.5k1n",
    "f(help, print, a.print)": "8.5b",
    "1.5e-3 + 0xFF * .5j - 1_000": "6n3.4n3.3n3.5n",
    "x = rb'a\\'b' # it's\n": "4.9s7c",
    "x = '''a\n\"'b'''": "4.11s",
    'x = f"{a}" + "open': "4.6s3.5s",
    "'open\nx": "6s",
    "§ = 'ü\U0001f480'": "4.5s",
}


@pytest.mark.parametrize("text", PARTS)
def test_parts_of_a_source(text: str) -> None:
    """Each is what a person would call it; what can't be read is text and no fault."""
    assert highlight.parts(text) == PARTS[text]


def test_every_letter_of_the_parts_has_its_colour() -> None:
    """What the lexer tells apart is told apart by the style sheet."""
    letters = {letter for _, letter in highlight._KINDS}
    assert letters == set(re.findall(r"\.t-(\w) ", STYLES.read_text()))


def schemes() -> list[dict[str, str]]:
    """Give the colours of the light and of the dark scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLES.read_text(), re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#\w{6})", one)) for one in (light, dark)]
    assert found[0].keys() == found[1].keys()
    return found


def luminance(color: str) -> float:
    """Compute how light a colour is, by WCAG."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


STATES = ("dead", "never", "unknown", "stub", "alive")
TEXT = [
    *itertools.product(("ink", "soft", "accent"), ("ground", "card", "hover")),
    *((state, f"{state}-ground") for state in STATES),
    *((state, "card") for state in STATES),
    ("dead", "ground"),
    *(("low", one) for one in ("d0", "d1", "d2", "d3", "dn", "dn-line")),
    *(("high", one) for one in ("d4", "d5")),
    *itertools.product(
        ("t-k", "t-s", "t-c", "t-n", "t-f", "t-d", "t-b", "soft"),
        ("card", "dead-ground", "never-ground"),
    ),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read(scheme: int) -> None:
    """The contrast of each pair of colours is at least 4.5 to 1 (WCAG AA)."""
    colors = schemes()[scheme]
    poor = {}
    for text, ground in TEXT:
        low, high = sorted((luminance(colors[text]), luminance(colors[ground])))
        ratio = (high + 0.05) / (low + 0.05)
        if ratio < 4.5:
            poor[text, ground] = round(ratio, 2)
    assert not poor
