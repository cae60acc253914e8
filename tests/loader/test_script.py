"""The script of `python app.py`: armed when it starts, and nothing else is different."""

from __future__ import annotations

import os
import py_compile
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT, environment, python

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

SITE = """
import builtins, os, sys
from tombs.loader import script
from tombs.loader.rewrite import rewrite
from tests.loader.specimens import functions

called = []

def arm(code, names):
    names["_tomb_vacate"] = called.append
    done, failed = rewrite(code, functions(code))
    assert not failed
    builtins.VACATED = lambda: len(set(called))
    return done

builtins.VACATED = lambda: "not watched"
builtins.WAITS = script.watch_script(arm, lambda: called.append("lost"))
"""
APP = "def f(): return 1\nclass C:\n    def m(self): return f()\ndef dead(): pass\nC().m(), f()\n"
TELL = "import sys; print(WAITS, VACATED(), sys.getprofile(), sys.gettrace())\n"


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which Python arms the script that it is started with."""
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SITE)
    return environment(PYTHONPATH=os.pathsep.join((str(directory), ROOT)))


def started(tmp_path: Path, env: dict[str, str], source: str, *args: str) -> CompletedProcess[str]:
    """Run a source as a script in the temporary directory."""
    (tmp_path / "app.py").write_text(source)
    return python(["app.py", *args], env, cwd=tmp_path)


def test_functions_of_the_script_are_watched(tmp_path: Path, site: dict[str, str]) -> None:
    """Two of its three functions are called; the profile function is gone."""
    done = started(tmp_path, site, APP + TELL)
    assert (done.stdout, done.stderr) == ("True 2 None None\n", "")


def test_a_compiled_script_is_watched(tmp_path: Path, site: dict[str, str]) -> None:
    """`python app.pyc` is a script as well."""
    (tmp_path / "app.py").write_text(APP + TELL)
    py_compile.compile(str(tmp_path / "app.py"), str(tmp_path / "app.pyc"), doraise=True)
    done = python(["app.pyc"], site, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("True 2 None None\n", "")


def test_a_script_elsewhere_is_watched(tmp_path: Path, site: dict[str, str]) -> None:
    """Neither a relative path nor a link nor options of Python hide the script."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "app.py").write_text(APP + TELL)
    (tmp_path / "bin" / "app").symlink_to("../app.py")
    done = python(["-X", "utf8", "-u", "bin/app", "-c", "-m"], site, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("True 2 None None\n", "")


@pytest.mark.parametrize(
    "args",
    [["-c", APP + TELL], ["-m", "app"], ["-"], [], ["-i", "-"]],
    ids=["-c", "-m", "-", "stdin", "-i"],
)
def test_what_is_no_script_is_not_waited_for(
    tmp_path: Path, site: dict[str, str], args: list[str]
) -> None:
    """-c has no file, -m goes through the finder, and typed programs are nobody's dead code."""
    (tmp_path / "app.py").write_text(APP + TELL)
    done = python(args, site, cwd=tmp_path, stdin=(APP + TELL).replace("\nC()", "\n\nC()"))
    assert "False not watched None None\n" in done.stdout


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_waiting_ends_where_runpy_runs_the_program(
    tmp_path: Path, site: dict[str, str], kind: str
) -> None:
    """A directory or an archive runs through the finder; no profile function stays behind."""
    place = tmp_path / "program"
    if kind == "directory":
        place.mkdir()
        (place / "__main__.py").write_text(APP + TELL)
    else:
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("__main__.py", APP + TELL)
    done = python(["program"], site, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"{kind == 'archive'} not watched None None\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [("return done", "return None"), ("return done", "return code")],
)
def test_a_script_that_is_not_wanted_runs_untouched(tmp_path: Path, change: str, told: str) -> None:
    """`arm` may give nothing, or the code as it is."""
    (tmp_path / "sitecustomize.py").write_text(SITE.replace(change, told))
    env = environment(PYTHONPATH=os.pathsep.join((str(tmp_path), ROOT)))
    done = started(tmp_path, env, APP + TELL)
    assert done.stderr == ""
    assert done.stdout == "True 0 None None\n"


@pytest.mark.parametrize("wanted", [True, False])
def test_what_a_script_needs_is_loaded_before_its_directory_is_searched(
    tmp_path: Path, *, wanted: bool
) -> None:
    """Where it is likely to be armed; and armed it is in any case."""
    site = SITE.replace('append("lost"))', f'append("lost"), lambda _: {wanted})')
    (tmp_path / "sitecustomize.py").write_text(f"{site}builtins.READY = 'ctypes' in sys.modules\n")
    env = environment(PYTHONPATH=os.pathsep.join((str(tmp_path), ROOT)))
    done = started(tmp_path, env, APP + "print(READY, VACATED())\n")
    assert (done.stdout, done.stderr) == (f"{wanted} 2\n", "")


def test_a_script_that_could_not_be_armed_is_told(tmp_path: Path) -> None:
    """Where the constants stay as they were, `lost` is called: nothing is taken for dead."""
    refuse = "from tombs.loader import poke\npoke.replace_constants = lambda *_: False\n"
    (tmp_path / "sitecustomize.py").write_text(refuse + SITE)
    env = environment(PYTHONPATH=os.pathsep.join((str(tmp_path), ROOT)))
    done = started(tmp_path, env, APP + "import sitecustomize\nprint(sitecustomize.called)\n")
    assert (done.stdout, done.stderr) == ("['lost']\n", "")


def test_a_profiler_that_was_first_stays(tmp_path: Path) -> None:
    """Somebody profiles already: nothing is waited for, and the profiler sees every call."""
    first = "import sys\ndef theirs(frame, event, argument): pass\nsys.setprofile(theirs)\n"
    (tmp_path / "sitecustomize.py").write_text(first + SITE)
    env = environment(PYTHONPATH=os.pathsep.join((str(tmp_path), ROOT)))
    done = started(tmp_path, env, "import sys\nprint(WAITS, sys.getprofile().__name__)\n")
    assert (done.stdout, done.stderr) == ("False theirs\n", "")


def test_a_profiler_that_comes_later_stays(tmp_path: Path) -> None:
    """Somebody takes the profile function over: it is theirs, and is not taken away."""
    later = "def theirs(frame, event, argument): pass\nsys.setprofile(theirs)\n"
    (tmp_path / "sitecustomize.py").write_text(SITE + later)
    env = environment(PYTHONPATH=os.pathsep.join((str(tmp_path), ROOT)))
    done = started(tmp_path, env, "import sys\nprint(WAITS, sys.getprofile().__name__)\n")
    assert (done.stdout, done.stderr) == ("True theirs\n", "")


SAME = {
    "names": (
        "import sys\n"
        "print(sys.argv, sys.path[0], __file__, __spec__, __package__, __loader__.__class__)\n"
        "print(sorted(n for n in globals() if n != '_tomb_vacate'), __name__, __doc__)\n"
    ),
    "docstring": '"""What it does."""\nprint(__doc__)\ndef f():\n    """F."""\nprint(f.__doc__)\n',
    "source": (
        "import inspect\ndef f(a, b=1):\n    return a\n"
        "print(inspect.getsource(f), inspect.signature(f), inspect.getmodule(f).__name__)\n"
    ),
    "uncaught": "def f(x):\n    return 1 / x\nclass C:\n    def m(self): return f(0)\nC().m()\n",
    "exit": "import sys\ndef main(): sys.exit(3)\nmain()\n",
    "hard exit": "import os\ndef main(): os._exit(4)\nmain()\n",
    "syntax error": "def f(:\n",
    "threads": (
        "import sys, threading\ndef f(): print(sys.getprofile(), threading.getprofile())\n"
        "t = threading.Thread(target=f)\nt.start()\nt.join()\n"
    ),
    "pickle": (
        "import pickle\nclass C:\n"
        "    def __init__(self): self.x = 1\n    def m(self): return self.x\n"
        "def f(x): return x + 1\n"
        "print(pickle.loads(pickle.dumps(C())).m(), pickle.loads(pickle.dumps(f))(2))\n"
    ),
    "spawn": (
        "import multiprocessing\ndef f(x): return x * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(f, [3]))\n"
    ),
    "tracer": (
        "import sys\ndef f(x):\n    x += 1\n    return x\n"
        "def tracer(frame, event, argument):\n"
        "    if frame.f_code.co_name == 'f': print(event, frame.f_lineno)\n    return tracer\n"
        "sys.settrace(tracer)\nf(1)\nsys.settrace(None)\n"
    ),
    "main by import": "import __main__\ndef f(): return 5\nprint(__main__.f())\n",
    "exec of itself": "import sys\ndef f(): return 5\nprint(eval('f()'), f.__code__.co_filename)\n",
    "nested": "def f():\n    def g():\n        return lambda: 7\n    return g()\nprint(f()())\n",
    "async": "import asyncio\nasync def f(): return 2\nprint(asyncio.run(f()))\n",
    "nothing": "",
}


@pytest.mark.parametrize("program", SAME)
def test_nothing_else_is_different(tmp_path: Path, site: dict[str, str], program: str) -> None:
    """Output, errors and exit code are those of the same script without Tombs."""
    env = environment()
    plain = started(tmp_path, env, SAME[program], "an", "argument")
    watched = started(tmp_path, site, SAME[program], "an", "argument")
    assert watched.stdout == plain.stdout
    assert watched.stderr == plain.stderr
    assert watched.returncode == plain.returncode


def test_a_hot_script_pays_nothing_for_having_been_watched(
    tmp_path: Path, site: dict[str, str]
) -> None:
    """When the script runs, no call makes a profile event any more."""
    source = (
        "import sys\n"
        "def f(): return 1\n"
        "for _ in range(1000): f()\n"
        "monitoring = getattr(sys, 'monitoring', None)\n"
        "print(sys.getprofile(), monitoring and [monitoring.get_events(n) for n in range(6)])\n"
    )
    done = started(tmp_path, site, source)
    expected = "None None" if sys.version_info < (3, 12) else "None [0, 0, 0, 0, 0, 0]"
    assert (done.stdout, done.stderr) == (expected + "\n", "")
