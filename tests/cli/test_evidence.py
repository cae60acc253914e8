"""The commands that read evidence: snapshot, merge, inventory, status, diff and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support_evidence import evidence, run, save
from tombs.cli.main import main
from tombs.client.source import load
from tombs.evidence import calls
from tombs.evidence.calls import Call
from tombs.evidence.model import Evidence, Seen, Stack

OLD = {"shop.cart": {"Cart.total": "alive", "Cart.void": "dead", "add": "alive"}}
NEW = {"shop.cart": {"Cart.total": "dead", "Cart.void": "dead", "add": "alive"}}


class Place:
    """A directory with two snapshots and a source tree, and what a command says there."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys
        self.old = save(evidence(OLD, by=run("shop-1", release="1")), path / "old.json")
        self.new = save(evidence(NEW, by=run("shop-2", release="2")), path / "new.json")
        (path / "src/shop").mkdir(parents=True)
        (path / "src/shop/__init__.py").touch()
        (path / "src/shop/cart.py").write_text(
            "class Cart:\n    def total(self): return 1\n    def void(self): ...\n"
            "def add(cart): return cart.total()\n"
        )
        (path / "src/shop/old.py").write_text("def forgotten(): return 'shop.cart:add'\n")

    def tombs(self, *args: str, code: int = 0) -> str:
        """Run a command, hold it to its exit code, and give what it printed."""
        assert main(list(args)) == code
        self.out, self.err = self._capsys.readouterr()
        return self.out


@pytest.fixture
def place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Place:
    """Stand in such a directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return Place(tmp_path, capsys)


def test_snapshot_saves_with_the_source(place: Place) -> None:
    """What the source has goes along, and status tells it apart."""
    place.tombs("snapshot", place.old, "--source", "src", "-o", "it.json.gz")
    assert {one.name for one in load("it.json.gz").listed.values()} == {
        "shop",
        "shop.cart",
        "shop.old",
    }
    told = place.tombs("status", "it.json.gz")
    assert told.splitlines()[:3] == [
        "shop",
        "  watched 1d since 2026-09-21 14:13 UTC",
        "  1 run, 4 processes, release 1",
    ]
    assert "4 functions: 0 dead, 2 alive, 1 never loaded, 1 stub" in told
    assert max(map(len, told.splitlines())) <= 80


def test_snapshot_names_a_release_that_was_not_named(place: Place) -> None:
    """Runs that have a label keep it; what is named later stays, whatever it is merged with."""
    calls_of = calls.of(1, {0: Call(1, 2, "", 1)})
    without = evidence({"shop.cart": {"add": "alive"}}, by=run("shop-3"))
    made = Evidence(
        one._replace(calls=calls_of) if isinstance(one, Seen) else one for one in without.items()
    )
    save(made, place.path / "without.json")
    place.tombs("snapshot", "without.json", "--release", "3", "-o", "with.json")
    place.tombs("snapshot", place.old, "--release", "3", "-o", "old-again.json")
    for files in (("with.json", "without.json"), ("without.json", "with.json")):
        place.tombs("merge", *files, "old-again.json", "-o", "all.json")
        merged = load("all.json")
        assert {one.release for one in merged.runs.values()} == {"1", "3"}
        assert "last known call 1970-01-01 00:00 UTC in release 3" in place.tombs(
            "why", "add", "all.json"
        )
    place.tombs("snapshot", "without.json", "--release", "", "-o", "bad.json", code=2)
    assert "is no label" in place.err


def test_status_by_package_and_as_json(place: Place) -> None:
    """The table ends in a share; JSON has the same numbers."""
    told = place.tombs("status", place.old, "--depth", "1")
    assert told.splitlines()[-1].split() == ["shop", "3", "1", "2", "33"]
    found = json.loads(place.tombs("status", place.old, "--format", "json"))
    assert found["functions"]["dead"] == found["packages"]["shop.cart"]["dead"] == 1
    assert found["exposure"]["releases"] == ["1"]


def test_status_takes_no_verdict_on_too_little(place: Place) -> None:
    """A day is not a week."""
    assert "0 dead, 2 alive, 1 unknown" in place.tombs("status", place.old, "--min-window", "7d")


def test_merge_unites(place: Place) -> None:
    """What was called in either is alive; order and repetition say nothing."""
    place.tombs("merge", place.old, place.new, "-o", "one.json")
    place.tombs("merge", place.new, place.old, place.new, "-o", "two.json")
    assert (place.path / "one.json").read_bytes() == (place.path / "two.json").read_bytes()
    told = place.tombs("status", "one.json")
    assert "3 functions: 1 dead, 2 alive" in told
    assert "2 runs, 8 processes, releases 1, 2" in told


def test_merge_of_a_bad_file_writes_nothing(place: Place) -> None:
    """What stood there stays; file and line are named."""
    (place.path / "bad.json").write_bytes((place.path / "old.json").read_bytes()[:-9])
    (place.path / "out.json").write_text("before")
    place.tombs("merge", place.old, "bad.json", "-o", "out.json", code=2)
    assert place.err.startswith("tombs: bad.json:5: the line is cut short\n")
    assert (place.path / "out.json").read_text() == "before"


@pytest.mark.parametrize("command", ["merge", "diff"])
def test_two_applications_are_not_mixed(place: Place, command: str) -> None:
    """Unless that is asked for."""
    other = save(evidence(NEW, by=run("bank-1", application="bank")), place.path / "bank.json")
    end = ["-o", "out.json"] if command == "merge" else []
    place.tombs(command, place.old, other, *end, code=2)
    assert "bank.json: is of the application 'bank'" in place.err
    place.tombs(command, place.old, other, *end, "--across-applications")


@pytest.fixture
def many(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give so many files that other processes merge them."""
    monkeypatch.setattr("tombs.cli.merge._MANY", 5)
    monkeypatch.setattr("tombs.cli.merge._PARTS", 3)
    monkeypatch.setattr("tombs.parallel.processors", lambda: 2)
    return [save(evidence(NEW, by=run(f"shop-{at}")), place.path / f"{at}.json") for at in range(7)]


