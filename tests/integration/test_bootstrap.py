"""The sitecustomize that starts Tombs: silent where it isn't meant, polite to the one it hides."""

from __future__ import annotations

import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path

import pytest

import tombs
from tests import support_runs
from tests.support_runs import PYTHON

BOOTSTRAP = Path(tombs.__file__).parent / "bootstrap" / "sitecustomize.py"
OTHERS = ["2.7", *(f"3.{minor}" for minor in range(6, 16))]


@lru_cache
def _versions() -> dict[str, str]:
    """The Pythons that aren't this one: by version, one that is found on PATH or under pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = {}
    for version in OTHERS:
        kept = sorted(root.glob(f"versions/{version}.*/bin/python"))
        path = str(kept[0]) if kept else shutil.which(f"python{version}")
        if path and version != f"3.{sys.version_info.minor}":
            found[version] = path
    return found


@pytest.mark.parametrize("version", OTHERS)
def test_silent_on_other_pythons(version: str, rundir: Path, tmp_path: Path) -> None:
    """A Python that isn't the one that was set up runs as if nothing were there."""
    if version == f"3.{sys.version_info.minor}":
        pytest.skip("this is the Python that was set up")
    if version not in _versions():
        pytest.skip(f"there is no Python {version} here")
    source = "import sys\nprint(sys.version_info[:2])\nsys.stderr.write('err\\n')\n"
    support_runs.write(tmp_path, {"app.py": source})
    words = [_versions()[version], "app.py"]
    # A child of a watched program: the environment is all that tells it of Tombs.
    parent = f"import subprocess, sys\nsys.exit(subprocess.call({words!r}))"
    command = support_runs.under_tombs("auto", rundir, [PYTHON, "-c", parent])
    # Python 2 would put its .pyc beside the source.
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    finished = support_runs.run(command, tmp_path, env=env)
    major, minor = version.split(".")
    assert (finished.code, finished.out) == (0, f"({major}, {minor})\n")
    assert [line for line in finished.err.splitlines() if "nothing is watched" not in line] == [
        "err"
    ]


@pytest.mark.parametrize("version", OTHERS)
def test_parses_on_other_pythons(version: str, tmp_path: Path) -> None:
    """The file is valid for every Python, with warnings as errors."""
    if version not in _versions():
        pytest.skip(f"there is no other Python {version} here")
    source = f"import io\nwith io.open({str(BOOTSTRAP)!r}) as f: compile(f.read(), 'x', 'exec')"
    words = [_versions()[version], "-W", "error", "-c", source]
    assert support_runs.run(words, tmp_path) == support_runs.Finished(0, "", "")


def test_silent_without_the_environment(tmp_path: Path) -> None:
    """On the path without tombs-run it does nothing."""
    env = {"PYTHONPATH": str(BOOTSTRAP.parent)}
    source = "import sys; print([n for n in sys.modules if n.split('.')[0] == 'tombs'])"
    finished = support_runs.run([PYTHON, "-c", source], tmp_path, env=env)
    assert finished == support_runs.Finished(0, "[]\n", "")


COUNTS = """
import gc
print(gc.isenabled(), gc.get_freeze_count(), *gc.get_count()[1:], gc.collect())
"""


def test_a_program_begins_with_nothing_counted(engine: str, rundir: Path, tmp_path: Path) -> None:
    """What a start makes brings no collection of the program's forward, and stays no garbage."""
    support_runs.write(tmp_path, {"app.py": COUNTS})
    words = [PYTHON, "app.py"]
    before = support_runs.run(words, tmp_path).out.split()
    after = support_runs.run(support_runs.under_tombs(engine, rundir, words), tmp_path).out.split()
    assert before[0] == after[0] == "True"
    assert int(before[1]) >= int(after[1]) == 0
    assert int(before[2]) > int(after[2]) <= 1
    assert before[3] == after[3] == "0"
    assert int(after[4]) <= int(before[4]) + 200


