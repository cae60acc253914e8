"""Which Python this is, and which of its interpreters."""

from __future__ import annotations

import sys

import pytest

from tests.support import environment, python

ASK = "from tombs.identity import is_main\n"
THREAD = """
import _thread
done, told = _thread.allocate_lock(), []
done.acquire()
def ask():
    told.append(is_main())
    done.release()
_thread.start_new_thread(ask, ())
done.acquire()
print(*told)
"""
OTHER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
program = "from tombs.identity import is_main; import os; os.write(1, str(is_main()).encode())"
interpreters.run_string(interpreters.create(), program)
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [(ASK + "print(is_main())", "True"), (ASK + THREAD, "True"), (OTHER, "False")],
    ids=["main", "another thread", "another interpreter"],
)
def test_the_main_interpreter_is_known(program: str, told: str) -> None:
    """In each of its threads; and no other is taken for it."""
    assert python(["-c", program], environment(), check=True).stdout.strip() == told


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="there Python says it")
def test_no_library_is_loaded_for_it() -> None:
    """Where the main thread asks: what makes other interpreters stays unloaded."""
    show = (
        "import sys\nassert is_main()\nprint(any('interpreters' in name for name in sys.modules))"
    )
    maps = "\nprint('_xxsubinterpreters' in open('/proc/self/maps').read())"
    if sys.platform != "linux":
        maps = "\nprint(False)"
    done = python(["-c", ASK + show + maps], environment(), check=True)
    assert done.stdout.split() == ["False", "False"]
