"""Disks that are full, places that can't be used, names that are odd: one warning, and it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim
from tests.support import environment, python
from tests.support_clock import shifted
from tombs import layout
from tombs.snapshot import read

USES = "import m\nm.called()\nprint('own output')\n"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB, where that is allowed."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tombs-test", str(place)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_directory_that_nothing_can_be_executed_in(
    tmp_path: Path, small: Path, engine: str
) -> None:
    """Mounted noexec: nothing of Tombs is executed from there, and tombs are right."""
    words = ["mount", "-o", "remount,noexec,nosuid,nodev,size=16m", str(small)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted anew here")
    victim = Victim(tmp_path, engine)
    victim.dir = str(small / "run")
    for _ in range(2):  # the second time with what the cache holds
        ran = victim.run(USES, TOMBS_CACHE=str(small / "cache"), TOMBS_RUN="app-00000000")
        assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["m.dead"]


def fill(place: Path, keep: int = 0) -> None:
    """Take all the room there is, but for so many bytes."""
    try:
        with open(place / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
    except OSError:
        size = os.path.getsize(place / "filler")
        os.truncate(place / "filler", max(0, size - keep))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("keep", [0, 4096, 8192, 20480, 40960])
def test_a_full_disk_at_the_start(tmp_path: Path, small: Path, engine: str, keep: int) -> None:
    """However little room there is: the program runs, one line tells, nothing called is a tomb."""
    victim = Victim(tmp_path, engine)
    (small / "run").mkdir(0o700)
    fill(small, keep)
    victim.dir = str(small / "run")
    ran = victim.run(USES)
    assert ran.out == ["own output"]
    assert ran.rest == ""
    assert len(ran.told) == 1, ran.told
    for path in victim.graveyards():
        assert b"m.called" not in b"".join(read(path).lines("function"))
    assert not [name for name in os.listdir(small / "run") if name.endswith(".new")]


def test_a_full_disk_at_a_registration(tmp_path: Path, small: Path) -> None:
    """What was registered before stays right; what wasn't is counted and told once."""
    victim = Victim(tmp_path)
    (tmp_path / "app").mkdir()
    victim.write("app/__init__.py", "")
    for number in range(60):
        text = "def called(): pass\n" + f"def dead(): return '{'x' * 4000}'\n" * 10
        victim.write(f"app/p{number}.py", text)
    victim.dir = str(small / "run")
    ran = victim.run(
        "import importlib\n"
        "for number in range(60): importlib.import_module(f'app.p{number}').called()\n"
        "print('own output')\n"
    )
    assert (ran.out, ran.rest) == (["own output"], "")
    assert len(ran.told) == 1
    assert "No space left on device" in ran.told[0]
    assert not [name for name in victim.tombs() if name.endswith(".called")]
    snapshot = victim.snapshot()
    assert snapshot.dropped or [note for note in snapshot.notes() if note["note"] == "dropped"]


