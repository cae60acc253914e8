"""The forms of a diff: each as those want it who read it."""

from __future__ import annotations

import json
import os
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tests.support_evidence import evidence, run
from tombs.diff import CLASSES, Diff
from tombs.evidence.standing import Standing, Standings
from tombs.formats import github, gitlab, markdown, sarif, structured, text
from tombs.formats.paths import Paths
from tombs.formats.words import clean
from tombs.gates import Limits, Outcome
from tombs.ignore import Ignore, parse

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "f\x1b[31m::error::`|<b>%0A\n\udc80"
OLD = evidence(
    {"shop.a": {"f": "alive", "g": "dead", "h": "dead", "u": "alive", "gone": "alive"}},
    by=run(release="1"),
)
NEW = evidence(
    {
        "shop.a": {
            "f": "dead",
            "g": "dead",
            "h": "alive",
            "u": "unknown",
            "new": "dead",
            EVIL: "dead",
        }
    },
    by=run("shop-2", release="2"),
)


def outcome(*fail_on: str, ignored: str = "") -> Outcome:
    """Compare the two."""
    diff = Diff(("old.json", Standings(OLD)), ("new.json", Standings(NEW)))
    ignore = Ignore(parse(ignored, "ignored"), date(2026, 11, 22))
    return Outcome(diff, Limits(fail_on), ignore)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Find files in a checkout that has the one module under `src`."""
    (tmp_path / "src/shop").mkdir(parents=True)
    (tmp_path / "src/shop/a.py").touch()
    return Paths(str(tmp_path), [str(tmp_path / "src")])


def test_files_are_those_of_the_checkout(paths: Paths) -> None:
    """/srv/app/shop/a.py of the server is src/shop/a.py here; what isn't here stays as it was."""
    functions = Standings(NEW).functions
    standing = functions["shop.a:new"]
    assert paths.of(standing) == "src/shop/a.py"
    standing.file = "/srv/app/shop/other.py"
    assert paths.of(standing) == "/srv/app/shop/other.py"
    standing.file = "<frozen x>"
    assert paths.of(standing) == "<frozen x>"


def test_a_library_is_not_taken_for_the_checkout(tmp_path: Path) -> None:
    """What has a file's name alone is another file; the name of a package counts, too."""
    for name in ("app.py", "__init__.py", "flask/json/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    paths = Paths(str(tmp_path))
    places = {
        "flask.app": ("/site/flask/app.py", "/site/flask/app.py"),
        "flask": ("/site/flask/__init__.py", "/site/flask/__init__.py"),
        "flask.json": ("/site/flask/json/__init__.py", "flask/json/__init__.py"),
        "app": ("/srv/app.py", "app.py"),
        "__main__(app.py)": ("/srv/app.py", "app.py"),
    }
    for module, (file, wanted) in places.items():
        standing = Standing(module, "f", 1)
        standing.file = file
        assert paths.of(standing) == wanted


def test_text_tells_exposure_first(paths: Paths) -> None:
    """What the evidence is worth, then the news, then the gates; within eighty columns."""
    lines = list(text.render(outcome("newly-dead", ignored="shop.a.new 2027-01-01 soon"), paths))
    assert lines[:4] == [
        "OLD  old.json",
        "     watched 1d since 2026-09-21 14:13 UTC",
        "     1 run, 4 processes, release 1",
        "     5 functions: 2 dead, 3 alive",
    ]
    told = "\n".join(lines)
    assert "newly-dead (1): called before, never called now\n  shop.a.f   " in told
    assert "src/shop/a.py:1\n" in told
    assert "ignored until 2027-01-01: soon" in told
    assert told.index("newly-dead (1)") < told.index("still-dead (1)")
    assert lines[-2:] == ["FAILED  --fail-on newly-dead: 1 function", "        1 function ignored"]
    assert max(map(len, lines)) <= 80


def test_text_lists_all_on_demand(paths: Paths) -> None:
    """What is only counted otherwise is there with --all, and its reason."""
    short = "\n".join(text.render(outcome(), paths))
    full = "\n".join(text.render(outcome(), paths, everything=True))
    assert "shop.a.u" not in short
    assert "shop.a.u" in full
    assert "now: some of its calls could not be seen" in full


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_names_can_do_nothing(form: str, paths: Paths) -> None:
    """No control character of a name reaches a terminal or a log, and no markup a page."""
    render = {"text": text.render, "github": github.render, "markdown": markdown.render}[form]
    lines = list(render(outcome(), paths))
    assert all(line.isprintable() for line in lines)
    assert not any(re.match(r"::error", line) for line in lines)
    assert any("\\x1b[31m" in line for line in lines)
    if form == "markdown":
        assert any(line.startswith("| `` shop.a.f") and "\\|" in line for line in lines)


def test_clean_keeps_what_prints() -> None:
    """Accents stay; what doesn't print is written out."""
    assert clean("Käse\t\x9b\u202e\udc80") == "Käse\\t\\x9b\\u202e\\udc80"


def test_colour_only_where_asked_for(paths: Paths) -> None:
    """Plain lines are the coloured ones without their codes."""
    plain = list(text.render(outcome("newly-dead"), paths))
    painted = list(text.render(outcome("newly-dead"), paths, color=True))
    assert painted != plain
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in painted] == plain


