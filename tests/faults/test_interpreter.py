"""The interpreter in odd states: flags, depth, size, and others who use what Tombs uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import support
from tests.faults.victim import ENGINES, Victim
from tombs import layout

USES = "import m\nm.called()\nprint('own output')\n"
MONITORED = pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")


@pytest.fixture(params=ENGINES)
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    """Make a program, for each engine."""
    return Victim(tmp_path, request.param)


@pytest.mark.parametrize("flag", ["-I", "-E", "-S", "-Is"])
def test_flags_that_keep_tombs_out(victim: Victim, flag: str) -> None:
    """The bootstrap isn't run: the program runs as if nothing had been asked for."""
    ran = victim.run("print('own output')\n", options=[flag])
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.graveyards() == []


@pytest.mark.parametrize(
    "flag", ["-s", "-P", "-B", "-O", "-OO", "-u", "-b", "-Xdev", "-Ximporttime", "-Werror", "-q"]
)
def test_flags_that_change_nothing(victim: Victim, flag: str) -> None:
    """Tombs works; with -W error not even a warning is ours."""
    source = "import sys; sys.path.insert(0, sys.argv[1])\n" + USES
    ran = victim.run(source, str(victim.directory), options=[flag])
    assert (ran.out, ran.told) == (["own output"], [])
    if flag != "-Ximporttime":
        assert ran.rest == ""
    assert victim.tombs() == ["m.dead"]


@pytest.mark.parametrize("name", ["opcode", "dis", "ctypes", "struct", "types"])
def test_a_module_named_like_one_of_the_librarys(victim: Victim, name: str) -> None:
    """The program gets its own, and it runs when the program asks for it; new or known, m is seen.

    But for `opcode` where the rewrite engine isn't the default and knows no numbers.
    """
    if name == "opcode" and victim.engine == "rewrite" and sys.version_info >= (3, 14):
        pytest.skip("there the library is asked")
    plain = support.python(["-Ic", f"import sys; print({name!r} in sys.modules)"], check=True)
    if plain.stdout == "True\n":
        pytest.skip("Python has loaded the library's")
    victim.write(f"{name}.py", "print('its own')\nOWN = 'own'\n")
    source = f"import m\nm.called()\nprint('before')\nimport {name}\nprint({name}.OWN)\n"
    for _ in range(2):
        ran = victim.run(source, TOMBS_SOCKET="")
        assert (ran.out, ran.told, ran.rest) == (["before", "its own", "own"], [], "")
        assert victim.tombs() == ["m.dead"]
        victim.clear()


def test_a_program_that_changes_pythonpath(victim: Victim) -> None:
    """Its own children are watched where the bootstrap is still on it; no other one complains."""
    child = "import sys; sys.path.insert(0, sys.argv[1]); import app; app.called()"
    victim.write("app.py", "def called(): return 1\ndef dead(): return 2\n")
    source = (
        "import os, subprocess, sys, m\nm.called()\n"
        "path = os.environ['PYTHONPATH']\n"
        "for changed in (path + os.pathsep + '/no/such', 'CHANGED'):\n"
        "    env = {**os.environ, 'PYTHONPATH': changed}\n"
        f"    words = [sys.executable, '-c', {child!r}, sys.argv[1]]\n"
        "    subprocess.run(words, env=env, check=True)\nprint('own output')\n"
    )
    ran = victim.run(source.replace("CHANGED", "/no/such"), str(victim.directory))
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["app.dead", "m.dead"]


def test_a_debug_build(victim: Victim) -> None:
    """Both engines work where the interpreter checks itself."""
    if not hasattr(sys, "gettotalrefcount"):
        pytest.skip("this is no debug build")
    ran = victim.run(USES)
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["m.dead"]


def test_a_free_threaded_build(victim: Victim) -> None:
    """Refused with one line, by the flag that such a build bears; the program runs."""
    ran = victim.run(
        "import sys\nif 't' not in sys.abiflags: sys.abiflags = 't'\n"
        "import tombs\ntombs.start(['m'])\n" + USES,
        PYTHONPATH=os.pathsep.join((support.ROOT, str(victim.directory))),
    )
    assert (ran.out, ran.rest) == (["own output"], "")
    assert len(ran.told) == 1
    assert "free-threaded" in ran.told[0]
    assert victim.graveyards() == []


def test_stripped_and_plain_code_are_two_versions(victim: Victim) -> None:
    """What -OO compiles is not what the cache holds of the plain run."""
    for options in ([], ["-OO"], [], ["-OO"]):
        ran = victim.run(USES, options=options, TOMBS_RUN=f"app-0000000{len(options)}")
        assert (ran.told, ran.rest) == ([], "")
    from tombs.snapshot import read

    for path in victim.graveyards():
        assert b"".join(read(path).lines("function")) == b"m.dead\n"