HIDDEN = "import sys\nsys.hidden_ran = __file__, __name__\ndef hidden(): pass\n"
SHOWS = """
import sys
import sitecustomize
print(sys.hidden_ran, sitecustomize.__file__, sitecustomize.hidden)
def never(): pass
"""


@pytest.mark.parametrize("kind", ["module", "package", "failing", "import error"])
def test_the_hidden_sitecustomize_runs(
    kind: str, engine: str, rundir: Path, tmp_path: Path
) -> None:
    """The sitecustomize that would have run without Tombs runs, and is the one in sys.modules."""
    place = tmp_path / "hidden"
    source = HIDDEN
    if kind == "failing":
        source = HIDDEN + "hidden('one too many')\n"
    elif kind == "import error":
        source = HIDDEN + "import none_such\n"
    name = "sitecustomize/__init__.py" if kind == "package" else "sitecustomize.py"
    support_runs.write(place, {name: source})
    support_runs.write(tmp_path, {"app.py": SHOWS})
    words = [PYTHON, "app.py"]
    env = {"PYTHONPATH": str(place)}
    plain = support_runs.run(words, tmp_path, env=env)
    command = support_runs.under_tombs(engine, rundir, words)
    watched = support_runs.run(command, tmp_path, env=env)
    assert (watched.code, _no_addresses(watched.out)) == (plain.code, _no_addresses(plain.out))
    assert bool(watched.own_err) == bool(plain.own_err)
    assert watched.own_err.splitlines()[-1:] == plain.own_err.splitlines()[-1:]


OWN = "import tombs\ntombs.start()\n"


def test_two_lines_in_ones_own_sitecustomize(engine: str, rundir: Path, tmp_path: Path) -> None:
    """The documented two lines start Tombs where TOMBS_ variables are set, and else nothing."""
    place = tmp_path / "own"
    support_runs.write(place, {"sitecustomize.py": OWN})
    source = "import helper\ndef main(): helper.called()\nmain()\n"
    helper = "def called(): pass\ndef never(): pass\n"
    support_runs.write(tmp_path, {"app.py": source, "helper.py": helper})
    dump = tmp_path / "tombs"
    env = {"PYTHONPATH": str(place)}
    words = [PYTHON, "app.py"]
    assert support_runs.run(words, tmp_path, env=env) == support_runs.Finished(0, "", "")
    assert not list(rundir.iterdir())
    env |= {"TOMBS_DIR": str(rundir), "TOMBS_DUMP": str(dump), "TOMBS_ENGINE": engine}
    assert support_runs.run(words, tmp_path, env=env) == support_runs.Finished(0, "", "")
    assert support_runs.names(support_runs.dumped(dump)) == ["helper.never"]


@pytest.mark.parametrize("way", ["exec", "subprocess", "twice"])
def test_descendants_find_the_run(way: str, engine: str, rundir: Path, tmp_path: Path) -> None:
    """A Python that a watched one starts, or becomes, shares its graveyard."""
    ways = {
        "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, 'second.py'])\n",
        "subprocess": (
            "import subprocess, sys\nsubprocess.run([sys.executable, 'second.py'], check=True)\n"
        ),
        "twice": (
            "import subprocess, sys\n"
            "subprocess.run([sys.executable, '-c', 'import helper; helper.other()'], check=True)\n"
            "subprocess.run([sys.executable, 'second.py'], check=True)\n"
        ),
    }
    second = "import helper\nhelper.called()\n"
    helper = "def called(): pass\ndef other(): pass\ndef never(): pass\n"
    support_runs.write(tmp_path, {"app.py": ways[way], "second.py": second, "helper.py": helper})
    dump = tmp_path / "tombs"
    options = ["--dump", str(dump)]
    command = support_runs.under_tombs(engine, rundir, [PYTHON, "app.py"], options=options)
    assert support_runs.run(command, tmp_path) == support_runs.Finished(0, "", "")
    other = [] if way == "twice" else ["helper.other"]
    assert support_runs.names(support_runs.dumped(dump)) == ["helper.never", *other]


def _no_addresses(text: str) -> str:
    return text.partition(" at 0x")[0]
