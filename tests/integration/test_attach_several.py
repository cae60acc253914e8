"""Several processes are attached to at once: a server's master and its workers, one graveyard."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import support_runs, support_web
from tests.integration.test_attach import SHOP, WEB, say, started, states, tombs
from tests.support_runs import PYTHON

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="attaching came with Python 3.14"
)

WORKERS = """
import os, select, subprocess, sys
def first(): pass
def second(): pass
def third(): pass
def never(): pass
def work(at):
    do = [first, second][at]
    while True:
        if select.select([gates[at][0]], [], [], 0.01)[0]:
            os.read(gates[at][0], 1); do(); os.write(done[1], b"d")
gates = [os.pipe(), os.pipe()]
done = os.pipe()
pids = []
for at in range(2):
    if not (pid := os.fork()): work(at)
    pids.append(pid)
other = subprocess.Popen(["sleep", "600"]).pid
print(*pids, other, flush=True)
while True:
    while not select.select([0], [], [], 0.01)[0]: pass
    line = sys.stdin.readline().strip()
    if line == "work":
        for at in range(2):
            os.write(gates[at][1], b"g"); os.read(done[0], 1)
    elif line == "fork":
        if not (pid := os.fork()): third(); os._exit(0)
        os.waitpid(pid, 0)
    print("did", line, flush=True)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a program that forks two workers, and starts another program."""
    return support_runs.write(tmp_path, {"app.py": WORKERS})


def workers(child: subprocess.Popen[bytes]) -> list[str]:
    """Read the ids of its children: two workers, and the other program."""
    return support_runs.read_line(child).split()


def called(path: Path, *names: str) -> None:
    """Wait until functions are known to be called: each process looks for its modules itself."""
    all_are = lambda: all(states(path).get(name) == 1 for name in names)  # noqa: E731
    support_runs.wait_for(lambda: all_are() or None, f"calls of {names}")


def test_the_children_of_a_master_share_its_graveyard(place: Path, rundir: Path) -> None:
    """What any of them calls is called, also what is forked later; another program is let be."""
    with started(place) as child:
        one, two, other = workers(child)
        done = tombs("attach", "--children", str(child.pid), "--dir", str(rundir))
        assert (done.code, done.err) == (0, ""), done
        lines = done.out.splitlines()
        assert lines[:3] == [f"process {pid} is attached to" for pid in (child.pid, one, two)]
        assert other not in done.out
        assert lines[4].strip().startswith("unix://")
        assert len(lines) == 6
        (path,) = rundir.glob("*.graveyard")
        assert lines[3].strip() == str(path)
        assert states(path)["first"] == states(path)["second"] == states(path)["third"] == 2
        say(child, "work")
        called(path, "first", "second")
        assert states(path)["third"] == 2
        say(child, "fork")
        called(path, "third")
        assert states(path)["never"] == 2
        done = tombs("detach", "--children", str(child.pid))
        assert (done.code, done.err) == (0, ""), done
        lines = done.out.splitlines()
        assert lines[:3] == [f"process {pid} is watched no longer" for pid in (child.pid, one, two)]
        assert lines[3:] == [f"  {path}"]
        assert not list(rundir.glob("*.sock"))


def test_who_comes_later_joins(place: Path, rundir: Path) -> None:
    """A process that is attached to already decides which graveyard the others write to."""
    with started(place) as child:
        one, two, _ = workers(child)
        alone = tombs("attach", one, "--dir", str(rundir))
        path = Path(alone.out.splitlines()[1].strip())
        done = tombs("attach", one, two, "--dir", str(rundir))
        assert (done.code, done.err) == (0, ""), done
        assert done.out.splitlines()[:3] == [
            f"process {one} was attached to before",
            f"process {two} is attached to",
            f"  {path}",
        ]
        done = tombs("attach", "--children", str(child.pid))
        assert done.out.splitlines()[0] == f"process {child.pid} is attached to"
        assert done.out.count("was attached to before") == 2
        assert done.out.count(str(path)) == 1
        assert len(list(rundir.glob("*.graveyard"))) == 1
        say(child, "work")
        called(path, "first", "second")


def test_what_fails_for_one_is_done_for_the_others(place: Path, rundir: Path) -> None:
    """Each process's outcome is told, and the exit code says that not all went well."""
    with started(place) as child:
        one, two, other = workers(child)
        gone = subprocess.Popen(["true"])
        gone.wait()
        pids = (one, other, str(gone.pid), two)
        done = tombs("attach", *pids, "--dir", str(rundir))
        assert done.code == 2
        assert done.out.count("is attached to") == 2
        assert f"process {other} runs no Python, but " in done.err
        assert f"there is no process {gone.pid}" in done.err
        done = tombs("detach", *pids)
        assert done.code == 2
        assert done.out.count("is watched no longer") == 2
        assert done.err.count(f"process {other}") == 1


def test_one_that_ends_meanwhile_is_told(place: Path, rundir: Path) -> None:
    """Nobody waits for the answer of a process that has ended."""
    (place / "app.py").write_text("import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n")
    with started(place) as child:
        support_runs.read_line(child)
        made = rundir / "temporary"
        made.mkdir()
        words = [PYTHON, "-m", "tombs.cli.main", "attach", str(child.pid), "--timeout", "100"]
        env = {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(made)}
        with support_runs.started(words, Path("/"), env=env) as attaching:
            support_runs.wait_for(lambda: list(made.glob("*/wanted")) or None, "the order")
            child.kill()
            child.wait()
            _, err = attaching.communicate(timeout=support_runs.DEADLINE)
        assert attaching.returncode == 2
        assert f"process {child.pid} has ended" in err.decode()


def test_gunicorn_with_workers_that_come_and_go(tmp_path: Path, rundir: Path) -> None:
    """Not a request fails while master and workers are attached to and detached from."""
    support_runs.write(tmp_path, {"web.py": WEB, "shop.py": SHOP})
    socket = rundir / "web.sock"
    server = [PYTHON, "-m", "gunicorn", "--workers", "2", "--max-requests", "100"]
    command = [*server, "--bind", f"unix:{socket}", "--log-level", "warning", "web:app"]
    faults: list[str] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                assert support_web.get(socket, "/") == "first"
            except Exception as fault:  # noqa: BLE001 - whatever it is, the request failed
                faults.append(repr(fault))

    with support_runs.started(command, tmp_path, stderr=subprocess.DEVNULL) as child:
        support_web.wait_for_server(socket)
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            words = ["--children", str(child.pid)]
            done = tombs("attach", *words, "--dir", str(rundir), "-n", "shop")
            assert (done.code, done.err) == (0, ""), done
            (path,) = rundir.glob("*.graveyard")
            called(path, "first")
            assert states(path)["never"] != 1
            done = tombs("detach", *words)
            assert (done.code, done.err) == (0, ""), done
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert not faults
