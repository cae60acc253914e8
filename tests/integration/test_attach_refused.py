"""A process that can't be attached to at this moment, or never: told why, and left as it was."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import support_runs
from tests.integration.test_attach import NUDGE, ROOT, TOMBS, say, started, tombs
from tests.support_runs import PYTHON
from tombs.cli import target

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="attaching came with Python 3.14"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the program."""
    return support_runs.write(tmp_path, {"app.py": NUDGE})


def test_a_process_that_waits_is_left_as_it_was(place: Path, rundir: Path) -> None:
    """In time withdrawn, the order is not obeyed later; and nothing of it is left."""
    (place / "app.py").write_text(
        "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "for _ in range(100000): len('x')\n"
        "print('tombs' in sys.modules, flush=True)\nsys.stdin.readline()\n"
    )
    temporary = place / "temporary"
    temporary.mkdir()
    with started(place) as child:
        support_runs.read_line(child)
        words = ["attach", str(child.pid), "--dir", str(rundir), "--timeout", "0.3"]
        done = tombs(*words, env={"TMPDIR": str(temporary)})
        assert done.code == 2
        assert "ran no Python in its main thread for 0.3 s" in done.err
        assert "Try again when it is busy" in done.err
        assert say(child, "") == "False\n"
        assert not list(temporary.iterdir())
        assert child.communicate(b"\n", timeout=support_runs.DEADLINE) == (b"", b"")


SLEEPER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def asleep(child: subprocess.Popen[bytes]) -> bool:
    """Whether it waits for something."""
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_a_signal_after_a_withdrawn_order_is_the_programs_own(place: Path, rundir: Path) -> None:
    """What its handler raises arrives, as if nobody had ever asked for anything."""
    (place / "app.py").write_text(SLEEPER)
    with started(place) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid), "--dir", str(rundir), "--timeout", "0.3")
        assert "ran no Python in its main thread" in done.err
        child.send_signal(signal.SIGINT)
        assert support_runs.read_line(child) == "interrupted\n"
        child.kill()
        assert child.communicate(timeout=support_runs.DEADLINE) == (b"", b"")


def lost_signal(child: subprocess.Popen[bytes], rundir: Path) -> tuple[int, bytes]:
    """Have a process lose a signal's exception to an order; gives how the command ended."""
    support_runs.read_line(child)
    words = ["attach", str(child.pid), "--dir", str(rundir), "--timeout", "3"]
    with support_runs.started([*TOMBS, *words], Path("/"), env={"PYTHONPATH": ROOT}) as command:
        told = [child.stdout, child.stderr]
        while told == [child.stdout, child.stderr]:  # until one is lost, they arrive
            support_runs.wait_for(lambda: asleep(child) or None, "the program to sleep")
            child.send_signal(signal.SIGINT)
            found = select.select(told, [], [], support_runs.DEADLINE)[0]
            assert found
            if child.stdout in found:
                assert support_runs.read_line(child) == "interrupted\n"
            else:
                told = found
        _, fault = command.communicate(timeout=support_runs.DEADLINE)
    return command.returncode, fault


def test_a_signal_that_python_has_lost_is_told(place: Path, rundir: Path) -> None:
    """It comes while an order waits, which no one can help: then it is at least known."""
    (place / "app.py").write_text(SLEEPER)
    for _ in range(10):
        with started(place) as child:
            code, fault = lost_signal(child, rundir)
            if code == 0:  # it came a moment later, when the order had been obeyed
                continue
            assert code == 2
            assert b"or a signal came at that very moment" in fault
            assert b"send it once more" in fault
            child.send_signal(signal.SIGINT)
            assert support_runs.read_line(child) == "interrupted\n"
            return
    pytest.fail("ten orders were obeyed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_leaves_no_order(number: int, place: Path, rundir: Path) -> None:
    """It is withdrawn, and not obeyed when the process runs Python again."""
    (place / "app.py").write_text(SLEEPER)
    temporary = place / "temporary"
    temporary.mkdir()
    with started(place) as child:
        support_runs.read_line(child)
        words = ["attach", str(child.pid), "--dir", str(rundir), "--timeout", "300"]
        env = {"PYTHONPATH": ROOT, "TMPDIR": str(temporary)}
        with support_runs.started([*TOMBS, *words], Path("/"), env=env) as command:
            wanted = "tombs-attach-*/wanted"
            support_runs.wait_for(lambda: next(temporary.glob(wanted), None), "the order")
            command.send_signal(number)
            assert command.wait(support_runs.DEADLINE) == 128 + number
        assert not list(temporary.iterdir())
        child.send_signal(signal.SIGINT)
        assert support_runs.read_line(child) == "interrupted\n"


def test_a_library_that_lets_no_thread_run_is_told(place: Path, rundir: Path) -> None:
    """Long arithmetic runs an order, as it looks for signals, and nothing that the order begins."""
    (place / "app.py").write_text("print('ready', flush=True)\npow(3, 10**9)\n")
    with started(place) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid), "--dir", str(rundir), "--timeout", "0.3")
        assert done.code == 2
        assert "lets no other thread run" in done.err
        assert child.poll() is None


