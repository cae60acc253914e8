"""The tests of Tombs for PHP, each as a test here with the same meaning.

001 to 004 end with the tombs written to standard output (a dump to descriptor 1), 005 to 007 ask
over TCP: the program itself connects and prints what it is sent.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support_runs

ASK = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as asked:
    while sent := asked.recv(65536):
        sys.stdout.write(sent.decode())
"""


@pytest.fixture
def rundir() -> Iterator[Path]:
    """A run directory of its own."""
    with support_runs.short_directory() as directory:
        yield directory


@pytest.fixture(params=support_runs.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def dumped(engine: str, rundir: Path, place: Path, source: str) -> list[Any]:
    """The tombs that a script leaves on its standard output, without a socket."""
    support_runs.write(place, {"app.py": source})
    python = [sys.executable, "app.py"]
    options = ["--socket", "0", "--dump", "1"]
    command = support_runs.under_tombs(engine, rundir, python, options=options)
    finished = support_runs.run(command, place)
    assert (finished.code, finished.err) == (0, "")
    return [json.loads(line) for line in finished.out.splitlines()]


def asked(engine: str, rundir: Path, place: Path, source: str, *options: str) -> str:
    """What a script prints that connects to its own Tombs over TCP; the port is the last option."""
    number = options[-1]
    support_runs.write(place, {"app.py": source + ASK})
    python = [sys.executable, "app.py", number]
    chosen = ["--socket", f"tcp://127.0.0.1:{number}", *options[:-1]]
    command = support_runs.under_tombs(engine, rundir, python, options=chosen)
    finished = support_runs.run(command, place)
    assert (finished.code, finished.own_err) == (0, "")
    return finished.out


def where(place: Path, start: int, end: int) -> dict[str, object]:
    """The location of a function of the script."""
    return {"file": str(place / "app.py"), "start": start, "end": end}


def test_001_a_function_is_a_tomb(engine: str, rundir: Path, tmp_path: Path) -> None:
    """A function that isn't called is one line with its file, its lines and its name."""
    tombs = dumped(engine, rundir, tmp_path, "\ndef test(): pass\n")
    assert tombs == [{"location": where(tmp_path, 2, 2), "function": "__main__.test"}]


def test_002_a_method_is_a_tomb(engine: str, rundir: Path, tmp_path: Path) -> None:
    """A method that isn't called also tells its class."""
    tombs = dumped(engine, rundir, tmp_path, "\nclass Foo:\n    def bar(self): pass\n")
    location = where(tmp_path, 3, 3)
    assert tombs == [{"location": location, "scope": "__main__.Foo", "function": "bar"}]


def test_003_a_called_function_is_none(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Of two functions the one that is called is not a tomb."""
    source = "\ndef test(): pass\ndef test2(): pass\n\ntest2()\n"
    tombs = dumped(engine, rundir, tmp_path, source)
    assert tombs == [{"location": where(tmp_path, 2, 2), "function": "__main__.test"}]


def test_004_a_called_method_is_none(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Of two methods the one that is called is not a tomb."""
    source = "\nclass Foo:\n    def bar(self): pass\n    def qux(self): pass\n\nFoo().qux()\n"
    tombs = dumped(engine, rundir, tmp_path, source)
    location = where(tmp_path, 3, 3)
    assert tombs == [{"location": location, "scope": "__main__.Foo", "function": "bar"}]


def test_005_an_unknown_format_is_refused(
    engine: str, rundir: Path, tmp_path: Path, port: int
) -> None:
    """Nothing is started with a format that there isn't; the operator is told, with the choices."""
    support_runs.write(tmp_path, {"app.py": "print('started')\n"})
    options = ["--socket", f"tcp://127.0.0.1:{port}", "--format", "qwerty"]
    python = [sys.executable, "app.py"]
    command = support_runs.under_tombs(engine, rundir, python, options=options)
    finished = support_runs.run(command, tmp_path)
    assert finished.code == 2
    assert finished.out == ""
    assert all(word in finished.err for word in ("format", "qwerty", "json", "function"))


def test_006_format_function_is_names(engine: str, rundir: Path, tmp_path: Path, port: int) -> None:
    """With format `function` a tomb is its class and name alone."""
    source = "class Foo:\n    def bar(self): pass\n    def qux(self): pass\n\nFoo().qux()\n"
    sent = asked(engine, rundir, tmp_path, source, "--format", "function", str(port))
    assert sent == "__main__.Foo::bar\n"


def test_007_a_name_with_a_prefix_is_valid_json(
    engine: str, rundir: Path, tmp_path: Path, port: int
) -> None:
    """A function in a package carries its full name, and each line is valid JSON."""
    inner = "\n\ndef test(): pass\ndef tëst2(): pass\n"
    files = {"a/__init__.py": "", "a/b/__init__.py": "", "a/b/c.py": inner}
    support_runs.write(tmp_path, files)
    sent = asked(engine, rundir, tmp_path, "import a.b.c\n", "--namespace", "a", str(port))
    tombs = [json.loads(line) for line in sent.splitlines()]
    assert [tomb["function"] for tomb in tombs] == ["a.b.c.test", "a.b.c.tëst2"]
    assert tombs[0]["location"] == {"file": str(tmp_path / "a/b/c.py"), "start": 3, "end": 3}
    assert "scope" not in tombs[0]


def test_fork_the_childs_end_loses_nothing(engine: str, rundir: Path, tmp_path: Path) -> None:
    """A child that ends (there: with skip_fork_shutdown) takes nothing from the graveyard."""
    source = (
        "import os\nif child := os.fork():\n    os.waitpid(child, 0)\n    def foo(): pass\n"
        "    def bar(): pass\nelse:\n    def bar(): pass\n"
    )
    tombs = dumped(engine, rundir, tmp_path, source)
    assert [(tomb["function"], tomb["location"]["start"]) for tomb in tombs] == [
        ("__main__.foo", 4),
        ("__main__.bar", 5),
        ("__main__.bar", 7),
    ]
