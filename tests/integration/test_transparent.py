"""A program run with and without Tombs: the same output, errors, exit code and signals."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests import support_runs
from tests.support_runs import PYTHON, Finished


def _cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cases", support_runs.PROGRAMS / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _cases()
PACKAGE = {
    "pkg/__init__.py": "",
    "pkg/__main__.py": CASES.SHOW,
    "pkg/mod.py": CASES.SHOW,
    "pkg/fails.py": CASES.CHAIN,
}
KINDS = {
    "app.py": CASES.IMPORT_KINDS,
    "spread/part.py": "def where(): return 'namespace package'\n",
    "circular_a.py": "import circular_b\ndef a(): return circular_b.b()\n",
    "circular_b.py": "import circular_a\ndef b(): return hasattr(circular_a, 'a')\n",
    "package/__init__.py": "def public(): return 1\ndef _private(): return 2\n",
    "package/sub.py": "def x(): return 'x'\n",
    "package/data.txt": "data",
}


class Case(NamedTuple):
    """One command, the files it needs, and what it gets on its standard input."""

    words: tuple[str, ...]
    files: dict[str, str]
    given: bytes = b""
    env: dict[str, str] | None = None


TABLE = {
    "script": Case((PYTHON, "app.py", "-x", "a b"), {"app.py": CASES.SHOW}),
    "script in a directory": Case((PYTHON, "down/app.py"), {"down/app.py": CASES.SHOW}),
    "script without .py": Case((PYTHON, "./app"), {"app": CASES.SHOW}),
    "script with flags": Case(
        (PYTHON, "-X", "dev", "-W", "error", "-bb", "-u", "app.py"), {"app.py": CASES.SHOW}
    ),
    "safe path": Case((PYTHON, "-P", "app.py"), {"app.py": CASES.SHOW}),
    "optimized": Case((PYTHON, "-OO", "app.py"), {"app.py": CASES.SHOW}),
    "isolated": Case((PYTHON, "-I", "app.py"), {"app.py": CASES.SHOW}),
    "without site": Case((PYTHON, "-S", "app.py"), {"app.py": CASES.SHOW}),
    "-m package": Case((PYTHON, "-m", "pkg", "arg"), PACKAGE),
    "-m module": Case((PYTHON, "-m", "pkg.mod", "arg"), PACKAGE),
    "-m failing": Case((PYTHON, "-m", "pkg.fails"), PACKAGE),
    "-m missing": Case((PYTHON, "-m", "pkg.missing"), PACKAGE),
    "-c": Case((PYTHON, "-c", CASES.SHOW, "arg"), {}),
    "-c failing": Case((PYTHON, "-c", CASES.CHAIN), {}),
    "stdin": Case((PYTHON,), {}, CASES.SHOW.encode()),
    "stdin, dash": Case((PYTHON, "-", "arg"), {}, CASES.CHAIN.encode()),
    "directory": Case((PYTHON, "pkg"), {"pkg/__main__.py": CASES.SHOW}),
    "directory without main": Case((PYTHON, "pkg"), {"pkg/none.py": ""}),
    "no such script": Case((PYTHON, "missing.py"), {}),
    "unhandled in script": Case((PYTHON, "app.py"), {"app.py": CASES.CHAIN}),
    "unhandled in module": Case(
        (PYTHON, "app.py"), {"app.py": CASES.DEEPER, "helper.py": CASES.HELPER}
    ),
    "unhandled at import": Case(
        (PYTHON, "app.py"), {"app.py": CASES.IMPORTS, "broken.py": "def f(): g()\nf()\n"}
    ),
    "syntax error in script": Case((PYTHON, "app.py"), {"app.py": "def f(:\n"}),
    "syntax error in module": Case(
        (PYTHON, "app.py"), {"app.py": CASES.IMPORTS, "broken.py": "x = 1\ndef f(:\n"}
    ),
    "bad encoding in module": Case(
        (PYTHON, "app.py"), {"app.py": CASES.IMPORTS, "broken.py": "# coding: none-such\n"}
    ),
    "no such module": Case((PYTHON, "app.py"), {"app.py": CASES.IMPORTS}),
    "sys.exit": Case((PYTHON, "app.py"), {"app.py": CASES.ENDS}),
    "sys.exit with text": Case((PYTHON, "-c", "import sys; sys.exit('sorry')"), {}),
    "os._exit": Case((PYTHON, "app.py"), {"app.py": CASES.EXITS}),
    "abort": Case((PYTHON, "-c", "import os; os.abort()"), {}),
    "dispositions": Case((PYTHON, "app.py"), {"app.py": CASES.DISPOSITIONS}),
    "pickles, spawn": Case((PYTHON, "app.py", "spawn"), {"app.py": CASES.PICKLES}),
    "pickles, fork": Case((PYTHON, "app.py", "fork"), {"app.py": CASES.PICKLES}),
    "kinds of import": Case((PYTHON, "app.py"), KINDS),
    "warnings are errors": Case(
        (PYTHON, "-W", "error", "-X", "dev", "app.py", "fork"), {"app.py": CASES.PICKLES}
    ),
    "json.tool": Case((PYTHON, "-m", "json.tool"), {}, b'{"b": [1, 2], "a": null}'),
    "json.tool fails": Case((PYTHON, "-m", "json.tool"), {}, b"{"),
    "pygmentize": Case(("pygmentize", "-f", "html", "app.py"), {"app.py": CASES.SHOW}),
    "pygmentize fails": Case(("pygmentize", "-l", "none-such"), {}),
    "django-admin": Case(("django-admin", "--version"), {}),
    "django-admin fails": Case(("django-admin", "none-such"), {}),
    "unittest": Case((PYTHON, "-m", "unittest", "-q", "pkg.mod"), PACKAGE),
    "another program": Case(("sh", "-c", "cat; echo done; exit 5"), {}, b"given"),
    "no such command": Case((PYTHON, "-c", "import subprocess; subprocess.run(['none-such'])"), {}),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose path is the same for runs that are compared."""
    return tmp_path_factory.mktemp("transparent")


