"""The command `tombs doctor`: what it says of programs that are really there."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, environment, python, run
from tombs.address import UNIX_PATH_BYTES
from tombs.checkup.asking import NoAnswerError, ask
from tombs.checkup.program import Program, resolve

OTHER = shutil.which("python3", path="/usr/bin") or ""


class Place:
    """A directory with a program, and what the doctor says there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "app.py").write_text("def called(): pass\nopen('ran', 'w').close()\n")
        self.env = environment(
            TOMBS_DIR=str(directory / "run"),
            TOMBS_CACHE=str(directory / "cache"),
            PATH=os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])),
        )

    def ask(self, *args: str, **env: str) -> tuple[int, dict[str, Any]]:
        """Give the exit code, and what is said, by state."""
        words = ["-m", "tombs.cli.main", "doctor", "--format", "json", *args]
        done = python(words, self.env | env, cwd=self.directory)
        assert done.stderr == ""
        told = json.loads(done.stdout)
        assert done.returncode == (1 if told["problems"] else 0)
        assert not (self.directory / "ran").exists(), "the program was run"
        assert not (self.directory / "run").exists(), "it only looks"
        said: dict[str, Any] = {"ok": "", "note": "", "problem": ""}
        for section in told["sections"]:
            for one in section["findings"]:
                said[one["state"]] += f"{section['title']}: {one['text']}\n"
        return done.returncode, said


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a directory with a program."""
    return Place(tmp_path)


def script(path: Path, first: str) -> str:
    """Write an executable script with this first line."""
    path.write_text(f"{first}\nopen('ran', 'w').close()\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_will_do(place: Place) -> None:
    """Everything is fine; engine, settings and places are named."""
    code, said = place.ask("-n", "app", "python", "app.py")
    assert code == 0, said
    engine = "monitoring" if sys.version_info >= (3, 12) else "rewrite"
    assert f"engine: {engine}: " in said["ok"]
    assert "settings: namespace: app (--namespace)" in said["ok"]
    assert f"run directory: {place.directory}/run (it will be made)" in said["ok"]
    assert "modules: app: the script itself" in said["ok"]


def test_without_a_command_it_looks_at_this_interpreter(place: Place) -> None:
    """This interpreter, these settings; a module of the working directory is found."""
    code, said = place.ask("-n", "app", "--engine", "rewrite")
    assert code == 0, said
    assert f"modules: app: {place.directory}/app.py" in said["ok"]
    assert "engine: rewrite: " in said["ok"]


def test_a_console_script_is_asked_by_its_first_line(place: Place) -> None:
    """What it imports from the working directory is found, and the script is not run."""
    command = script(place.directory / "serve", f"#!{sys.executable} -P")
    code, said = place.ask("-n", "app", "--", command, "app:wsgi")
    assert code == 0, said
    assert f"its first line names {sys.executable}" in said["ok"]
    assert "-P: nothing changes" in said["ok"]
    assert f"modules: app: {place.directory}/app.py" in said["ok"]


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_flags_that_keep_tombs_out(place: Place, flag: str) -> None:
    """Named, and 1."""
    code, said = place.ask("python", flag, "-u", "app.py")
    assert code == 1
    assert f"python: {flag} is given: Tombs is not started" in said["problem"]


def test_programs_that_are_no_python(place: Place) -> None:
    """A binary can't be watched; of a shell script nobody knows."""
    code, said = place.ask("ls")
    assert code == 1
    assert "is no Python" in said["problem"]
    code, said = place.ask(script(place.directory / "entry", "#!/bin/sh"))
    assert code == 0
    assert "is a shell script" in said["note"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#!/usr/bin/env python", [shutil.which("python"), "FILE"]),
        ("#!/usr/bin/env -S A=b python -u", [shutil.which("python"), "-u", "FILE"]),
        ("#!/opt/a b/python3.12", ["/opt/a", "b/python3.12", "FILE"]),
        ("#!/bin/sh\n'''exec' \"/opt/a b/python3\" \"$0\" \"$@\"\n' '''", ["/opt/a b/python3"]),
    ],
)
def test_first_lines(tmp_path: Path, line: str, expected: list[str | None]) -> None:
    """Through env, with options, and too long for the system."""
    file = script(tmp_path / "command", line)
    program = resolve([file], os.environ)
    if expected[0] == "/opt/a":  # the system takes the first word, which is no Python
        assert (program.python, program.kind) == ([], "other")
        return
    assert program.python == [word for word in expected if word != "FILE"]
    assert program.file == file


