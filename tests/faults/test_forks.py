"""Every way to become several processes, or another: none hangs, and what any called is seen."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim, many

PARTS = 12
PART = "def called():\n    return 1\ndef dead():\n    return 2\n"


@pytest.fixture(params=ENGINES)
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    """Make an application of some parts, under each engine."""
    made = Victim(tmp_path, request.param)
    (tmp_path / "app").mkdir()
    made.write("app/__init__.py", "")
    for number in range(PARTS):
        made.write(f"app/p{number}.py", PART)
    return made


BUSY = """\
import os, sys, threading, importlib, gc, time
session = sys.modules["tombs.process"].current()
halt = False
import app
def imports():
    while not halt:
        for number in range(6):
            name = f"app.p{number}"
            sys.modules.pop(name, None)
            importlib.import_module(name).called()
def registers():
    while not halt: session.settle()
def holds():
    while not halt:
        if session.graveyard.lock.acquire(1): session.graveyard.lock.release()
threads = [threading.Thread(target=one, daemon=True) for one in (imports, registers, holds)]
for thread in threads: thread.start()
"""


def test_forks_while_other_threads_hold_whatever_there_is(victim: Victim) -> None:
    """Each child imports, calls, forks on and ends; none waits for a thread that isn't there."""
    ran = victim.run(
        BUSY + "import warnings, signal\n"
        "warnings.simplefilter('ignore')\n"
        f"for number in range({many(25)}):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        import faulthandler; faulthandler.dump_traceback_later(8, exit=True)\n"
        "        halt = True\n"
        "        part = importlib.import_module(f'app.p{6 + number % 5}'); part.called()\n"
        "        inner = os.fork()\n"
        "        if not inner: os._exit(0)\n"
        "        os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))\n"
        "    assert os.waitpid(pid, 0)[1] == 0, number\n"
        "halt = True\n"
        "for thread in threads: thread.join()\n"
    )
    assert (ran.told, ran.rest) == ([], "")
    assert victim.tombs() == sorted(f"app.p{number}.dead" for number in range(11))


def test_a_storm_of_forks(victim: Victim) -> None:
    """A thousand short children, in the long run: no warning, no descriptor left, all seen."""
    ran = victim.run(
        "import os, sys, app.p0\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        f"for round in range({many(4)}):\n"
        "    pids = []\n"
        "    for number in range(25):\n"
        "        pid = os.fork()\n"
        "        if not pid:\n"
        "            app.p0.called()\n"
        "            os._exit(0)\n"
        "        pids.append(pid)\n"
        "    for pid in pids: assert os.waitpid(pid, 0)[1] == 0\n"
        "print(len(os.listdir('/proc/self/fd')) <= before)\n",
        TOMBS_SOCKET="",
    )
    assert ran.out == ["True"]
    assert (ran.told, ran.rest) == ([], "")
    assert victim.tombs() == ["app.p0.dead"]


def test_a_fork_in_a_thread(victim: Victim) -> None:
    """The thread is the child's main one, and it ends like any process."""
    ran = victim.run(
        "import os, threading, warnings, sys\n"
        "warnings.simplefilter('ignore')\n"
        "def forks():\n"
        "    pid = os.fork()\n"
        "    if pid: codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); return\n"
        "    import app.p1; app.p1.called()\n"
        "    sys.exit(0)\n"
        "codes = []\n"
        "thread = threading.Thread(target=forks); thread.start(); thread.join()\n"
        "print(codes)\n"
    )
    assert ran.out == ["[0]"]
    assert ran.rest == ""
    assert victim.tombs() == ["app.p1.dead"]


