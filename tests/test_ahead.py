"""What a start loads: these modules and no others, past the search, and as an import makes them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT, environment, python, tombs_run
from tests.support_package import compiled, copied
from tests.support_runs import short_directory
from tombs.ahead import ASLEEP, MONITORING, REWRITING, SERVING, START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEARCHED = {"tombs", "tombs.ahead"}
# With -c there may be a script that a parent spawned this process for.
OF_ENGINE = {"monitoring": {*MONITORING}, "rewrite": {*REWRITING, "tombs.loader.spawned"}}
SHOW = (
    "import json, sys\n"
    "def shown(name):\n"
    "    module = sys.modules[name]\n"
    "    assert not hasattr(module, 'wakes_it')\n"
    "    spec, (parent, _, last) = module.__spec__, name.rpartition('.')\n"
    "    return [module.__name__, module.__file__, module.__package__, module.__doc__,\n"
    "        getattr(module, '__cached__', None), spec.name, spec.origin, spec.cached,\n"
    "        spec.parent, spec.has_location, spec.submodule_search_locations, spec.loader_state,\n"
    "        type(spec.loader).__qualname__, spec.loader.name, spec.loader.path,\n"
    "        module.__loader__ is spec.loader, getattr(sys.modules[parent], last) is module,\n"
    "        sorted(vars(module))]\n"
    "print(json.dumps([shown(name) for name in names]))\n"
)


@pytest.fixture(params=["rewrite", "monitoring"])
def engine(request: pytest.FixtureRequest) -> str:
    """Give each engine that there is on this Python."""
    if request.param == "monitoring" and not hasattr(sys, "monitoring"):
        pytest.skip("this Python has no monitoring")
    return str(request.param)


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    """Give an environment with a run directory of its own, in which there can be a socket."""
    with short_directory() as directory:
        yield environment(TOMBS_DIR=str(directory))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the package, which a Python in its directory finds first."""
    return copied(tmp_path)


@pytest.fixture
def whole(copy: Path) -> Path:
    """Give a copy with its .pyc files."""
    compiled(copy)
    return copy


def inside(directory: Path, program: str, env: dict[str, str] | None = None) -> str:
    """Run a program with the copy of the package; gives what it prints."""
    env = (env or environment()) | {"PYTHONPATH": ""}
    return python(["-c", program], env, cwd=directory, check=True).stdout


def of_tombs(names: list[str]) -> set[str]:
    """Give those that are of the package."""
    return {name for name in names if name.partition(".")[0] == "tombs"}


def start(engine: str) -> str:
    """Write a program that starts Tombs and has nothing to watch."""
    return (
        f"handle = tombs.start(namespace=['nothing_of_that_name'], engine={engine!r})\n"
        f"assert handle.engine == {engine!r} and handle.address\n"
    )


def test_a_start_loads_these_modules_and_no_others(engine: str, env: dict[str, str]) -> None:
    """What somebody needs seldom, or with the first module, is loaded then."""
    program = (
        "import sys, tombs, tombs.ahead\ntombs.ahead.load = lambda names: None\n"
        f"{start(engine)}print(*sys.modules)\n"
    )
    done = python(["-c", program], env, check=True)
    expected = {*SEARCHED, *START, *SERVING, *OF_ENGINE[engine]}
    assert of_tombs(done.stdout.split()) == expected


