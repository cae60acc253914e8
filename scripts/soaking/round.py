"""One round: a program under load and under fire for a while, and then the account of it."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from soaking.clients import Clients
from soaking.programs import WrongError, ask

from tombs import layout
from tombs.snapshot import read

if TYPE_CHECKING:
    from soaking.programs import Plain, Site

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPLAINED = 3.0  # seconds after a kill in which a broken connection is its doing
BETWEEN = (3.0, 7.0)  # seconds between two kills
SERVING = 3  # every so many kills it is the process that serves
SETTLED = 8.0  # seconds until a process has what it needs
MORE_FDS = 12  # those of the clients that are served at once, and of one that is accepted
MORE_KIB = 8192
LOADS = 3
# Two masters, begun again when they are killed; the run lives as long as one of them.
SUPERVISOR = """\
for port in $PORTS; do
    (while [ ! -e stop ]; do "$@" -b 127.0.0.1:$port; done) &
done
wait
"""


class Process(NamedTuple):
    """A process of the round."""

    pid: int
    parent: int
    command: str


class Round:
    """One round.

    Args:
        place: an empty directory.
        program: what runs.
        engine: which engine.
        seconds: how long there is load.
    """

    def __init__(self, place: str, program: Plain | Site, engine: str, seconds: float) -> None:
        self.place = place
        self.program = program
        self.engine = engine
        self.seconds = seconds
        self.ports: list[int] = []
        self.begin = self.end = 0.0
        self.requests = self.failed = 0
        self.kills = {"worker": 0, "serving": 0}
        self.killed_at = float("-inf")
        self.errors: list[str] = []
        self.sizes: dict[int, list[tuple[float, int, int]]] = {}
        self.clients = Clients(self)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the supervisor under tombs-run, and wait until somebody answers."""
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
            self.ports = [probe.getsockname()[1] for probe in (one, other)]
        words = [sys.executable, "-m", "tombs.cli.run", "-n", self.program.namespace]
        words += ["--engine", self.engine, "--dir", f"{self.place}/run"]
        words += ["--cache", f"{self.place}/cache", "--", "sh", "-c", SUPERVISOR, "sh"]
        words += [
            sys.executable,
            "-m",
            "gunicorn",
            self.program.entry,
            "-w",
            "2",
            "--log-level",
            "error",
        ]
        words += ["--log-level", "error", "--max-requests", str(self.program.recycle)]
        words += ["--max-requests-jitter", "200"]
        with open(f"{self.place}/log", "ab") as log:
            server = subprocess.Popen(
                words,
                cwd=self.place,
                # Without .pyc files there is no cache.
                env={
                    **os.environ,
                    "PYTHONDONTWRITEBYTECODE": "",
                    "PORTS": " ".join(map(str, self.ports)),
                    **self.program.environ,
                    "PYTHONPATH": os.pathsep.join([ROOT, *self.program.path]),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + 60
        for port in self.ports:
            while True:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    ask(port, "/")
                    break
                if server.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the server does not start")
                time.sleep(0.05)
        return server

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        """End it in order: all masters, and so all workers."""
        with open(f"{self.place}/stop", "wb"):
            pass
        give_up = time.monotonic() + 60
        asked: set[int] = set()
        while server.poll() is None:
            if time.monotonic() > give_up:
                raise RuntimeError(f"these don't end: {self.members(server.pid)}")
            for process in self.masters(server.pid):
                if process.pid not in asked:  # once: it may be ending already
                    asked.add(process.pid)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGTERM)
            time.sleep(0.5)
        while self.members(server.pid):  # workers whose master was killed end by themselves
            if time.monotonic() > give_up:
                raise RuntimeError(f"these don't end: {self.members(server.pid)}")
            time.sleep(0.1)
        os.unlink(f"{self.place}/stop")

    def members(self, session: int) -> list[Process]:
        """Give the processes of a session that aren't dead."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with (
                contextlib.suppress(FileNotFoundError, ProcessLookupError),
                open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file,
            ):
                head, _, tail = file.read().rpartition(")")
                state, parent, _, its = tail.split()[:4]
                if int(its) == session and state not in "ZX":
                    found.append(Process(int(name), int(parent), head.partition("(")[2]))
        return found

    def masters(self, session: int) -> list[Process]:
        """Give the children of the shells that are none."""
        all_of_them = self.members(session)
        shells = {one.pid for one in all_of_them if one.command == "sh"}
        return [one for one in all_of_them if one.command != "sh" and one.parent in shells]

    def path(self, suffix: str) -> str:
        """Give the path of one of the run's files."""
        for name in os.listdir(f"{self.place}/run"):
            if name.endswith(suffix):
                return f"{self.place}/run/{name}"
        raise FileNotFoundError(suffix)

    def serving(self) -> int | None:
        """Give the process that serves: it holds the lock on the `.serve` file."""
        inode = str(os.stat(self.path(".serve")).st_ino)
        with open("/proc/locks", encoding="ascii") as file:
            for line in file:
                words = line.split()
                if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
                    return int(words[4])
        return None

    def kill(self, session: int, number: int) -> None:
        """Kill a worker, or the process that serves."""
        masters = {one.pid for one in self.masters(session)}
        workers = [one.pid for one in self.members(session) if one.parent in masters]
        kind = "worker" if number % SERVING else "serving"
        pid = self.serving() if kind == "serving" else random.choice(workers or [None])  # noqa: S311
        if pid is not None and pid in {one.pid for one in self.members(session)}:
            self.killed_at = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[kind] += 1

    def load(self) -> None:
        """Ask for pages until the end."""
        while time.monotonic() < self.end:
            try:
                part = (time.monotonic() - self.begin) / self.seconds
                self.program.visit(random.choice(self.ports), part)  # noqa: S311
                self.requests += 1
            except (OSError, http.client.HTTPException) as fault:
                self.failed += 1
                since = time.monotonic() - self.killed_at
                if since > EXPLAINED:
                    self.errors.append(
                        f"{since:.1f} s after a kill: {type(fault).__name__}: {fault}"
                    )
                time.sleep(0.05)
            except WrongError as fault:
                self.errors.append(str(fault))
            except Exception:  # noqa: BLE001 - the round goes on, and fails
                self.errors.append(traceback.format_exc())

    def sample(self, session: int) -> None:
        """Write down descriptors and memory of every process but the shells."""
        now = time.monotonic()
        members = self.members(session)
        if not {one.parent for one in members if one.command != "sh"} <= {*map(_pid, members)}:
            self.killed_at = now  # a worker whose master was killed: what it has accepted is lost
        for one in members:
            if one.command == "sh":
                continue
            with (
                contextlib.suppress(OSError, StopIteration),
                open(f"/proc/{one.pid}/status", encoding="utf-8", errors="replace") as file,
            ):
                anonymous = int(
                    next(line for line in file if line.startswith("RssAnon")).split()[1]
                )
                fds = len(os.listdir(f"/proc/{one.pid}/fd"))
                self.sizes.setdefault(one.pid, []).append((now, fds, anonymous))

    def grown(self) -> tuple[int, int, int]:
        """Give by how much any process grew, and how many lived long enough to be asked."""
        fds = memory = asked = 0
        for sizes in self.sizes.values():
            settled = [one for one in sizes if one[0] > sizes[0][0] + SETTLED]
            if len(settled) > 1:
                asked += 1
                fds = max(fds, settled[-1][1] - settled[0][1])
                memory = max(memory, settled[-1][2] - settled[0][2])
        return fds, memory, asked

    def orphans(self) -> list[str]:
        """Give the files that nobody will ask for, once all has ended in order."""
        run = os.listdir(f"{self.place}/run")
        stems = {name.removesuffix(".graveyard") for name in run if name.endswith(".graveyard")}
        kept = {stem + suffix for stem in stems for suffix in (".graveyard", ".lock", ".serve")}
        cache = [name for name in os.listdir(f"{self.place}/cache") if not name.endswith(".pack")]
        return sorted({*run} - kept) + sorted(cache)

    def run(self) -> dict[str, Any]:
        """Do it all; gives the account."""
        self.stop(self.start())  # so that the cache is there: whoever is killed first loses nothing
        for name in os.listdir(f"{self.place}/run"):
            os.unlink(f"{self.place}/run/{name}")
        server = self.start()
        try:
            self.begin = time.monotonic()
            self.end = self.begin + self.seconds
            threads = [threading.Thread(target=self.load) for _ in range(LOADS)]
            threads.append(threading.Thread(target=self.clients.run))
            for thread in threads:
                thread.start()
            number, next_kill = 0, self.begin + SETTLED
            while time.monotonic() < self.end:
                time.sleep(0.5)
                self.sample(server.pid)
                if time.monotonic() > next_kill:
                    number += 1
                    self.kill(server.pid, number)
                    next_kill = time.monotonic() + random.uniform(*BETWEEN)  # noqa: S311
            for thread in threads:
                thread.join()
            self.stop(server)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
        return self.account()

    def account(self) -> dict[str, Any]:
        """Compare with the ground truth, and tell all."""
        shot = read(self.path(".graveyard"))
        lines = b"".join(shot.lines("json")).decode().splitlines()
        unknown = {image.file for block, image in shot.modules if layout.UNKNOWN in shot.of(block)}
        wrong = self.program.differences(lines, unknown).splitlines()
        fds, memory, asked = self.grown()
        return {
            "program": self.program.name,
            "engine": self.engine,
            "seconds": self.seconds,
            "requests": self.requests,
            "failed_by_a_kill": self.failed - len(self.errors),
            "errors": self.errors,
            "kills": self.kills,
            "clients": self.clients.counts,
            "processes": shot.processes,
            "functions": shot.functions,
            "tombs": len(lines),
            "unknown": shot.count(layout.UNKNOWN),
            "wrong": wrong + sorted(self.clients.early),
            "grown": {"descriptors": fds, "KiB": memory, "processes": asked},
            "orphans": self.orphans(),
            "faults": self.faults(),
        }

    def faults(self) -> list[str]:
        """Give what Tombs or Python said in the log."""
        with open(f"{self.place}/log", encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log if line.startswith(("tombs:", "Fatal", "Segm"))]


def _pid(process: Process) -> int:
    return process.pid


def fine(account: dict[str, Any]) -> bool:
    """Whether a round went as it should."""
    grown = account["grown"]
    much = grown["descriptors"] > MORE_FDS or (
        account["program"] == "wsgi" and grown["KiB"] > MORE_KIB  # the tracer's turns the gc off
    )
    bad = ("errors", "wrong", "orphans", "faults", "unknown")
    enough = account["requests"] and all(account["kills"].values()) and account["clients"]["read"]
    return bool(enough) and not much and not any(account[name] for name in bad)
