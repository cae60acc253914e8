"""Code that other code makes from ours: right, or not watched; never an error in the program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests import support_runs
from tests.support_runs import PROGRAMS, PYTHON

# What must be a tomb: its code was never entered, whatever was made of its source or its name.
NEVER = {"ours.never", "ours.by_swapped_code_receiver"}
# Entered as a copy made from source: whether that counts is nobody's promise.
EITHER = {"ours.by_nothing_but_its_source", "ours.plain"}
# Entered where there is not even a builtin: by those of them, another program.
BARE = {"ours.by_no_builtins", "ours.by_null_builtins", "ours.by_eval"}
# Entered as a copy whose constants a tool changed, the index of the rewrite engine among them.
CHANGED = {"ours.by_constants", "ours.by_many_constants", "ours.by_minus_constants"}


def test_code_made_from_code(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Copies of code objects give the same results, and what ran in a copy is not called dead."""
    for program in ("other_code.py", "ours.py"):
        shutil.copy(PROGRAMS / program, tmp_path)
    words = [PYTHON, "other_code.py"]
    plain = support_runs.run(words, tmp_path)
    assert plain.code == 0
    dump = tmp_path / "tombs"
    command = support_runs.under_tombs(
        engine, rundir, words, namespace=["ours"], options=["--dump", str(dump)]
    )
    watched = support_runs.run(command, tmp_path)
    assert watched == plain
    tombs = set(support_runs.names(support_runs.dumped(dump)))
    allowed = EITHER | (CHANGED if engine == "rewrite" else set())
    assert tombs - allowed == NEVER | BARE


