"""The launcher: what it refuses, and what the command finds that it became."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import LAUNCHER, environment, run, tombs_run
from tombs import identity
from tombs.cli.environment import BOOTSTRAP, application

if TYPE_CHECKING:
    from pathlib import Path

# Tells what a process was given. -S and -E: what is looked at is the launcher's work alone.
PROBE = """
import json, os, signal, sys
def kept(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "pid": os.getpid(), "ppid": os.getppid(), "argv": sys.argv, "cwd": os.getcwd(),
    "environ": dict(os.environ), "open": [fd for fd in range(64) if kept(fd)],
    "ignored": int(status["SigIgn"], 16), "blocked": int(status["SigBlk"], 16),
}), file=sys.stderr)
"""
PYTHON = (sys.executable, "-S", "-E", "-c", PROBE)
linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


def probe(words: list[str] | tuple[str, ...], env: dict[str, str], **options: object) -> dict:  # type: ignore[type-arg]
    """Start words and give what the probe at their end tells."""
    child = subprocess.run(  # type: ignore[call-overload]
        words, env=env, stderr=subprocess.PIPE, timeout=60, check=True, **options
    )
    return json.loads(child.stderr.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Give an environment with a run directory of its own."""
    return environment(TOMBS_DIR=str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "no command given"),
        (["-n", "app"], "no command given"),
        (["-n", "app", "--"], "no command given"),
        (["no-such-command"], "command not found: no-such-command: it is not on PATH"),
        (["./no/such"], "command not found: ./no/such: there is no such file"),
        (["/"], "/ is a directory"),
        (["/dev/null"], "/dev/null can't be executed"),
        (["--slotz", "1", "true"], "--slots"),
        (["--dump", "61", "true"], "descriptor 61 is not open"),
        (["--dump", "/no/where", "true"], "there is no directory /no"),
        (["--dump", "/", "true"], "/ is a directory"),
        (["--dir", "/dev/null", "true"], "/dev/null"),
    ],
)
def test_what_cannot_work_is_said_and_ends_with_2(
    args: list[str], told: str, env: dict[str, str]
) -> None:
    """A faulty call ends with 2, names the thing, and shows no traceback."""
    done = tombs_run(args, env)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_file_that_is_no_program_is_said(tmp_path: Path, env: dict[str, str]) -> None:
    """What the system refuses to execute is an error of ours, not a traceback."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF and nothing more")
    program.chmod(0o755)
    done = tombs_run([program], env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"tombs-run: {program} can't be started: ")


def test_faults_of_all_places_are_told_before_anything_starts(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Flags, variables and keys are judged together, and the command isn't started."""
    (tmp_path / "pyproject.toml").write_text("[tool.tombs]\nnamespaces = 'a'\nslots = 0\n")
    words = ["--format", "xml", "-n", "a-b", "touch", "started"]
    done = tombs_run(words, {**env, "TOMBS_ENGINE": "magic"}, cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("tombs-run: ") for line in lines)
    for told in ("did you mean namespace?", "tool.tombs.slots: '0'", "TOMBS_ENGINE: 'magic'"):
        assert told in done.stderr
    assert "--format: 'xml'" in done.stderr
    assert "--namespace: 'a-b'" in done.stderr
    assert not (tmp_path / "started").exists()


def test_the_exit_code_is_the_commands(env: dict[str, str]) -> None:
    """A command's exit code, its output and its input pass through."""
    done = tombs_run(["sh", "-c", "cat; echo err >&2; exit 3"], env, stdin="in")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in", "err\n")


@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_the_commands_own_options_are_left_alone(env: dict[str, str], dashes: list[str]) -> None:
    """Everything behind the command is the command's, with and without the two dashes."""
    done = tombs_run([*dashes, "echo", "--slots", "0", "--", "-n", ""], env)
    assert done.stdout == "--slots 0 -- -n \n"


def test_a_signal_that_ends_the_command_ends_the_launcher(env: dict[str, str]) -> None:
    """To the caller the command's death by a signal is this process's death by it."""
    assert tombs_run(["sh", "-c", "kill -TERM $$"], env).returncode == -signal.SIGTERM


@linux
def test_the_command_is_the_same_process(tmp_path: Path, env: dict[str, str]) -> None:
    """The process id, the parent, the directory and the words are those of a direct start."""
    with subprocess.Popen(
        [*LAUNCHER, *PYTHON, "a b"], env=env, stderr=subprocess.PIPE, cwd=tmp_path
    ) as child:
        _, stderr = child.communicate(timeout=60)
    told = json.loads(stderr)
    assert told["pid"] == child.pid
    assert told["ppid"] == os.getpid()
    assert told["argv"] == ["-c", "a b"]
    assert told["cwd"] == str(tmp_path)
    assert told["environ"]["TOMBS_PID"] == str(child.pid)


