"""Evidence is opened wherever it is, and what is none is named."""

from __future__ import annotations

import gzip
import io
import os
import resource
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support_evidence import evidence, save
from tombs import layout
from tombs.block import Entry, build, digest
from tombs.client.source import load
from tombs.errors import TombsError
from tombs.evidence.model import Evidence, Note
from tombs.evidence.saved import write
from tombs.runtime.graveyard import Graveyard
from tombs.runtime.locks import FileLock
from tombs.runtime.region import Region, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MADE = evidence({"shop.cart": {"Cart.total": "dead", "add": "alive"}})
IDENTITY = b'{"run": "shop-1", "application": "shop", "host": "web1", "bytecode": "3531"}'


@pytest.fixture
def graveyard(tmp_path: Path) -> Iterator[str]:
    """Make a graveyard file with three modules and notes."""
    path = str(tmp_path / "it.graveyard")
    make(path, 128, 1 << 20, IDENTITY, 1_790_000_000_000_000_000)
    lock = FileLock(str(tmp_path / "it.lock"))
    yard = Graveyard(Region(path), lock)
    for number, late in enumerate((False, True)):
        entries = [Entry(f"f{at}", at + 1, at + 1, method=False, own_hash=at) for at in range(3)]
        image = build(f"shop.m{number}", f"/srv/m{number}.py", entries, ["{}\n"] * 3)
        base = yard.register(image, digest(image), late=late).base
        yard.markers[base + 1] = layout.VACATED
        yard.markers[base + 2] = layout.UNKNOWN
    yard.note(b"n" * 16, "dropped", "shop.big", 9, "slots full")
    yield path
    lock.close()


def check(found: Evidence) -> None:
    """Check what was read of that graveyard."""
    states = {seen.module.name: seen.states for seen in found.modules.values()}
    assert states == {"shop.m0": "031", "shop.m1": "131"}
    (run,) = found.runs.values()
    assert run.notes == {Note("dropped", "shop.big", 9, "slots full")}
    assert run.application == "shop"
    first = next(seen for seen in found.modules.values() if seen.module.name == "shop.m0")
    assert [row.hash for row in first.module.functions] == ["", f"{1:016x}", f"{2:016x}"]
    assert first.module.code == "3531"


def test_a_graveyard_file(graveyard: str) -> None:
    """Live or finished; what was loaded late and not seen called is unknown."""
    check(load(graveyard))


def test_a_graveyard_in_a_pipe_or_packed(graveyard: str, tmp_path: Path) -> None:
    """The same bytes from elsewhere are the same evidence."""
    with open(graveyard, "rb") as file:
        data = file.read()
    packed = tmp_path / "it.gz"
    packed.write_bytes(gzip.compress(data))
    check(load(str(packed)))
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)

    def feed() -> None:
        with open(pipe, "wb") as file:
            file.write(data)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    check(load(pipe))
    feeder.join(30)


def test_a_running_program(graveyard: str, tmp_path: Path) -> None:
    """By the address it serves at, and by the path of its socket."""
    path = str(tmp_path / "s")
    with open(graveyard, "rb") as file:
        data = file.read()
    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            for _ in range(2):
                connection = listener.accept()[0]
                with connection:
                    asked.append(connection.recv(100))
                    connection.sendall(data)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        check(load(f"unix://{path}"))
        check(load(path))
        server.join(30)
    assert asked == [b"graveyard\n"] * 2


@pytest.mark.parametrize("name", ["it.json", "it.json.gz"])
def test_a_saved_snapshot(name: str, tmp_path: Path) -> None:
    """Packed or not, whatever it is called."""
    data = b"".join(write(MADE))
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert load(str(path)) == MADE
    assert load(str(path.rename(tmp_path / "other"))) == MADE


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for it."""
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"".join(write(MADE)))))
    monkeypatch.setattr(sys, "stdin", given)
    assert load("-") == MADE


BAD = {
    "empty": b"",
    "text": b"hello\n",
    "a dump of tombs": b'{"location": {"file": "a", "start": 1, "end": 2}, "function": "f"}\n',
    "half a snapshot": b"".join(write(MADE))[:200],
    "truncated gzip": gzip.compress(b"".join(write(MADE)))[:60],
    "only a gzip head": gzip.compress(b"")[:3],
    "gzip of text": gzip.compress(b"hello"),
    "half a graveyard": layout.MAGIC + b"\0" * 100,
    "a graveyard of zeros": layout.MAGIC + b"\0" * 5000,
    "broken zstd": b"\x28\xb5\x2f\xfd" + b"\0" * 10,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_evidence_is_named(name: str, tmp_path: Path) -> None:
    """The file, and where it has lines, the line."""
    path = tmp_path / "bad.json"
    path.write_bytes(BAD[name])
    with pytest.raises(TombsError, match=r"bad\.json"):
        load(str(path))


@pytest.mark.parametrize("packed", [False, True])
def test_a_gigabyte_of_nothing(packed: bool, tmp_path: Path) -> None:
    """It is refused at its first bytes, and never held."""
    path = tmp_path / "nothing"
    if packed:
        part = gzip.compress(b"\0" * (64 << 20))
        path.write_bytes(part * 16)
    else:
        path.touch()
        os.truncate(path, 1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TombsError, match="nothing:1: neither a graveyard nor a saved snapshot"):
        load(str(path))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < (64 << 20 if sys.platform == "darwin" else 64 << 10)


@pytest.mark.parametrize("name", ["no/such", ".", "unix://"])
def test_a_place_that_is_none(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory, a path that leads nowhere, half an address."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TombsError):
        load(name)


def test_saving_gives_what_is_loaded(tmp_path: Path) -> None:
    """The helper of the other tests writes what this module reads."""
    assert load(save(MADE, tmp_path / "x")) == MADE