def test_a_child_that_becomes_another_program(victim: Victim) -> None:
    """exec, posix_spawn and subprocess: the new program takes part in the run, at once."""
    victim.write(
        "other.py", "import sys, importlib\nimportlib.import_module(sys.argv[1]).called()\n"
    )
    ran = victim.run(
        "import os, sys, subprocess, importlib\n"
        "import app.p0\n"
        "words = [sys.executable, 'other.py']\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    app.p0.called(); os.execv(words[0], [*words, 'app.p1'])\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "pid = os.posix_spawn(words[0], [*words, 'app.p2'], os.environ)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "subprocess.run([*words, 'app.p3'], check=True)\n"
        "subprocess.run([*words, 'app.p4'], check=True, preexec_fn=os.setsid)\n"
        "importlib.import_module('app.p5').called()\n"
        "os.execv(words[0], [*words, 'app.p6'])\n"
    )
    assert (ran.told, ran.rest) == ([], "")
    # What a process called in the instant before it became another one may not have been written.
    assert {f"app.p{number}.dead" for number in (1, 2, 3, 4, 6)} <= set(victim.tombs())
    assert not [name for name in victim.tombs() if name.endswith("called")]


DAEMON = """\
import os, sys
import app.p0
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.closerange(0, 4096)
mine = []
for number in range(600):     # the numbers that were ours too
    fd = os.open(f"own{number % 3}", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, b"mine")
    mine.append(fd)
import app.p1; app.p1.called(); app.p0.called()
pid = os.fork()
if not pid:
    import app.p2; app.p2.called()
    os._exit(0)
os.waitpid(pid, 0)
session = sys.modules["tombs.process"].current()
session.settle(); session._liveness.keep(); session.graveyard.beat()
sizes = {os.fstat(fd).st_size for fd in mine}
for number in range(3): assert os.pread(mine[number], 9, 0) == b"mine"
done = os.open("done.new", os.O_WRONLY | os.O_CREAT, 0o600)
os.write(done, repr(sizes).encode())
os.rename("done.new", "done")
"""


def test_a_daemon_that_closes_all_descriptors(victim: Victim) -> None:
    """Their numbers become its own files: nothing of ours is written there, nothing is closed."""
    from tests.support_runs import wait_for

    ran = victim.run(DAEMON, TOMBS_SOCKET="")
    assert (ran.told, ran.rest) == ([], "")
    done = victim.directory / "done"
    wait_for(lambda: done if done.exists() else None, "the daemon")
    assert done.read_text() == "{4}"
    wait_for(lambda: victim.snapshot().ended or None, "the daemon's end")
    assert victim.tombs() == [f"app.p{number}.dead" for number in range(3)]
    for number in range(3):
        assert (victim.directory / f"own{number}").read_bytes() == b"mine"


