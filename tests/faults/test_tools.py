"""Other people's tools in the same process, those that are installed (the extra `tools`)."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim, need
from tests.support import LAUNCHER, ROOT, environment, python

USES = "import m\nm.called()\nprint('own output')\n"
# posix's, since gevent's own waitpid may hang with what its own fork gives.
FORK = (
    "import posix, os\npid = posix.fork()\n"
    "if not pid:\n    import app; app.called(); os._exit(0)\n"
    "assert posix.waitpid(pid, 0)[1] == 0\n"
)

# What each does before the program, and in it; whether Tombs is started by the program itself.
GREEN = {
    "gevent first": ("gevent", "from gevent import monkey; monkey.patch_all()\n", ""),
    "gevent in use": (
        "gevent",
        "from gevent import monkey; monkey.patch_all()\n",
        (
            "import gevent, time\n"
            "def work(n):\n    time.sleep(0.01); m.called(); return n\n"
            "import m\n"
            "jobs = [gevent.spawn(work, n) for n in range(20)]\n"
            "gevent.joinall(jobs, timeout=10)\nassert [j.value for j in jobs] == list(range(20))\n"
        ),
    ),
    "eventlet first": ("eventlet", "import eventlet; eventlet.monkey_patch()\n", ""),
    "eventlet in use": (
        "eventlet",
        "import eventlet; eventlet.monkey_patch()\n",
        (
            "import time, m\n"
            "pool = eventlet.GreenPool()\n"
            "def work(n):\n    time.sleep(0.01); m.called(); return n\n"
            "assert sorted(pool.imap(work, range(20))) == list(range(20))\n"
        ),
    ),
}


@pytest.fixture(params=ENGINES)
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    """Make a program of two modules, for each engine."""
    made = Victim(tmp_path, request.param)
    made.write("app.py", "def called(): return 1\ndef dead(): return 2\n")
    return made


@pytest.mark.parametrize("order", ["tombs first", "tombs last"])
@pytest.mark.parametrize("how", GREEN)
def test_green_threads(victim: Victim, how: str, order: str) -> None:
    """Patched before Tombs starts or after: no stall, no word, forks work, tombs are right."""
    module, patch, use = GREEN[how]
    need(module)
    start = "import sys, tombs\nassert tombs.start(['m', 'app']).path\n"
    source = (start + patch if order == "tombs first" else patch + start) + use + FORK + USES
    path = os.pathsep.join((environment()["PYTHONPATH"], str(victim.directory)))
    ran = victim.run("import warnings; warnings.simplefilter('ignore')\n" + source, PYTHONPATH=path)
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["app.dead", "m.dead"]


LOOPS = {
    "asyncio in debug mode": ("asyncio", "import asyncio\nasyncio.run(main(), debug=True)\n"),
    "uvloop": ("uvloop", "import uvloop\nuvloop.run(main())\n"),
    "trio": ("trio", "import trio\ntrio.run(main)\n"),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_event_loops(victim: Victim, loop: str) -> None:
    """Coroutines run as ever and no loop warns; one that never ran is a tomb."""
    module, run = LOOPS[loop]
    need(module)
    victim.write(
        "app.py",
        "async def called(): return 1\nasync def dead(): return 2\n"
        "async def numbers():\n    for n in range(3): yield n\n"
        "async def main():\n    assert await called() == 1\n    dead().close()\n"
        "    assert [n async for n in numbers()] == [0, 1, 2]\n    print('own output')\n",
    )
    ran = victim.run("from app import main\n" + run, options=["-Wignore::RuntimeWarning"])
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["app.dead"]


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_under_coverage(victim: Victim, core: str) -> None:
    """Both see what ran; coverage's figures are those without Tombs."""
    need("coverage")
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("there is no sys.monitoring")
    shown = []
    victim.write("program.py", USES)
    for enable in ("0", "1"):
        env = victim.env(TOMBS_ENABLE=enable, COVERAGE_CORE=core)
        words = ["-m", "coverage", "run", "--include=m.py,program.py", "program.py"]
        done = python(words, env, cwd=victim.directory, timeout=30)
        assert (done.returncode, done.stdout) == (0, "own output\n"), done.stderr
        report = victim.env(TOMBS_ENABLE="0")
        words = ["-m", "coverage", "report", "-m"]
        shown.append(python(words, report, cwd=victim.directory).stdout)
    assert shown[0] == shown[1]
    assert "m.py" in shown[1]
    assert victim.tombs() == ["m.dead"]