def test_many_files_are_merged_by_several_processes(place: Place, many: list[str]) -> None:
    """With the same result as by one."""
    place.tombs("merge", *many, "-o", "all.json")
    for at, path in enumerate(many):
        place.tombs("merge", path, *([f"{at - 1}.part"] if at else []), "-o", f"{at}.part")
    assert (place.path / "all.json").read_bytes() == (place.path / "6.part").read_bytes()
    assert "7 runs" in place.tombs("status", "all.json")


def test_of_many_files_the_one_to_blame_is_named(place: Place, many: list[str]) -> None:
    """Whichever process has met it, and whichever applications it had seen."""
    save(evidence(NEW, by=run("bank-1", application="bank")), Path(many[4]))
    place.tombs("merge", *many, "-o", "out.json", code=2)
    assert "4.json: is of the application 'bank', and " in place.err
    for at in range(3, 7):
        save(evidence(NEW, by=run(f"bank-{at}", application="bank")), Path(many[at]))
    place.tombs("merge", *many, "-o", "out.json", code=2)
    assert "3.json: is of the application 'bank', and " in place.err
    place.tombs("merge", *many, "-o", "out.json", "--across-applications")
    Path(many[5]).write_text("nothing\n")
    place.tombs("merge", *many, "-o", "other.json", "--across-applications", code=2)
    assert "5.json:1: " in place.err
    assert not (place.path / "other.json").exists()


def test_inventory_lists_and_saves(place: Place) -> None:
    """A line each with its stub; saved, it merges with a snapshot."""
    lines = place.tombs("inventory", "--source", "src").splitlines()
    assert lines == [
        "shop/cart.py:2  shop.cart.Cart.total",
        "shop/cart.py:3  shop.cart.Cart.void  [body is ...]",
        "shop/cart.py:4  shop.cart.add",
        "shop/old.py:1  shop.old.forgotten",
    ]
    place.tombs("inventory", "--source", "src", "-n", "shop.cart", "-o", "inv.json")
    place.tombs("merge", place.old, "inv.json", "-o", "both.json")
    assert "2 alive, 1 stub" in place.tombs("status", "both.json")


