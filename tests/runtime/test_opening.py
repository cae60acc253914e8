"""Opening: the first process of a run makes its graveyard, all others find it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support_graveyard import ended, forked
from tombs import layout, rundir
from tombs.errors import GraveyardError
from tombs.runtime import opening
from tombs.runtime.locks import FileLock
from tombs.runtime.opening import encode, identity, open_graveyard, stem
from tombs.snapshot import read

WHO: dict[str, object] = {"run": "app-1", "pid": 1}


def test_the_first_makes_it_and_the_others_find_it(tmp_path: Path) -> None:
    """Whoever comes later takes it as it is, whatever size it would have made."""
    path = str(tmp_path / "app-1-x")
    one, made = open_graveyard(path, 10, 65536, WHO)
    other, made_again = open_graveyard(path, 999, 1 << 20, {"run": "other"})
    assert (made, made_again) == (True, False)
    assert one.path == other.path == path + rundir.GRAVEYARD
    assert other.region.slots == 10
    assert read(path + rundir.GRAVEYARD).identity() == WHO


def test_many_that_start_together_make_one(tmp_path: Path) -> None:
    """Of processes that open it at the same moment exactly one is the first."""
    path = str(tmp_path / "app-1-x")
    reading, writing = os.pipe()

    def start() -> bool:
        os.close(writing)
        os.read(reading, 1)  # until all are there
        return open_graveyard(path, 10, 65536, WHO)[1]

    pids = [forked(start) for _ in range(8)]
    os.close(reading)
    os.close(writing)
    assert sorted(map(ended, pids)) == [0] * 7 + [1]


def test_a_file_in_its_place_that_is_none_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is written into somebody's file, and nothing stays open."""
    path = tmp_path / "app-1-x.graveyard"
    path.write_text("precious")
    path.chmod(0o600)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(GraveyardError, match="no graveyard"):
        open_graveyard(str(tmp_path / "app-1-x"), 10, 65536, WHO)
    assert path.read_text() == "precious"
    assert len(os.listdir("/dev/fd")) == before


def test_a_link_in_its_place_leads_nowhere(tmp_path: Path) -> None:
    """Nothing is made at the other end of a dangling link."""
    (tmp_path / "app-1-x.graveyard").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match=r"."):
        open_graveyard(str(tmp_path / "app-1-x"), 10, 65536, WHO)
    assert not (tmp_path / "target").exists()


def test_a_lock_that_somebody_sits_on_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program starts after a while, without Tombs."""
    monkeypatch.setattr(opening, "_PATIENCE", 0.01)
    lock = FileLock(str(tmp_path / "app-1-x.lock"))
    assert lock.acquire(0)
    with pytest.raises(TimeoutError, match=r"app-1-x\.lock is held"):
        open_graveyard(str(tmp_path / "app-1-x"), 10, 65536, WHO)
    assert not (tmp_path / "app-1-x.graveyard").exists()


def test_interpreters_of_two_versions_share_no_graveyard() -> None:
    """The version is part of the name."""
    assert stem("/run", "app-1") == f"/run/app-1-{sys.implementation.cache_tag}"


def test_the_identity_says_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader learns from it what was started, where, and how it was watched."""
    monkeypatch.setenv("TOMBS_COMMAND", "gunicorn app:wsgi")
    said = identity("app-0a1b2c3d", ("app",), ("app.vendored",), "auto")
    assert said["application"] == "app"
    assert said["command"] == "gunicorn app:wsgi"
    assert said["pid"] == os.getpid()
    assert (said["namespace"], said["exclude"]) == (["app"], ["app.vendored"])
    assert str(said["python"]).startswith("3.")
    assert json.loads(encode(said)) == said


@pytest.mark.parametrize("command", ["x" * 5000, '"\\\n' * 900, "テスト" * 300, "🧪" * 1000])
def test_an_identity_always_fits(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the command and the namespaces, the essential is there and it is JSON."""
    monkeypatch.setenv("TOMBS_COMMAND", command)
    names = tuple(f"package{number}" for number in range(500))
    data = encode(identity("app-0a1b2c3d", names, names, "auto"))
    assert len(data) <= layout.IDENTITY_MOST
    assert json.loads(data)["run"] == "app-0a1b2c3d"
