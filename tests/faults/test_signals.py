"""Signals are the program's: what its handlers raise arrives, whatever Tombs is at."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim, many

PARTS = 40
PART = "".join(f"def called{n}():\n    return {n}\n" for n in range(20)) + "def dead(): return 1\n"

# Handlers raise at random moments while modules are imported, first called, and registered. Python
# itself loses what is raised in a callback of a weak reference; importlib has some, for its locks.
STORM = """\
import importlib, random, signal, sys, time
session = sys.modules["tombs.process"].current()
class Alarm(Exception): pass
raised = caught = lost = 0
def handler(number, frame):
    global raised
    raised += 1
    raise Alarm
def unraisable(what):
    global lost
    step = what.exc_traceback
    while step.tb_next.tb_next: step = step.tb_next
    lost += "importlib" in step.tb_frame.f_code.co_filename
sys.unraisablehook = unraisable
signal.signal(signal.SIGALRM, handler)
called = set()
end = time.monotonic() + {seconds}
number = 0
def work(name, before):
    signal.setitimer(signal.ITIMER_REAL, random.random() ** 3 * 0.02 + 0.00001)
    sys.modules.pop(name, None)
    module = importlib.import_module(name)
    for index in range(20):
        getattr(module, f"called{{index}}")()
        called.add((name, index))
    session.settle()
    while raised == before: pass
while time.monotonic() < end or not called:  # a machine that pauses leaves no time for any
    number += 1
    try:
        work(f"app.p{{number % {parts}}}", raised)
    except Alarm:
        caught += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(raised > 0, raised - caught - lost, len(called) > 0)
session.settle()
tombs = set(b"".join(session.lines("function")).decode().split())
print(*sorted(f"{{name}}.called{{index}}" for name, index in called
      if f"{{name}}.called{{index}}" in tombs))
pending = {{bytes(place).partition(b"\\0")[0].decode()
           for place in session.graveyard._index.awaited()}}
missing = {{name for name, _ in called if f"{{name}}.dead" not in tombs}}
print(*missing - pending, len(missing) < 5)
"""


def application(directory: Path, engine: str) -> Victim:
    """Make an application of many parts."""
    victim = Victim(directory, engine)
    (directory / "app").mkdir()
    victim.write("app/__init__.py", "")
    for number in range(PARTS):
        victim.write(f"app/p{number}.py", PART)
    return victim


@pytest.mark.parametrize("engine", ENGINES)
def test_exceptions_of_handlers_at_random_moments(tmp_path: Path, engine: str) -> None:
    """Every one reaches the program, and what was called is no tomb.

    A module that was lost between two lines stays pending, and so unknown.
    """
    victim = application(tmp_path, engine)
    ran = victim.run(STORM.format(seconds=many(2), parts=PARTS))
    assert ran.out == ["True 0 True", "", "True"]
    assert (ran.told, ran.rest) == ([], "")


@pytest.mark.parametrize("engine", ENGINES)
def test_keyboard_interrupts_at_random_moments(tmp_path: Path, engine: str) -> None:
    """The handler that Python itself has: KeyboardInterrupt is no Exception, and passes as well."""
    victim = application(tmp_path, engine)
    source = STORM.format(seconds=many(1), parts=PARTS)
    source = source.replace("class Alarm(Exception): pass", "Alarm = KeyboardInterrupt")
    source = source.replace("    raise Alarm", "    signal.default_int_handler(number, frame)")
    ran = victim.run(source)
    assert ran.out == ["True 0 True", "", "True"]
    assert (ran.told, ran.rest) == ([], "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("how", ["handled", "default", "exits"])
def test_ends_by_a_signal(tmp_path: Path, number: signal.Signals, how: str) -> None:
    """The program's end is its own: code, output, and whether the run ended in order."""
    victim = Victim(tmp_path)
    handler = {
        "handled": "lambda *_: got.append(print('got it'))",
        "default": "signal.SIG_DFL",
        "exits": "lambda *_: sys.exit(5)",
    }[how]
    source = (
        "import signal, sys, m, time\ngot = []\n"
        f"signal.signal({int(number)}, {handler})\nm.called()\n"
        "print('ready', flush=True)\nwhile not got: time.sleep(0.01)\nprint('on')\n"
    )
    with victim.alive(source) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    code = {"handled": 0, "default": -int(number), "exits": 5}[how]
    assert (child.returncode, err) == (code, "")
    assert out == ("got it\non\n" if how == "handled" else "")
    if how != "default":
        assert victim.tombs() == ["m.dead"]


def test_faulthandler_speaks(tmp_path: Path) -> None:
    """A crash of the program's is told and ends it as ever; what was written can be read."""
    victim = Victim(tmp_path)
    source = (
        "import faulthandler, os, signal, sys, m\nm.called()\n"
        "sys.modules['tombs.process'].current()._last_words()\n"
        "faulthandler._sigsegv()\n"
    )
    ran = victim.run(source, code=-signal.SIGSEGV, options=["-Xfaulthandler"])
    assert "Segmentation fault" in ran.rest
    assert "program.py" in ran.rest
    assert victim.tombs() == ["m.dead"]


def test_suspended_and_continued(tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT, as a shell's job control sends them."""
    victim = Victim(tmp_path)
    source = "import m; m.called()\nprint('ready', flush=True)\nprint(input())\n"
    with victim.alive(source) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGSTOP)
        child.send_signal(signal.SIGCONT)
        out, err = child.communicate("on\n", timeout=20)
        assert (child.returncode, out, err) == (0, "on\n", "")
    assert victim.tombs() == ["m.dead"]