@linux
@pytest.mark.parametrize("closed", ["", "0<&-", "1>&-", "0<&- 1>&-"])
def test_descriptors_are_those_of_a_direct_start(env: dict[str, str], closed: str) -> None:
    """What the caller left open is open, what it closed is closed, standard streams included."""
    read, write = os.pipe()
    script = f'exec {closed} "$@"'
    try:
        plain = probe(["sh", "-c", script, "sh", *PYTHON], env, pass_fds=[write])
        told = probe(["sh", "-c", script, "sh", *LAUNCHER, *PYTHON], env, pass_fds=[write])
    finally:
        os.close(read)
        os.close(write)
    assert told["open"] == plain["open"]
    assert write in told["open"]


@linux
@pytest.mark.parametrize("ignored", [[], [signal.SIGINT], [signal.SIGHUP, signal.SIGUSR1]])
def test_signals_are_those_of_a_direct_start(
    env: dict[str, str], ignored: list[signal.Signals]
) -> None:
    """Ignored and blocked signals are handed on; those that Python's start ignores are not."""

    def prepare() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])

    # A shell in between shows what was handed on: a Python would ignore SIGPIPE by itself.
    shell = ["sh", "-c", "grep Sig.*: /proc/self/status >&2"]
    found = []
    for words in (shell, [*LAUNCHER, *shell]):
        child = subprocess.run(
            words, env=env, stderr=subprocess.PIPE, check=True, timeout=60, preexec_fn=prepare
        )
        lines = child.stderr.decode().splitlines()
        found.append([line for line in lines if line.startswith(("SigIgn", "SigBlk"))])
    assert len(found[0]) == 2
    assert found[0] == found[1]


@linux
def test_the_environment_is_the_callers_and_what_is_documented(env: dict[str, str]) -> None:
    """Nothing is added but what Tombs needs; in the C locale neither."""
    del env["PYTHONPATH"]
    for name in [name for name in env if name.startswith(("LC_", "LANG"))]:
        del env[name]
    env["TOMBS_ENABLE"] = "0"
    given = {**env, "TOMBS_NAMESPACE": "lib", "TOMBS_FORMAT": "", "PYTHONPATH": os.getcwd()}
    done = run([*LAUNCHER, "-n", "app", "-n", "core", "--", "env", "-0"], given, check=True)
    told = dict(item.split("=", 1) for item in done.stdout.split("\0") if item)
    added = {name: value for name, value in told.items() if given.get(name) != value}
    assert not [name for name in given if name not in told and name != "TOMBS_FORMAT"]
    assert added.pop("TOMBS_RUN").startswith("app-")
    assert added.pop("TOMBS_PID").isdigit()
    assert added == {
        "PYTHONPATH": f"{BOOTSTRAP}:{os.getcwd()}",
        "TOMBS_COMMAND": "env -0",
        "TOMBS_ENABLE": "1",
        "TOMBS_NAMESPACE": "app,core",
        "TOMBS_PYTHON": identity.interpreter(),
    }


def test_the_bootstrap_stands_first_and_once(env: dict[str, str]) -> None:
    """A launcher under a launcher doesn't add to PYTHONPATH what is there already."""
    done = tombs_run([*LAUNCHER, "printenv", "PYTHONPATH"], env)
    assert done.stdout.strip().split(":") == [BOOTSTRAP, env["PYTHONPATH"]]


def test_relative_paths_start_where_the_launcher_was_called(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Paths in flags and variables start here, those of pyproject.toml where it stands."""
    inner = tmp_path / "src"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.tombs]\ndump = 'out.json'\n")
    env |= {"TOMBS_DIR": "run"}
    done = tombs_run(["--socket", "a.sock", "env"], env, cwd=inner, check=True)
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert told["TOMBS_DUMP"] == str(tmp_path / "out.json")
    assert told["TOMBS_DIR"] == str(inner / "run")
    assert told["TOMBS_SOCKET"] == f"unix://{inner / 'a.sock'}"


def test_a_dump_descriptor_must_be_open_for_writing(env: dict[str, str]) -> None:
    """An open descriptor is taken, one that can only be read is refused."""
    read, write = os.pipe()
    try:
        for fd, code in ((write, 0), (read, 2)):
            words = [*LAUNCHER, "--dump", str(fd), "true"]
            child = subprocess.run(words, env=env, pass_fds=[fd], timeout=60, check=False)
            assert child.returncode == code
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("namespace", "words", "name"),
    [
        ("app.web", "python x.py", "app.web"),
        ("*", "gunicorn -w 4 x:app", "gunicorn"),
        ("*,app", "python x.py", "app"),
        ("", "/usr/bin/gunicorn x:app", "gunicorn"),
        ("", "python srv/manage.py runserver", "manage"),
        ("", "/opt/bin/python3.11 -X dev -W error -u app/", "app"),
        ("", "python -Xdev -Wonce::Cat -bB x.py", "x"),
        ("", "python --check-hash-based-pycs always x.py", "x"),
        ("", "python -Im http.server", "http.server"),
        ("", "python -mhttp.server 80", "http.server"),
        ("", "python -c pass x.py", "python"),
        ("", "python -uc pass x.py", "python"),
        ("", "python", "python"),
    ],
)
def test_an_application_has_a_name(namespace: str, words: str, name: str) -> None:
    """The first namespace names the application, or else the program that is run."""
    assert application([one for one in namespace.split(",") if one], words.split()) == name
