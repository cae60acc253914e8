"""The monitoring engine: it sees every first entry, and is in nobody's way."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support_session import Program
from tombs.loader import monitoring
from tombs.loader.namespace import Namespace

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a place for a program."""
    return Program(tmp_path)


@pytest.mark.parametrize(
    ("taken", "engine"), [((), "4"), ((4,), "3"), ((4, 3), "5"), ((3, 4, 5), "None")]
)
def test_a_free_tool_identifier_is_taken(
    program: Program, taken: tuple[int, ...], engine: str
) -> None:
    """One without a name; where none is free the rewrite engine takes over, and says so."""
    ran = program.run(
        "import sys, tombs\n"
        f"for tool in {taken!r}: sys.monitoring.use_tool_id(tool, 'other')\n"
        "with tombs.start(['m']):\n"
        "    import m; m.called()\n"
        "    named = [sys.monitoring.get_tool(tool) for tool in range(6)]\n"
        "    print(named.index('tombs') if 'tombs' in named else None, named[:3])\n"
        "print([sys.monitoring.get_tool(tool) for tool in range(6)].count('tombs'))\n",
        TOMBS_ENGINE="monitoring",
    )
    assert ran.out == [f"{engine} [None, None, None]", "0"]
    assert len(ran.told) == (engine == "None")
    assert program.tombs() == ["m.dead"]


