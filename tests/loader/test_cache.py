"""The packs of the cache, and the descriptor by which they are read."""

from __future__ import annotations

import os
from binascii import crc32
from typing import TYPE_CHECKING

import pytest

from tombs.block import Entry as Function
from tombs.block import build, digest
from tombs.loader import cache
from tombs.loader.cache import Cache, Entry
from tombs.runtime.descriptors import Held, held

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def taken() -> list[Held]:
    """What the cache has opened."""
    return []


@pytest.fixture
def packs(tmp_path: Path, taken: list[Held]) -> Cache:
    """A cache in which three packages of two modules each were written down."""

    def hold(fd: int) -> Held:
        taken.append(held(fd))
        return taken[-1]

    made = Cache(str(tmp_path), "rewrite", hold)
    for key in range(6):
        name = f"p{key // 2}.m{key}"
        function = Function("f", 1, 2, method=False)
        image = build(name, f"/{name}.py", [function], ["{}"])
        made.put(name, Entry(key, image, digest(image), crc32(image), bytes((key,)) * 100))
    made.flush()
    return made


def code(entry: Entry | None) -> bytes | None:
    """Give the code of what was found."""
    return None if entry is None else bytes(entry.code)


def test_what_was_put_is_found_by_its_key(packs: Cache) -> None:
    """Each module's own, and nothing where there is none."""
    for key in range(6):
        assert code(packs.get(f"p{key // 2}.m{key}", key)) == bytes((key,)) * 100
    assert packs.get("p0.m0", 5) is None
    assert packs.get("p9", 0) is None


def test_a_number_that_became_the_programs_is_neither_believed_nor_closed(
    packs: Cache, taken: list[Held], tmp_path: Path
) -> None:
    """A program may close every descriptor, and get the pack's number for a file of its own."""
    assert packs.get("p0.m0", 0) is not None
    fd = taken[-1].fd
    other = tmp_path / "other"
    other.write_bytes(os.urandom(1 << 16))
    with other.open("rb") as own:
        os.dup2(own.fileno(), fd)
    try:
        os.lseek(fd, 7, os.SEEK_SET)
        assert packs.get("p0.m1", 1) is None
        packs.rest()
        assert os.lseek(fd, 0, os.SEEK_CUR) == 7
    finally:
        os.close(fd)
    assert code(packs.get("p0.m1", 1)) == b"\1" * 100  # opened anew


def test_a_number_that_was_closed_is_no_fault(packs: Cache, taken: list[Held]) -> None:
    """What can't be read isn't there."""
    assert packs.get("p0.m0", 0) is not None
    os.close(taken[-1].fd)
    assert packs.get("p0.m1", 1) is None
    packs.rest()


def test_few_packs_are_open_at_once(
    packs: Cache, taken: list[Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was opened first is closed, and can be opened again."""
    monkeypatch.setattr(cache, "_OPEN_MOST", 2)
    before = len(taken)
    for key in (0, 2, 4, 1):
        assert packs.get(f"p{key // 2}.m{key}", key) is not None
    assert [one.ok() for one in taken[before:]] == [False, False, True, True]
    packs.rest()
    assert not any(one.ok() for one in taken)


@pytest.mark.parametrize("at", range(32, 32 + 8 + 2 * cache.ENTRY.size))
def test_a_flipped_byte_of_the_table_spoils_it(packs: Cache, tmp_path: Path, at: int) -> None:
    """What the table says of an entry is believed only if all of it is right."""
    (path,) = tmp_path.glob("p0-*.pack")
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
    assert packs.get("p0.m0", 0) is None
    assert packs.get("p0.m1", 1) is None


def test_a_flipped_byte_of_an_entry_spoils_that_one(packs: Cache, tmp_path: Path) -> None:
    """The code of the other module is still known."""
    (path,) = tmp_path.glob("p0-*.pack")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert packs.get("p0.m0", 0) is not None
    assert packs.get("p0.m1", 1) is None


@pytest.mark.parametrize("without", ["nothing", "preadv"])
def test_an_entry_makes_a_pyc(packs: Cache, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    """The head that it is given and its code, whichever way it was read, or made just now."""
    if without == "preadv":
        monkeypatch.delattr(os, "preadv", raising=False)
    found = packs.get("p1.m3", 3)
    assert found is not None
    fresh = Entry(3, found.image, found.digest, found.crc, bytes(found.code))
    for entry in (found, fresh):
        assert bytes(entry.pyc(b"head of 16 bytes")) == b"head of 16 bytes" + b"\3" * 100
    assert bytes(found.image[-2:]) == b"{}"