def test_diff_says_and_ends_as_its_gates(place: Place) -> None:
    """0 passed, 1 failed."""
    told = place.tombs("diff", place.old, place.new)
    assert "newly-dead (1)" in told
    assert "shop.cart.Cart.total" in told
    assert "\x1b" not in told
    assert "still-dead (1)" in told
    assert "src/shop/cart.py:" in place.tombs("diff", place.old, place.new, "--source", "src")
    place.tombs("diff", place.old, place.new, "--fail-on", "resurrected,removed-alive")
    place.tombs("diff", place.old, place.new, "--fail-on", "newly-dead", code=1)
    place.tombs("diff", place.old, place.new, "--max-dead", "2", "--max-dead-growth", "1")
    place.tombs("diff", place.old, place.new, "--max-dead", "1", code=1)
    place.tombs("diff", place.old, place.new, "--max-dead-growth", "0", code=1)
    place.tombs("diff", place.old, place.new, "--fail-on", "newly-dead", "--min-window", "2d")


def test_diff_ignores_until_a_day(place: Place) -> None:
    """An entry that holds lets pass, one that has expired fails, one that is wrong is an error."""
    ignore = place.path / "ignore"
    ignored = (place.old, place.new, "--fail-on", "newly-dead", "--ignore", "ignore")
    ignore.write_text("shop.cart.Cart.total 2999-01-01 soon\n")
    place.tombs("diff", *ignored)
    ignore.write_text("shop.cart.Cart.total 2020-01-01 soon\n")
    assert "ignore:1: shop.cart.Cart.total expired on 2020-01-01" in place.tombs(
        "diff", *ignored, code=1
    )
    ignore.write_text("shop.cart.Cart.total\n")
    place.tombs("diff", *ignored, code=2)
    assert "ignore:1: there is no date" in place.err


def test_diff_in_several_forms_at_once(place: Place) -> None:
    """One to standard output, the others to files."""
    shown = place.tombs(
        "diff", place.old, place.new, "--format", "jsonl", "--format", "sarif=it.sarif"
    )
    assert json.loads(shown.splitlines()[0])["format"] == "tombs diff"
    assert json.loads((place.path / "it.sarif").read_text())["version"] == "2.1.0"


def test_markdown_is_as_long_as_a_comment_may_be(place: Place) -> None:
    """What is longer, GitHub would not take at all."""
    old = evidence({"shop.cart": {f"function_{at}": "alive" for at in range(2000)}})
    new = evidence({"shop.cart": {f"function_{at}": "dead" for at in range(2000)}})
    files = save(old, place.path / "a.json"), save(new, place.path / "b.json")
    told = place.tombs("diff", *files, "--format", "markdown")
    assert 60_000 < len(told) <= 65_536
    assert told.endswith("*The rest doesn't fit here.*\n")


