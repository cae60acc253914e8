"""Applications of several processes: calls in any of them vacate, and somebody always serves."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import support_runs, support_web
from tests.support_runs import PROGRAMS, PYTHON

NEVER = ["gated.Never::two", "gated.never_one"]
TAIL = ["one", "two", "three", "four", "five", "six"]
GUNICORN = ["gunicorn", "-w", "4", "-b", "unix:app.sock", "gated:make_wsgi()"]
COMMANDS = {
    "gunicorn": (4, [*GUNICORN, "--graceful-timeout", "5"]),
    "gunicorn --preload": (4, [*GUNICORN, "--preload", "--graceful-timeout", "5"]),
    "uvicorn": (2, ["uvicorn", "--workers", "2", "--uds", "app.sock", "gated:asgi"]),
}


@contextmanager
def serving(engine: str, rundir: Path, place: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """An application server under Tombs, in its own process group, until the block is left."""
    for program in ("gated.py", "tail.py"):
        shutil.copy(PROGRAMS / program, place)
    command = support_runs.under_tombs(
        engine, rundir, COMMANDS[name][1], namespace=["gated", "tail"]
    )
    # The servers talk on stderr as much as they like: nobody reads it.
    with support_runs.started(command, place, stderr=subprocess.DEVNULL) as child:
        support_web.wait_for_server(place / "app.sock")
        yield child


def expected(called: list[str], *, wsgi: bool) -> list[str]:
    """The names of the tombs when these functions of the tail have been called."""
    other = ["gated.asgi"] if wsgi else ["gated.make_wsgi", "gated.make_wsgi.<locals>.everything"]
    return sorted([*NEVER, *other, *(f"tail.{name}" for name in TAIL if name not in called)])


@pytest.mark.parametrize("name", COMMANDS)
def test_workers_share_one_graveyard(name: str, engine: str, rundir: Path, tmp_path: Path) -> None:
    """Every worker vacates, what all have loaded is one tomb, and a killed server is replaced."""
    count = COMMANDS[name][0]
    wsgi = name != "uvicorn"
    with support_web.gate(tmp_path) as gate, serving(engine, rundir, tmp_path, name) as child:
        web = tmp_path / "app.sock"
        workers = hold_all(gate, web, count)
        assert len(workers) == count
        socket = support_web.tombs_socket(rundir)
        # Until each worker has written down what it called, a module may be unknown for a moment.
        taken_over(socket, expected([], wsgi=wsgi))
        assert support_web.get(web, "/one") == "1"
        assert support_web.get(web, "/two") == "2"
        assert support_runs.names(support_web.fetch(socket)) == expected(TAIL[:2], wsgi=wsgi)
        assert by_command(socket) == expected(TAIL[:2], wsgi=wsgi)
        if name != "uvicorn":
            # What supervises has done with serving: workers of gunicorn outlive it for a while.
            support_web.kill(support_web.leader(rundir))
            taken_over(socket, expected(TAIL[:2], wsgi=wsgi))
            assert support_web.get(web, "/three") == "3"
            taken_over(socket, expected(TAIL[:3], wsgi=wsgi))
        else:
            child.terminate()
            child.wait(support_runs.DEADLINE)


@pytest.mark.parametrize("name", ["gunicorn", "uvicorn"])
def test_an_orderly_end_dumps(name: str, engine: str, rundir: Path, tmp_path: Path) -> None:
    """After SIGTERM and the end of all workers, the dump is what the socket would have sent."""
    for program in ("gated.py", "tail.py"):
        shutil.copy(PROGRAMS / program, tmp_path)
    dump = tmp_path / "tombs"
    command = support_runs.under_tombs(
        engine,
        rundir,
        COMMANDS[name][1],
        namespace=["gated", "tail"],
        options=["--dump", str(dump)],
    )
    names = expected(["four"], wsgi=name != "uvicorn")
    with (
        support_web.gate(tmp_path) as gate,
        support_runs.started(command, tmp_path, stderr=subprocess.DEVNULL) as child,
    ):
        web = tmp_path / "app.sock"
        support_web.wait_for_server(web)
        # A worker that is ended as it starts leaves what it was loading unknown.
        hold_all(gate, web, COMMANDS[name][0])
        assert support_web.get(web, "/four") == "4"
        taken_over(support_web.tombs_socket(rundir), names)
        child.terminate()
        child.wait(support_runs.DEADLINE)
        lines = support_runs.dumped(dump)
    assert support_runs.names(lines) == names
    assert child.returncode in (0, -15)


def hold_all(gate: support_web.Gate, web: Path, count: int) -> set[int]:
    """Send a request into every worker, so that all are inside at the same time; their ids."""
    inside = []
    for _ in range(count):
        inside.append(support_web.ask(web, "/held"))
        gate.wait_arrived()
    gate.open(count)
    return {int(support_web.answer(asked)) for asked in inside}


def taken_over(socket: Path, names: list[str]) -> None:
    """Wait until somebody serves again, and the tombs are these."""

    def served() -> bool | None:
        lines = support_web.try_fetch(socket)
        return True if lines and support_runs.names(lines) == names else None

    support_runs.wait_for(served, f"somebody to take over {socket}")


def by_command(socket: Path) -> list[str]:
    """The names that `tombs fetch` gives for a socket."""
    command = [support_runs.TOMBS, "fetch", f"unix://{socket}", "--format", "function"]
    finished = support_runs.run(command, socket.parent)
    assert (finished.code, finished.err) == (0, "")
    return sorted(finished.out.splitlines())


POOL = """
import os, signal, sys
import tail
WORKERS = 3
def work(tasks, done):
    while task := os.read(tasks, 8):
        getattr(tail, task.decode().strip())()
        os.write(done, b"%7d\\n" % os.getpid())
    os._exit(0)
