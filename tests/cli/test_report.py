"""The command `tombs report`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import environment, python
from tests.support_evidence import evidence, run, save
from tombs.cli.main import main

PROGRAM = {"shop.cart": {"Cart.total": "alive", "Cart.void": "dead", "add": "dead"}}
SOURCE = (
    "class Cart:\n    def total(self): return 1\n    def void(self): return 2\ndef add(): pass\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a directory with a snapshot and its source."""
    monkeypatch.chdir(tmp_path)
    save(evidence(PROGRAM), tmp_path / "shop.json")
    save(evidence({"shop.cart": {"add": "alive"}}, by=run("tests")), tmp_path / "tests.json")
    (tmp_path / "src/shop").mkdir(parents=True)
    (tmp_path / "src/shop/cart.py").write_text(SOURCE)
    (tmp_path / "src/shop/old.py").write_text("def forgotten(): return 1\n")
    (tmp_path / "CODEOWNERS").write_text("src/shop/cart.py @cart\n")
    return tmp_path


def test_the_terminal_is_told_exposure_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Application and exposure, then numbers, the tree, and where to begin."""
    assert main(["report", "shop.json", "--source", "src", "--tests", "tests.json"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("shop\n  watched 1d since")
    assert "4 functions: 2 dead, 1 alive, 1 never loaded" in out
    assert "by the tests: 1 tested, 1 untested, 1 not known" in out
    assert "src/shop/cart.py:4  (tested)" in out
    assert "2 lines, 2 functions  @cart" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert not err


def test_too_little_evidence_is_no_verdict(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was watched for less than was asked for is unknown."""
    assert main(["report", "shop.json", "--min-window", "7d"]) == 0
    assert "3 functions: 0 dead, 1 alive, 2 unknown" in capsys.readouterr().out


def test_html_is_written_to_a_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is in the file, and nothing on standard output."""
    pytest.importorskip("jinja2")
    pytest.importorskip("pygments")
    assert main(["report", "shop.json", "--source", "src", "--html", "report.html"]) == 0
    out, err = capsys.readouterr()
    assert not out
    assert err == "tombs: report.html is written; a browser shows it\n"
    assert "def void(self): return 2" in (place / "report.html").read_text()


def test_html_can_go_to_standard_output(place: Path) -> None:
    """With - the page, and nothing but the page, goes there."""
    pytest.importorskip("jinja2")
    pytest.importorskip("pygments")
    words = ["-m", "tombs.cli.main", "report", "shop.json", "--html", "-", "--no-git"]
    done = python(words, cwd=place, check=True)
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")
    assert not done.stderr


@pytest.mark.parametrize("missing", ["jinja2", "pygments"])
def test_what_html_needs_is_said_with_the_command(place: Path, missing: str) -> None:
    """Without the extra the terminal's report is there, and HTML's error says how to get it."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from tombs.cli.main import main\n"
        "print(main(['report', 'shop.json'])); print(main(['report', 'x', '--html', 'x.html']))"
    )
    done = python(["-c", program], cwd=place, check=True)
    assert "2 dead" in done.stdout
    assert done.stdout.endswith("\n0\n2\n")
    assert f"HTML needs {missing}: not installed here" in done.stderr
    assert "pip install 'tombs[report]'" in done.stderr


def test_the_page_of_a_diff_needs_jinja2_only(place: Path) -> None:
    """No source is shown in it."""
    words = ["diff", "shop.json", "shop.json", "--format", "html=diff.html"]
    program = (
        "import sys; sys.modules['pygments'] = None\n"
        "from tombs.cli.main import main\n"
        f"print(main({words}))\nsys.modules['jinja2'] = None\nprint(main({words}))"
    )
    done = python(["-c", program], cwd=place, check=True)
    assert done.stdout == "0\n2\n"
    assert "HTML needs jinja2: not installed here" in done.stderr
    assert (place / "diff.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.json"], "nowhere.json"),
        (["shop.json", "--source", "nowhere"], "nowhere"),
        (["shop.json", "--tests", "nowhere.json"], "nowhere.json"),
        (["shop.json", "--html", "nowhere/report.html"], "nowhere/report.html"),
        (["-", "--tests", "-"], "standard input"),
    ],
)
def test_an_error_names_its_file(
    words: list[str], told: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be read or written is named, and the exit code is 2."""
    assert main(["report", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_broken_source_file_is_told_and_left_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Python can't read is no reason to have no report."""
    (place / "src/shop/broken.py").write_text("def (:\n")
    assert main(["report", "shop.json", "--source", "src"]) == 0
    out, err = capsys.readouterr()
    assert "1 never loaded" in out
    assert "broken.py" in err


@pytest.mark.parametrize(
    ("changes", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals(place: Path, changes: dict[str, str], colored: bool) -> None:
    """On a terminal there is colour, unless it is unwanted or unknown there."""
    program = (
        "import os, sys\n"
        "read, write = os.openpty(); os.dup2(write, 1)\n"
        "from tombs.cli.main import main\n"
        "assert main(['report', 'shop.json']) == 0\n"
        "os.write(write, b'END'); shown = b''\n"
        "while b'END' not in shown: shown += os.read(read, 1 << 16)\n"
        "sys.stderr.write(ascii(shown))"
    )
    env = environment(**{"TERM": "xterm", "NO_COLOR": None, **changes})
    shown = python(["-c", program], env, cwd=place, check=True).stderr
    assert ("\\x1b[31m" in shown) is colored


def test_a_terminal_of_ascii_gets_ascii(place: Path) -> None:
    """What the terminal can't encode is not sent to it."""
    env = environment(PYTHONIOENCODING="ascii")
    words = ["-m", "tombs.cli.main", "report", "shop.json"]
    assert python(words, env, cwd=place, check=True).stdout.isascii()