def test_a_start_searches_for_none_of_them(engine: str, env: dict[str, str]) -> None:
    """The lists are whole and in order: what isn't would be imported by who needs it."""
    done = python(["-X", "importtime", "-c", f"import tombs\n{start(engine)}"], env, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    searched = of_tombs([line.rpartition("|")[2].strip() for line in lines])
    assert searched == SEARCHED | (OF_ENGINE[engine] - {*MONITORING, *REWRITING})


def test_a_script_that_nobody_wants_costs_little(
    engine: str, env: dict[str, str], tmp_path: Path
) -> None:
    """Neither what would rewrite it is loaded nor what that needs."""
    (tmp_path / "app.py").write_text("import sys\nprint(*sys.modules)\n")
    options = ["-n", "wanted", "--engine", engine, "--", sys.executable, "app.py"]
    done = tombs_run(options, env | {"PYTHONPATH": ROOT}, cwd=tmp_path, check=True)
    rewrites = {"tombs.loader.poke", "tombs.loader.splice", "tombs.loader.prologue"}
    assert not {*rewrites, "ctypes", "opcode"} & {*done.stdout.split()}


def test_modules_are_as_an_import_makes_them(whole: Path) -> None:
    """Names, files, specs, loaders, and where they are found: nothing tells the two apart."""
    names = (*START, *SERVING)
    ways = (
        "import tombs.ahead; tombs.ahead.load(names)",
        "for name in names: __import__(name)",
    )
    shown = [json.loads(inside(whole, f"names = {names}\n{way}\n{SHOW}")) for way in ways]
    assert [row[0] for row in shown[0]] == list(names)
    assert shown[0] == shown[1]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="no function is made for them there")
def test_what_would_make_annotations_is_let_go_of(
    engine: str, env: dict[str, str], whole: Path
) -> None:
    """Of plain functions and methods, which are nearly all: a third of a megabyte."""
    program = (
        f"import gc, types, tombs\n{start(engine)}names = {START}\n"
        "found = [one for one in gc.get_objects()\n"
        "    if type(one) is types.FunctionType and one.__module__ in names]\n"
        "print(len(found), sum(one.__annotate__ is not None for one in found))\n"
    )
    functions, kept = map(int, inside(whole, program, env).split())
    assert functions > 400
    assert kept < 100


BEGIN = "import sys, tombs\nfrom tombs import ahead\nahead.load((*ahead.START, *ahead.SERVING))\n"


def test_nothing_wakes_what_only_the_thread_that_serves_needs(
    engine: str, env: dict[str, str], whole: Path
) -> None:
    """Neither a start nor what is asked of every module that there is."""
    program = (
        f"import sys, tombs\n{start(engine)}handle.stop()\n"
        "for module in list(sys.modules.values()):\n"
        "    getattr(module, '__warningregistry__', None), getattr(module, '__path__', None)\n"
        "print(*['__getattr__' in vars(sys.modules[name]) for name in ahead.ASLEEP])\n"
    )
    program = program.replace("tombs\n", "tombs, tombs.ahead as ahead\n", 1)
    assert inside(whole, program, env).split() == ["True"] * len(ASLEEP)


def test_who_asks_finds_it_awake(engine: str, env: dict[str, str], whole: Path) -> None:
    """Clients get their answers, and what was asleep is an import's in everything then."""
    program = (
        f"import sys, tombs, tombs.ahead as ahead\n{start(engine)}"
        "import socket\n"
        "def ask(words):\n"
        "    client = socket.socket(socket.AF_UNIX)\n"
        "    client.settimeout(20)\n"
        "    client.connect(str(handle.address).removeprefix('unix://'))\n"
        "    client.sendall(words)\n"
        "    return client, client.recv(1000)\n"
        "print(ask(b'tombs changes\\n')[1][:6], ask(b'graveyard\\n')[1][:5])\n"
        "print(*['__getattr__' in vars(sys.modules[name]) for name in ahead.ASLEEP])\n"
    )
    first, last = inside(whole, program, env).splitlines()
    assert first == "b'{\"tomb' b'TOMBS'"
    assert last.split() == ["False"] * len(ASLEEP)


def test_what_is_asleep_wakes_without_files(whole: Path) -> None:
    """The program may have given up its rights by then; and no other module comes of it."""
    program = BEGIN + (
        "import shutil, os\nshutil.rmtree('tombs')\nbefore = list(sys.modules)\n"
        "from tombs.runtime import conversation\n"
        "from tombs.runtime.mapped import Mapped\n"
        "print(conversation.Conversation.__name__, Mapped.__name__, conversation.BEAT)\n"
        "assert before == list(sys.modules)\n"
    )
    assert inside(whole, program).startswith("Conversation Mapped b")