DROPS = """\
import os, sys, signal, importlib, ctypes
signal.alarm(20)
import app.p0
from tests.support_server import ask
def asked(): return sorted(ask(session.address, b"tombs function\\n").decode().split())
session = sys.modules["tombs.process"].current()
ready, go = os.pipe(), os.pipe()
pids = []
for worker in range(2):
    pid = os.fork()
    if not pid:
        os.setgroups([]); os.setgid({gid}); os.setuid({uid})
        importlib.import_module(f"app.p{{worker + 1}}").called()
        app.p0.called()
        session.settle()
        os.write(ready[1], b".")
        os.read(go[0], 1)
        importlib.import_module(f"app.p{{worker + 3}}").called()
        os._exit(0)
    pids.append(pid)
for worker in range(2): os.read(ready[0], 1)
print(*asked())
os.write(go[1], b"..")
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
session.settle()
print(*asked())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_workers_that_give_up_their_rights(victim: Victim) -> None:
    """Forked by root and become nobody: their modules and calls count all the same."""
    nobody = pwd.getpwnam("nobody")
    os.chmod(victim.directory, 0o755)
    open_to_others(victim.directory)
    ran = victim.run(DROPS.format(uid=nobody.pw_uid, gid=nobody.pw_gid), TOMBS_SOCKET="")
    assert (ran.told, ran.rest) == ([], "")
    assert ran.out == [
        "app.p0.dead app.p1.dead app.p2.dead",
        " ".join(f"app.p{number}.dead" for number in range(5)),
    ]


TAKEN = """\
import os, sys, signal, ctypes
from tests.support_server import connect, rest
session = sys.modules["tombs.process"].current()
import app.p0
ready = os.pipe()
pid = os.fork()
if pid:
    os.read(ready[0], 1)
    print(session.address, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
os.setgroups([]); os.setgid({gid}); os.setuid({uid})
app.p0.called()
os.write(ready[1], b".")
signal.alarm(30)
signal.pause()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_socket_is_taken_over_by_one_without_rights(tmp_path: Path) -> None:
    """The socket was inherited: who became nobody serves it when root's process is killed."""
    from tests.support_runs import wait_for
    from tests.support_server import ask
    from tombs.address import parse

    nobody = pwd.getpwnam("nobody")
    victim = Victim(tmp_path)
    (tmp_path / "app").mkdir()
    for name in ("__init__", "p0"):
        victim.write(f"app/{name}.py", PART if name == "p0" else "")
    open_to_others(tmp_path)
    source = TAKEN.format(uid=nobody.pw_uid, gid=nobody.pw_gid)
    with victim.alive(source, TOMBS_SOCKET="") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        address = parse(child.stdout.readline().strip())
        assert address is not None
        assert ask(address, b"tombs function\n") == b"app.p0.dead\n"
        child.stdin.write("\n")
        child.stdin.flush()
        child.wait(20)
        answer = wait_for(lambda: ask(address, b"tombs function\n") or None, "the takeover")
        assert answer == b"app.p0.dead\n"


def open_to_others(directory: Path) -> None:
    """Let everybody look into a test's directory, and those it lies in."""
    for path in (directory, *directory.parents):
        if os.stat(path).st_uid == os.geteuid() and path != Path("/"):
            os.chmod(path, os.stat(path).st_mode | 0o055)


FIRST = """\
import os, sys, threading, importlib, faulthandler, warnings
warnings.simplefilter("ignore")
import app
def imports():
    for number in range(6): importlib.import_module(f"app.p{number}").called()
thread = threading.Thread(target=imports)
thread.start()
pids = []
while thread.is_alive() or len(pids) < 3:
    pid = os.fork()
    if not pid:
        faulthandler.dump_traceback_later(10, exit=True)
        importlib.import_module(f"app.p{6 + len(pids) % 6}").called()
        os._exit(0)
    pids.append(pid)
    if len(pids) > 20: thread.join()
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_fork_while_another_thread_imports_the_first_module(victim: Victim) -> None:
    """What Tombs loads for the first module is not left half loaded in a child."""
    for _ in range(many(5)):
        ran = victim.run(FIRST)
        assert (ran.told, ran.rest) == ([], "")


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_fork_while_a_large_module_is_described(victim: Victim, end: str) -> None:
    """The fork doesn't wait for it; the child's calls count, or are unknown if it is killed."""
    victim.write("app/large.py", "".join(f"def f{n}(): return {n}\n" for n in range(50_000)))
    ran = victim.run(
        "import os, time, app.large\ntime.sleep(0.05)\npid = os.fork()\n"
        f"if not pid: app.large.f7(); {end}\n"
        "os.waitpid(pid, 0)\napp.large.f8()\n"
    )
    assert (ran.told, ran.rest) == ([], "")
    assert not {"app.large.f7", "app.large.f8"}.intersection(victim.tombs())


def test_a_child_imports_nothing_of_tombs(victim: Victim) -> None:
    """All that is imported late is there before the first fork: a child may have lost the right."""
    for _ in range(2):
        victim.run("import m\n")  # from then on it is known
    ran = victim.run(
        "import os, sys, types, importlib, warnings\n"
        "session = sys.modules['tombs.process'].current()\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    before = set(sys.modules)\n"
        "    import app.p0, app.p1, importlib, m; app.p0.called(); m.called()\n"
        "    os.utime('app/p1.py', (1, 1)); importlib.reload(app.p1); app.p1.called()\n"
        "    exec(compile('def f(): return lambda: [lambda: 1, lambda: 2]\\nf()()', 'x', 'exec'))\n"
        "    session.settle(); b''.join(session.lines('json')); b''.join(session.raw())\n"
        "    session.graveyard.beat(); session._populator.flush()\n"
        "    print(*sorted(set(sys.modules) - before - {'app.p0', 'app.p1', 'm'}))\n"
        "    sys.stdout.flush(); os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    assert ran.out == ["app"], "tombs.runtime.forking.LATE lacks what was imported late"
    assert (ran.told, ran.rest) == ([], "")
