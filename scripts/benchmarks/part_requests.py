"""Part `requests`: a page of Django's admin, through the WSGI handler and under gunicorn."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.bench import INSIDE
from benchmarks.contenders import PLAIN, RIVALS, TOMBS
from benchmarks.faults import BenchError
from benchmarks.pairs import Spread, alternate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.pairs import Sample

_DJANGO = "django"


def site(bench: Bench) -> dict[str, str]:
    """Make the site's database; gives the variables by which children find it."""
    database = os.path.join(bench.path("site"), "site.sqlite3")
    script = os.path.join(INSIDE, "adminsite.py")
    cookie = bench.call([bench.environment.python, script, database], bench.plain())
    return {"BENCH_DATABASE": database, "BENCH_COOKIE": cookie.strip()}


def requests(bench: Bench) -> None:
    """Measure requests in one process, which has served for a while, and those of servers."""
    where = site(bench)
    plain, watched = bench.plain(**where), bench.tombs(_DJANGO, **where)
    work = ("adminsite", str(bench.times(50, 30)))
    pairs = bench.compare(bench.times(9, 5), work, plain, watched)
    bench.add("requests.admin", PLAIN, Spread.of(pairs.noise("cpu")), "ratio")
    bench.add("requests.admin", TOMBS, pairs.spread("cpu"), "ratio", pairs.raw())
    bench.add("requests.first", PLAIN, Spread.of(pairs.noise("first")), "ratio")
    bench.add("requests.first", TOMBS, pairs.spread("first"), "ratio")
    _served(bench, plain, watched)
    for rival in RIVALS if bench.rivals else ():
        work = ("adminsite", "15" if rival.slow or bench.quick else "50")
        try:
            environ = bench.rival(rival, _DJANGO, **where)
            pairs = bench.compare(bench.times(3, 1), work, plain, environ, rival.name)
        except BenchError as fault:
            bench.fail("requests.admin", rival.name, fault)
            continue
        bench.add("requests.admin", rival.name, pairs.spread("cpu"), "ratio", pairs.raw())


def _served(bench: Bench, plain: dict[str, str], watched: dict[str, str]) -> None:
    """Measure gunicorn: seconds for each request answered, several clients asking at once."""
    try:
        pairs = alternate(
            bench.times(5, 2), lambda _: _serve(bench, plain), lambda _: _serve(bench, watched)
        )
    except BenchError as fault:
        bench.fail("requests.gunicorn", TOMBS, fault)
        return
    client = "wrk" if shutil.which("wrk") else "built-in client"
    bench.add("requests.gunicorn", PLAIN, Spread.of(pairs.noise("each")), "ratio", note=client)
    bench.add("requests.gunicorn", TOMBS, pairs.spread("each"), "ratio", pairs.raw(), client)


def _serve(bench: Bench, environ: dict[str, str]) -> Sample:
    """Start gunicorn, ask it for some seconds, end it."""
    with serving(bench, environ) as (port, _):
        seconds = str(bench.times(4, 2))
        script = os.path.join(INSIDE, "client.py")
        client = [sys.executable, script, port, seconds, environ["BENCH_COOKIE"]]
        return {"each": float(bench.call(client, bench.plain()))}


@contextmanager
def serving(bench: Bench, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Have gunicorn serve with two workers until the block is left; gives port and process id.

    Raises:
        BenchError: it doesn't, or the block failed; with what it said.
    """
    place = bench.path("gunicorn")
    gunicorn = os.path.join(os.path.dirname(bench.environment.python), "gunicorn")
    ready = os.path.join(place, "ready")
    os.mkfifo(ready)
    fifo = os.open(ready, os.O_RDWR)  # for writing, too: so it never is at its end
    config = os.path.join(INSIDE, "gunicorn_config.py")
    command = [gunicorn, "-c", config, "--chdir", INSIDE, "adminsite:application"]
    more = {"BENCH_READY": ready, "PYTHONDONTWRITEBYTECODE": "1"}
    with open(os.path.join(place, "log"), "w+", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=environ | more, stdout=log, stderr=log)
        try:
            yield _port(fifo, server), server.pid
        except BenchError as fault:
            log.seek(0)
            raise BenchError("gunicorn did not serve", fault.output + log.read()) from None
        finally:
            server.terminate()
            server.wait(30)
            os.close(fifo)


def _port(fifo: int, server: subprocess.Popen[bytes]) -> str:
    """Wait until both workers have told their port; the server may die before that."""
    poller = select.poll()
    poller.register(fifo, select.POLLIN)
    heard = b""
    for _ in range(60):
        if poller.poll(1000):
            heard += os.read(fifo, 100)
            if heard.count(b"\n") == 2:
                return heard.decode().split()[0]
        if server.poll() is not None:
            break
    raise BenchError("its workers did not become ready")