@pytest.mark.parametrize("epochs", [False, True])
def test_stopped_it_leaves_nothing_behind_in_code(
    epochs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same identifiers, what was called before and never since is seen ten times over."""
    namespace = {"__name__": __name__, "__file__": __file__}
    exec(compile("def called(): pass\ndef seldom(): pass\n", __file__, "exec"), namespace)
    called, seldom = namespace["called"], namespace["seldom"]
    monkeypatch.setattr(monitoring, "TOOLS", (4, 3) if epochs else (4,))
    pauses: list[None] = []
    for number in range(10):
        seen: list[str] = []
        engine = monitoring.Monitoring(
            SimpleNamespace(),  # type: ignore[arg-type]
            Namespace((), ()),
            lambda: None,
            lambda: pauses.append(None),
        )
        monkeypatch.setattr(engine, "_enter", lambda code, _, seen=seen: seen.append(code.co_name))
        engine._files[__file__] = [object()]  # type: ignore[list-item]
        assert engine.start()
        try:
            assert engine.remember(lambda _: None) == epochs
            called()
            if epochs:
                engine.rearm(called.__code__)
                called()
            if number in (0, 9):
                seldom()
        finally:
            engine.stop()
        assert seen.count("called") == 1 + epochs
        assert seen.count("seldom") == (number in (0, 9))
        assert not any(sys.monitoring.get_local_events(tool, called.__code__) for tool in (3, 4))


def test_another_tool_sees_what_it_would_see(program: Program) -> None:
    """What we switch off for ourselves stays on for a coverage tool or a profiler."""
    ran = program.run(
        "import sys, tombs\n"
        "seen = []\n"
        "events = sys.monitoring.events\n"
        "sys.monitoring.use_tool_id(2, 'profiler')\n"
        "def start(code, _): seen.append(code.co_name)\n"
        "sys.monitoring.register_callback(2, events.PY_START, start)\n"
        "tombs.start(['m'])\n"
        "import m\n"
        "sys.monitoring.set_events(2, events.PY_START)\n"
        "for _ in range(3): m.called()\n"
        "sys.monitoring.set_events(2, 0)\n"
        "print(seen.count('called'))\n"
    )
    assert ran.out == ["3"]
    assert program.tombs() == ["m.dead"]


SHAPES = {
    "a generator that was only made": (
        "def g(): yield\ndef dead(): pass\n",
        "m.g()",
        ["dead", "g"],
    ),
    "a generator that ran": ("def g(): yield\ndef dead(): pass\n", "list(m.g())", ["dead"]),
    "a coroutine that was only made": ("async def c(): pass\n", "m.c().close()", ["c"]),
    "a copy of the code": (
        "import types\n@types.coroutine\ndef c(): yield\ndef dead(): pass\n",
        "list(m.c())",
        ["dead"],
    ),
    "twins on one line": ("f, g = (lambda: 1), (lambda: 2)\n", "m.f()", ["<lambda>"]),
    "called by C code only": ("def key(x): return -x\n", "sorted([1, 2], key=m.key)", []),
    "at the limit of recursion": (
        """\
def deep(n):
    try: return deep(n + 1)
    except RecursionError: return last()
def last():
    return 1
""",
        "m.deep(0)",
        [],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_entry_is_seen(program: Program, shape: str) -> None:
    """A body that began to run was called; one that only was made was not."""
    source, call, left = SHAPES[shape]
    program.write("m.py", source)
    program.run(f"import tombs; tombs.start(['m'])\nimport m\n{call}\n")
    assert program.tombs() == [f"m.{name}" for name in left]


WAYS = {
    "run by its path": "import runpy; runpy.run_path('m.py', run_name='m2')['called']()",
    "compiled by hand": (
        "import types\n"
        "module = types.ModuleType('m'); sys.modules['m'] = module\n"
        "module.__file__ = os.path.abspath('m.py')\n"
        "with open(module.__file__) as file: source = file.read()\n"
        "exec(compile(source, module.__file__, 'exec'), module.__dict__)\n"
        "module.called()"
    ),
    "by a loader that can't be wrapped": (
        "import importlib.machinery\n"
        "class Loader(importlib.machinery.SourceFileLoader):\n"
        "    def __setattr__(self, name, value):\n"
        "        if name == 'get_code': raise AttributeError(name)\n"
        "        super().__setattr__(name, value)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        spec = importlib.machinery.PathFinder.find_spec(name, path, target)\n"
        "        if name == 'm': spec.loader = Loader(name, spec.origin)\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import m; m.called()"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_module_that_no_finder_saw_is_watched(program: Program, way: str) -> None:
    """Its body is code that starts, too: it is met there."""
    program.run(f"import os, sys, tombs; tombs.start(['m', 'm2'])\n{WAYS[way]}\n")
    tombs = program.tombs()
    assert "m.called" not in tombs
    assert tombs in (["m.dead"], ["m2.dead"], [])
    if way != "run by its path":
        assert tombs == ["m.dead"]


def test_a_module_that_we_fail_on_runs_and_is_noted(program: Program) -> None:
    """The others go on being watched."""
    program.write("odd.py", "def f(): return 1\n")
    ran = program.run(
        "import tombs, tombs.session\n"
        "from tombs.loader import describe\n"
        "plain = describe.image_in_steps\n"
        "def fail(name, *rest):\n"
        "    if name == 'odd': raise KeyError('a bug')\n"
        "    return plain(name, *rest)\n"
        "fail.__code__ = fail.__code__.replace(co_filename=tombs.session.__file__)\n"
        "describe.image_in_steps = fail\n"
        "tombs.start(['m', 'odd'])\n"
        "import odd, m\n"
        "print(odd.f(), m.called())\n"
    )
    assert ran.out == ["1 1"]
    assert ran.rest == ""
    assert program.tombs() == ["m.dead"]
    (note,) = program.snapshot().notes()
    assert note["module"] == "odd"
    assert note["reason"] == "Tombs failed: KeyError: 'a bug'"


def test_what_is_inlined_is_unknown(program: Program) -> None:
    """From the first torch.compile on a function may be called that never starts."""
    (program.directory / "torch").mkdir()
    program.write("torch/__init__.py", "")
    program.write("torch/_dynamo.py", "")
    for name in ("before", "after"):
        program.write(f"{name}.py", "def called(): return 1\ndef inlined(): return 2\n")
    source = "import before, torch\nbefore.called()\n{}import after\nafter.called()\nprint('x')\n"
    start = "import tombs\ntombs.start(['before', 'after'])\n"
    compiles = "import torch._dynamo\n"
    plain, within = start + source.format(""), start + source.format(compiles)
    dead = ["after.inlined", "before.inlined"]
    # Each but the first finds its modules in the cache.
    for run, (text, tombs) in enumerate(((plain, dead), (within, []), (compiles + plain, []))):
        program.dir = f"{program.directory}/run{run}"
        ran = program.run(text, TOMBS_ENGINE="monitoring")
        assert (ran.out, ran.told, program.tombs()) == (["x"], [], tombs)


# Each of many functions is called once, and something that is called once interrupts.
INTERRUPTED = """\
import gc, signal, tombs
tombs.start(['m'])
import m
class Turn:
    def __call__(self, *_):
        getattr(m, f"handle{len(m.handled)}")()
        if len(m.handled) < 1000: signal.setitimer(signal.ITIMER_REAL, 3e-5)
signal.signal(signal.SIGALRM, Turn())
"""
INTERRUPTS = {
    "a finalizer that the collector calls": (
        "gc.set_threshold(1, 1, 1)",
        "gone",
        "Last{}::__del__",
    ),
    "a signal's handler": ("signal.setitimer(signal.ITIMER_REAL, 3e-5)", "handled", "handle{}"),
}


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_what_interrupts_the_callback_is_seen(program: Program, interrupt: str) -> None:
    """Python reports nothing while a callback runs; what runs within by chance counts all the same.

    Most of what is due is due where a function is called for the first time.
    """
    count = 2000
    source = "handled, gone = [], []\n" + "".join(
        f"def f{n}(*_): pass\n"
        f"def handle{n}(): handled.append({n})\n"
        f"class Last{n}:\n"
        "    def __init__(self): self.own = self\n"
        f"    def __del__(self): gone.append({n})\n"
        for n in range(count)
    )
    calls = "".join(f"    Last{n}(); f{n}([{{}}], [{{}}])\n" for n in range(count))
    program.write("m.py", f"{source}def work():\n{calls}")
    start, done, name = INTERRUPTS[interrupt]
    # The handler sets the alarm anew; one that came when Python has ended would end the process.
    end = "signal.signal(signal.SIGALRM, lambda *_: None)\n"
    end += f"signal.setitimer(signal.ITIMER_REAL, 0)\nprint(*m.{done})\n"
    ran = program.run(f"{INTERRUPTED}{start}\nm.work()\n{end}")
    called = {f"m.{name.format(n)}" for n in ran.out[0].split()}
    assert len(called) > 5
    assert not called & set(program.tombs())