PLAIN: dict[tuple[object, ...], Finished] = {}


def _plain(key: tuple[object, ...], run: Callable[[], Finished]) -> Finished:
    # It is the same for each engine, and takes its time.
    if key not in PLAIN:
        PLAIN[key] = run()
    return PLAIN[key]


@pytest.mark.parametrize("name", TABLE)
def test_same_output_and_exit_code(name: str, engine: str, rundir: Path, place: Path) -> None:
    """Standard output, standard error and exit code are as without Tombs."""
    case = TABLE[name]
    plain = _plain((name,), lambda: _in_fresh_files(case, place, case.words))
    command = support_runs.under_tombs(engine, rundir, case.words)
    watched = _in_fresh_files(case, place, command)
    assert _comparable(watched) == _comparable(plain)


def _in_fresh_files(case: Case, place: Path, words: tuple[str, ...] | list[str]) -> Finished:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    support_runs.write(place, case.files)
    with zipfile.ZipFile(place / "archive.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "")
        archive.writestr("zipped/inside.py", "def where():\n    return __name__\n")
    return support_runs.run(words, place, given=case.given, env=case.env)


def _comparable(finished: Finished) -> tuple[int, str, list[str]]:
    # How long its tests took unittest says to the millisecond.
    err = re.sub(r"(Ran 0 tests in) \d+\.\d{3}s", r"\1 0.000s", finished.own_err)
    return finished.code, finished.out, err.splitlines()


def test_zipapp(engine: str, rundir: Path, tmp_path: Path) -> None:
    """A zip archive with a __main__ runs as without Tombs."""
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("__main__.py", CASES.SHOW + "import helper\nhelper.fails(1)\n")
        stream.writestr("helper.py", CASES.HELPER)
    words = [PYTHON, "app.pyz", "arg"]
    plain = support_runs.run(words, tmp_path)
    assert plain.code == 1
    watched = support_runs.run(support_runs.under_tombs(engine, rundir, words), tmp_path)
    assert _comparable(watched) == _comparable(plain)


WAYS = ["default", "handler", "exit", "raise", "sigwait", "timedwait", "wakeup", "ignore"]
SIGNALS = [
    *((way, number) for way in ("default", "sigwait") for number in ("SIGHUP", "SIGUSR1")),
    *((way, number) for way in WAYS for number in ("SIGTERM", "SIGINT")),
]


@pytest.mark.parametrize(("what", "number"), SIGNALS)
def test_signals(what: str, number: str, engine: str, rundir: Path, place: Path) -> None:
    """A signal to the process has the effect that it has without Tombs."""
    case = Case((PYTHON, "app.py", what, number), {"app.py": CASES.SIGNALS})
    plain = _plain((what, number), lambda: _in_fresh_files(case, place, case.words))
    command = support_runs.under_tombs(engine, rundir, case.words)
    assert _comparable(_in_fresh_files(case, place, command)) == _comparable(plain)


def test_terminated_from_outside(engine: str, rundir: Path, tmp_path: Path) -> None:
    """SIGTERM from another process ends the command, whose process is that of tombs-run."""
    support_runs.write(tmp_path, {"app.py": CASES.WAITS})
    command = support_runs.under_tombs(engine, rundir, [PYTHON, "app.py"])
    finished = support_runs.run_until_ready(command, tmp_path, _terminate)
    assert finished == Finished(-signal.SIGTERM, "ready\n", "")


def _terminate(child: subprocess.Popen[bytes]) -> None:
    os.kill(child.pid, signal.SIGTERM)


def _ignored_and_blocked() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})


