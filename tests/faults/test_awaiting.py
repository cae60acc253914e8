"""Modules that the cache knows and that await their registration: whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.victim import ENGINES, Victim

if TYPE_CHECKING:
    from pathlib import Path

RUN = "app-00000000"
# Nothing is done in the background from here on.
HOLD = """\
import os, signal, sys
session = sys.modules["tombs.process"].current()
assert session._background.hold()
def awaits():
    return len(session._engine._modules._awaited)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture(params=ENGINES)
def victim(tmp_path: Path, request: pytest.FixtureRequest) -> Victim:
    """Make a program whose modules `m` and `app` are known from an earlier start."""
    victim = Victim(tmp_path, request.param)
    victim.write("app.py", "def called(): pass\ndef dead(): pass\n")
    known(victim, "app, m")
    return victim


def known(victim: Victim, names: str, **env: str) -> None:
    """Have modules known: started once for their .pyc, and once more for what is kept of that."""
    for _ in range(2):
        victim.run(f"import {names}\n", **env)
    victim.clear()


def test_killed_before_anything_of_it_is_called(victim: Victim) -> None:
    """It leaves nothing behind: what isn't there is not called dead."""
    victim.run(f"{HOLD}import app, m\nassert awaits() == 2\n{KILL}", code=-9)
    assert victim.snapshot().functions == 0


def test_killed_as_soon_as_something_of_it_is_called(victim: Victim) -> None:
    """That it is called is written down before the function's first line, by whomever it is had."""
    killed = f"{HOLD}import app, m\nm.called()\nassert awaits() == 2\n{KILL}"
    victim.run(killed, code=-9, TOMBS_RUN=RUN)
    assert victim.snapshot().functions == 0
    assert victim.snapshot().waiting == 1
    victim.run("import app, m\n", TOMBS_RUN=RUN)
    assert victim.tombs() == ["app.called", "app.dead"]


def test_killed_when_what_was_called_early_is_registered(victim: Victim) -> None:
    """Then it is known what that was, and nothing is in doubt."""
    settled = "session.settle()\nassert awaits() == 0\napp.called()\n"
    victim.run(f"{HOLD}import app, m\nm.called()\nm.called()\n{settled}{KILL}", code=-9)
    assert victim.snapshot().waiting == 0
    assert victim.tombs() == ["app.dead", "m.dead"]


def test_what_is_called_early_is_no_tomb_to_who_asks(victim: Victim) -> None:
    """Nor is it in doubt: who asks has it registered first."""
    ask = "print(b''.join(session.lines('function')).split())\nsession._background.let_go()\n"
    ran = victim.run(f"{HOLD}import app, m\nm.called()\napp.dead()\n{ask}")
    assert ran.out == ["[b'app.called', b'm.dead']"]


def test_a_child_of_who_has_called_early(victim: Victim) -> None:
    """It finds all registered and nothing in doubt; its own calls are marked at once."""
    fork = f"if not os.fork():\n    assert awaits() == 0\n    app.called()\n    {KILL}"
    end = "assert os.WIFSIGNALED(os.wait()[1])\nsession._background.let_go()\n"
    victim.run(f"{HOLD}import app, m\nm.called()\nassert awaits() == 2\n{fork}{end}")
    assert victim.snapshot().waiting == 0
    assert victim.tombs() == ["app.dead", "m.dead"]


def test_a_child_that_was_forked_before_anything_could_be_registered(victim: Victim) -> None:
    """What its parent has called stays written down by the parent, whatever the child does."""
    fork = (
        "held = session.settle\n"
        "type(session).settle = lambda *_: 0\n"
        "if not os.fork():\n"
        "    del type(session).settle\n"
        "    assert awaits() == 2\n"
        "    app.called()\n"
        f"    {KILL}"
        "assert os.WIFSIGNALED(os.wait()[1])\n"
        f"{KILL}"
    )
    victim.run(f"{HOLD}import app, m\nm.called()\n{fork}", code=-9, TOMBS_RUN=RUN)
    victim.run("import app, m\n", TOMBS_RUN=RUN)
    assert victim.tombs() == []


def test_killed_beside_a_process_that_has_it(victim: Victim) -> None:
    """What one has called is no tomb of the other's: it is marked at once, and not in doubt."""
    victim.run("import app, m\n", TOMBS_RUN=RUN)
    victim.run(f"{HOLD}import app, m\nm.called()\n{KILL}", code=-9, TOMBS_RUN=RUN)
    assert victim.snapshot().waiting == 0
    assert victim.tombs() == ["app.called", "app.dead", "m.dead"]


def test_who_asks_and_who_ends_finds_it_registered(victim: Victim) -> None:
    """Nobody has to have waited for the background thread."""
    end = "session._background.let_go()\n"
    ran = victim.run(f"{HOLD}import app, m\nprint(*session.lines('function'))\n{end}")
    assert sum(line.count(name) for line in ran.out for name in ("m.called", "app.dead")) == 2
    victim.clear()
    victim.run(f"{HOLD}import app, m\n{end}")
    assert victim.tombs() == ["app.called", "app.dead", "m.called", "m.dead"]


def test_a_child_has_it_registered(victim: Victim) -> None:
    """It is done before the fork, once for all children."""
    fork = "if not os.fork():\n    assert awaits() == 0\n    m.called()\n    os._exit(0)\n"
    end = "assert os.wait()[1] == 0\nsession._background.let_go()\n"
    victim.run(f"{HOLD}import app, m\nassert awaits() == 2\n{fork}{end}")
    assert victim.tombs() == ["app.called", "app.dead", "m.dead"]