@pytest.mark.parametrize(
    ("words", "options", "runs"),
    [
        (["-OO", "-Wd", "app.py", "-c"], ["-OO", "-Wd"], "app.py"),
        (["-X", "dev", "-m", "pkg.mod", "-I"], ["-X", "dev"], "-m pkg.mod"),
        (["-um", "pkg"], ["-u"], "-m pkg"),
        (["-Ic", "pass"], ["-I"], "-c pass"),
        (["--check-hash-based-pycs", "never", "-"], ["--check-hash-based-pycs", "never"], "-"),
    ],
)
def test_pythons_own_options_are_kept(words: list[str], options: list[str], runs: str) -> None:
    """They are given to the probe; what would be run isn't."""
    program = resolve(["env", "A=b", sys.executable, *words], os.environ)
    assert program.python == [sys.executable, *options]
    assert program.script == runs
    assert program.changes == {"A": "b"}


def test_another_interpreter(place: Place) -> None:
    """It is asked, and told to be another, or to have no Tombs."""
    done = run([OTHER, "-c", "import sys; print(sys.version_info[:2])"]) if OTHER else None
    if done is None or done.stdout.strip() == str(sys.version_info[:2]):
        pytest.skip("there is no other Python")
    code, said = place.ask(OTHER, "app.py")
    assert code == 1
    assert "another Python" in said["problem"] or "too old" in said["problem"]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """Make an environment whose own .pth files are read before any sitecustomize."""
    made = tmp_path / "venv"
    python(["-m", "venv", "--without-pip", "--symlinks", str(made)], check=True)
    return made


def pth(venv: Path, line: str) -> None:
    """Have a line run at the start of an environment's Python."""
    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "early.pth").write_text(f"{line}\n")


def test_a_free_threaded_build(place: Place, venv: Path) -> None:
    """Such a build, known by its flags, is refused by name."""
    pth(venv, "import sys; sys.abiflags = 't'")
    code, said = place.ask(str(venv / "bin" / "python"), "app.py")
    assert code == 1
    assert "free-threaded build, in which Tombs stays off" in said["problem"]


def test_tombs_is_missing_there(place: Place, venv: Path) -> None:
    """An environment of the same Python, without Tombs in it."""
    pth(venv, "import sys; sys.modules['tombs'] = None")
    code, said = place.ask(str(venv / "bin" / "python"), "app.py")
    assert code == 1
    assert "Tombs can't be imported there" in said["problem"]


