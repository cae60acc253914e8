"""Real programs that are watched while they run: nothing that is called goes untold."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests import support_runs, support_web
from tests.integration.test_servers import TAIL, hold_all, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTIONS = 300
WORKERS = 3
POOL = f"""
import os, signal, sys
import many
ready, told = os.pipe()
for number in range({WORKERS}):
    if not os.fork():
        os.write(told, b".")
        for slot in range(number, {FUNCTIONS}, {WORKERS}):
            # Each waits for a word before each call, so that the calls go on over the killing.
            os.read(int(sys.argv[1]), 1)
            getattr(many, f"f{{slot}}")()
        while True:
            signal.pause()
for number in range({WORKERS}):
    os.read(ready, 1)
print("ready", flush=True)
signal.pause()
"""


@contextmanager
def watched(source: str, place: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tombs watch` on a source, event by event."""
    command = [support_runs.TOMBS, "watch", source, "--format", "jsonl", *options]
    with support_runs.started(command, place) as child:
        yield child


def until(child: subprocess.Popen[bytes], *functions: str) -> list[dict[str, object]]:
    """Read events until all these functions have been told of; give all."""
    left = set(functions)
    events = []
    while left:
        events.append(json.loads(support_runs.read_line(child)))
        left.discard(str(events[-1].get("function", events[-1]["event"])))
    return events


def test_workers_of_gunicorn_are_watched(engine: str, rundir: Path, tmp_path: Path) -> None:
    """By the socket and by the file, with the serving process killed in between."""
    with (
        support_web.gate(tmp_path) as gate,
        serving(engine, rundir, tmp_path, "gunicorn") as child,
    ):
        web = tmp_path / "app.sock"
        hold_all(gate, web, 4)
        sock = support_web.tombs_socket(rundir)
        file = str(next(rundir.glob("*.graveyard")))
        with watched(f"unix://{sock}", tmp_path) as live, watched(file, tmp_path) as read:
            for one in (live, read):
                until(one, "start")
            for name in TAIL[:3]:
                support_web.get(web, f"/{name}")
                for one in (live, read):
                    (event,) = until(one, f"tail.{name}")
                    assert event["event"] == "vacated"
            support_web.kill(support_web.leader(rundir))
            support_web.get(web, f"/{TAIL[3]}")
            assert until(live, f"tail.{TAIL[3]}")[-1]["event"] == "vacated"
            assert until(read, f"tail.{TAIL[3]}")[-1]["event"] == "vacated"
        assert child.poll() is not None or support_web.get(web, "/") != ""


def test_nothing_is_lost_when_the_serving_process_is_killed(
    engine: str, rundir: Path, tmp_path: Path
) -> None:
    """Workers go on calling while those that serve are killed, one after the other."""
    many = "".join(f"def f{number}(): pass\n" for number in range(FUNCTIONS))
    support_runs.write(tmp_path, {"app.py": POOL, "many.py": many})
    gives, words = os.pipe()
    os.set_inheritable(gives, True)
    command = support_runs.under_tombs(
        engine, rundir, [support_runs.PYTHON, "app.py", str(gives)], namespace=["many"]
    )
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=support_runs.environment(),
        stdout=subprocess.PIPE,
        pass_fds=[gives],
        start_new_session=True,
    )
    try:
        os.close(gives)
        assert support_runs.read_line(child) == "ready\n"
        sock = support_web.tombs_socket(rundir)
        with watched(f"unix://{sock}", tmp_path) as live:
            (start,) = until(live, "start")
            assert (start["functions"], start["vacated"]) == (FUNCTIONS, 0)
            for _ in range(WORKERS):  # the program itself, and all workers but one
                os.write(words, b"." * 20)
                support_web.kill(support_web.leader(rundir))
                os.write(words, b"." * 20)
            os.write(words, b"." * FUNCTIONS)  # more than the last one needs

            def done() -> bool | None:
                shot = support_runs.run([support_runs.TOMBS, "fetch", file], tmp_path)
                called.update(range(FUNCTIONS))
                called.difference_update(
                    int(name.rpartition("f")[2])
                    for name in support_runs.names(shot.out.splitlines())
                )
                last = [n for n in range(WORKERS) if all_of(n) <= called]
                return True if last else None

            called: set[int] = set()
            file = str(next(rundir.glob("*.graveyard")))
            support_runs.wait_for(done, "the last worker's calls", support_runs.DEADLINE)
            events = until(live, *(f"many.f{number}" for number in called))
        told = [one["function"] for one in events if one["event"] == "vacated"]
        assert sorted(map(str, told)) == sorted(f"many.f{number}" for number in called)
    finally:
        os.close(words)
        support_runs.end_group(child)


def all_of(worker: int) -> set[int]:
    """Give the functions that one worker calls."""
    return set(range(worker, FUNCTIONS, WORKERS))
