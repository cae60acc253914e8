"""Windows of confidence, as the commands take and show them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support_evidence import HOUR, START, evidence, run, save, seen
from tombs.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

DEAD = {"shop.tax": {"due": "dead", "pay": "alive"}, "shop.web": {"view": "dead"}}
ALIVE = {"shop.tax": {"due": "alive", "pay": "alive"}, "shop.web": {"view": "alive"}}
WINDOWS = '[tool.tombs.windows]\n"shop.tax.**" = "400d"\n"shop.nowhere.*" = "9d"\n'


@pytest.fixture
def tombs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Give what a command says in a project with windows; with an exit code of 2, its error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "pyproject.toml").write_text(WINDOWS)
    by = run("shop-2", hours=72)
    made = evidence(DEAD, by=by)
    late = seen(by, "shop.late", {"f": "dead"})
    late.runs[by.key] = START + 70 * HOUR
    made.add(late)
    save(made, tmp_path / "shop.json")
    save(evidence(ALIVE, by=run("shop-1", hours=9600)), tmp_path / "old.json")

    def call(*args: str, code: int = 0) -> str:
        assert main(list(args)) == code
        out, err = capsys.readouterr()
        assert max(map(len, [*out.splitlines(), ""])) <= 80 or "--format" in args
        return err if code == 2 else out

    return call


def test_status_tells_what_waits(tombs: Callable[..., str]) -> None:
    """How many functions each window has, that one fits none, and who was watched for less."""
    told = tombs("status", "shop.json").splitlines()
    at = told.index("4 functions: 2 dead, 1 alive, 1 unknown")
    assert told[at + 1 : at + 3] == [
        "  window 9d for shop.nowhere.*: 0 functions",
        "  window 400d for shop.tax.**: 2 functions, 1 unknown until then",
    ]
    late = next(number for number, line in enumerate(told) if line.startswith("shop.late "))
    assert told[late + 1] == "  watched 2h by 4 processes"
    assert not told[late + 2].startswith(" ")
    found = json.loads(tombs("status", "shop.json", "--format", "json"))
    assert found["packages"]["shop.late"]["watched"] == {"least": 2 * HOUR, "processes": 4}
    assert found["windows"][1] == {
        "length": 9600 * HOUR,
        "pattern": "shop.tax.**",
        "by": "pyproject.toml",
        "functions": 2,
        "unknown": 1,
    }


def test_why_tells_the_window_and_its_reason(tombs: Callable[..., str]) -> None:
    """How much has passed, and who asks for it."""
    assert tombs("why", "shop.tax.due", "shop.json") == (
        "shop.tax.due\n  unknown (watched 3d of 400d)\n  /srv/app/shop/tax.py:1-5\n"
        "  watched 3d since 2026-09-21 14:13 UTC\n  1 run, 4 processes, no release named\n"
        "  window 400d for shop.tax.**, by pyproject.toml\n\n"
        "references: --source DIR searches its source for them\n"
    )
    assert "window" not in tombs("why", "shop.web.view", "shop.json")
    told = tombs("why", "shop.web.view", "shop.json", "--min-window", "2d")
    assert "  dead: " in told
    assert "  window 2d, by --min-window\n" in told


@pytest.mark.parametrize(
    ("args", "state"),
    [
        ((), "unknown (watched 3d of 400d)"),
        (("--window", "shop.tax.**=3d"), "dead"),
        (("--window", "shop.tax.**=0s"), "dead"),
        (("--window", "shop.**=1d"), "unknown (watched 3d of 400d)"),
        (("--window", "shop.tax.due=1d"), "dead"),
        (("--window", "shop.tax.due=1d", "--min-window", "4d"), "unknown (watched 3d of 4d)"),
        (("--window", "shop.tax.due=9d", "--window", "shop.tax.due=1d"), "dead"),
        (("--window", "shop.tax.due=1d", "--min-processes", "5"), "unknown (watched by 4 of 5 pr"),
    ],
)
def test_the_command_line_is_stronger(
    tombs: Callable[..., str], args: tuple[str, ...], state: str
) -> None:
    """For the same pattern; of other patterns the more exact one holds, and the least is added."""
    assert tombs("why", "tax.due", "shop.json", *args).splitlines()[1].startswith(f"  {state}")


def test_report_tells_them_too(tombs: Callable[..., str]) -> None:
    """In the numbers, beside packages that were watched otherwise, and for each dead function."""
    told = tombs("report", "shop.json")
    assert "  window 400d for shop.tax.**: 2 functions, 1 unknown until then\n" in told
    assert re.search(r"^  late .*\n {6}watched 2h by 4 processes$", told, re.MULTILINE)
    assert "                /srv/app/shop/web.py:1\n                watched 3d by 4 pro" in told


def test_windows_do_not_ask_anything_of_the_tests(tombs: Callable[..., str]) -> None:
    """A test suite runs for minutes: what it never called is untested all the same."""
    save(evidence(DEAD, by=run("tests", hours=0)), Path("tests.json"))
    told = tombs("report", "shop.json", "--tests", "tests.json", "--window", "**=2h")
    assert "by the tests: 0 tested, 2 untested, 0 not known" in told


def test_html_carries_them(tombs: Callable[..., str]) -> None:
    """Beside each function what was watched, and the window that is asked."""
    pytest.importorskip("jinja2")
    pytest.importorskip("pygments")
    tombs("report", "shop.json", "--html", "it.html", "--no-git")
    html = Path("it.html").read_text()
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert block
    data = json.loads(block[1])
    assert "window 9d for shop.nowhere.*: 0 functions" in html
    late, tax, web = data["modules"]
    assert [data["exposures"][one["x"]]["length"] for one in (late, tax, web)] == ["2h", "3d", "3d"]
    asked = data["exposures"][tax["x"]]["told"]
    assert asked[-1] == "window 400d for shop.tax.**, by pyproject.toml"
    assert data["notes"][tax["w"]["0"]] == "watched 3d of 400d"
    assert data["states"][int(tax["s"][0])] == "unknown"


def test_diff_makes_no_class_before_its_window(tombs: Callable[..., str]) -> None:
    """What waits for its window passes the gate as unknown; what doesn't is told with its watch."""
    gate = ("diff", "old.json", "shop.json", "--fail-on", "newly-dead")
    told = tombs(*gate, "--all", code=1)
    assert "     window 400d for shop.tax.**: 2 functions, 1 unknown until then" in told
    assert "newly-dead (1)" in told
    assert "      watched 3d by 4 processes\n" in told
    assert "      now: watched 3d of 400d\n" in told
    tombs(*gate, "--window", "shop.web.**=4d", code=0)
    tombs(*gate, "--min-window", "4d", code=0)


