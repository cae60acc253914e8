"""The run directory: only one that is ours is used, and the best that there is."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tombs import rundir
from tombs.errors import TombsError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a directory that stands for the user's XDG_RUNTIME_DIR."""
    path = tmp_path / "xdg"
    path.mkdir(mode=0o700)
    return path


def test_the_runtime_directory_comes_first(home: Path) -> None:
    """Where the system gives a user a directory, ours is made in it, closed to others."""
    path = rundir.choose(None, {"XDG_RUNTIME_DIR": str(home)})
    assert path == str(home / "tombs")
    assert os.stat(path).st_mode & 0o777 == 0o700
    assert rundir.choose(None, {"XDG_RUNTIME_DIR": str(home)}) == path


def test_every_place_is_the_users_own(tmp_path: Path) -> None:
    """The directories that may be tried are absolute, and name the user where others may write."""
    places = list(rundir.places({"XDG_RUNTIME_DIR": "relative", "TMPDIR": str(tmp_path)}))
    assert places[-1] == str(tmp_path / f"tombs-{os.geteuid()}")
    assert all(os.path.isabs(place) and str(os.geteuid()) in place for place in places)


def test_the_next_place_is_tried_where_one_can_not_be_used(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A squatter's directory is passed by, not used and not an error."""
    (home / "tombs").symlink_to(tmp_path)
    monkeypatch.setattr(rundir, "_SHARED", str(tmp_path / "none"))
    chosen = rundir.choose(None, {"XDG_RUNTIME_DIR": str(home), "TMPDIR": str(tmp_path)})
    assert chosen == str(tmp_path / f"tombs-{os.geteuid()}")


def test_a_chosen_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    """--dir need not be there."""
    path = tmp_path / "a" / "b" / "c"
    assert rundir.choose(str(path), {}) == str(path)
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_relative_directory_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program may change its directory later."""
    monkeypatch.chdir(tmp_path)
    assert rundir.choose("here", {}) == str(tmp_path / "here")


def a_file(path: Path) -> None:
    """Make a file in the directory's place."""
    path.write_text("")


def a_link(path: Path) -> None:
    """Make a link in the directory's place."""
    other = path.with_name("other")
    other.mkdir(mode=0o700)
    path.symlink_to(other)


def an_open_directory(path: Path) -> None:
    """Make a directory that others may write to."""
    path.mkdir()
    path.chmod(0o770)


@pytest.mark.parametrize(
    ("squat", "reason"),
    [
        (a_file, "not a directory"),
        (a_link, "not a directory"),
        (an_open_directory, r"writable by others \(mode 770\)"),
    ],
)
def test_a_directory_that_is_not_ours_is_refused(
    squat: object, reason: str, tmp_path: Path
) -> None:
    """The error names the directory, the reason, and what to do."""
    path = tmp_path / "run"
    assert callable(squat)
    squat(path)
    with pytest.raises(TombsError, match=f"{re.escape(str(path))}: {reason}") as caught:
        rundir.choose(str(path), {})
    assert "--dir" in caught.value.help
    assert rundir.find(str(path), {}) == []


def test_somebody_elses_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ownership counts, not only the rights."""
    path = tmp_path / "run"
    path.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(TombsError, match=f"owned by user {os.getuid()}"):
        rundir.choose(str(path), {})


def test_looking_makes_nothing(home: Path) -> None:
    """A reader finds the directories that are there, and leaves none behind."""
    assert str(home / "tombs") not in rundir.find(None, {"XDG_RUNTIME_DIR": str(home)})
    assert list(home.iterdir()) == []
    made = rundir.choose(None, {"XDG_RUNTIME_DIR": str(home)})
    assert made in rundir.find(None, {"XDG_RUNTIME_DIR": str(home)})


@pytest.mark.parametrize(
    ("application", "begins"),
    [
        ("gunicorn", "gunicorn-"),
        ("my app/../x", "my-app-..-x-"),
        ("-m", "m-"),
        ("テスト", "python-"),
        ("", "python-"),
        ("a" * 80, "a" * 24 + "-"),
    ],
)
def test_a_runs_name_is_a_file_name(application: str, begins: str) -> None:
    """Whatever the application is called, its run is a short name in the directory."""
    run = rundir.run_id(application)
    assert re.fullmatch(re.escape(begins) + "[0-9a-f]{8}", run)
    assert rundir.run_id(application) != run
    assert rundir.application(run) == begins[:-1]


def test_graveyards_are_listed_oldest_first(tmp_path: Path) -> None:
    """Only graveyard files count: no lock, no link, no directory."""
    for number, name in enumerate(["b.graveyard", "a.graveyard", "b.lock"]):
        path = tmp_path / name
        path.write_text("")
        os.utime(path, ns=(number, number))
    (tmp_path / "c.graveyard").symlink_to(tmp_path / "a.graveyard")
    (tmp_path / "d.graveyard").mkdir()
    found = rundir.graveyards(str(tmp_path))
    assert found == [str(tmp_path / "b.graveyard"), str(tmp_path / "a.graveyard")]
    assert rundir.stem(found[0]) == str(tmp_path / "b")