def supervise():
    for line in sys.stdin:
        os.write(feed, line.strip().ljust(8).encode())
        print(os.read(results, 8).decode().strip(), flush=True)
tasks, feed = os.pipe()
results, done = os.pipe()
def child_main():
    os.close(feed)
    work(tasks, done)
pids = []
for _ in range(WORKERS):
    pid = os.fork()
    if not pid:
        child_main()
    pids.append(pid)
print(*pids, flush=True)
supervise()
os.close(feed)
for pid in pids:
    os.waitpid(pid, 0)
"""


def test_a_prefork_pool(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Workers that a program forks itself vacate too, also those that are killed or _exit."""
    support_runs.write(tmp_path, {"app.py": POOL})
    shutil.copy(PROGRAMS / "tail.py", tmp_path)
    dump = tmp_path / "tombs"
    options = ["--dump", str(dump)]
    command = support_runs.under_tombs(engine, rundir, [PYTHON, "app.py"], options=options)
    with support_runs.started(command, tmp_path, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        pids = [int(word) for word in support_runs.read_line(child).split()]
        socket = support_web.tombs_socket(rundir)
        for name in ("one", "two"):
            child.stdin.write(f"{name}\n".encode())
            child.stdin.flush()
            assert int(support_runs.read_line(child)) in pids
        tail = [f"tail.{name}" for name in TAIL[2:]]
        assert names_of_tail(support_web.fetch(socket)) == sorted(tail)
        support_web.kill(pids[0])
        child.stdin.write(b"three\n")
        child.stdin.close()
        assert int(support_runs.read_line(child)) in pids[1:]
        assert child.wait(support_runs.DEADLINE) == 0
        assert child.stderr is not None
        assert child.stderr.read() == b""
    tail.remove("tail.three")
    assert names_of_tail(support_runs.dumped(dump)) == sorted(tail)


ORPHANS = """
import os, signal, sys
import tail
ready, told = os.pipe()
for n in range(3):
    if not os.fork():
        os.write(told, b".")
        while True:
            signal.pause()
for n in range(3):
    os.read(ready, 1)
tail.one()
print("ready", flush=True)
signal.pause()
"""


def test_takeover_down_to_the_last(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Each time the serving process is killed another one serves, until only one is left."""
    support_runs.write(tmp_path, {"app.py": ORPHANS})
    shutil.copy(PROGRAMS / "tail.py", tmp_path)
    command = support_runs.under_tombs(engine, rundir, [PYTHON, "app.py"])
    names = sorted(f"tail.{name}" for name in TAIL[1:])
    killed = []
    with support_runs.started(command, tmp_path) as child:
        assert support_runs.read_line(child) == "ready\n"
        socket = support_web.tombs_socket(rundir)
        for _ in range(3):
            taken_over(socket, names)
            killed.append(support_web.leader(rundir))
            support_web.kill(killed[-1])
        taken_over(socket, names)
    assert len(set(killed)) == 3


ABRUPT = """
import os, signal, sys
for name in ("one", "two", "three"):
    if not os.fork():
        import tail
        getattr(tail, name)()
        os._exit(0) if sys.argv[1] == "os._exit" else os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
import tail
"""


@pytest.mark.parametrize("end", ["os._exit", "SIGKILL"])
def test_children_that_end_abruptly(end: str, engine: str, rundir: Path, tmp_path: Path) -> None:
    """What a child called counts, or is unknown where it was killed before it could say so."""
    support_runs.write(tmp_path, {"app.py": ABRUPT})
    shutil.copy(PROGRAMS / "tail.py", tmp_path)
    dump = tmp_path / "tombs"
    command = support_runs.under_tombs(
        engine, rundir, [PYTHON, "app.py", end], options=["--dump", str(dump)]
    )
    assert support_runs.run(command, tmp_path) == support_runs.Finished(0, "", "")
    tombs = support_runs.names(support_runs.dumped(dump))
    never = ["tail.five", "tail.four", "tail.six"]
    assert tombs in ([never] if end == "os._exit" else [never, []])


MULTIPROCESSING = """
import multiprocessing, os, sys
import tail
def work(name, results):
    results.put((getattr(tail, name)(), os.getpid()))
def never(): pass
def main():
    context = multiprocessing.get_context(sys.argv[1])
    results = context.SimpleQueue()
    names = ["one", "two", "three"]
    children = [context.Process(target=work, args=(name, results)) for name in names]
    for child in children: child.start()
    got = [results.get() for _ in children]
    for child in children: child.join()
    print(sorted(value for value, _ in got), len({pid for _, pid in got} - {os.getpid()}))
    print([child.exitcode for child in children])
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, engine: str, rundir: Path, tmp_path: Path) -> None:
    """However multiprocessing starts its children, they vacate the tombs of the same graveyard."""
    support_runs.write(tmp_path, {"app.py": MULTIPROCESSING})
    shutil.copy(PROGRAMS / "tail.py", tmp_path)
    dump = tmp_path / "tombs"
    command = support_runs.under_tombs(
        engine, rundir, [PYTHON, "app.py", method], options=["--dump", str(dump)]
    )
    finished = support_runs.run(command, tmp_path)
    assert finished == support_runs.Finished(0, "[1, 2, 3] 3\n[0, 0, 0]\n", "")
    tail = [f"tail.{name}" for name in TAIL[3:]]
    assert support_runs.names(support_runs.dumped(dump)) == sorted(["__main__.never", *tail])


def names_of_tail(lines: list[str]) -> list[str]:
    """The names of the tombs in the module `tail`; no function may be there twice."""
    names = support_runs.names(lines)
    assert len(lines) == len({json.dumps(json.loads(line)) for line in lines})
    return [name for name in names if name.startswith("tail.")]
