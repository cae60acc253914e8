"""What git says of functions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support_evidence import run, seen
from tombs.evidence.model import Evidence
from tombs.evidence.standing import Standings
from tombs.inventory import inventory
from tombs.report.blame import Change, ages, parse, worth_asking
from tombs.report.report import Report

OLD = 1_600_000_000
NEW = 1_700_000_000
FIRST = "def early():\n    return 1\n\n\ndef late():\n    return 2\n"
SECOND = FIRST.replace("return 2", "return 3")


def git(place: Path, *words: str, author: str = "Ada", when: int = OLD) -> None:
    """Run git as somebody, at some time."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": author,
        "GIT_COMMITTER_NAME": author,
        "GIT_AUTHOR_EMAIL": "somebody@example.com",
        "GIT_COMMITTER_EMAIL": "somebody@example.com",
        "GIT_AUTHOR_DATE": f"{when} +0000",
        "GIT_COMMITTER_DATE": f"{when} +0000",
    }
    subprocess.run(["git", *words], cwd=place, env=env, check=True, capture_output=True, timeout=60)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout of two commits by two people."""
    place = tmp_path / "checkout"
    (place / "shop").mkdir(parents=True)
    (place / "shop" / "__init__.py").write_text("")
    (place / "shop" / "a.py").write_text(FIRST)
    git(place, "init", "-q", ".")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "first")
    (place / "shop" / "a.py").write_text(SECOND)
    git(place, "commit", "-qam", "second", author="Éva", when=NEW)
    return place


def report(place: Path) -> Report:
    """Make the report of a program that calls nothing."""
    by = run()
    evidence = Evidence([by, seen(by, "shop.a", {"early": "dead", "late": "dead"})])
    for listed in inventory(str(place), (), pytest.fail):
        evidence.add(listed)
    return Report(["shop"], Standings(evidence), [str(place)])


def asked(place: Path, patience: float = 60.0) -> dict[str, Change]:
    """Ask git for the dead functions."""
    found: dict[str, Change] = {}
    for one in ages(worth_asking(report(place).modules), patience):
        found.update(one)
    return found


def test_a_function_is_as_old_as_its_newest_line(checkout: Path) -> None:
    """The last commit that touched any of its lines counts, with its author."""
    found = asked(checkout)
    early, late = found["shop.a:early"], found["shop.a:late"]
    assert (early.when, early.author, early.earlier) == (OLD, "Ada", False)
    assert (late.when, late.author) == (NEW, "Éva")
    assert len(late.commit) == 10


def test_what_is_not_committed_has_no_author(checkout: Path) -> None:
    """A changed line of the work tree is nobody's yet."""
    (checkout / "shop" / "a.py").write_text(SECOND.replace("return 1", "return 0"))
    found = asked(checkout)
    assert found["shop.a:early"] == Change(0, "", "", earlier=False)
    assert found["shop.a:late"].author == "Éva"


def test_a_cut_history_is_said_to_be_one(checkout: Path, tmp_path: Path) -> None:
    """In a shallow clone the oldest commit there is may not be the one."""
    git(tmp_path, "clone", "-q", "--depth", "1", checkout.as_uri(), "shallow")
    early = asked(tmp_path / "shallow")["shop.a:early"]
    assert (early.when, early.earlier) == (NEW, True)


def test_without_git_or_time_nothing_is_told(checkout: Path, tmp_path: Path) -> None:
    """No history, no git and no patience left are all no error."""
    assert asked(checkout, patience=0) == {}
    plain = tmp_path / "plain"
    (plain / "shop").mkdir(parents=True)
    (plain / "shop" / "a.py").write_text(FIRST)
    assert asked(plain) == {}
    os.environ["PATH"] = str(tmp_path)
    assert asked(checkout) == {}


def test_the_environment_of_a_hook_does_not_mislead(checkout: Path, tmp_path: Path) -> None:
    """GIT_DIR of another checkout is left out of account."""
    os.environ["GIT_DIR"] = str(tmp_path / "nowhere")
    assert asked(checkout)["shop.a:late"].author == "Éva"


def test_nothing_that_git_writes_breaks_the_reader() -> None:
    """Spoiled output gives what can be had of it."""
    assert parse(b"", shallow=False).of(1, 3) is None
    told = b"abc 1 1 1\nauthor \xff\nauthor-time never\n\tdef f():\nabc 2 2\n\t    pass\n"
    assert parse(told, shallow=False).of(1, 2) == Change(0, "\ufffd", "abc", earlier=False)


def test_the_root_of_the_checkout_gives_the_paths(checkout: Path) -> None:
    """Files are named, and owners found, from the root of the checkout."""
    (checkout / "CODEOWNERS").write_text("/shop/ @shop\n")
    (module,) = (one for one in report(checkout / "shop").modules if one.name == "shop.a")
    assert (module.file, module.owners) == ("shop/a.py", ("@shop",))


def test_no_process_is_started_where_there_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree of thousands of files would start two for each."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.py").write_text(FIRST)
    made = report(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was asked"))
    assert list(ages(worth_asking(made.modules))) == [{}]
