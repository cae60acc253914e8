"""The bundle: one file that a start reads its modules from, and what takes its place."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tests.support import LAUNCHER, environment, python, run
from tests.support_package import compiled, copied
from tombs.ahead import MONITORING, REWRITING, SERVING, START
from tombs.bundle import LISTS

# Tells which .pyc files of the package a start opens, and what came of it.
STARTED = """
import os, sys
opened = []
sys.addaudithook(lambda event, rest: opened.append(rest[0]) if event == "open" else None)
import tombs
handle = tombs.start(namespace=["nothing_of_that_name"], socket="0")
place = os.path.dirname(tombs.__file__)
print(*[os.path.basename(path).partition(".")[0] for path in opened
    if str(path).startswith(place) and str(path).endswith(".pyc")])
print(handle.engine, len([name for name in sys.modules if name[:6] == "tombs."]),
    hasattr(sys.modules["tombs.errors"], "ANEW"), handle._may_open)
"""


class Package:
    """A copy of the package in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.place = directory / "tombs"
        copied(directory)
        self.env = environment(
            PYTHONPATH=None, PYTHONDONTWRITEBYTECODE=None, TOMBS_DIR=str(directory / "run")
        )
        self.bundle = Path(importlib.util.cache_from_source(str(self.place / "bundle.py")))

    def launched(self, **changes: str) -> None:
        """Have `tombs-run` run something."""
        words = (*LAUNCHER, "-n", "nothing_of_that_name", "--", "true")
        run(words, self.env | changes, cwd=self.directory, check=True)

    def keep(self, more: str = "") -> bytes:
        """Make it as `tombs-run` does, in less time; gives the file."""
        program = f"import tombs.bundle as bundle\n{more}bundle.keep()\n"
        python(["-c", program], self.env, cwd=self.directory, check=True)
        return self.bundle.read_bytes()

    def started(self) -> tuple[set[str], str]:
        """Start Tombs: gives what .pyc files that opened, and what came of it."""
        opened, rest = python(
            ["-c", STARTED], self.env, cwd=self.directory, check=True
        ).stdout.splitlines()
        return {*opened.split()} - {"spawned"}, rest

    def files(self) -> dict[Path, bytes]:
        """Give all files with what is in them."""
        return {path: path.read_bytes() for path in self.place.rglob("*") if path.is_file()}