def test_recursion_to_the_limit(victim: Victim) -> None:
    """A first call where there is no room for one more: RecursionError as ever, and no tomb."""
    count = 60
    text = "".join(f"def leaf{n}(): return {n}\n" for n in range(count)) + "def dead(): pass\n"
    victim.write("app.py", text)
    ran = victim.run(
        "import app, sys\n"
        "sys.setrecursionlimit(300)\n"
        "def dive(depth, leaf):\n"
        "    return leaf() if depth == 0 else dive(depth - 1, leaf)\n"
        "done = []\n"
        f"for number in range({count}):\n"
        "    leaf = getattr(app, f'leaf{number}')\n"
        "    for depth in range(299, 200, -1):\n"
        "        try: dive(depth, leaf)\n"
        "        except RecursionError: continue\n"
        "        done.append(number); break\n"
        "print(len(done))\n"
    )
    assert (ran.out, ran.told, ran.rest) == ([str(count)], [], "")
    assert victim.tombs() == ["app.dead"]


def test_endless_recursion_of_the_programs(victim: Victim) -> None:
    """The program's own runaway recursion ends with its own error, caught or not."""
    victim.write("app.py", "def run(n):\n    return run(n + 1)\ndef dead(): pass\n")
    ran = victim.run(
        "import app\ntry: app.run(0)\nexcept RecursionError as fault: print('caught')\napp.run(0)",
        code=1,
    )
    assert ran.out == ["caught"]
    assert "RecursionError: maximum recursion depth exceeded" in ran.rest
    assert victim.tombs() == ["app.dead"]