def test_what_is_asleep_wakes_once(whole: Path) -> None:
    """However many threads ask at the same time: to all of them its classes are the same."""
    program = BEGIN + (
        "import threading\nfrom tombs import changes\n"
        "sys.setswitchinterval(1e-6)\n"
        "ready, found = threading.Barrier(8), []\n"
        "def ask():\n    ready.wait()\n    found.append((changes.Changes, changes.full))\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "print(len(found), len(set(found)), '__getattr__' in vars(changes))\n"
    )
    assert inside(whole, program) == "8 1 False\n"


def test_what_can_not_wake_is_asked_again(whole: Path) -> None:
    """Where there was no memory for it, say."""
    program = BEGIN + (
        "from tombs import changes\nrun = ahead._run\n"
        "def fails(*_):\n    ahead._run = run\n    raise MemoryError\n"
        "ahead._run = fails\n"
        "try:\n    changes.full\nexcept MemoryError:\n    print(changes.full.__name__)\n"
        "try:\n    changes.fuller\nexcept AttributeError as fault:\n    print(fault)\n"
    )
    assert inside(whole, program) == "full\nmodule 'tombs.changes' has no attribute 'fuller'\n"


WAITING = """
import _thread
begun, ended = _thread.allocate_lock(), _thread.allocate_lock()
def wait():
    begun.release()
    ended.acquire()
begun.acquire(), ended.acquire()
_thread.start_new_thread(wait, ())
begun.acquire()
"""


@pytest.mark.parametrize(
    "before",
    [WAITING, "tombs.__spec__.loader = object()"],
    ids=["another thread", "no plain files"],
)
def test_it_is_left_to_imports(before: str) -> None:
    """No other thread meets a module half loaded; a package in an archive has no files."""
    program = f"import sys, tombs\n{before}\nfrom tombs import ahead\nahead.load(ahead.START)\n"
    done = python(["-c", f"{program}print(*sys.modules)"], stdin="", check=True)
    assert of_tombs(done.stdout.split()) == SEARCHED


LOADS = """
import os, sys
sys.path.insert(0, os.getcwd())
from tombs import ahead
try:
    ahead.load(("tombs.errors", "tombs.runtime", "tombs.runtime.say", "tombs.wire"))
except BaseException as fault:
    print(type(fault).__name__)
there = {name for name in sys.modules if name.startswith("tombs.")}
there.remove("tombs.ahead")
print(*sorted(there), hasattr(sys.modules["tombs.runtime"], "say"))
"""


@pytest.mark.parametrize("fault", ["raise LookupError", "raise KeyboardInterrupt", "syntax error"])
def test_a_module_that_fails_is_nowhere(copy: Path, fault: str) -> None:
    """Whoever needs it imports it, and is told; what interrupts is nobody's to keep."""
    (copy / "tombs" / "runtime" / "say.py").write_text(f"x = 1\n{fault}\n")
    done = python(["-c", LOADS], environment(PYTHONPATH=""), cwd=copy, check=True)
    *told, last = done.stdout.splitlines()
    assert told == (["KeyboardInterrupt"] if "Keyboard" in fault else [])
    assert last == "tombs.errors tombs.runtime False"


def test_it_ends_where_a_package_is_missing(copy: Path) -> None:
    """Out of order it only gains less."""
    program = LOADS.replace('"tombs.runtime", "tombs.runtime.say"', '"tombs.runtime.say"')
    program = program.replace('hasattr(sys.modules["tombs.runtime"], "say")', "")
    done = python(["-c", program], environment(PYTHONPATH=""), cwd=copy, check=True)
    assert done.stdout.split() == ["tombs.errors"]


