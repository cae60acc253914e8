"""Several processes of one run: what one of them called is not dead, and nothing is told twice."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from tests.support_session import ENGINES, Program

ENGINE = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a place for a program."""
    return Program(tmp_path)


@ENGINE
def test_a_call_in_any_child_vacates(program: Program, engine: str) -> None:
    """Forked children share the graveyard, and a module of theirs is registered once."""
    program.write("n.py", "".join(f"def f{number}(): pass\n" for number in range(5)))
    program.run(
        "import os, tombs\n"
        "tombs.start(['m', 'n'])\n"
        "import m\n"
        "for number in range(4):\n"
        "    if os.fork() == 0:\n"
        "        import n\n"
        "        getattr(n, f'f{number}')()\n"
        "        if number == 3: m.called()\n"
        "        raise SystemExit\n"
        "for _ in range(4): os.wait()\n",
        TOMBS_ENGINE=engine,
    )
    assert program.tombs() == ["m.dead", "n.f4"]
    assert program.snapshot().processes >= 1


RACE = """\
import os, tombs
tombs.start(['n'])
reading, writing = os.pipe()
if os.fork() == 0:
    import n
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)
if os.fork() == 0:
    import n
    n.f0()
    os._exit(5)
pid, status = os.waitpid(-1, 0)
print(os.waitstatus_to_exitcode(status))
os.close(writing)
os.wait()
"""


@ENGINE
def test_what_a_child_called_just_before_it_vanished_is_not_dead(
    program: Program, engine: str
) -> None:
    """`os._exit` skips everything but this: what was called is written down, at once."""
    program.write("n.py", "".join(f"def f{number}(): pass\n" for number in range(200)))
    ran = program.run(RACE, TOMBS_ENGINE=engine, PYTHONDONTWRITEBYTECODE="1")
    assert ran.out == ["5"]
    tombs = program.tombs()
    assert len(tombs) == 199
    assert "n.f0" not in tombs


def test_os_exit_stays_what_it_is(program: Program) -> None:
    """It takes what it took, and after a stop it is the same object again."""
    ran = program.run(
        "import os, tombs\n"
        "plain = os._exit\n"
        "with tombs.start(['m']):\n"
        "    print(os._exit.__name__, os._exit.__module__, os._exit is plain)\n"
        "    for wrong in ((), ('x',)):\n"
        "        try: os._exit(*wrong)\n"
        "        except TypeError: print('TypeError')\n"
        "print(os._exit is plain, flush=True)\n"
        "tombs.start(['m'])\n"
        "os._exit(status=4)\n",
        code=4,
    )
    assert ran.out == ["_exit posix False", "TypeError", "TypeError", "True"]


@ENGINE
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_vacates(program: Program, engine: str, method: str) -> None:
    """The script's own functions, called in processes that are made in either way."""
    program.run(
        "import multiprocessing, tombs\n"
        "def work(): return helper()\n"
        "def helper(): return 1\n"
        "def dead(): return 2\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    process = context.Process(target=work)\n"
        "    process.start(); process.join()\n"
        "    print(process.exitcode)\n",
        launch=("-n", "program"),
        TOMBS_ENGINE=engine,
    )
    assert program.tombs() == ["__main__.dead"]


@pytest.mark.parametrize(
    ("setting", "reason"), [("TOMBS_SLOTS", "slots full"), ("TOMBS_STRINGS", "strings full")]
)
def test_what_does_not_fit_is_counted_and_told_once(
    program: Program, setting: str, reason: str
) -> None:
    """By all processes together, however many modules there are; and the program runs."""
    for name in "pqr":
        program.write(f"{name}.py", "".join(f"def f{number}(): pass\n" for number in range(900)))
    ran = program.run(
        "import os, tombs\n"
        "tombs.start(['m', 'p', 'q', 'r'])\n"
        "import m; m.called()\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        import p, q, r\n"
        "        p.f1(); q.f1(); r.f1()\n"
        "        raise SystemExit\n"
        "    os.wait()\n"
        "print('runs')\n",
        **{setting: "100" if setting == "TOMBS_SLOTS" else "64K"},
    )
    assert ran.out == ["runs"]
    assert len(ran.told) == 1
    assert ran.told[0].startswith(f"tombs: {reason}: the 900 functions of ")
    assert program.tombs() == ["m.dead"]
    notes = [note for note in program.snapshot().notes() if note["note"] == "dropped"]
    assert sorted(str(note["module"]) for note in notes) == ["p", "q", "r"]
    assert {note["functions"] for note in notes} == {900}


HELD = """\
import os, signal, subprocess, sys, time, tombs
session = tombs.start(['m', 'p', 'q'])
lock = session.path.removesuffix('graveyard') + 'lock'
holder = subprocess.Popen([sys.executable, '-I', '-c', '''
import fcntl, os, signal, sys
file = open(sys.argv[1], 'r+b')
fcntl.flock(file, fcntl.LOCK_EX)
print('held', flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
''', lock], stdout=subprocess.PIPE)
holder.stdout.readline()
began = time.monotonic()
import m, p, q
m.called()
p.f1()
print(time.monotonic() - began < 2.5)
holder.kill()
holder.wait()
end = time.monotonic() + 20
while session.settle() and time.monotonic() < end:
    os.sched_yield()
q.f1()
"""