@pytest.mark.parametrize("form", ["json", "jsonl", "markdown", "github", "gitlab", "sarif", "html"])
def test_every_form_tells_how_long(tombs: Callable[..., str], form: str) -> None:
    """And by how many processes."""
    told = tombs("diff", "old.json", "shop.json", "--format", form)
    if form.startswith("json"):
        changes = [json.loads(line.rstrip(",")) for line in told.splitlines() if '"class"' in line]
        found = {change["id"]: change["new"] for change in changes}
        assert found["shop.web:view"]["watched"] == 72 * HOUR
        assert found["shop.web:view"]["processes"] == 4
        assert found["shop.web:view"]["window"] is None
        assert found["shop.tax:due"]["window"]["pattern"] == "shop.tax.**"
        assert found["shop.tax:due"]["why"] == "watched 3d of 400d"
    else:
        line = next(line for line in told.splitlines() if "shop.web.view" in line)
        assert "watched 3d by 4 processes" in line


@pytest.mark.parametrize("command", [["status"], ["report"], ["why", "f"], ["diff", "old.json"]])
def test_all_faults_are_told_at_once(tombs: Callable[..., str], command: list[str]) -> None:
    """With file and key, or the option; and nothing else is done."""
    Path("pyproject.toml").write_text(
        '[tool.tombs.windows]\n"a..b" = "1d"\n"a.b" = "1y"\n"a.c" = 400\nx.y = "1d"\n'
    )
    given = ("--window", "a.b", "--window", "a**=1d", "--window", "ok.*=1d", "--min-window", "7")
    told = tombs(*command, "shop.json", *given, code=2)
    place = f"tombs: {Path('pyproject.toml').absolute()}: tool.tombs.windows"
    rules = "a pattern is dotted parts; * is one part, ** any number of them"
    length = "is no length of time; allowed are such as 7d, 12h, 1d12h, 30m, 2w"
    assert told.splitlines() == [
        f"{place}.\"a..b\": 'a..b' is no pattern; {rules}",
        f"{place}.\"a.b\": '1y' {length}",
        f'{place}."a.c": 400 is not allowed; a length in quotes is, as "400d"',
        f'{place}."x": a dotted pattern stands in quotes: "x.y" = "1d"',
        f"tombs: --min-window: '7' {length}",
        "tombs: --window: 'a.b' has no length; PATTERN=TIME is allowed",
        f"tombs: --window: 'a**' is no pattern: ** is a part by itself; {rules}",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.tombs]\nwindows = 1\n", "tool.tombs.windows is no table of patterns and lengths"),
        ("[tool.tombs.windows\n", "line 1"),
        ("[tool]\ntombs = 1\n", "tool.tombs is no table"),
    ],
)
def test_a_table_that_can_not_be_read_is_an_error(
    tombs: Callable[..., str], text: str, told: str
) -> None:
    """Windows that may be there are never passed over: what they protect would be called dead."""
    Path("pyproject.toml").write_text(text)
    assert told in tombs("status", "shop.json", code=2)


def test_options_of_the_run_are_no_concern(tombs: Callable[..., str]) -> None:
    """A fault that `tombs-run` would tell keeps nobody from reading evidence."""
    Path("pyproject.toml").write_text("[tool.tombs]\nslots = true\n")
    assert "3 dead" in tombs("status", "shop.json")