def test_json_and_lines_say_the_same(paths: Paths) -> None:
    """One document, or a line each."""
    whole = json.loads("\n".join(structured.render_json(outcome("newly-dead"), paths)))
    head, *changes = map(json.loads, structured.render_lines(outcome("newly-dead"), paths))
    assert whole.pop("changes") == changes
    assert whole == head
    assert not head["passed"]
    assert head["counts"]["newly-dead"] == 1
    found = {change["id"]: change["class"] for change in changes}
    assert found["shop.a:gone"] == "removed-alive"
    assert sum(head["counts"].values()) == len(changes)


def test_an_empty_diff_is_valid_in_every_form(paths: Paths) -> None:
    """Nothing changed is said, and parses."""
    nothing = evidence({"shop.a": {"f": "alive"}})
    diff = Diff(("a", Standings(nothing)), ("b", Standings(nothing)))
    empty = Outcome(diff)
    assert json.loads("\n".join(structured.render_json(empty, paths)))["changes"] == []
    assert json.loads("\n".join(gitlab.render(empty, paths))) == []
    assert json.loads("\n".join(sarif.render(empty, paths)))["runs"][0]["results"] == []
    assert "nothing changed" in "\n".join(text.render(empty, paths))
    assert list(github.render(empty, paths)) == ["tombs: 0 dead functions, 0 before"]


def test_gitlab_has_the_documented_fields(paths: Paths) -> None:
    """Description, check name, fingerprint, severity, and a place with a first line."""
    issues = json.loads("\n".join(gitlab.render(outcome("newly-dead"), paths)))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert issue["location"]["path"] == "src/shop/a.py"
        assert issue["location"]["lines"]["begin"] >= 1
    critical = [issue for issue in issues if issue["severity"] == "critical"]
    assert [issue["description"] for issue in critical] == [
        "shop.a.f: called before, never called now (watched 1d by 4 processes)"
    ]


def test_a_death_keeps_its_fingerprint(paths: Paths) -> None:
    """Newly dead in one pipeline and still dead in the next is one finding."""
    diff = Diff(("a", Standings(NEW)), ("b", Standings(NEW)))
    later = json.loads("\n".join(gitlab.render(Outcome(diff), paths)))
    now = json.loads("\n".join(gitlab.render(outcome(), paths)))
    one = {issue["description"].partition(":")[0]: issue["fingerprint"] for issue in later}
    two = {issue["description"].partition(":")[0]: issue["fingerprint"] for issue in now}
    assert one["shop.a.f"] == two["shop.a.f"]


def annotated(made: Outcome, paths: Paths) -> list[str]:
    """Give the levels of GitHub's annotations."""
    found = (re.match("::([a-z]+)", line) for line in github.render(made, paths))
    return [match[1] for match in found if match]


