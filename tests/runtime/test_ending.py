"""The end of a run: the dump, all of it or nothing, and which graveyards are kept."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support_graveyard import WHO, ended, forked
from tombs import rundir
from tombs.runtime.ending import KEPT, KEPT_FOR, dump_to_descriptor, dump_to_path, sweep
from tombs.runtime.locks import Liveness
from tombs.runtime.opening import open_graveyard

TAG = sys.implementation.cache_tag
NOW = time.time()


def failing() -> Iterator[bytes]:
    """Give a chunk, and then a failure."""
    yield b"half\n"
    raise OSError(28, "No space left on device")


def test_a_dump_replaces_what_was_there(tmp_path: Path) -> None:
    """It appears whole under its name, and is this user's alone."""
    path = tmp_path / "dump"
    path.write_text("old")
    dump_to_path(str(path), iter([b"one\n", b"two\n"]))
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["dump"]


def test_a_dump_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither half a dump nor a file of another name stays."""
    path = tmp_path / "dump"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"):
        dump_to_path(str(path), failing())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["dump"]


def test_no_tombs_are_an_empty_dump(tmp_path: Path) -> None:
    """Who waits for the file gets one."""
    dump_to_path(str(tmp_path / "dump"), iter([]))
    assert (tmp_path / "dump").read_bytes() == b""


def test_a_descriptor_gets_all_of_it() -> None:
    """Also more than a pipe takes at once."""
    reading, writing = os.pipe()
    pid = forked(lambda: dump_to_descriptor(writing, iter([b"x" * 300_000, b"end\n"])))
    os.close(writing)
    with open(reading, "rb") as file:
        assert file.read() == b"x" * 300_000 + b"end\n"
    assert ended(pid) == 0


def test_a_descriptor_that_is_closed_is_an_error() -> None:
    """It is for the caller to tell."""
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="Bad file"):
        dump_to_descriptor(writing, iter([b"x"]))


def finished(directory: Path, name: str, age: float) -> str:
    """Make a graveyard with all its companions, which nobody holds."""
    path_stem = str(directory / f"{name}-{TAG}")
    graveyard, _ = open_graveyard(path_stem, 10, 65536, WHO)
    graveyard.close()
    for suffix in rundir.SUFFIXES:
        with open(path_stem + suffix, "a+b"):
            os.utime(path_stem + suffix, (NOW - age, NOW - age))
    return graveyard.path


def test_the_newest_are_kept(tmp_path: Path) -> None:
    """Of an application twenty stay, and what goes goes with its companions."""
    made = [finished(tmp_path, f"app-{number:08x}", 1000 - number) for number in range(KEPT + 3)]
    assert sorted(sweep(str(tmp_path), "app-", NOW)) == made[:3]
    assert rundir.graveyards(str(tmp_path)) == made[3:]
    assert len(os.listdir(tmp_path)) == KEPT * len(rundir.SUFFIXES)


def test_what_is_older_than_a_week_goes(tmp_path: Path) -> None:
    """Age counts, not only number."""
    old = finished(tmp_path, "app-00000001", KEPT_FOR + 60)
    young = finished(tmp_path, "app-00000002", KEPT_FOR - 60)
    assert sweep(str(tmp_path), "app-", NOW) == [old]
    assert os.path.exists(young)


def test_a_live_graveyard_is_never_removed(tmp_path: Path) -> None:
    """However old it looks."""
    path = finished(tmp_path, "app-00000001", 10 * KEPT_FOR)
    liveness = Liveness(path)
    assert sweep(str(tmp_path), "app-", NOW) == []
    assert liveness.leave()
    assert sweep(str(tmp_path), "app-", NOW) == [path]


@pytest.mark.parametrize("other", ["application", "app-two", "ap"])
def test_other_applications_are_left_alone(tmp_path: Path, other: str) -> None:
    """Also those whose name begins alike."""
    path = finished(tmp_path, f"{other}-00000001", 10 * KEPT_FOR)
    assert sweep(str(tmp_path), "app-", NOW) == []
    assert sweep(str(tmp_path), f"{other}-", NOW) == [path]


def test_files_that_are_no_graveyards_are_left_alone(tmp_path: Path) -> None:
    """The directory may hold a socket or a dump of the user's own."""
    finished(tmp_path, "app-00000001", 10 * KEPT_FOR)
    (tmp_path / "dump.json").write_text("mine")
    (tmp_path / f"app-00000002-{TAG}.graveyard").mkdir()
    sweep(str(tmp_path), "app-", NOW)
    assert sorted(os.listdir(tmp_path)) == sorted(["dump.json", f"app-00000002-{TAG}.graveyard"])