def test_code_run_without_builtins(
    engine: str, rundir: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Code that runs under globals without any builtin finds nothing to call."""
    if engine == "rewrite":
        reason = "a prologue has to find the vacate by some name, and here there are none"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    for program in ("other_code.py", "ours.py"):
        shutil.copy(PROGRAMS / program, tmp_path)
    words = [PYTHON, "other_code.py", "bare"]
    plain = support_runs.run(words, tmp_path)
    command = support_runs.under_tombs(engine, rundir, words, namespace=["ours"])
    assert support_runs.run(command, tmp_path) == plain


SENDS = """
import cloudpickle
import ours_too
cloudpickle.register_pickle_by_value(ours_too)
def local(x): return ours_too.called_there(x) + 1
class Thing:
    def method(self, x): return local(x)
data = cloudpickle.dumps([local, Thing(), ours_too.called_there, lambda x: x * 2])
with open("pickled", "wb") as stream: stream.write(data)
"""
OURS = "def called_there(x): return nested()(x)\ndef nested(): return lambda x: x + 1\n"
RECEIVES = """
import cloudpickle
with open("pickled", "rb") as stream: local, thing, there, double = cloudpickle.load(stream)
print(local(1), thing.method(2), there(3), double(4))
"""


@pytest.mark.parametrize("receiver", ["plain", "watched"])
def test_cloudpickle_to_another_process(
    receiver: str, engine: str, rundir: Path, tmp_path: Path
) -> None:
    """Functions pickled by value under Tombs run in a process that has no Tombs, or another run."""
    support_runs.write(tmp_path, {"send.py": SENDS, "ours_too.py": OURS, "receive.py": RECEIVES})
    send = support_runs.under_tombs(engine, rundir, [PYTHON, "send.py"])
    assert support_runs.run(send, tmp_path) == support_runs.Finished(0, "", "")
    receive = [PYTHON, "receive.py"]
    if receiver == "watched":
        receive = support_runs.under_tombs(engine, rundir, receive)
    assert support_runs.run(receive, tmp_path).own_err == ""
    assert support_runs.run(receive, tmp_path).out == "3 4 4 8\n"


CALLS = """
import subprocess, sys
import cloudpickle
import ours_too
cloudpickle.register_pickle_by_value(ours_too)
data = cloudpickle.dumps(ours_too.called_there)
if sys.argv[1] == "here":
    import call
    call.call(data, sys.argv[2])
else:
    subprocess.run([sys.executable, "call.py", sys.argv[2]], input=data, check=True)
"""
CALL = """
import pickle, sys
from types import CodeType, FunctionType
def moved(code, file):
    consts = [moved(one, file) if isinstance(one, CodeType) else one for one in code.co_consts]
    return code.replace(co_filename=file, co_consts=tuple(consts))
def call(data, file):
    there = pickle.loads(data)
    names = there.__globals__
    for one in [there, names["nested"]]:
        names[one.__name__] = FunctionType(moved(one.__code__, file), names)
    assert names["called_there"](3) == 4
if __name__ == "__main__":
    call(sys.stdin.buffer.read(), sys.argv[1])
"""


@pytest.mark.parametrize("where", ["here", "in a child"])
@pytest.mark.parametrize("path", ["kept", "taken"])
def test_what_cloudpickle_brings_counts(
    where: str, path: str, engine: str, rundir: Path, tmp_path: Path
) -> None:
    """In the run that has the module no tomb is left, whether the pickled code has its path or not.

    cloudpickle 3.1.3 takes it away, earlier ones keep it; both are made here of whatever there is.
    """
    ours = f"{OURS}def never(): pass\n"
    support_runs.write(tmp_path, {"send.py": CALLS, "call.py": CALL, "ours_too.py": ours})
    file = str(tmp_path / "ours_too.py") if path == "kept" else "<dynamic-code>"
    dump = tmp_path / "tombs"
    options = ["--dump", str(dump)]
    words = [PYTHON, "send.py", where, file]
    command = support_runs.under_tombs(
        engine, rundir, words, namespace=["ours_too"], options=options
    )
    assert support_runs.run(command, tmp_path) == support_runs.Finished(0, "", "")
    assert support_runs.names(support_runs.dumped(dump)) == ["ours_too.never"]


TESTS = """
import pytest
from checked import Checked, used
@pytest.fixture
def checked():
    yield Checked()
def test_used(checked):
    assert used(checked.value) == 2
    assert [n for n in (1, 2) if n == 2] == [2]
class TestClass:
    @pytest.mark.parametrize("n", [1, 2])
    def test_method(self, n):
        assert used(n) > n
def test_fails():
    assert used(1) == 3
def helper_never():
    return 1
"""
CHECKED = """
class Checked:
    value = 1
    def never(self): return 1
def used(n): return n + 1
def never(): return 1
"""


def test_under_pytest(engine: str, rundir: Path, tmp_path: Path) -> None:
    """Modules that pytest loads with its own import hook behave, fail and count as they should."""
    support_runs.write(tmp_path, {"test_it.py": TESTS, "checked.py": CHECKED})
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--no-header"]
    words += ["-c", "/dev/null", "--rootdir", ".", "test_it.py"]
    plain = support_runs.run(words, tmp_path)
    dump = tmp_path / "tombs"
    namespace = ["test_it", "checked"]
    command = support_runs.under_tombs(
        engine, rundir, words, namespace=namespace, options=["--dump", str(dump)]
    )
    watched = support_runs.run(command, tmp_path)
    assert watched.code == plain.code == 1
    assert _untimed(watched.out) == _untimed(plain.out)
    assert watched.err == plain.err
    tombs = support_runs.names(support_runs.dumped(dump))
    # Pytest compiles and runs the test modules itself, which only monitoring sees.
    seen = ["test_it.helper_never"] if engine == "monitoring" else []
    assert tombs == ["checked.Checked::never", "checked.never", *seen]


def _untimed(out: str) -> list[str]:
    return [line.partition(" in ")[0] for line in out.splitlines()]


LATE = """
import late_before, sys
late_before.called_before()
import tombs
handle = tombs.start(namespace=["late_before", "late_after"], engine=sys.argv[1], dir=sys.argv[2],
                     dump=sys.argv[3], socket="0")
import late_after
late_before.called_after()
late_after.called()
handle.stop()
handle.stop()
tombs.stop()
late_after.called_when_stopped()
print("fine")
"""
BEFORE = "def called_before(): pass\ndef called_after(): pass\ndef never(): pass\n"
AFTER = "def called(): pass\ndef called_when_stopped(): pass\ndef never(): pass\n"


def test_started_from_code(engine: str, rundir: Path, tmp_path: Path) -> None:
    """What ran before watching began is never called dead; stopping twice is harmless."""
    support_runs.write(tmp_path, {"app.py": LATE, "late_before.py": BEFORE, "late_after.py": AFTER})
    dump = tmp_path / "tombs"
    finished = support_runs.run([PYTHON, "app.py", engine, str(rundir), str(dump)], tmp_path)
    assert (finished.code, finished.out, finished.own_err) == (0, "fine\n", "")
    tombs = set(support_runs.names(support_runs.dumped(dump)))
    # Called before, called never, who knows: what was loaded before is not called dead.
    assert not {name for name in tombs if name.startswith("late_before")}
    assert tombs == {"late_after.never", "late_after.called_when_stopped"}