def test_a_stopped_process_is_told(place: Path) -> None:
    """A process that somebody has stopped runs no Python."""
    with started(place) as child:
        support_runs.read_line(child)
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        done = tombs("attach", str(child.pid), "--timeout", "0.2")
        child.send_signal(signal.SIGCONT)
        assert "it is stopped" in done.err


@pytest.mark.parametrize("way", ["variable", "option"])
def test_disabled_remote_debugging_is_told(way: str, place: Path) -> None:
    """However the program was made unreachable."""
    words = ["-X", "disable-remote-debug"] if way == "option" else []
    env = {"PYTHON_DISABLE_REMOTE_DEBUG": "1"} if way == "variable" else {}
    with started(place, *words, env=env) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid))
        assert done.code == 2
        assert "remote debugging is disabled" in done.err
        assert say(child, "1").startswith("did")


def test_what_is_no_python_process_is_told() -> None:
    """No process, another program, nonsense."""
    with support_runs.started(["sleep", "60"], Path("/")) as child:
        done = tombs("attach", str(child.pid))
        assert (done.code, "runs no Python" in done.err) == (2, True)
    done = tombs("attach", str(child.pid))  # it has ended, and was waited for
    assert (done.code, f"there is no process {child.pid}" in done.err) == (2, True)
    assert tombs("attach", "0").code == 2


UNPRIVILEGED = """
import os, sys
import compileall, tempfile, shutil, signal, subprocess, struct, encodings.idna
from tombs.cli import attach, detach, remote, main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main.main(["attach", sys.argv[1], "--dir", sys.argv[2]]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_another_users_process_is_told(place: Path, tmp_path: Path) -> None:
    """Who may not reach into a process is told what to do."""
    with started(place) as child, support_runs.short_directory() as own:
        support_runs.read_line(child)
        os.chown(own, 65534, 65534)
        done = support_runs.run(
            [PYTHON, "-c", UNPRIVILEGED, str(child.pid), str(own)],
            Path("/"),
            env={"PYTHONPATH": ROOT},
        )
        assert done.code == 2
        assert f"process {child.pid} belongs to another user" in done.err
        assert "as root" in done.err


DROPS = """
import os, sys, mmap, fcntl, select, struct, ctypes, _socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
def busy(): pass
print("ready", flush=True)
while True: busy(); select.select([], [], [], 0.01)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reaches into another user's process")
def test_root_attaches_to_another_users_process(place: Path) -> None:
    """What can't be done in the target is told, and the target runs on."""
    (place / "app.py").write_text(DROPS)
    with started(place) as child:
        support_runs.read_line(child)
        done = tombs("attach", str(child.pid))
        readable = os.stat("/root").st_mode & 0o001 or not ROOT.startswith("/root")
        assert done.code in ({0, 2} if readable else {2})
        assert "Traceback" not in done.err
        assert child.poll() is None


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give up a capability"
)
def test_a_missing_capability_is_told(place: Path, rundir: Path) -> None:
    """Root of a container lacks it, most often."""
    with started(place) as child:
        support_runs.read_line(child)
        less = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
        done = support_runs.run(
            [*less, *TOMBS, "attach", str(child.pid), "--dir", str(rundir)],
            Path("/"),
            env={"PYTHONPATH": ROOT},
        )
        assert done.code == 2
        assert f"reach into process {child.pid}: it lacks CAP_SYS_PTRACE" in done.err


def test_the_setting_of_the_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever isn't root reads which one it is, and how it is changed."""
    own = target.Target(os.getpid())
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    for scope, told in (("1", "kernel.yama.ptrace_scope is 1"), ("0", "reach into process")):
        (tmp_path / "scope").write_text(f"{scope}\n")
        monkeypatch.setattr(target, "_YAMA", str(tmp_path / "scope"))
        fault = own.no_rights()
        assert told in fault.message
        assert ("ptrace_scope" in fault.help) == (scope == "1")
