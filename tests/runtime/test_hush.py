"""What Python says of our thread when a program forks: nothing."""

from __future__ import annotations

import sys

import pytest

from tests.support_server import serving_program


@pytest.mark.parametrize("action", ["always", "error"])
def test_two_hundred_forks_without_a_warning(tmp_path: object, action: str) -> None:
    """No fork warns of a second thread, and the server serves after each and in the middle."""
    code = """
    waiting = connect(running.address)
    waiting.sendall(b"tombs\\n")
    begun = waiting.recv(1000)
    for number in range(200):
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        assert ended(pid) == 3
        if number % 50 == 0:
            assert ask(running.address) == whole
    assert begun + rest(waiting) == whole
    running.stop()
    """
    assert serving_program(tmp_path, code, "-W", action) == ""


def test_filters_of_the_program_come_back(tmp_path: object) -> None:
    """What keeps Python from warning of us at a fork is not there before, nor for long after."""
    code = """
    import warnings
    from tombs.runtime import background
    background.HUSH_LASTS = 0.0
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        pid = os.fork()
        if pid == 0:
            os._exit(len(warnings.filters) - len(before) - 1)
        print(ended(pid))
    pid = os.fork()
    if pid == 0:
        os._exit(warnings.filters != before)
    print(ended(pid))
    wait_until(lambda: warnings.filters == before)
    running.stop()
    """
    assert serving_program(tmp_path, code) == "0\n0\n"


@pytest.mark.parametrize("call", ["os.fork", "os.forkpty"])
def test_programs_own_threads_still_warn(tmp_path: object, call: str) -> None:
    """The warning that the program's own threads deserve is not taken from it."""
    code = f"""
    import threading, warnings
    def fork():
        pid, *pty = pair if isinstance(pair := {call}(), tuple) else (pair,)
        if pid == 0:
            os._exit(0)
        ended(pid)
        if pty:
            os.close(pty[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fork()
        alone = len(caught)
        event = threading.Event()
        threading.Thread(target=event.wait).start()
        fork()
        event.set()
    print(alone, len(caught))
    running.stop()
    """
    warned = int(sys.version_info >= (3, 12))
    assert serving_program(tmp_path, code) == f"0 {warned}\n"