def test_github_gets_annotations_on_lines(paths: Paths) -> None:
    """Errors of a failed gate, warnings, notices; nothing of what is ignored."""
    made = outcome("newly-dead", ignored="shop.a.new 2027-01-01 soon")
    lines = list(github.render(made, paths))
    assert lines[1] == (
        "::error file=src/shop/a.py,line=1,endLine=5,title=tombs%3A newly-dead"
        "::shop.a.f: called before, never called now (watched 1d by 4 processes)"
    )
    assert not any("shop.a.new" in line for line in lines)
    gone = next(line for line in lines if "shop.a.gone" in line)
    assert gone.startswith("::warning title=")


def test_github_gets_ten_of_a_type(paths: Paths) -> None:
    """What is beyond is counted, and said to be in the summary."""
    old = evidence({"shop.a": {f"f{at}": "alive" for at in range(30)}})
    new = evidence({"shop.a": {f"f{at}": "dead" for at in range(30)}})
    diff = Diff(("a", Standings(old)), ("b", Standings(new)))
    assert annotated(Outcome(diff), paths) == ["warning"] * 10
    assert annotated(Outcome(diff, Limits(["newly-dead"])), paths) == ["error"] * 10
    last = list(github.render(Outcome(diff), paths))[-1]
    assert last == "tombs: 30 dead functions, 0 before; 20 more changes are in the job's summary"


def test_a_summary_fits_its_room(paths: Paths) -> None:
    """Cut between lines, told, and never a byte too long."""
    lines = list(markdown.render(outcome(), paths))
    whole = markdown.fitted(lines, 1 << 20)
    assert whole == "\n".join(lines) + "\n"
    for room in range(0, len(whole.encode()) + 40, 7):
        cut = markdown.fitted(lines, room)
        assert len(cut.encode()) <= room
        assert cut in {whole, ""} or cut.endswith("*The rest doesn't fit here.*\n")


def test_sarif_holds_together(paths: Paths) -> None:
    """Rules for all classes, results that point to them, places, fingerprints, suppressions."""
    made = outcome("newly-dead", ignored="shop.a.new 2027-01-01 soon")
    log = json.loads("\n".join(sarif.render(made, paths)))
    assert log["version"] == "2.1.0"
    (told,) = log["runs"]
    rules = told["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CLASSES)
    for result in told["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert (result["kind"] == "fail") == (result["level"] != "none")
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"] == {"uri": "src/shop/a.py"}
        assert 1 <= physical["region"]["startLine"] <= physical["region"]["endLine"]
        assert result["baselineState"] in {"new", "unchanged", "updated", "absent"}
    by_name = {result["message"]["text"].partition(":")[0]: result for result in told["results"]}
    assert by_name["shop.a.f"]["level"] == "error"
    assert by_name["shop.a.new"]["suppressions"][0]["justification"] == "until 2027-01-01: soon"


def test_sarif_leaves_out_what_matters_least(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is too large would be refused as a whole."""
    made = outcome()
    monkeypatch.setattr(sarif, "_MOST", 2)
    (told,) = json.loads("\n".join(sarif.render(made, paths)))["runs"]
    assert [result["ruleId"] for result in told["results"]] == ["newly-dead", "added-never-called"]
    assert told["properties"]["leftOut"] == len(made.diff.changes) - 2 > 0


@pytest.mark.skipif(
    "SARIF_SCHEMA" not in os.environ, reason="SARIF_SCHEMA names no file with the official schema"
)
def test_sarif_is_valid_by_the_official_schema(paths: Paths) -> None:
    """OASIS's own schema, where somebody has put it."""
    jsonschema = pytest.importorskip("jsonschema")
    with open(os.environ["SARIF_SCHEMA"], encoding="utf-8") as file:
        schema: Any = json.load(file)
    log = json.loads("\n".join(sarif.render(outcome("newly-dead"), paths)))
    jsonschema.validate(log, schema)