def test_github_gets_a_summary(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appended to what other steps wrote, and never beyond what GitHub takes."""
    summary = place.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    summary.write_text("before\n")
    assert place.tombs("diff", place.old, place.new, "--format", "github").startswith("::warning ")
    assert summary.read_text().startswith("before\n## Tombs: 2 dead functions, 1 before\n")
    summary.write_text("x" * ((1 << 20) - 200))
    place.tombs("diff", place.old, place.new, "--format", "github")
    assert summary.stat().st_size <= 1 << 20


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--fail-on", "newly-ded"], "'newly-ded' is no class"),
        (["--format", "xml"], "'xml'"),
        (["--format", "text", "--format", "json"], "only one"),
        (["--format", "sarif="], "=FILE"),
        (["--min-window", "7"], "7d, 12h"),
        (["--ignore", "nowhere"], "nowhere: can't be read"),
        (["--source", "nowhere"], "nowhere: there is no such directory"),
    ],
)
def test_wrong_use_is_an_error(place: Place, args: list[str], told: str) -> None:
    """Exit code 2, and what is allowed."""
    place.tombs("diff", place.old, place.new, *args, code=2)
    assert told in place.err


def test_both_sides_cannot_be_standard_input(place: Place) -> None:
    """There is only one."""
    place.tombs("diff", "-", "-", code=2)
    assert "only one of OLD and NEW" in place.err


def test_why_tells_all_there_is(place: Place) -> None:
    """State, place, exposure, stub, and where the source speaks of it."""
    told = place.tombs("why", "Cart.void", place.old, "--source", "src")
    assert "shop.cart.Cart.void\n  a stub: nobody is meant to call it (body is ...)\n" in told
    told = place.tombs("why", "shop.cart.add", place.old, "--source", "src")
    assert "  alive: it was called\n  src/shop/cart.py:21-25\n  watched 1d since" in told
    assert "1 reference to add in the source" in told
    assert "not a proof" in told
    assert "  shop/old.py:1  def forgotten(): return 'shop.cart:add'" in told
    told = place.tombs("why", "forgotten", place.old, "--source", "src")
    assert "never loaded: its module was never imported\n  no stub: " in told
    assert "0 references to forgotten in the source" in told
    assert "references: --source DIR" in place.tombs("why", "Cart.total", place.old)


def test_why_tells_when_it_was_called_and_who_called_it_again(place: Place) -> None:
    """The function's own frame, with which the stack begins, is no caller."""
    by = run("shop-1", release="1")
    hour = 3600 * 10**9
    call = Call(by.created, by.created + 5 * hour, "1", 2)
    stack = Stack(by.created + 5 * hour, (("c.py", "add", 3), ("\x1b.py", "pay", 7)))
    made = Evidence(
        one._replace(calls=calls.of(1, {0: call}), stacks={0: stack})
        if isinstance(one, Seen)
        else one
        for one in evidence({"shop.cart": {"add": "alive"}}, by=by).items()
    )
    told = place.tombs("why", "add", save(made, place.path / "called.json"))
    assert told.splitlines()[-6:-1] == [
        "  first called 2026-09-21 14:13 UTC, by 2 processes at least",
        "  last known call 2026-09-21 19:13 UTC in release 1",
        "  back from the dead 2026-09-21 19:13 UTC, by",
        "    \\x1b.py:7 in pay",
        "",
    ]


def test_status_lists_what_has_long_not_been_called(place: Place) -> None:
    """Oldest first, as of the end of what is known; what was never called is none of them."""
    by = run("shop-1", release="1", hours=100 * 24)
    day = 24 * 3600 * 10**9
    known = {
        at: Call(by.created, by.created + days * day, "1", 1)
        for at, days in enumerate((70, 0, 9, 0))
    }
    functions = {"late": "alive", "early": "alive", "soon": "alive", "void": "unknown"}
    made = Evidence(
        one._replace(calls=calls.of(4, known)) if isinstance(one, Seen) else one
        for one in evidence({"shop.cart": functions}, by=by).items()
    )
    path = save(made, place.path / "called.json")
    told = place.tombs("status", path, "--idle", "90d").splitlines()
    assert told[-4:] == [
        "2 functions: called, and not known to be in the 90d before 2026-12-30 14:13 UTC",
        "  (without --epoch a process sees nothing but a function's first call)",
        "  2026-09-21 14:13 UTC  shop.cart.early  (1)",
        "  2026-09-30 14:13 UTC  shop.cart.soon  (1)",
    ]
    found = json.loads(place.tombs("status", path, "--idle", "4w", "--format", "json"))["idle"]
    assert [one["function"] for one in found] == [
        "shop.cart:early",
        "shop.cart:soon",
        "shop.cart:late",
    ]
    assert "idle" not in json.loads(place.tombs("status", path, "--format", "json"))
    place.tombs("status", path, "--idle", "long", code=2)
    assert "is no length of time" in place.err


def test_why_finds_by_the_end_of_a_name(place: Place) -> None:
    """The wire's form will do too; a name that isn't there is an error."""
    for name in ("void", "cart.Cart.void", "shop.cart.Cart::void", "shop.cart:Cart.void"):
        assert place.tombs("why", name, place.old).startswith("shop.cart.Cart.void\n  dead: ")
    place.tombs("why", "oid", place.old, code=2)
    assert "there is no function oid" in place.err
    assert "--source DIR adds" in place.err
    place.tombs("why", "oid", place.old, "--source", "src", code=2)
    assert "nor does the source have it" in place.err
