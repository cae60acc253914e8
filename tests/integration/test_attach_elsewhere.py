"""Processes that see other things than the command does: in namespaces, and as other users."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import support_runs
from tests.integration.test_attach import FRESH, NUDGE, ROOT, TOMBS, states, tombs
from tests.support_runs import PYTHON

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="attaching came with Python 3.14"
)


def may(*words: str) -> bool:
    """Whether this process may make namespaces of these kinds."""
    tried = ["unshare", *words, "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(tried, check=False).returncode


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the program."""
    return support_runs.write(tmp_path, {"app.py": NUDGE, "fresh.py": FRESH})


def inner(pid: int) -> str:
    """The process that runs Python, in a chain of one child each."""
    found = str(pid)
    while children := Path(f"/proc/{found}/task/{found}/children").read_text().split():
        (found,) = children
    return found


@pytest.mark.skipif(not may("-p", "-f", "--mount-proc"), reason="no PID namespaces")
def test_another_pid_namespace_is_no_hindrance(place: Path, rundir: Path) -> None:
    """In there the process has another id, and is the same."""
    words = ["unshare", "-p", "-f", "--mount-proc", PYTHON, "app.py"]
    with support_runs.started(words, place, stdin=subprocess.PIPE) as child:
        support_runs.read_line(child)
        done = tombs("attach", inner(child.pid), "--dir", str(rundir))
        assert (done.code, done.err) == (0, "")
        (path,) = rundir.glob("*.graveyard")
        assert states(path)["never"] == 2
        assert tombs("detach", inner(child.pid)).code == 0


@pytest.mark.skipif(not may("-m"), reason="no mount namespaces")
def test_a_process_that_does_not_see_tombs_is_told(place: Path, tmp_path: Path) -> None:
    """What the command's Tombs is to the process is found out before anything is done."""
    copy = tmp_path / "copy"
    shutil.copytree(Path(ROOT) / "tombs", copy / "tombs", ignore=shutil.ignore_patterns("*.pyc"))
    hide = f"mount -t tmpfs none {copy} && exec {PYTHON} app.py"
    words = ["unshare", "-m", "sh", "-c", hide]
    with support_runs.started(words, place, stdin=subprocess.PIPE) as child:
        support_runs.read_line(child)
        words = [*TOMBS, "attach", inner(child.pid)]
        done = support_runs.run(words, Path("/"), env={"PYTHONPATH": str(copy)})
        assert done.code == 2
        assert f"doesn't see Tombs, which is in {copy / 'tombs'} here" in done.err
        assert "run `tombs attach` in there" in done.err


# It has loaded what it needs, and then gives up the right to read it.
DROPS = """
import __future__, binascii, ctypes, fcntl, marshal, mmap, os, select, socket, struct
import _blake2, opcode
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print("ready", flush=True)
while True: select.select([], [], [], 0.01)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reaches into another user's process")
def test_a_process_that_may_not_read_tombs_is_told(tmp_path: Path) -> None:
    """An installation of root's own is of no use to another user's process."""
    copy = tmp_path / "copy"
    shutil.copytree(Path(ROOT) / "tombs", copy / "tombs", ignore=shutil.ignore_patterns("*.pyc"))
    copy.chmod(0o700)
    (tmp_path / "app.py").write_text(DROPS)
    with support_runs.started([PYTHON, "app.py"], tmp_path) as child:
        support_runs.read_line(child)
        words = [*TOMBS, "attach", str(child.pid)]
        done = support_runs.run(words, Path("/"), env={"PYTHONPATH": str(copy)})
        assert done.code == 2
        assert f"can't read Tombs, which is in {copy / 'tombs'}" in done.err
        assert "where the process's user can read it" in done.err
        assert child.poll() is None


@pytest.mark.skipif(not Path("/proc/2/status").exists(), reason="no process of the kernel's")
def test_a_part_of_the_system_is_told() -> None:
    """It has no program at all."""
    if os.path.exists("/proc/2/exe"):
        pytest.skip("process 2 is a program")
    done = tombs("attach", "2")
    assert done.code == 2
    assert "process 2 " in done.err
    assert "Traceback" not in done.err
