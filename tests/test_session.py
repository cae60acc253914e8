"""One process under Tombs: started once, ended in order, and never harmed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support_session import ENGINES, Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a place for a program."""
    return Program(tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_that_starts_tombs_learns_what_is_dead(program: Program, engine: str) -> None:
    """The whole way: start, import, call, and the tombs that are left."""
    ran = program.run(
        "import tombs; session = tombs.start(['m'])\n"
        "import m; m.called()\n"
        "print(session.engine, session.path)\n",
        TOMBS_ENGINE=engine,
    )
    assert ran.out == [f"{engine} {program.graveyards()[0]}"]
    assert (ran.told, ran.rest) == ([], "")
    assert program.tombs() == ["m.dead"]
    assert program.snapshot().ended


def test_started_twice_it_is_one_session(program: Program) -> None:
    """The second start gives the first's handle, whatever it asks for."""
    ran = program.run(
        "import tombs\n"
        "one = tombs.start(['m'])\n"
        "print(tombs.start(['other'], slots=5) is one, tombs.start() is one)\n"
    )
    assert ran.out == ["True True"]
    assert len(program.graveyards()) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_stopped_it_watches_no_more(program: Program, engine: str) -> None:
    """What is imported afterwards is nobody's; stopping again is harmless, by handle or by name."""
    program.write("later.py", "def late(): pass\n")
    ran = program.run(
        "import sys, os, tombs\n"
        "before = (list(sys.meta_path), os.environ.copy())\n"
        "session = tombs.start(['m', 'later'])\n"
        "import m\n"
        "session.stop(); session.stop(); tombs.stop(); session.stop()\n"
        "m.called()\n"
        "import later; later.late()\n"
        "print((sys.meta_path, os.environ) == before)\n"
        "print(sys.getprofile())\n"
        "print(sys.version_info < (3, 12) or sys.monitoring.get_tool(4))\n",
        TOMBS_ENGINE=engine,
    )
    assert ran.out[:2] == ["True", "None"]
    assert ran.out[2] in {"True", "None"}
    assert {"m.dead"} <= set(program.tombs())
    assert not [name for name in program.tombs() if name.startswith("later")]
    assert (ran.told, ran.rest) == ([], "")


def test_stopped_it_gives_everything_back(program: Program) -> None:
    """Threads and descriptors are those of before, but for the mapping's own."""
    ran = program.run(
        "import os, tombs, ctypes\n"
        "def count(): return len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task'))\n"
        "before = count()\n"
        "for _ in range(3):\n"
        "    with tombs.start(['m']): pass\n"
        "fds, threads = count()\n"
        "print(threads == before[1], fds - before[0] <= 3 * (os.sys.version_info < (3, 13)))\n",
        TOMBS_SOCKET=str(program.directory / "s"),
    )
    assert ran.out == ["True True"]


def test_started_again_it_is_another_run(program: Program) -> None:
    """What was said at the first start doesn't linger in the environment."""
    program.run(
        "import tombs\nfor name in ('first', 'second'):\n    with tombs.start([name]): pass\n"
    )
    assert len(program.graveyards()) == 2


@pytest.mark.parametrize("enable", ["", "0"])
def test_without_any_setting_nothing_happens(program: Program, enable: str) -> None:
    """The two lines of a sitecustomize cost nothing where nobody asked for Tombs."""
    source = (
        "import sys, tombs\n"
        "handle = tombs.start()\n"
        "with handle as same: print(same is handle, handle.path, handle.address)\n"
        "handle.stop(); tombs.stop()\n"
        "print('tombs.session' in sys.modules)\n"
    )
    program.write("program.py", source)
    from tests.support import environment, python

    env = environment(TOMBS_ENABLE=enable) if enable else environment()
    if enable:
        env["TOMBS_DIR"] = program.dir
    done = python(["program.py"], env, cwd=program.directory)
    assert done.stdout.splitlines() == ["True None None", "False"]
    assert done.stderr == ""
    assert not os.path.exists(program.dir)


def test_faulty_settings_are_all_told_and_the_program_runs(program: Program) -> None:
    """Environment and arguments alike, each with the value given."""
    ran = program.run(
        "import tombs\n"
        "handle = tombs.start(['a..b'], slots='many', color='red')\n"
        "handle.stop()\n"
        "print('runs')\n",
        TOMBS_STRINGS="tiny",
    )
    assert ran.out == ["runs"]
    assert ran.rest == ""
    assert all(line.startswith("tombs: off: ") for line in ran.told)
    for word in ("'a..b'", "'many'", "color", "'tiny'"):
        assert sum(word in line for line in ran.told) == 1, ran.told


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("sys.abiflags = 't'", "free-threaded"),
        ("os.geteuid = lambda: os.getuid() + 1", "setuid"),
        ("os.getegid = lambda: os.getgid() + 1", "setuid"),
    ],
)
def test_where_it_must_not_run_it_says_so(program: Program, patch: str, reason: str) -> None:
    """One line, and nothing is touched."""
    ran = program.run(f"import os, sys, tombs\n{patch}\ntombs.start(['m'])\nprint('runs')\n")
    assert ran.out == ["runs"]
    assert len(ran.told) == 1
    assert ran.told[0].startswith("tombs: off: ")
    assert reason in ran.told[0]
    assert program.graveyards() == []


def test_a_directory_that_can_not_be_used_is_told(program: Program) -> None:
    """One warning with the directory in it, and the program runs."""
    Path(program.dir).write_text("a file")
    ran = program.run("import tombs; tombs.start(['m']); import m; print(m.called())\n")
    assert ran.out == ["1"]
    assert len(ran.told) == 1
    assert f"{program.dir}: not a directory" in ran.told[0]