def test_modules_that_are_loaded_too_early(place: Place, venv: Path) -> None:
    """By a .pth file: rewrite can't watch them, monitoring can from then on."""
    (place.directory / "early.py").write_text("def called(): pass\n")
    pth(venv, f"import sys; sys.path.append({str(place.directory)!r}); import early")
    words = ["-n", "early", "--engine", "rewrite", str(venv / "bin" / "python"), "app.py"]
    code, said = place.ask(*words)
    assert code == 1
    assert "loaded before Tombs starts, and not watched: early" in said["problem"]
    if sys.version_info >= (3, 12):
        words[3] = "monitoring"
        code, said = place.ask(*words)
        assert code == 0
        assert "loaded before Tombs starts: early" in said["note"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")
def test_identifiers_that_are_taken(place: Place, venv: Path) -> None:
    """Who has them is told, and which engine that leaves."""
    pth(venv, "import sys; [sys.monitoring.use_tool_id(n, 'other') for n in (3, 4, 5)]")
    _, said = place.ask(str(venv / "bin" / "python"), "app.py")
    assert "identifiers taken: 3 by other, 4 by other, 5 by other" in said["note"]
    assert "engine: rewrite: tool identifiers 3, 4, 5 are taken" in said["note"]


def test_no_answer(tmp_path: Path) -> None:
    """An interpreter that says nothing, that fails, or that hangs is killed and named."""
    silent, failing, hanging = (tmp_path / name for name in ("python1", "python2", "python3"))
    script(silent, "#!/bin/sh\nexit 0")
    script(failing, "#!/bin/sh\necho 'no such thing' >&2; exit 3")
    script(hanging, "#!/bin/sh\nexec sleep 600")
    for file, told in ((silent, "ended with 0"), (failing, "no such thing"), (hanging, "within")):
        program = Program([str(file)], [str(file)])
        with pytest.raises(NoAnswerError, match=told):
            ask(program, dict(os.environ), ((), ()), (), patience=0.3 if file == hanging else 20)


def test_faults_of_the_settings_and_strange_variables(place: Place) -> None:
    """Each is told with its place; a weaker place that is overridden too."""
    (place.directory / "pyproject.toml").write_text("[tool.tombs]\nslots = 0\nstrings = '1M'\n")
    code, said = place.ask(TOMBS_NAMESPACES="app", TOMBS_STRINGS="2M")
    assert code == 1
    assert f"{place.directory}/pyproject.toml: tool.tombs.slots: '0'" in said["problem"]
    assert "TOMBS_NAMESPACES is set, and no variable of Tombs" in said["note"]
    (place.directory / "pyproject.toml").write_text("[tool.tombs]\nstrings = '1M'\n")
    code, said = place.ask(TOMBS_STRINGS="2M")
    assert code == 0
    assert "tool.tombs.strings is overridden by TOMBS_STRINGS" in said["note"]
    assert "strings: 2097152 (TOMBS_STRINGS)" in said["ok"]


def test_windows_of_confidence(place: Place) -> None:
    """Those that fit nothing are noted, and faulty ones are a problem."""
    project = place.directory / "pyproject.toml"
    project.write_text('[tool.tombs.windows]\n"app.**" = "400d"\n"other.**" = "7d"\n')
    code, said = place.ask("-n", "app", "python", "app.py")
    assert code == 0
    assert "windows of confidence: app.**: 400d" in said["ok"]
    assert "windows of confidence: other.** fits no name within app" in said["note"]
    project.write_text('[tool.tombs.windows]\n"app.**" = "long"\n')
    code, said = place.ask("-n", "app", "python", "app.py")
    assert code == 1
    assert "'long'" in said["problem"]


def test_a_hidden_sitecustomize_is_named_and_not_run(place: Place) -> None:
    """The program's own: it will be run, but not now."""
    (place.directory / "sitecustomize.py").write_text(
        "import sys\nif 'doctor' not in sys.orig_argv: open('ran', 'w').close()\n"
    )
    path = os.pathsep.join((ROOT, str(place.directory)))
    code, said = place.ask("python", "app.py", PYTHONPATH=path)
    assert code == 0
    assert f"{place.directory}/sitecustomize.py is hidden by Tombs' own" in said["note"]


def test_a_command_that_sets_pythonpath_anew(place: Place) -> None:
    """Then Tombs isn't found."""
    code, said = place.ask("env", "PYTHONPATH=.", "python", "app.py")
    assert code == 1
    assert "the command sets PYTHONPATH anew" in said["problem"]


def test_modules(place: Place) -> None:
    """A package is counted; compiled modules and names without a module are told."""
    package = place.directory / "shop"
    package.mkdir()
    for name in ("__init__.py", "books.py", f"fast{sysconfig.get_config_var('EXT_SUFFIX')}"):
        (package / name).touch()
    code, said = place.ask("-n", "shop,nothing.here,sys", "-n", "fast")
    assert code == 1
    assert f"shop: 2 modules in {package}" in said["ok"]
    assert "extension modules can't be watched: shop.fast" in said["note"]
    assert "nothing.here: no module of this name" in said["problem"]
    assert "sys: its loader has no code to give" in said["problem"]


def test_places(place: Path, tmp_path: Path) -> None:
    """Too long for a socket, taken, or in nobody's power: each by its reason."""
    deep = str(tmp_path / ("d" * UNIX_PATH_BYTES))
    assert isinstance(place, Place)
    code, said = place.ask("--dir", deep)
    assert (code, "the socket would be off" in said["problem"]) == (1, True)
    code, said = place.ask("--dir", "/proc/tombs")
    assert (code, "run directory: /proc/tombs" in said["problem"]) == (1, True)
    (tmp_path / "file").touch()
    code, said = place.ask("--socket", "file")
    assert (code, "isn't a socket" in said["problem"]) == (1, True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        code, said = place.ask("--socket", "s")
    assert (code, "somebody listens there" in said["problem"]) == (1, True)
    code, said = place.ask("--socket", "s")  # left by somebody who is gone
    assert code == 0


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("", 0o600, "is empty"),
        ("0123456789abcdef0123", 0o644, "others"),
        (None, 0, "can't be read"),
    ],
)
def test_a_token_file_that_is_no_good(
    place: Place, tmp_path: Path, text: str | None, mode: int, told: str
) -> None:
    """Missing, empty, or open to others: the socket would be off; a good one is named."""
    token = tmp_path / "token"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--socket", f"tcp://127.0.0.1:{port}", "--token-file", str(token)]
    if text is not None:
        token.write_text(text)
        token.chmod(mode)
    code, said = place.ask(*words)
    assert code == 1
    assert "the socket would be off" in said["problem"]
    assert told in said["problem"]
    token.write_text("0123456789abcdef0123\n")
    token.chmod(0o600)
    assert f"token file: {token}" in place.ask(*words)[1]["ok"]


