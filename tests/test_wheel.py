"""What is shipped: a pure wheel that works from where it is put."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT, environment, python, run
from tombs import __version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    place = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=60, capture_output=True)
    (built,) = place.iterdir()
    return built


def test_the_wheel_is_pure(wheel: Path) -> None:
    """One wheel fits every machine, and carries the one version there is."""
    assert wheel.name == f"tombs-{__version__}-py3-none-any.whl"


def test_the_wheel_has_the_package_and_nothing_that_acts_by_itself(wheel: Path) -> None:
    """The bootstrap and the mark of types are in it; no .pth, no test, no other top level."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {"tombs/bootstrap/sitecustomize.py", "tombs/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith(".pth")]
    assert {name.split("/")[0] for name in names} == {"tombs", f"tombs-{__version__}.dist-info"}
    sources = {
        str(path.relative_to(ROOT))
        for pattern in ("*.py", "report/templates/*.*")
        for path in Path(ROOT, "tombs").rglob(pattern)
    }
    assert sources <= set(names)


def test_both_programs_are_in_it(wheel: Path) -> None:
    """The console scripts point at functions that are there."""
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(f"tombs-{__version__}.dist-info/entry_points.txt").decode()
    assert "tombs = tombs.cli.main:main" in entries
    assert "tombs-run = tombs.cli.run:main" in entries


def test_what_was_shipped_runs(wheel: Path, tmp_path: Path) -> None:
    """Unpacked anywhere, the launcher starts a command, and the package is the unpacked one."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    env = environment(PYTHONPATH=str(tmp_path), TOMBS_DIR=str(tmp_path / "run"))
    program = "import tombs; print(tombs.__file__)"
    words = ["-m", "tombs.cli.run", "-n", "nothing", sys.executable, "-c", program]
    done = python(words, env, cwd=tmp_path, check=True)
    assert done.stdout.strip() == os.path.join(tmp_path, "tombs", "__init__.py")


def test_who_uninstalls_takes_the_bundle_away(wheel: Path, tmp_path: Path) -> None:
    """Nothing is left of the package, which would still be imported, as an empty one."""
    pytest.importorskip("pip")
    place = tmp_path / "venv"
    python(["-m", "venv", "--without-pip", str(place)], check=True)
    own = str(place / "bin" / "python")
    env = environment(PYTHONPATH=None, PYTHONDONTWRITEBYTECODE=None)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", own)
    run((*pip, "install", "--no-index", "--no-deps", str(wheel)), env, check=True)
    program = (
        "import tombs.bundle as one\none.keep()\n"
        "print(one.__file__, one._fresh(one.__spec__.cached))\n"
    )
    file, fresh = run((own, "-c", program), env, check=True, cwd=tmp_path).stdout.split()
    assert Path(file).is_relative_to(place)
    assert fresh == "True"
    run((*pip, "uninstall", "--yes", "tombs"), env, check=True)
    assert not Path(file).parent.exists()
