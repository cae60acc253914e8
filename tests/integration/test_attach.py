"""A program that was started without Tombs is watched from the moment that somebody attaches."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import support_runs, support_web
from tests.support_runs import PYTHON
from tombs import snapshot

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="attaching came with Python 3.14"
)

ROOT = str(Path(__file__).parent.parent.parent)
TOMBS = [PYTHON, "-m", "tombs.cli.main"]
LOOP = """
import os, sys, threading
def before(): pass
def busy(): pass
def asked(): pass
def never(): pass
def outer():
    def inner(): pass
    return inner
class Shop:
    def sell(self): pass
    @property
    def price(self): return 1
    @staticmethod
    def stay(): pass
before()
print("ready", flush=True)
known = ""
while True:
    busy()
    line = sys.stdin.readline().strip()
    if line == "import": import fresh; fresh.called()
    elif line == "fork":
        if not (pid := os.fork()):
            asked(); os._exit(0)
        os.waitpid(pid, 0)
    elif line == "count":
        known = [len(os.listdir("/proc/self/task")), sys.monitoring.get_tool(4), sys.meta_path[0]]
    elif line == "end": break
    elif line: eval(line)
    print("did", line, known, flush=True)
"""
FRESH = "def called(): pass\ndef dead(): pass\n"
NUDGE = "import time\n" + LOOP.replace(
    "line = sys.stdin.readline().strip()",
    "import select\n"
    "    while not select.select([0], [], [], 0.01)[0]: pass\n"
    "    line = sys.stdin.readline().strip()",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the program."""
    return support_runs.write(tmp_path, {"app.py": NUDGE, "fresh.py": FRESH})


def tombs(*words: str, env: dict[str, str] | None = None) -> support_runs.Finished:
    """Run `tombs` from this tree, whatever is installed."""
    given = {"PYTHONPATH": ROOT, **(env or {})}
    return support_runs.run([*TOMBS, *words], Path("/"), env=given)


def attach(child: subprocess.Popen[bytes], rundir: Path, *words: str) -> Path:
    """Attach to a child, and give the graveyard."""
    done = tombs("attach", str(child.pid), "--dir", str(rundir), *words)
    assert (done.code, done.err) == (0, ""), done
    return Path(done.out.splitlines()[1].strip())


def say(child: subprocess.Popen[bytes], line: str) -> str:
    """Have the program do something, and wait until it did."""
    assert child.stdin is not None
    child.stdin.write(f"{line}\n".encode())
    child.stdin.flush()
    return support_runs.read_line(child)


def started(place: Path, *words: str, env: dict[str, str] | None = None):  # noqa: ANN201 - a context of Popen
    """Start the program."""
    return support_runs.started([PYTHON, *words, "app.py"], place, stdin=subprocess.PIPE, env=env)


def states(path: Path) -> dict[str, int]:
    """Each function's marker, by its name."""
    shot = snapshot.read(str(path))
    return {
        image.qualname(index): shot.of(block)[index]
        for block, image in shot.modules
        for index in range(image.count)
    }


def test_what_is_called_from_now_on_is_seen(place: Path, rundir: Path) -> None:
    """What was loaded is unknown until called; what is loaded now is watched from its start."""
    with started(place) as child:
        assert support_runs.read_line(child) == "ready\n"
        path = attach(child, rundir)
        found = states(path)
        assert set(found.values()) <= {1, 2}
        unknown = {name for name, state in found.items() if state == 2}
        assert unknown >= {"before", "asked", "never", "outer", "outer.<locals>.inner"}
        assert unknown >= {"Shop.sell", "Shop.price", "Shop.stay"}
        say(child, "asked()")
        say(child, "outer()()")
        say(child, "Shop().price")
        say(child, "import")
        called = {name for name, state in states(path).items() if state == 1}
        assert called >= {"asked", "outer", "outer.<locals>.inner", "Shop.price", "busy"}
        assert not called & {"before", "never", "Shop.sell", "Shop.stay"}
        lines = support_web.fetch(support_web.tombs_socket(rundir))
        assert support_runs.names(lines) == ["fresh.dead"]
        assert child.stdin is not None
        child.stdin.write(b"end\n")
        out, err = child.communicate(timeout=support_runs.DEADLINE)
        assert (child.returncode, out, err) == (0, b"", b"")


def test_a_namespace_that_nothing_is_of_is_told(place: Path, rundir: Path) -> None:
    """It may be mistyped; what is imported later is watched."""
    with started(place) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid), "-n", "fresh", "--dir", str(rundir))
        assert (done.code, done.err) == (0, "")
        assert "nothing of fresh is loaded there by now" in done.out
        say(child, "import")
        (path,) = rundir.glob("*.graveyard")
        # It is in doubt until all of it is written down.
        watched = {"called": 1, "dead": 0}
        support_runs.wait_for(lambda: states(path) == watched or None, "the module")