CLOSE = "os.closerange(3, os.sysconf('SC_OPEN_MAX'))\n"


def test_all_descriptors_closed_before_it_was_read(victim: Victim) -> None:
    """It is made anew from its .pyc."""
    end = "m.called()\nprint('went on')\nsession._background.let_go()\n"
    ran = victim.run(f"{HOLD}import app, m\nassert awaits() == 2\n{CLOSE}{end}")
    assert (ran.out, ran.told, ran.rest) == (["went on"], [], "")
    assert victim.tombs() == ["app.called", "app.dead", "m.dead"]


@pytest.mark.parametrize("other", ["before", "after", "never"])
def test_nothing_of_it_can_be_read_any_more(victim: Victim, other: str) -> None:
    """Nothing of it is called dead that may be called, by whomever it is had."""
    if other == "before":
        victim.run("import m\n", TOMBS_RUN=RUN)
    close = f"import shutil\nshutil.rmtree('__pycache__')\n{CLOSE}"
    end = "m.called()\nm.called()\nprint('went on')\nsession._background.let_go()\n"
    ran = victim.run(f"{HOLD}import m\nassert awaits() == 1\n{close}{end}", TOMBS_RUN=RUN)
    assert (ran.out, ran.rest) == (["went on"], "")
    if other == "after":
        victim.run("import m\n", TOMBS_RUN=RUN)
    # What is registered already need not be read.
    assert victim.tombs() == (["m.dead"] if other == "before" else [])


def test_a_first_call_at_the_limit_of_recursion(victim: Victim) -> None:
    """Where there is no room to register its module it waits, and is no tomb."""
    count = 30
    for number in range(count):
        victim.write(f"app{number}.py", "def leaf(): return 1\ndef dead(): pass\n")
    names = ", ".join(f"app{number}" for number in range(count))
    spaces = {"TOMBS_NAMESPACE": names.replace(" ", "")}
    known(victim, names, **spaces)
    ran = victim.run(
        f"{HOLD}import {names}\n"
        "sys.setrecursionlimit(300)\n"
        "def dive(depth, leaf):\n"
        "    return leaf() if depth == 0 else dive(depth - 1, leaf)\n"
        "done = 0\n"
        f"for number in range({count}):\n"
        "    for depth in range(299, 200, -1):\n"
        "        try: dive(depth, sys.modules[f'app{number}'].leaf)\n"
        "        except RecursionError: continue\n"
        "        done += 1; break\n"
        "sys.setrecursionlimit(1000)\n"
        "print(done)\nsession._background.let_go()\n",
        **spaces,
    )
    assert (ran.out, ran.told, ran.rest) == ([str(count)], [], "")
    assert victim.tombs() == sorted(f"app{number}.dead" for number in range(count))


def test_a_handler_calls_while_another_module_is_being_registered(victim: Victim) -> None:
    """A thread never waits for a lock that it has itself."""
    ran = victim.run(
        f"{HOLD}import app, m\n"
        "graveyard = session.graveyard\n"
        "append = type(graveyard)._append\n"
        "def interrupted(self, *args):\n"
        "    type(self)._append = append\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    return append(self, *args)\n"
        "signal.signal(signal.SIGUSR1, lambda *_: m.called())\n"
        "type(graveyard)._append = interrupted\n"
        "app.called()\nprint('went on')\nsession._background.let_go()\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["went on"], [], "")
    assert victim.tombs() == ["app.dead", "m.dead"]


# As it is imported it calls into the module before it, and each function says that it was called.
LINK = """\
import os
def called(): os.write(1, b"app{number}.called\\n")
def other(): os.write(1, b"app{number}.other\\n")
def dead(): pass
import app{before}
app{before}.called()
if {number} % 3 == os.getpid() % 3: app{before}.other()
"""


@pytest.mark.parametrize("said", [1, 2, 7, 20, 41, 58])
def test_killed_as_it_imports_beside_another(victim: Victim, said: int) -> None:
    """At whatever call that is: nothing that either of them has called is a tomb."""
    links = 60
    victim.write("app0.py", "def called(): pass\ndef other(): pass\n")
    for number in range(1, links):
        victim.write(f"app{number}.py", LINK.format(number=number, before=number - 1))
    names = ",".join(f"app{number}" for number in range(links))
    known(victim, f"app{links - 1}", TOMBS_NAMESPACE=names)
    program = f"import app{links - 1}, sys\nprint('ends', flush=True)\nsys.stdin.read()\n"
    env = {"TOMBS_NAMESPACE": names, "TOMBS_RUN": RUN}
    with victim.alive(program, **env) as one, victim.alive(program, **env) as other:
        assert one.stdout is not None
        assert other.stdout is not None
        truth = [one.stdout.readline().strip() for _ in range(said)]
        one.kill()
        truth += one.stdout.read().split()
        truth += [line.strip() for line in iter(other.stdout.readline, "ends\n")]
        tombs = victim.tombs()
        assert not set(tombs).intersection(truth)
        ended = other.communicate("")
        assert (other.returncode, ended) == (0, ("", ""))
    tombs = victim.tombs()
    assert not set(tombs).intersection(truth)
    assert victim.snapshot().functions >= 3 * links - 1


def test_nothing_is_loaded_by_the_thread_that_settles(victim: Victim) -> None:
    """A program that goes through `sys.modules` must not find it changing."""
    ran = victim.run(
        f"{HOLD}import app, m\n"
        "m.called()\n"
        "before = set(sys.modules)\n"
        "session.settle()\n"
        "print(sorted(set(sys.modules) - before), awaits())\n"
        "session._background.let_go()\n"
    )
    assert ran.out == ["[] 0"]