def test_a_module_of_fifty_thousand_functions(victim: Victim) -> None:
    """All of them, or none and said: nothing that was called is a tomb."""
    many = 50_000
    victim.write("app.py", "".join(f"def f{n}(): return {n}\n" for n in range(many)))
    ran = victim.run(
        "import app\nfor n in range(0, 50000, 5): getattr(app, f'f{n}')()\nprint('x')\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["x"], [], "")
    assert victim.tombs() == sorted(f"app.f{n}" for n in range(many) if n % 5)


def test_a_function_of_seventy_thousand_constants(victim: Victim) -> None:
    """Constants beyond 65,536, and jumps as far: the same result, and no tomb when called."""
    values = ", ".join(f"x + {n}.5" for n in range(70_000))
    victim.write(
        "app.py",
        f"def large(x):\n    if x < 0:\n        return 0\n    return sum([{values}])\n"
        f"def dead(x):\n    return [{values}]\n",
    )
    ran = victim.run("import app\nprint(app.large(0), app.large(-1))\n")
    assert ran.out == [f"{sum(n + 0.5 for n in range(70_000))} 0"]
    assert (ran.told, ran.rest) == ([], "")
    assert victim.tombs() == ["app.dead"]


def test_code_without_a_module(victim: Victim) -> None:
    """Exec and eval: what runs so is nobody's, and never an error."""
    ran = victim.run(
        "import m\n"
        "for number in range(300):\n"
        "    names = {}\n"
        "    exec(f'def f(): return {number}\\nclass C:\\n    def g(self): return f()', names)\n"
        "    assert names['f']() == eval(f'(lambda: {number})()') == number\n"
        "exec(compile('def g(): return 7', m.__file__, 'exec'), m.__dict__)\n"
        "print(m.g(), m.called())\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["7 1"], [], "")
    assert victim.tombs() == ["m.dead"]


@MONITORED
def test_all_tool_identifiers_are_taken(victim: Victim) -> None:
    """The rewrite engine takes over; it is told where monitoring was asked for by name."""
    ran = victim.run(
        "import sys, tombs\n"
        "for tool in range(6):\n"
        "    if sys.monitoring.get_tool(tool) is None: sys.monitoring.use_tool_id(tool, 'x')\n"
        "session = tombs.start(['m'])\n" + USES + "print(session.engine)\n",
        PYTHONPATH=os.pathsep.join((support.ROOT, str(victim.directory))),
    )
    assert ran.out == ["own output", "rewrite"]
    assert len(ran.told) == (victim.engine == "monitoring")
    assert ran.rest == ""
    assert victim.tombs() == ["m.dead"]


@MONITORED
def test_another_tool_restarts_all_events(victim: Victim) -> None:
    """Events that were disabled come again: they cost, and change nothing."""
    ran = victim.run(
        "import sys, m\n"
        "sys.monitoring.use_tool_id(2, 'other')\n"
        "for number in range(200):\n"
        "    m.called(); sys.monitoring.restart_events()\n"
    )
    assert (ran.told, ran.rest) == ([], "")
    assert victim.tombs() == ["m.dead"]


@MONITORED
def test_somebody_takes_our_identifier_away(victim: Victim) -> None:
    """A tool that frees every identifier ends our watching: nothing is called dead any more."""
    ran = victim.run(
        "import sys, m\n"
        "for tool in range(6):\n"
        "    if sys.monitoring.get_tool(tool): sys.monitoring.free_tool_id(tool)\n"
        "m.called(); print('own output')\n"
    )
    assert (ran.out, ran.rest) == (["own output"], "")
    assert victim.tombs() == ["m.dead"] * (victim.engine == "rewrite")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no module makes interpreters")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_subinterpreter(victim: Victim, when: str) -> None:
    """Tombs is in the main interpreter alone; the other one runs, and says nothing.

    What it calls is seen by nobody: nothing is called dead from then on, nor what another process
    of the run has registered and this one never loads.
    """
    if sys.version_info >= (3, 14):
        make = "from concurrent import interpreters\n"
        use = "one = interpreters.create()\none.exec(TEXT)\none.close()\n"
    else:
        name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
        run = "exec" if sys.version_info >= (3, 13) else "run_string"
        make = f"import {name} as interpreters\n"
        use = (
            f"one = interpreters.create()\nfault = interpreters.{run}(one, TEXT)\n"
            "assert not fault, fault\ninterpreters.destroy(one)\n"
        )
    victim.write("app.py", "def called(): return 1\ndef dead(): return 2\n")
    victim.run("import app", TOMBS_RUN="app-00000000")
    assert victim.tombs() == ["app.called", "app.dead"]
    text = "import os, app, m\nm.called(); app.called()\nos.write(1, b'inside\\n')"
    steps = [make, "import m\n"] if when == "before" else ["import m\n", make]
    ran = victim.run(
        "".join(steps) + f"TEXT = {text!r}\n{use * 3}"
        "import os\nchild = os.fork()\nif not child: os._exit(0)\nos.waitpid(child, 0)\n",
        TOMBS_RUN="app-00000000",
    )
    assert ran.out == ["inside"] * 3
    assert ran.rest == ""
    assert ran.told == []
    assert victim.tombs() == []
    assert victim.snapshot().count(layout.UNKNOWN) == 4


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there is no such pool")
def test_a_pool_of_interpreters(victim: Victim) -> None:
    """concurrent.futures has one: what is called in it is no tomb, nor anything else."""
    ran = victim.run(
        "from concurrent.futures import InterpreterPoolExecutor as Pool\nimport m\n"
        "with Pool(1) as pool: print(pool.submit(m.called).result())\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["1"], [], "")
    assert victim.tombs() == []


TOOLS = {
    "settrace": "import sys\nsys.settrace(lambda *a: None)\n",
    "setprofile": "import sys\nsys.setprofile(lambda *a: None)\n",
    "threading": "import threading\nthreading.settrace(print)\nthreading.setprofile(print)\n",
    "cProfile": "import cProfile\nprofile = cProfile.Profile()\nprofile.enable()\n",
    "tracemalloc": "import tracemalloc\ntracemalloc.start(10)\n",
    "pdb": "import pdb\nprobe = pdb.Pdb()\nprobe.set_trace = None\nprobe.botframe = None\n",
    "bdb": "import bdb\nprobe = bdb.Bdb()\nprobe.reset()\nprobe.runcall(lambda: None)\n",
    "gc": "import gc\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: None)\n",
    "audit": "import sys\nsys.addaudithook(lambda *a: None)\n",
    "warnings": "import warnings\nwarnings.simplefilter('error')\n",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_beside_tools_of_the_standard_library(victim: Victim, tool: str) -> None:
    """Both work: the program says what it says, and its tombs are right."""
    ran = victim.run(TOOLS[tool] + USES)
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["m.dead"]


HOOKS = {
    "settrace": "sys.settrace(hook)\n    work()\n    sys.settrace(None)",
    "setprofile": "sys.setprofile(hook)\n    work()\n    sys.setprofile(None)",
    "threading": "threading.settrace(hook)\n    one = threading.Thread(target=work)\n"
    "    one.start(); one.join()\n    threading.settrace(None)",
    "audit": "sys.addaudithook(hook)\n    work()\n    sys.audit('own', 1)",
    "audit by a copy": "copy = types.FunctionType(hook.__code__, {'note': note})\n"
    "    sys.addaudithook(copy)\n    work()\n    sys.audit('own', 1)",
    "bdb": "debugger = Own()\n    debugger.set_step(); debugger.runcall(work)",
    "monitoring": "sys.monitoring.use_tool_id(2, 'own')\n"
    "    sys.monitoring.register_callback(2, sys.monitoring.events.PY_START, hook)\n"
    "    sys.monitoring.set_local_events(2, work.__code__, sys.monitoring.events.PY_START)\n"
    "    work()\n    sys.monitoring.free_tool_id(2)",
}


@pytest.mark.parametrize("kind", HOOKS)
def test_a_tracer_of_the_programs_own(victim: Victim, kind: str) -> None:
    """What Python calls with its reports turned off is seen by no monitoring: it is unknown."""
    if kind == "monitoring" and sys.version_info < (3, 12):
        pytest.skip("there is no sys.monitoring")
    victim.write(
        "app.py",
        "import bdb, sys, threading, types\nseen = []\ndef work(): pass\ndef dead(): pass\n"
        "def hook(*_): note()\ndef note(): seen.append(1)\n"
        + "class Own(bdb.Bdb): user_line = hook\n" * (kind == "bdb")
        + f"def start():\n    {HOOKS[kind]}\n    print(len(seen) > 0)\n",
    )
    for _ in range(3 if kind == "audit" else 1):  # the last time with what the cache holds
        victim.clear()
        ran = victim.run("import app, m\napp.start()\nm.called()\n")
        assert (ran.out, ran.told, ran.rest) == (["True"], [], "")
        own = ["app.dead"] if victim.engine == "rewrite" else []
        assert victim.tombs() == [*own, "m.dead"]


def test_an_audit_hook_that_many_modules_share(victim: Victim) -> None:
    """What Tombs does for the first call of each is told to the hook, which calls them all."""
    (victim.directory / "app").mkdir()
    for number in range(24):
        call = f"from app import n{number + 1} as it" * (number < 23)
        hook = f"def hook(*_): {'it.hook()' if call else 'seen.append(1)'}"
        victim.write(f"app/n{number}.py", f"{call}\nseen = []\n{hook}\ndef dead(): pass\n")
    for _ in range(4):  # new, then known
        victim.clear()
        ran = victim.run("import sys\nfrom app import n0\nsys.addaudithook(n0.hook)\nprint(1)\n")
        assert (ran.out, ran.told, ran.rest) == (["1"], [], "")
        if victim.engine == "rewrite":  # no monitoring sees them
            assert set(victim.tombs()) == {f"app.n{number}.dead" for number in range(24)}


NARROWED = {
    "path": "import sys\nsys.path[:] = [sys.argv[1]]\n",
    "hooks": "import sys, importlib.machinery as machinery\nsys.path_hooks[:] = [\n"
    "    machinery.FileFinder.path_hook((machinery.SourceFileLoader, ['.py']))]\n",
    "finders": "import sys, m\nsys.meta_path.clear()\n",
    "modules": "import sys\nsys.path[:] = [sys.argv[1]]\n"
    "for name in list(sys.modules):\n"
    "    if name not in ('sys', 'builtins', '__main__'): del sys.modules[name]\n",
}


@pytest.mark.parametrize("what", NARROWED)
def test_a_program_that_narrows_what_can_be_imported(victim: Victim, what: str) -> None:
    """What Tombs then can't import is its own loss: the program's imports go on."""
    source = NARROWED[what] + "import sys\nsys.path_importer_cache.clear()\n" + USES
    ran = victim.run(source, str(victim.directory))
    assert (ran.out, ran.rest) == (["own output"], "")
    assert "m.called" not in victim.tombs()


def test_under_the_debugger(victim: Victim) -> None:
    """A program stepped through by pdb: breakpoints hit on the lines they were set on."""
    from tests.support import python

    victim.write("program.py", "import m\nprint(m.called())\n")
    commands = "import m\nbreak m:2\ncontinue\nwhere\ncontinue\nquit\n"
    shown = []
    for enable in ("0", "1"):
        env = victim.env(TOMBS_ENABLE=enable)
        done = python(["-m", "pdb", "program.py"], env, cwd=victim.directory, stdin=commands)
        shown.append(done.stdout)
    assert shown[0] == shown[1]
    assert "m.py(2)called()" in shown[1]
    assert "m.called" not in victim.tombs()


def test_under_cprofile(victim: Victim) -> None:
    """`python -m cProfile`: it counts the program's calls, and no tomb was called."""
    ran = victim.run(USES, options=["-m", "cProfile"])
    assert ran.out[0] == "own output"
    assert (ran.told, ran.rest) == ([], "")
    assert "m.called" not in victim.tombs()