@ENGINE
@pytest.mark.parametrize("cached", [False, True])
def test_a_lock_that_a_stopped_process_holds_stops_nobody(
    program: Program, engine: str, cached: bool
) -> None:
    """Imports go on, for all modules together after one deadline; no call is lost meanwhile."""
    for name in "pq":
        program.write(f"{name}.py", "def f1(): pass\ndef f2(): pass\n")
    cache = str(program.directory / "cache")
    if cached:
        plain = "import tombs\nwith tombs.start(['m', 'p', 'q']):\n    import m, p, q\n"
        program.run(plain, TOMBS_ENGINE=engine, TOMBS_CACHE=cache)
        program.dir += "-2"
    ran = program.run(HELD, TOMBS_ENGINE=engine, TOMBS_CACHE=cache)
    assert ran.out == ["True"]
    assert (ran.told, ran.rest) == ([], "")
    assert program.tombs() == ["m.dead", "p.f2", "q.f2"]


def test_a_full_disk_is_told_and_the_program_runs(program: Program) -> None:
    """No graveyard can be made beyond the limit for files: one warning, with the reason."""
    ran = program.run(
        "import resource, tombs\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (8192, {resource.RLIM_INFINITY}))\n"
        "tombs.start(['m'])\n"
        "import m; print(m.called())\n"
    )
    assert ran.out == ["1"]
    assert ran.told == ["tombs: off: [Errno 27] File too large"]
    assert program.graveyards() == []


def test_a_disk_that_fills_up_later_is_told_once(program: Program) -> None:
    """What could be recorded stays, the rest is refused, and there is no SIGBUS."""
    for name in "pq":
        program.write(f"{name}.py", "".join(f"def f{number}(): pass\n" for number in range(900)))
    ran = program.run(
        "import os, sys, tombs\n"
        "session = tombs.start(['m', 'p', 'q'])\n"
        "import m; m.called()\n"
        "session.before_fork(); session.after_fork_in_parent()\n"
        "def full(*_): raise OSError(28, 'No space left on device')\n"
        "os.posix_fallocate = full\n"
        "import p, q\n"
        "p.f1(); q.f1()\n"
        "print('runs')\n"
    )
    assert ran.out == ["runs"]
    assert len(ran.told) == 1
    assert ran.told[0].startswith("tombs: no room on disk (No space left on device): the 900")
    assert program.tombs() == ["m.dead"]


@ENGINE
def test_a_daemon_that_closes_everything_goes_on(program: Program, engine: str) -> None:
    """Its own files get its numbers, and are never touched; what it calls is still seen."""
    program.write("n.py", "def used(): pass\ndef unused(): pass\n")
    ran = program.run(
        "import os, tombs\n"
        "session = tombs.start(['m', 'n'])\n"
        "import m\n"
        "os.closerange(3, 1024)\n"
        "files = [open(f'own{number}', 'w+b') for number in range(300)]\n"
        "for file in files: file.write(b'own'); file.flush()\n"
        "import n\n"
        "m.called(); n.used()\n"
        "session.settle(); session.graveyard.beat()\n"
        "session.stop()\n"
        "print({os.path.getsize(f'own{number}') for number in range(300)})\n"
        "print({os.fstat(file.fileno()).st_size for file in files})\n",
        TOMBS_ENGINE=engine,
        TOMBS_DUMP=str(program.directory / "dump"),
        TOMBS_FORMAT="function",
    )
    assert ran.out == ["{3}", "{3}"]
    assert ran.told == []
    dumped = (program.directory / "dump").read_text().splitlines()
    assert sorted(dumped) == ["m.dead", "n.unused"]


def test_a_killed_run_can_still_be_read(program: Program) -> None:
    """`kill -9` leaves the graveyard, without an end in order."""
    program.run(
        "import os, signal, tombs\n"
        "session = tombs.start(['m'])\n"
        "import m; m.called()\n"
        "session.before_fork()  # what waits is registered, and the thread is held\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        code=-signal.SIGKILL,
    )
    assert program.tombs() == ["m.dead"]
    assert program.snapshot().ended == 0


def test_a_descendant_by_exec_is_of_the_same_run(program: Program) -> None:
    """It finds the graveyard through the environment, and its calls count."""
    program.run(
        "import subprocess, sys, tombs\n"
        "tombs.start(['m'])\n"
        "import m\n"
        "source = 'import tombs; tombs.start(); import m; m.called()'\n"
        "subprocess.run([sys.executable, '-c', source], check=True)\n",
        TOMBS_NAMESPACE="m",
    )
    assert program.tombs() == ["m.dead"]
    assert program.snapshot().processes in {1, 2}


# how a module comes to run; the program; the tombs of `m` that are left
GLOBALS = {
    "a module that is in no sys.modules": (
        """\
import importlib.util
spec = importlib.util.find_spec('m')
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.called()
""",
        ["m.dead"],
    ),
    "runpy.run_module": ("import runpy\nrunpy.run_module('m')['called']()\n", ["m.dead"]),
    "a second copy of a module": (
        """\
import importlib.util, m
spec = importlib.util.find_spec('m')
copy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(copy)
copy.called()
""",
        ["m.dead"],
    ),
    "a reload with other code": (
        """\
import importlib, m
old = m.dead
with open('m.py', 'w') as file:
    file.write('def new(): pass\\ndef called(): pass\\n')
importlib.invalidate_caches()
importlib.reload(m)
old(); m.called()
""",
        ["m.called", "m.new"],
    ),
}


@ENGINE
@pytest.mark.parametrize("way", GLOBALS)
def test_each_call_counts_for_the_module_that_it_is_in(
    program: Program, engine: str, way: str
) -> None:
    """However a module came to run, its calls are its own, and the script's the script's."""
    if way == "a second copy of a module" and engine == "rewrite":
        pytest.skip("its loader was left as it was found: the copy is not rewritten")
    source, expected = GLOBALS[way]
    own = "import sys; sys.dont_write_bytecode = True\ndef called(): pass\ndef dead(): pass\n"
    program.run(
        own + source + "called()\n",
        launch=("-n", "program", "-n", "m"),
        TOMBS_ENGINE=engine,
    )
    assert program.tombs() == ["__main__.dead", *expected]