def test_attached_twice_it_is_told(place: Path, rundir: Path) -> None:
    """The second attach changes nothing, and names the graveyard that there is."""
    with started(place) as child:
        support_runs.read_line(child)
        path = attach(child, rundir)
        again = tombs("attach", str(child.pid), "--dir", str(rundir))
        assert again.out == f"process {child.pid} was attached to before\n  {path}\n"
        assert again.code == 0
        assert len(list(rundir.glob("*.graveyard"))) == 1


def test_detached_nothing_is_active(place: Path, rundir: Path) -> None:
    """Thread, tool and finder are gone; a third time it is as good as the first."""
    with started(place) as child:
        support_runs.read_line(child)
        plain = say(child, "count")
        for _ in range(3):
            path = attach(child, rundir)
            assert states(path)["never"] == 2
            say(child, "asked()")
            assert states(path)["asked"] == 1
            done = tombs("detach", str(child.pid))
            assert done.out == f"process {child.pid} is watched no longer\n  {path}\n"
            assert say(child, "count") == plain
            say(child, "never()")
            assert states(path)["never"] == 2
            assert not list(rundir.glob("*.sock"))
        done = tombs("detach", str(child.pid))
        assert (done.code, done.out) == (0, f"process {child.pid} is not attached to\n")


@pytest.mark.parametrize("epoch", [(), ("--epoch", "10s")])
def test_however_often_attached_calls_are_seen(
    epoch: tuple[str, ...], place: Path, rundir: Path
) -> None:
    """What was called under the first attach, and not since, is seen under the tenth."""
    with started(place) as child:
        support_runs.read_line(child)
        for number in range(10):
            path = attach(child, rundir, *epoch)
            calls = ["asked", "never"] if number in {0, 9} else ["asked"]
            for name in calls:
                say(child, f"{name}()")
            found = states(path)
            assert [name for name in ("asked", "never") if found[name] == 1] == calls, number
            assert tombs("detach", str(child.pid)).code == 0


def test_a_forked_child_is_watched(place: Path, rundir: Path) -> None:
    """What only a child calls counts."""
    with started(place) as child:
        support_runs.read_line(child)
        path = attach(child, rundir)
        assert states(path)["asked"] == 2
        say(child, "fork")
        assert states(path)["asked"] == 1


def test_options_and_environment(place: Path, rundir: Path) -> None:
    """Options mean what they mean to tombs-run, and the program's environment stays as it is."""
    with started(place) as child:
        support_runs.read_line(child)
        path = attach(child, rundir, "-n", "fresh", "--socket", "0", "--release", "r1")
        assert states(path) == {}
        assert not list(rundir.glob("*.sock"))
        assert snapshot.read(str(path)).identity()["release"] == "r1"
        answer = say(child, "globals().update(known=[n for n in os.environ if 'TOMBS' in n])")
        assert answer.endswith("[]\n")


def test_a_program_under_tombs_run_is_left_alone(place: Path, rundir: Path) -> None:
    """Neither attached to nor detached from."""
    command = [PYTHON, "-m", "tombs.cli.run", "--dir", str(rundir), "--", PYTHON, "app.py"]
    env = {"PYTHONPATH": ROOT}
    with support_runs.started(command, place, stdin=subprocess.PIPE, env=env) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid))
        assert f"process {child.pid} was started with Tombs already" in done.out
        done = tombs("detach", str(child.pid))
        assert done.code == 2
        assert "was started with Tombs, and not attached to" in done.err


def called_first(path: Path) -> None:
    """Wait until a graveyard says that the page was asked for."""
    support_runs.wait_for(lambda: states(path).get("first") == 1 or None, "a call")


WEB = """
import shop
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [shop.page(environ["PATH_INFO"]).encode()]
"""
SHOP = """
def page(path):
    return first() if path == "/" else other()
def first(): return "first"
def other(): return "other"
def never(): return "never"
"""


def test_a_web_server_under_load(tmp_path: Path, rundir: Path) -> None:
    """Not a request fails while a worker is attached to and detached from, and all is seen."""
    support_runs.write(tmp_path, {"web.py": WEB, "shop.py": SHOP})
    socket = rundir / "web.sock"
    command = [PYTHON, "-m", "gunicorn", "--workers", "1", "--bind", f"unix:{socket}"]
    faults: list[str] = []
    answered = [0]
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                assert support_web.get(socket, "/") == "first"
                answered[0] += 1
            except Exception as fault:  # noqa: BLE001 - whatever it is, the request failed
                faults.append(repr(fault))

    with support_runs.started(
        [*command, "--log-level", "warning", "web:app"], tmp_path, stderr=subprocess.DEVNULL
    ) as child:
        support_web.wait_for_server(socket)
        support_web.get(socket, "/")
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = answered[0]
                done = tombs("attach", children[0], "--dir", str(rundir), "-n", "shop")
                assert (done.code, done.err) == (0, "")
                path = Path(done.out.splitlines()[1].strip())
                called_first(path)
                found = states(path)
                assert found == {"page": 1, "first": 1, "other": 2, "never": 2}
                assert support_web.get(socket, "/other") == "other"
                assert states(path) == {"page": 1, "first": 1, "other": 1, "never": 2}
                assert tombs("detach", children[0]).code == 0
                assert answered[0] > before
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert not faults