FAILURES = {
    "the graveyard": ("tombs.runtime.opening.open_graveyard", "OSError(28, 'No space left')"),
    "the sign of life": ("tombs.runtime.opening.Liveness", "OSError(24, 'Too many open files')"),
    "the finder": ("tombs.session.Finder.install", "RuntimeError('a bug')"),
    "modules that are loaded": ("tombs.session.arm_loaded", "KeyError('a bug')"),
    "the thread": ("tombs.session.Background.start", 'RuntimeError("can\'t start new thread")'),
    "memory": ("tombs.session.Housekeeping", "MemoryError()"),
    "the variables": ("tombs.session.interpreter", "ValueError('a bug')"),
}
UNDONE = """\
import os, sys, threading, time, tombs, tombs.session
def state():
    low = {name: os.path.realpath(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd')}
    held = [path for path in low.values() if '/run/' in path and 'deleted' not in path]
    return (list(sys.meta_path), len(os.environ), len(os.listdir('/proc/self/task')),
            sys.getprofile(), sys.version_info >= (3, 12) and sys.monitoring.get_tool(4),
            held if sys.version_info >= (3, 13) else None)
before = state()
module, _, name = sys.argv[1].rpartition('.')
holder = sys.modules.get(module) or getattr(sys.modules[module.rpartition('.')[0]],
                                            module.rpartition('.')[2])
plain = getattr(holder, name)
def fail(*_, **__):
    raise eval(sys.argv[2])
setattr(holder, name, fail)
print(type(tombs.start(['m'])).__name__)
end = time.monotonic() + 20  # a thread that has done its last is the system's for a moment yet
while state() != before and time.monotonic() < end:
    time.sleep(0.01)
print(state() == before or (state(), before))
setattr(holder, name, plain)
print(type(tombs.start(['m'])).__name__)
import m; m.called()
"""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("part", FAILURES)
def test_a_start_that_fails_half_way_is_undone(program: Program, part: str, engine: str) -> None:
    """It is told once; nothing of it stays, so that another start may go well."""
    where, fault = FAILURES[part]
    ran = program.run(
        UNDONE, where, fault, TOMBS_ENGINE=engine, TOMBS_SOCKET=str(program.directory / "s")
    )
    assert ran.out == ["Off", "True", "Session"]
    assert len(ran.told) == 1
    assert ran.told[0].startswith("tombs: off: ")
    assert ran.rest == ""


def test_a_socket_that_fails_is_off_and_nothing_else(program: Program) -> None:
    """The graveyard and the dump stay alive."""
    path = program.directory / "taken"
    path.write_text("a file of the user's")
    ran = program.run(
        "import tombs; session = tombs.start(['m']); import m; m.called()\n"
        "print(session.address)\n",
        TOMBS_SOCKET=str(path),
        TOMBS_DUMP=str(program.directory / "dump"),
        TOMBS_FORMAT="function",
    )
    assert ran.out == ["None"]
    assert len(ran.told) == 1
    assert ran.told[0].startswith("tombs: the socket is off: ")
    assert path.read_text() == "a file of the user's"
    assert (program.directory / "dump").read_text() == "m.dead\n"


def test_a_dump_that_fails_is_told_and_changes_nothing(program: Program) -> None:
    """Its directory isn't there: one line, and the exit code is the program's."""
    ran = program.run(
        "import sys, tombs; tombs.start(['m']); import m; sys.exit(3)\n",
        code=3,
        TOMBS_DUMP=str(program.directory / "none" / "dump"),
    )
    assert ran.rest == ""
    (line,) = ran.told
    assert "the dump to" in line
    assert "No such file" in line


def test_nothing_watched_is_told_at_the_end(program: Program) -> None:
    """A namespace with a typing error is news."""
    ran = program.run("import tombs; tombs.start(['typo']); import m; m.called()\n")
    assert ran.told == ["tombs: nothing is watched: no module within typo was loaded"]


@pytest.mark.parametrize("engine", ENGINES)
def test_modules_that_are_loaded_already_are_unknown(program: Program, engine: str) -> None:
    """Never dead: where the engine can see their calls from now on, they may become called."""
    ran = program.run("import m, tombs\ntombs.start(['m'])\nm.called()\n", TOMBS_ENGINE=engine)
    snapshot = program.snapshot()
    counted = [snapshot.count(value) for value in (0, 1, 2)]
    if engine == "rewrite":
        assert ran.told == ["tombs: not watched, since loaded before Tombs started: m"]
        assert counted == [0, 0, 0]
        assert [note["module"] for note in snapshot.notes()] == ["m"]
    else:
        assert ran.told == []
        assert counted == [0, 1, 1]


def test_the_bootstrap_is_silent_where_it_is_not_meant(program: Program) -> None:
    """Another interpreter's environment leaves this one alone."""
    bootstrap = os.path.join(os.path.dirname(sys.modules["tombs"].__file__ or ""), "bootstrap")
    path = f"{bootstrap}:{program.env()['PYTHONPATH']}"
    source = (
        "import sys\n"
        "print('tombs.session' in sys.modules, any(p.endswith('bootstrap') for p in sys.path))\n"
    )
    ran = program.run(source, PYTHONPATH=path, TOMBS_ENABLE="1", TOMBS_PYTHON="another")
    assert ran.out == ["False False"]
    ran = program.run(source, PYTHONPATH=path, TOMBS_NAMESPACE="m")
    assert ran.out == ["False False"]
    assert (ran.told, ran.rest) == ([], "")