def test_a_full_disk_for_the_cache(tmp_path: Path, small: Path) -> None:
    """The cache is given up with one line; the graveyard is right; no half file stays."""
    victim = Victim(tmp_path)
    fill(small)
    victim.run(USES, TOMBS_ENABLE="0")  # the cache is asked by the bytes of a .pyc
    ran = victim.run(USES, TOMBS_CACHE=str(small / "cache"))
    assert (ran.out, ran.rest) == (["own output"], "")
    assert len(ran.told) == 1
    assert "cache can't be written" in ran.told[0]
    assert victim.tombs() == ["m.dead"]
    assert not list(small.rglob("*.new"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_disk_for_the_dump(tmp_path: Path, small: Path, engine: str) -> None:
    """The dump fails with one line, leaving what was there; the exit code is the program's."""
    victim = Victim(tmp_path, engine)
    (small / "dump").write_text("before")
    fill(small)
    ran = victim.run(USES + "import sys; sys.exit(3)", code=3, TOMBS_DUMP=str(small / "dump"))
    assert (ran.out, ran.rest) == (["own output"], "")
    assert ran.told == [f"tombs: the dump to {small}/dump failed: No space left on device"]
    assert (small / "dump").read_text() == "before"
    assert sorted(os.listdir(small)) == ["dump", "filler"]


def test_a_full_disk_for_a_snapshot(tmp_path: Path, small: Path) -> None:
    """`tombs snapshot` says so and ends with 2; what was saved there before stays as it was."""
    victim = Victim(tmp_path)
    victim.run(USES)
    (path,) = victim.graveyards()
    (small / "saved").write_text("before")
    fill(small)
    words = ["-m", "tombs.cli.main", "snapshot", path, "--output", str(small / "saved")]
    done = python(words, environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert (small / "saved").read_text() == "before"
    assert sorted(os.listdir(small)) == ["filler", "saved"]


def test_slots_full_in_five_processes_together(tmp_path: Path) -> None:
    """The run tells it once, counts what was dropped, and shows nothing called as dead."""
    victim = Victim(tmp_path)
    (tmp_path / "app").mkdir()
    victim.write("app/__init__.py", "")
    for number in range(30):
        victim.write(f"app/p{number}.py", "def called(): pass\ndef dead(): pass\n" * 3)
    ran = victim.run(
        "import os, importlib\n"
        "pids = []\n"
        "for worker in range(5):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        for number in range(30):\n"
        "            importlib.import_module(f'app.p{(number + 7 * worker) % 30}').called()\n"
        "        os._exit(0)\n"
        "    pids.append(pid)\n"
        "for pid in pids: assert os.waitpid(pid, 0)[1] == 0\n",
        TOMBS_SLOTS="50",
    )
    assert len(ran.told) == 1
    assert ran.told[0].startswith("tombs: slots full")
    snapshot = victim.snapshot()
    dropped = {note["module"] for note in snapshot.notes() if note["note"] == "dropped"}
    assert len(dropped) == 30 - 50 // 6
    assert not {f"{name}.dead" for name in dropped} & set(victim.tombs())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"TOMBS_DIR": "/proc/tombs"}, 1),
        ({"TOMBS_DIR": "/dev/null/tombs"}, 1),
        ({"TOMBS_DIR": "{0}/" + "d" * 150 + "/" + "e" * 150}, 1),  # too long for a socket
        ({"TOMBS_SOCKET": "{0}/no/such/directory/s"}, 1),
        ({"TOMBS_CACHE": "/proc/cache"}, 1),
        ({"HOME": "", "TOMBS_CACHE": "", "XDG_CACHE_HOME": ""}, 0),
        ({"HOME": "/no/such/home", "TOMBS_CACHE": "", "XDG_CACHE_HOME": "relative"}, 0),
        ({"TOMBS_DIR": "{0}/ü \n'\"\\"}, 0),
    ],
)
def test_places_that_can_not_be_used(tmp_path: Path, change: dict[str, str], told: int) -> None:
    """As documented: another place, or one line; the program's output is its own."""
    victim = Victim(tmp_path)
    change = {name: value.format(tmp_path) for name, value in change.items()}
    victim.run(USES, TOMBS_ENABLE="0")  # for the .pyc by which the cache is asked
    ran = victim.run(USES, **({"TOMBS_SOCKET": ""} | change))
    assert (ran.out, ran.rest) == (["own output"], "")
    assert len(ran.told) == told, ran.told


@pytest.mark.parametrize("engine", ENGINES)
def test_names_that_are_not_utf_8(tmp_path: Path, engine: str) -> None:
    """A module in a directory whose name is no text: its lines are valid JSON all the same."""
    odd = os.fsencode(tmp_path) + b"/odd\xff\n"
    os.mkdir(odd)
    victim = Victim(tmp_path, engine)
    with open(odd + b"/m.py", "w", encoding="utf-8") as file:
        file.write("def called(): pass\ndef d\u00fcrr(): pass\n")
    ran = victim.run(f"import os, sys; sys.path.insert(0, os.fsdecode({odd!r}))\n" + USES)
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["m.d\u00fcrr"]