def test_under_pytests_assertion_rewriting(victim: Victim) -> None:
    """A failing assertion is explained as ever; what the tests called is no tomb."""
    victim.write(
        "test_it.py", "import m\ndef test_it():\n    left = m.called()\n    assert left == 5\n"
    )
    env = victim.env(TOMBS_NAMESPACE="m,test_it")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = python(words, env, cwd=victim.directory, timeout=30)
    assert "assert 1 == 5" in done.stdout
    assert done.returncode == 1
    assert victim.tombs() == ["m.dead"]


HOOKS = {
    "beartype": "from beartype.claw import beartype_package\nbeartype_package('app')\n",
    "typeguard": "from typeguard import install_import_hook\ninstall_import_hook('app')\n",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_import_hooks_that_check_types(victim: Victim, hook: str) -> None:
    """A wrong type is found by the hook, whatever Tombs does to the same module.

    typeguard's puts itself before our finder, which learns of it with the next import.
    """
    need(hook)
    victim.write(
        "app.py",
        "def called(x: int) -> int: return x\ndef wrong(x: int) -> int: return x\n"
        "def dead(x: int) -> int: return x\n",
    )
    ran = victim.run(
        HOOKS[hook] + "import colorsys, app\nassert app.called(3) == 3\n"
        "try: app.wrong('no')\nexcept Exception as fault: print(type(fault).__module__)\n"
    )
    assert len(ran.out) == 1
    assert ran.out[0].startswith(hook)
    assert (ran.told, ran.rest) == ([], "")
    tombs = victim.tombs()
    assert "app.dead" in tombs
    assert "app.called" not in tombs


def test_a_decorator_that_compiles_anew(victim: Victim) -> None:
    """Typeguard's makes a function from its source: that one is called, and has no prologue."""
    need("typeguard")
    victim.write(
        "app.py",
        "from typeguard import typechecked\n@typechecked\ndef called(x: int) -> int: return x\n"
        "@typechecked\nclass Thing:\n    def called(self, x: int) -> int: return x\n"
        "def plain(): return 1\n@typechecked\ndef dead(x: int) -> int: return x\n",
    )
    for _ in range(3):  # the last time with what the cache holds
        victim.clear()
        ran = victim.run("import app, m\nprint(app.called(1), app.Thing().called(2), m.called())\n")
        assert (ran.out, ran.told, ran.rest) == (["1 2 1"], [], "")
        known = victim.engine == "monitoring"
        assert victim.tombs() == ["app.dead", "app.plain"] * known + ["m.dead"]


def test_functions_that_numba_compiles(victim: Victim) -> None:
    """They compile and run as ever; of their module nothing is called dead."""
    need("numba")
    victim.write(
        "app.py",
        "from numba import njit\n@njit\ndef called(x): return x + 1\ndef plain(): return 2\n",
    )
    source = "import app, m\nprint(app.called(3), app.called(4), app.plain())\nm.called()\n"
    for _ in range(2):  # the second time with what the cache holds
        ran = victim.run(source, TOMBS_RUN="app-00000000")
        assert (ran.out, ran.told, ran.rest) == (["4 5 2"], [], "")
    assert victim.tombs() == ["m.dead"]


def test_a_function_that_another_module_hands_to_numba(victim: Victim) -> None:
    """It compiles and runs as ever, and is no tomb; nor what was compiled the last time."""
    need("numba")
    victim.write("m.py", "def called(x): return x + 1\ndef dead(x): return x\n")
    victim.write("app.py", "import m, numba\nfast = numba.njit(m.called)\n")
    source = "import app\nprint(app.fast(3), app.fast(4))\n"
    for cached in (False, True):
        ran = victim.run(source)
        assert (ran.out, ran.told, ran.rest) == (["4 5"], [], "")
        # Which function it was is known under `monitoring`, once those of its module are.
        known = [["m.dead"]] if victim.engine == "monitoring" else [[]]
        assert victim.tombs() in known + [[]] * (not cached)
        victim.clear()


def test_what_torch_compiles(victim: Victim) -> None:
    """One whole graph, as ever; what was inlined into it is no tomb.

    Under `rewrite` the compiler calls the vacate of what it inlines; under `monitoring` nobody
    sees it, so nothing is called dead once something was compiled.
    """
    need("torch")
    victim.write("m.py", "def called(x): return x * 2\ndef dead(x): return x\n")
    victim.write(
        "app.py",
        "import m, torch\n@torch.compile(backend='eager', fullgraph=True)\n"
        "def called(x): return m.called(x) + 1\ndef plain(): return 2\ndef dead(): return 3\n",
    )
    source = (
        "import app, torch\nfor _ in range(3): out = app.called(torch.ones(2)).tolist()\n"
        "print(out, app.plain(), torch._dynamo.utils.counters['stats']['unique_graphs'])\n"
    )
    for _ in range(2):  # the second time with what the cache holds
        ran = victim.run(source, options=["-Wignore"], TOMBS_RUN="app-00000000")
        assert (ran.out, ran.told, ran.rest) == (["[3.0, 3.0] 2 1"], [], "")
        tombs = ["app.dead", "m.dead"] if victim.engine == "rewrite" else []
        assert victim.tombs() == tombs


def test_a_module_that_cython_compiled(victim: Victim) -> None:
    """An extension module is left alone: nothing of it is a tomb, and its caller is watched."""
    need("Cython")
    need("setuptools")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if shutil.which("cc") is None or not header.exists():
        pytest.skip("nothing can be compiled here")
    victim.write("fast.pyx", "def called(): return 1\ndef dead(): return 2\n")
    words = ["-c", "from Cython.Build.Cythonize import main; main()", "-i", "-q", "fast.pyx"]
    python(words, environment(), cwd=victim.directory, check=True)
    source = "import fast, m\nassert fast.called() == m.called()\nprint('own output')\n"
    ran = victim.run(source, TOMBS_NAMESPACE="m,app,fast")
    assert (ran.out, ran.told, ran.rest) == (["own output"], [], "")
    assert victim.tombs() == ["m.dead"]


WEB = "import app\nprint(app.make().test_client().get('/').text)\n"
LAUNCHERS = {
    "ddtrace": "from ddtrace.commands.ddtrace_run import main as run; run()",
    "opentelemetry": ("from opentelemetry.instrumentation.auto_instrumentation import run; run()"),
}
QUIET = {
    "ddtrace": {
        "DD_TRACE_ENABLED": "false",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    },
    "opentelemetry": {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    },
}
SITE = (
    "def make():\n    from flask import Flask\n    made = Flask('app')\n"
    "    made.get('/')(called)\n    made.get('/dead')(dead)\n    return made\n"
    "def called(): return 'own output'\ndef dead(): return 'x'\n"
)


def test_opentelemetry_before_the_launcher(victim: Victim) -> None:
    """Its launcher in front of `tombs-run`: both start, and its sitecustomize, hidden, is run."""
    need("opentelemetry")
    need("opentelemetry.instrumentation")
    need("flask")
    victim.write("app.py", SITE)
    victim.write(
        "program.py", WEB + "import sys\nassert 'opentelemetry.instrumentation' in sys.modules\n"
    )
    env = victim.env(TOMBS_ENABLE="0", PYTHONPATH=f"{ROOT}:{victim.directory}")
    env |= QUIET["opentelemetry"]
    words = ["-c", LAUNCHERS["opentelemetry"], *LAUNCHER, "--", sys.executable, "program.py"]
    done = python(words, env, cwd=victim.directory)
    assert (done.returncode, done.stdout) == (0, "own output\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert "tombs" not in done.stderr
    assert victim.tombs() == ["app.dead"]


def test_ddtrace_behind_the_launcher(victim: Victim) -> None:
    """Behind `tombs-run` too, where ddtrace is loaded first and runs our sitecustomize."""
    need("ddtrace")
    need("flask")
    victim.write("app.py", SITE)
    victim.write("program.py", WEB)
    words = ["-c", LAUNCHERS["ddtrace"], sys.executable, "program.py"]
    done = python(words, victim.env(**QUIET["ddtrace"]), cwd=victim.directory)
    assert (done.returncode, done.stdout) == (0, "own output\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert "tombs" not in done.stderr
    assert victim.tombs() == ["app.dead"]


def test_sentry(victim: Victim) -> None:
    """An error is caught and reported with its frames, and the tombs are right."""
    need("sentry_sdk")
    need("flask")
    victim.write("app.py", SITE.replace("return 'own output'", "return 1 / 0"))
    ran = victim.run(
        "import sentry_sdk\nevents = []\n"
        "sentry_sdk.init('http://a@127.0.0.1:9/1', before_send=lambda e, h: events.append(e))\n"
        "import app\nassert app.make().test_client().get('/').status_code == 500\n"
        "frames = events[0]['exception']['values'][-1]['stacktrace']['frames']\n"
        "print(frames[-1]['function'])\n"
    )
    assert ran.out == ["called"]
    assert ran.told == []
    assert victim.tombs() == ["app.dead"]


CLOCKS = {
    "freezegun": "from freezegun import freeze_time\nwith freeze_time('2001-01-01'):\n",
    "time_machine": "import time_machine\nwith time_machine.travel(978307200, tick=False):\n",
}


@pytest.mark.parametrize("tool", CLOCKS)
def test_a_clock_that_is_frozen(victim: Victim, tool: str) -> None:
    """The program sees its own time; modules and calls within count."""
    need(tool)
    ran = victim.run(
        CLOCKS[tool] + "    import m, datetime\n    m.called()\n"
        "    print(datetime.datetime.now(datetime.UTC).year)\n"
    )
    assert (ran.out, ran.told, ran.rest) == (["2001"], [], "")
    assert victim.tombs() == ["m.dead"]


def test_dask(victim: Victim) -> None:
    """Tasks in other processes of its own count."""
    need("dask")
    need("cloudpickle")
    ran = victim.run(
        "import dask, m\n"
        "if __name__ == '__main__':\n"
        "    jobs = [dask.delayed(m.called)() for _ in range(4)]\n"
        "    print(*dask.compute(*jobs, scheduler='processes', num_workers=2))\n"
    )
    assert (ran.out, ran.told) == (["1 1 1 1"], [])
    assert victim.tombs() == ["m.dead"]


def test_ray(victim: Victim) -> None:
    """Tasks in its workers count, those of functions that came by pickle too."""
    need("ray")
    ran = victim.run(
        "import logging, ray, m\n"
        "if __name__ == '__main__':\n"
        "    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False,\n"
        "             logging_level=logging.ERROR)\n"
        "    work = ray.remote(m.called)\n"
        "    print(ray.get([work.remote() for _ in range(4)]))\n"
        "    ray.shutdown()\n",
        options=["-Wignore"],
        RAY_ENABLE_UV_RUN_RUNTIME_ENV="0",
        RAY_USAGE_STATS_ENABLED="0",
    )
    assert (ran.out, ran.told) == (["[1, 1, 1, 1]"], [])
    assert victim.tombs() == ["m.dead"]
