"""The interpreter's end, with all that may still run then: no word of ours, nothing called lost."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim

# Each is a whole program; what it says is compared with what it says without Tombs.
ENDS = {
    "finalizer of a module's object": """\
        import m, late
        class Last:
            def __del__(self): late.called(); m.called()
        keep = Last()
        """,
    "finalizer in a cycle": """\
        import late
        class Last:
            def __del__(self): late.called()
        one = Last(); one.self = one; del one
        """,
    "finalizer kept by builtins": """\
        import builtins, late
        class Last:
            def __init__(self): self.function = late.called
            def __del__(self): self.function(); print("last")
        builtins.keep = Last()
        """,
    "atexit": """\
        import atexit, late
        atexit.register(late.called)
        @atexit.register
        def imports():
            import later; later.called()
        """,
    "daemon threads": """\
        import threading, late, time
        def work():
            while True:
                late.called()
                late.called_by_thread()
        for _ in range(3): threading.Thread(target=work, daemon=True).start()
        """,
    "daemon threads that import": """\
        import threading, sys, importlib
        def work():
            while True:
                sys.modules.pop("late", None)
                try: importlib.import_module("late").called()
                except BaseException: return
        threading.Thread(target=work, daemon=True).start()
        import time; time.sleep(0.05)
        """,
    "exit in a thread": """\
        import threading, sys, late
        def work():
            late.called()
            sys.exit(3)
        thread = threading.Thread(target=work); thread.start(); thread.join()
        """,
    "threads that outlive the main one": """\
        import threading, time, late
        def work():
            time.sleep(0.1); late.called(); print("done")
        threading.Thread(target=work).start()
        """,
    "uncaught exception": """\
        import late
        late.called()
        raise ValueError("own")
        """,
    "exception in a finalizer": """\
        import late
        class Last:
            def __del__(self): late.called(); raise ValueError("own")
        Last()
        """,
    "weakref callbacks": """\
        import weakref, late
        class One: pass
        one = One()
        ref = weakref.ref(one, lambda _: late.called())
        weakref.finalize(one, late.called)
        """,
    "generators left open": """\
        import late
        def generator():
            try: yield 1
            finally: late.called()
        left = generator(); next(left)
        """,
    "exit code": "import sys, late; late.called(); sys.exit(3)",
    "exit with a text": "import sys, late; late.called(); sys.exit('own words')",
    "abrupt exit": "import os, late; late.called(); print('x', flush=True); os._exit(4)",
    "abort": "import os, late; late.called(); os.abort()",
    "stdout closed": "import os, late; late.called(); print('x'); os.close(1)",
    "stderr closed": "import sys, late; late.called(); sys.stderr.close()",
    "environment cleared": "import os, late; os.environ.clear(); late.called()",
    "directory removed": """\
        import os, tempfile, late
        os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd()); late.called()
        import later; later.called()
        """,
}
LATE = "def called(): return 1\ndef called_by_thread(): return 1\ndef dead(): return 2\n"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ENDS)
def test_ends_as_without_tombs(tmp_path: Path, engine: str, how: str) -> None:
    """The same output, the same exit code; what was called even then is no tomb."""
    from tests.support import python

    victim = Victim(tmp_path, engine)
    for name in ("late.py", "later.py"):
        victim.write(name, LATE)
    victim.write("program.py", textwrap.dedent(ENDS[how]))
    env = victim.env(TOMBS_NAMESPACE="m,late,later,__main__", TOMBS_SOCKET="")
    plain, under = (
        python(["program.py"], each, cwd=tmp_path, timeout=20)
        for each in (victim.env(TOMBS_ENABLE="0"), env)
    )
    assert (under.returncode, under.stdout) == (plain.returncode, plain.stdout)
    assert re.sub("0x[0-9a-f]+", "", under.stderr) == re.sub("0x[0-9a-f]+", "", plain.stderr)
    if how != "abort":
        called = [name for name in victim.tombs() if name.endswith(".called")]
        assert not [name for name in called if name.startswith("late.")]
        assert "dead" in "".join(victim.tombs())