@pytest.mark.parametrize("before", [None, _ignored_and_blocked], ids=["defaults", "nohup"])
def test_dispositions_are_handed_over(
    before: Callable[[], None] | None, rundir: Path, tmp_path: Path
) -> None:
    """The command gets the signals ignored and blocked that tombs-run found so, and no others."""
    words = ["grep", "^Sig[BI]", "/proc/self/status"]
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here to read a process's signals from")
    plain = support_runs.run(words, tmp_path, before=before)
    command = support_runs.under_tombs("auto", rundir, words)
    assert support_runs.run(command, tmp_path, before=before) == plain


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2), (1,), (2,)], ids=str)
def test_closed_standard_streams(
    closed: tuple[int, ...], engine: str, rundir: Path, tmp_path: Path
) -> None:
    """With standard streams closed, no file of ours takes their place."""
    source = (
        "import os\n"
        "def shown(n):\n"
        "    try: return os.readlink(f'/proc/self/fd/{n}') and 'open'\n"
        "    except OSError: return 'closed'\n"
        "with open('result', 'w') as stream:\n"
        "    print([shown(n) for n in range(3)], stream.fileno(), file=stream)\n"
    )
    support_runs.write(tmp_path, {"app.py": source})
    words = [PYTHON, "app.py"]
    result = tmp_path / "result"

    def close() -> None:
        for number in closed:
            os.close(number)

    plain = support_runs.run(words, tmp_path, before=close)
    told = result.read_text()
    result.unlink()
    command = support_runs.under_tombs(engine, rundir, words)
    watched = support_runs.run(command, tmp_path, before=close)
    assert result.read_text() == told
    assert _comparable(watched) == _comparable(plain)


def test_exception_of_a_handler_inside_a_vacate(engine: str, rundir: Path, tmp_path: Path) -> None:
    """An exception that a signal handler raises in the middle of a vacate reaches the program."""
    count = 8000
    functions = "".join(f"def f{n}(): called.append({n})\n" for n in range(count))
    every = ", ".join(f"f{n}" for n in range(count))
    source = f"COUNT = {count}\ncalled = []\n{functions}ALL = [{every}]\n"
    support_runs.write(tmp_path, {"app.py": CASES.INTERRUPTED, "functions.py": source})
    dump = tmp_path / "tombs"
    words = [sys.executable, "app.py"]
    options = ["--dump", str(dump)]
    command = support_runs.under_tombs(engine, rundir, words, options=options)
    finished = support_runs.run(command, tmp_path)
    assert (finished.code, finished.own_err) == (0, "lost 0 True\n")
    tombs = set(support_runs.names(support_runs.dumped(dump)))
    called = {f"functions.f{n}" for n in finished.out.split()}
    assert not tombs & called
    assert len(called) > count // 2