FOUND = {"__init__", "ahead", "bundle"}


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Give a copy with its .pyc files."""
    made = Package(tmp_path)
    compiled(tmp_path)
    return made


def test_tombs_run_makes_what_a_start_reads(package: Package) -> None:
    """All from one file; and all is loaded as it is without."""
    _, without = package.started()
    package.launched()
    opened, rest = package.started()
    assert opened == FOUND
    assert rest == without
    before = package.bundle.stat()
    package.launched()
    after = package.bundle.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_it_has_what_both_engines_and_the_socket_need() -> None:
    """So no two processes of an installation make it anew by turns."""
    assert LISTS == (START, SERVING, MONITORING, REWRITING)


@pytest.mark.parametrize("moved", [False, True])
def test_modules_are_as_an_import_makes_them(package: Package, *, moved: bool) -> None:
    """Names, files, code: nothing tells the two apart, also where all has been moved since."""
    package.keep()
    if moved:
        package.directory = package.directory / "moved"
        package.directory.mkdir()
        package.place.rename(package.directory / "tombs")
    show = (
        "import sys, tombs.ahead as ahead\n"
        "if sys.argv[1] == 'ahead':\n"
        "    ahead.open_bundle()\n    assert ahead._bundle\n    ahead.kept = None\n"
        "    ahead.load(ahead.START)\n    ahead.close_bundle()\n"
        "    assert {*ahead.START} <= {*sys.modules}\n"
        "[__import__(name) for name in ahead.START]\n"
        "for name in ahead.START:\n    module = sys.modules[name]\n"
        "    print(name, module.__file__, module.__spec__.cached, sorted(vars(module)))\n"
        "    codes = [one.__code__ for one in vars(module).values() if hasattr(one, '__code__')]\n"
        "    print([(code.co_filename, code.co_firstlineno, code.co_code) for code in codes])\n"
    )
    ahead, imported = [
        python(["-c", show, way], package.env, cwd=package.directory, check=True).stdout
        for way in ("ahead", "import")
    ]
    assert ahead == imported


def test_a_module_that_has_changed_is_read_from_its_own_file(package: Package) -> None:
    """So are those that are loaded with it, until the bundle is made anew."""
    package.keep()
    with (package.place / "errors.py").open("a") as source:
        source.write("ANEW = True\n")
    python(["-c", "import tombs.errors"], package.env, cwd=package.directory, check=True)
    opened, rest = package.started()
    assert opened >= FOUND | {"errors", "session"}
    assert not opened & {"server", "monitoring", "rewriting"}
    assert rest.split()[2] == "True"
    package.launched()
    opened, rest = package.started()
    assert opened == FOUND
    assert rest.split()[2] == "True"


@pytest.mark.parametrize(
    "why", ["unwanted", "by hash", "one is missing", "one is stale", "one is cut off"]
)
def test_none_is_made(package: Package, why: str) -> None:
    """Where Python would write no .pyc, and where a source is known in another way."""
    changes = {"PYTHONDONTWRITEBYTECODE": "1"} if why == "unwanted" else {}
    late = Path(importlib.util.cache_from_source(str(package.place / "loader" / "enlisted.py")))
    if why == "by hash":
        compiled(package.directory, "CHECKED_HASH")
    elif why == "one is missing":
        late.unlink()
    elif why == "one is stale":
        os.utime(package.place / "loader" / "enlisted.py", (1, 1))
    elif why == "one is cut off":
        late.write_bytes(late.read_bytes()[:100])
    before = package.files()
    package.launched(**changes)
    after = package.files()
    assert after == before
    if why != "one is cut off":  # in which case Python imports nothing of it, either
        opened, _ = package.started()
        assert opened >= {"session", "config", "graveyard"}


def test_where_nothing_can_be_written_nothing_is(package: Package) -> None:
    """A disk that is full, or a directory that lets nobody write: the program starts as ever."""
    before = package.files()
    fails = (
        "import os\n"
        "def fails(*_):\n    raise OSError(28, 'No space left on device')\n"
        "bundle.os.replace = fails\n"
    )
    package.keep(fails)
    assert package.files() == before


def test_what_is_damaged_is_left_aside(package: Package) -> None:
    """Cut off anywhere, or another file altogether: each module's own .pyc is there."""
    whole = package.keep()
    opened, expected = package.started()
    assert opened == FOUND
    ends = [0, 8192, len(whole) // 2, len(whole) - 1]
    spoilt = [whole[:end] for end in ends]
    spoilt += [whole[:-40] + bytes(20) + whole[-20:], whole[:-20] + b"\xff" * 4 + whole[-16:]]
    for data in spoilt:
        package.bundle.write_bytes(data)
        opened, rest = package.started()
        assert opened >= FOUND | {"session", "config", "graveyard"}
        assert rest == expected
    # Made anew by the next; what was cut off is Python's to make anew, as any .pyc.
    python(["-c", "import tombs.bundle"], package.env, cwd=package.directory, check=True)
    assert len(package.keep()) == len(whole)


def test_it_stays_a_module_like_any_other(package: Package) -> None:
    """Python imports it from that file, and sees no need to write another."""
    whole = package.keep()
    program = "import tombs.bundle as one; print(one.__doc__[:4], one.__spec__.cached)"
    done = python(["-c", program], package.env, cwd=package.directory, check=True)
    assert done.stdout == f"Puts {package.bundle}\n"
    assert package.bundle.read_bytes() == whole


def test_a_closed_stream_stays_closed(package: Package) -> None:
    """The file would get its number, and the start think that the stream is open."""
    command = f'exec "{sys.executable}" -c "$0" <&-'
    ended = []
    for _ in range(2):
        done = run(["sh", "-c", command, STARTED], package.env, cwd=package.directory, check=True)
        ended.append(done.stdout.splitlines()[1])
        package.keep()
    assert ended[0] == ended[1]
    assert ended[0].endswith(" False")


def test_no_descriptor_is_left(package: Package) -> None:
    """Nor where Tombs is off after all."""
    package.keep()
    program = (
        "import os, tombs, tombs.ahead\nbefore = os.listdir('/dev/fd')\n"
        "handle = tombs.start(slots='no number')\n"
        "print(handle.path, len(os.listdir('/dev/fd')) - len(before), tombs.ahead._bundle)\n"
    )
    done = python(["-c", program], package.env, cwd=package.directory, check=True)
    assert done.stdout == "None 0 None\n"