TRIED = """
import os, sys
sys.path.insert(0, os.getcwd())
compiled = []
sys.addaudithook(lambda event, rest: compiled.append(rest) if event == "compile" else None)
from tombs import ahead
compiled.clear()
names = ("tombs.errors", "tombs.runtime", "tombs.runtime.say")
if sys.argv[1] == "ahead":
    ahead.load(names)
    assert "tombs.runtime.say" in sys.modules or sys.argv[2] == "spoilt"
for name in names:
    try:
        module = __import__(name, fromlist="*")
    except Exception as fault:
        print(type(fault), fault)
    else:
        code = vars(module).get("look", ahead.load).__code__
        print(module.__doc__, module.__spec__.cached, code.co_filename, hasattr(module, "ANEW"))
print(len(compiled))
"""


def tried(directory: Path, what: str = "", **changes: str) -> str:
    """Load modules both ways, without writing anything; gives what is to be seen then."""
    env = environment(PYTHONPATH="", PYTHONDONTWRITEBYTECODE="1", **changes)
    ahead, imported = [
        python(["-c", TRIED, way, what], env, cwd=directory, check=True).stdout
        for way in ("ahead", "import")
    ]
    assert ahead == imported
    return ahead


@pytest.mark.parametrize("mode", ["TIMESTAMP", "CHECKED_HASH", "UNCHECKED_HASH"])
def test_it_runs_what_an_import_runs(copy: Path, mode: str) -> None:
    """Whatever a .pyc is known by: an old one is run where nobody is to look at the source."""
    compiled(copy, mode)
    assert tried(copy).endswith("\n0\n")
    with (copy / "tombs" / "errors.py").open("a") as source:
        source.write("ANEW = True\n")
    assert tried(copy).endswith("\n0\n" if mode == "UNCHECKED_HASH" else "\n1\n")


@pytest.mark.parametrize("changes", [{"PYTHONPYCACHEPREFIX": "there"}, {"PYTHONOPTIMIZE": "2"}])
def test_it_finds_what_an_import_finds(copy: Path, changes: dict[str, str]) -> None:
    """Elsewhere, or without docstrings."""
    compiled(copy)
    assert "there" not in tried(copy)
    assert tried(copy, **changes).endswith("\n3\n")
    compiled(copy, **changes)
    assert tried(copy, **changes).endswith("\n0\n")


def test_paths_are_those_of_today(copy: Path) -> None:
    """A tree that was moved with its .pyc files knows where it lies."""
    compiled(copy)
    copy = copy.rename(copy.with_name("moved"))
    assert f"{copy}/tombs/runtime/say.py" in tried(copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:0],
        lambda data: data[:20],
        lambda data: b"\0\0\0\0" + data[4:],
        lambda data: data[:16] + b"N",
    ],
    ids=["empty", "cut off", "of another Python", "no code"],
)
def test_a_spoilt_pyc_is_what_it_is_to_an_import(
    copy: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """What the system mends is mended; else whoever imports it is told."""
    compiled(copy)
    (path,) = copy.glob("tombs/__pycache__/errors.*.pyc")
    path.write_bytes(spoil(path.read_bytes()))
    tried(copy, "spoilt")


def test_a_changed_source_is_compiled_anew(copy: Path) -> None:
    """Its loader is the standard one: a .pyc of another source isn't run."""
    env = environment(PYTHONPATH="", PYTHONDONTWRITEBYTECODE="")
    show = LOADS + "print(sys.modules['tombs.errors'].__dict__.get('ANEW'))\n"
    path = copy / "tombs" / "errors.py"
    assert python(["-c", show], env, cwd=copy, check=True).stdout.endswith("\nNone\n")
    path.write_text(path.read_text() + "ANEW = 'anew'\n")
    assert python(["-c", show], env, cwd=copy, check=True).stdout.endswith("\nanew\n")
    assert list(path.parent.joinpath("__pycache__").glob("errors.*.pyc"))
