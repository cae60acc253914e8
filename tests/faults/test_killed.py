"""`kill -9`, at whatever moment: what was committed is read, and the siblings go on."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, TIMEOUT, Victim, ask, many
from tombs.snapshot import read

# Registers one module after another, and says of each that it is done with it.
REGISTERS = """\
import os, sys, importlib
out = os.dup(1)
for number in range(400):
    name = f"app.m{sys.argv[1]}_{number}"
    module = importlib.import_module(name)
    module.called()
    sys.modules["tombs.process"].current()._last_words()
    os.write(out, f"{name}\\n".encode())
"""
SIBLING = """\
import sys, time, importlib
sys.modules["tombs.process"].current().settle()
print("ready", flush=True)
for line in sys.stdin:
    began = time.monotonic()
    module = importlib.import_module(line.strip())
    module.called()
    sys.modules["tombs.process"].current()._last_words()
    print(time.monotonic() - began, flush=True)
"""
# Makes modules on the spot: as many functions as the last digit of their name.
APP = """\
import importlib.abc, importlib.machinery, os, sys
class Loader(importlib.machinery.SourceFileLoader):
    def get_data(self, path):
        if path.endswith(".pyc"): raise OSError
        count = int(path[:-3].rpartition("_")[2]) % 10
        text = "def called(): pass\\n" + "def dead%d():\\n    return 'x' * 10\\n" * count
        return (text % tuple(range(count))).encode()
    def path_stats(self, path): return {"mtime": 0, "size": 0}
    def set_data(self, *args, **more): pass
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if not name.startswith("app.m"): return None
        file = f"/srv/{name}.py"
        return importlib.machinery.ModuleSpec(
            name, Loader(name, file), origin=file, is_package=False)
sys.meta_path.append(Finder())
"""


def prepared(directory: Path, engine: str) -> Victim:
    """Make the package whose modules are made on the spot."""
    victim = Victim(directory, engine)
    (directory / "app").mkdir()
    victim.write("app/__init__.py", APP)
    return victim


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_any_moment_of_registering(tmp_path: Path, engine: str) -> None:
    """What it said it had called is no tomb; the next one registers without waiting."""
    victim = prepared(tmp_path, engine)
    victim.write("registers.py", "import app\n" + REGISTERS)
    run = {"TOMBS_RUN": "app-00000000", "TOMBS_NAMESPACE": "app"}
    said: list[str] = []
    with victim.alive("import app\n" + SIBLING, **run) as sibling:
        assert sibling.stdout is not None
        assert sibling.stdout.readline() == "ready\n"
        for number in range(many(25)):
            words = [sys.executable, "registers.py", str(number)]
            env = victim.env(**run)
            with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                first = child.stdout.readline()
                assert first
                time.sleep(random.random() * 0.05)
                child.send_signal(signal.SIGKILL)
                rest = child.stdout.read()
            said += (first + rest).decode().rpartition("\n")[0].splitlines()
            assert float(ask(sibling, f"app.m{number}s_3")) < 0.5
            said.append(f"app.m{number}s_3")
    tombs = b"".join(read(victim.graveyards()[0]).lines("function")).decode().splitlines()
    assert not {f"{name}.called" for name in said} & set(tombs)
    assert {f"{name}.dead0" for name in said if int(name[-1])} <= set(tombs)
    assert len(said) > many(25)


def test_killed_at_any_moment_of_a_start(tmp_path: Path) -> None:
    """Whoever comes next in the same run finds a whole graveyard, or makes one."""
    victim = Victim(tmp_path)
    victim.write("program.py", "import m; m.called()\n")
    env = victim.env(TOMBS_RUN="app-00000000")
    for number in range(many(20)):
        env["TOMBS_RUN"] = f"app-{number:08}"
        child = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, env=env)
        time.sleep(0.02 + random.random() * 0.06)
        child.kill()
        child.wait()
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path, env=env, timeout=30, check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert done.stderr == ""
        (path,) = [path for path in victim.graveyards() if f"{number:08}" in path]
        # Killed before it had written down what it called of m, it left m in doubt.
        assert b"".join(read(path).lines("function")) in (b"m.dead\n", b"")


# As the graveyard does: where nobody of it holds the lock, it is taken for left over by a handler.
HOLDS = """\
import sys
body = '''\
def hold(lock, sys):
    assert lock.acquire(1)
    print("held", flush=True)
    sys.stdin.readline()
    lock.release()
    print("free", flush=True)
    sys.stdin.readline()
'''
names = {"__name__": "tombs.runtime.graveyard"}
exec(body, names)
names["hold"](sys.modules["tombs.process"].current().graveyard.lock, sys)
"""


def test_stopped_while_it_holds_the_lock(tmp_path: Path) -> None:
    """A sibling's import goes on after the deadline; what it can't register is no tomb."""
    victim = Victim(tmp_path)
    run = {"TOMBS_RUN": "app-00000000"}
    sibling = (
        "import time; began = time.monotonic()\nimport m; m.called()\n"
        "print(time.monotonic() - began, flush=True)\ninput()\n"
    )
    with victim.alive(HOLDS, name="holds.py", **run) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.killpg(holder.pid, signal.SIGSTOP)
        with victim.alive(sibling, **run) as child:
            assert child.stdout is not None
            assert float(child.stdout.readline()) < 20
            assert victim.tombs() == []
            os.killpg(holder.pid, signal.SIGCONT)
            assert ask(holder, "release") == "free"
            out, err = child.communicate("\n", timeout=30)
            assert (child.returncode, out, err) == (0, "", "")
        assert victim.tombs() == ["m.dead"]


def test_a_start_beside_the_children_of_a_killed_server(tmp_path: Path) -> None:
    """They have its socket still: who starts then waits, without a word, and clears up at the end.

    The child is stopped, so that it can't take over before the other starts.
    """
    victim = Victim(tmp_path)
    place = tmp_path / "s"
    env = {"TOMBS_RUN": "app-00000000", "TOMBS_SOCKET": str(place)}
    first = (
        "import os, signal, m\nchild = os.fork()\n"
        "if not child: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "os.waitpid(child, os.WUNTRACED)\nprint(child, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with victim.alive(first, name="first.py", **env) as one:
        assert one.stdout is not None
        child = int(one.stdout.readline())
        try:
            one.wait(TIMEOUT)
            assert place.is_socket()
            second = "import m\nm.called()\nprint('up', flush=True)\nprint(input())\n"
            with victim.alive(second, **env) as two:
                assert two.stdout is not None
                assert two.stdout.readline() == "up\n"
                os.kill(child, signal.SIGKILL)
                told = two.communicate("own output\n", timeout=TIMEOUT)
                assert (two.returncode, *told) == (0, "own output\n", "")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    assert not place.exists()
    assert victim.tombs() == ["m.dead"]