def test_what_is_kept_has_a_lasting_place(place: Place, tmp_path: Path) -> None:
    """The state directory comes first, and what is wrong with it is said."""
    del place.env["TOMBS_DIR"]
    said = place.ask("--keep", XDG_STATE_HOME=str(tmp_path / "state"))[1]
    assert f"run directory: {tmp_path}/state/tombs (it will be made)" in said["ok"]
    (tmp_path / "state").touch()
    said = place.ask("--keep", XDG_STATE_HOME=str(tmp_path / "state"))[1]
    assert f"not used as run directory: {tmp_path}/state/tombs" in said["note"]


def test_limits(place: Place) -> None:
    """A graveyard must fit into what a file may have."""
    words = [sys.executable, "-m", "tombs.cli.main", "doctor"]
    limited = ["sh", "-c", 'ulimit -f 100; ulimit -n 60; exec "$@"', "sh", *words]
    done = run(limited, place.env, cwd=place.directory)
    assert done.returncode == 1
    assert "RLIMIT_FSIZE" in done.stdout
    assert "RLIMIT_NOFILE" in done.stdout


def test_tools_that_are_set_up(place: Place) -> None:
    """By variable, by command, by hook."""
    code, said = place.ask("python", "app.py", DD_SERVICE="shop", SENTRY_DSN="x")
    assert code == 0
    assert "ddtrace: set up by DD_SERVICE" in said["note"]
    assert "Sentry: set up by SENTRY_DSN" in said["note"]


def test_what_is_shown_does_nothing_to_a_terminal(place: Place) -> None:
    """Control characters are escaped, and lines fit."""
    (place.directory / "e\x1b[31m.py").touch()
    words = ["-m", "tombs.cli.main", "doctor", "--socket", "a\x1b[2Jb/c", "python", "e\x1b[31m.py"]
    done = python(words, place.env, cwd=place.directory)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "e\\x1b[31m.py" in done.stdout


def test_usage() -> None:
    """No such command, no such option: 2."""
    for args in (["no-such-command"], ["--slotz", "1"], ["/"]):
        assert python(["-m", "tombs.cli.main", "doctor", *args]).returncode == 2


def test_the_probe_parses_in_old_pythons() -> None:
    """Its syntax is that of the oldest Python that may be asked."""
    import ast

    from tombs.checkup.asking import PROBE

    ast.parse(Path(PROBE).read_text("utf-8"), feature_version=(3, 7))


def test_it_agrees_with_what_a_start_does(place: Place) -> None:
    """Where it says that nothing is in the way, `tombs-run` watches."""
    assert place.ask("-n", "app", "python", "app.py")[0] == 0
    words = [sys.executable, "-m", "tombs.cli.run", "-n", "app", "--", "python", "app.py"]
    subprocess.run(words, env=place.env, cwd=place.directory, check=True, timeout=60)
    assert list((place.directory / "run").glob("*.graveyard"))