def test_a_clock_that_is_set_back(tmp_path: Path) -> None:
    """Times in the graveyard never go backwards, and what is called counts."""
    env = shifted(tmp_path, 0)
    if not env:
        pytest.skip("no compiler for a clock that can be set")
    victim = Victim(tmp_path)
    ran = victim.run(
        "import os, sys, time, m\n"
        "session = sys.modules['tombs.process'].current()\n"
        "m.called(); session.settle(); session.graveyard.beat()\n"
        "before = time.time()\n"
        "os.environ['SHIFTED'] = str(-3 * 86400)\n"
        "session.graveyard.beat()\n"
        "print(time.time() < before)\n",
        **env,
    )
    assert ran.out == ["True"]
    assert (ran.told, ran.rest) == ([], "")
    snapshot = victim.snapshot()
    assert snapshot.created <= snapshot.seen <= snapshot.ended
    assert victim.tombs() == ["m.dead"]


@pytest.mark.parametrize("days", [(-3, -6), (3, -3), (3, 0)])
def test_a_clock_that_jumps(tmp_path: Path, days: tuple[int, int]) -> None:
    """The same by the program's own hand, where there is no libfaketime: back, forward and back."""
    victim = Victim(tmp_path)
    ran = victim.run(
        "import sys, time\n"
        "own, real = [0], (time.time, time.time_ns)\n"
        "time.time = lambda: real[0]() + own[0] * 86400\n"
        "time.time_ns = lambda: real[1]() + own[0] * 86400 * 10**9\n"
        "import m\n"
        "session = sys.modules['tombs.process'].current()\n"
        "seen = []\n"
        f"for own[0] in {(0, *days)!r}:\n"
        "    m.called(); session.settle(); session.graveyard.beat()\n"
        f"    seen.append(session.graveyard.region.words[{layout.SEEN}])\n"
        "print(seen == sorted(seen))\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["True"], [], "")
    snapshot = victim.snapshot()
    assert snapshot.created <= snapshot.seen <= snapshot.ended
    assert victim.tombs() == ["m.dead"]


@pytest.mark.skipif(sys.platform != "linux", reason="O_NOFOLLOW and modes as Linux has them")
@pytest.mark.parametrize("spoil", ["link", "mode", "file"])
def test_a_run_directory_that_is_a_trap(tmp_path: Path, spoil: str) -> None:
    """A link, a directory others can write to, a file: refused by name, it stays as it is."""
    victim = Victim(tmp_path)
    place = tmp_path / "trap"
    if spoil == "link":
        (tmp_path / "elsewhere").mkdir(0o700)
        place.symlink_to(tmp_path / "elsewhere")
    elif spoil == "mode":
        place.mkdir()
        place.chmod(0o777)
    else:
        place.write_text("mine")
    ran = victim.run(USES, TOMBS_DIR=str(place))
    assert ran.out == ["own output"]
    assert len(ran.told) == 1
    assert str(place) in ran.told[0]
    if spoil != "file":
        assert os.listdir(place) == []


@pytest.mark.parametrize("umask", ["000", "022", "077", "277", "777"])
def test_an_odd_umask_opens_and_closes_nothing(tmp_path: Path, umask: str) -> None:
    """All that is made is this user's alone, and this user can use it; with any umask."""
    victim = Victim(tmp_path)
    env = {"TOMBS_DUMP": f"{tmp_path}/dump", "TOMBS_SOCKET": ""}
    source = (
        "import os, stat, sys, m\n"
        "m.called()\n"
        "session = sys.modules['tombs.process'].current()\n"
        "session.settle()\n"
        "print(oct(os.stat(session.address.path).st_mode & 0o777))\n"
    )
    victim.write("program.py", "")
    for _ in range(2):  # the first compiles, the second writes the cache
        ran = victim.run(source, wrap=("sh", "-c", f'umask {umask}; exec "$@"', "sh"), **env)
        assert (ran.out, ran.told, ran.rest) == (["0o600"], [], "")
    modes = {}
    for top in (victim.dir, f"{tmp_path}/cache"):
        modes[top] = os.stat(top).st_mode & 0o777
        for name in os.listdir(top):
            modes[name] = os.stat(f"{top}/{name}").st_mode & 0o777
    assert {mode for name, mode in modes.items() if name.startswith("/")} == {0o700}
    files = [name for name in modes if not name.startswith("/")]
    assert {os.path.splitext(name)[1] for name in files} >= {".graveyard", ".pack"}
    assert {modes[name] for name in files} == {0o600}, modes
    assert os.stat(tmp_path / "dump").st_mode & 0o777 == 0o600
