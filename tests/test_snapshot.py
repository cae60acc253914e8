"""Reading graveyards: what is in them, and that spoiled ones are told from whole ones."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import NAMES, SOURCE, WHO, opened, register
from tombs import layout
from tombs.blocks import CHUNK
from tombs.errors import GraveyardError
from tombs.runtime.graveyard import Graveyard
from tombs.snapshot import Snapshot, read
from tombs.wire import function_line

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.fixture
def graveyard(tmp_path: Path) -> Graveyard:
    """Make a graveyard with two modules and a note."""
    made = opened(tmp_path)
    register(made)
    register(made, "def late(): pass\n", "n", late=True)
    made.note(b"n" * 16, "unwatched", "odd", 0, "was loaded before watching began")
    made.markers[0] = layout.VACATED
    return made


@pytest.fixture
def data(graveyard: Graveyard) -> bytes:
    """Give the bytes of that graveyard up to its last block."""
    return b"".join(graveyard.raw())


def changed(data: bytes, at: int, form: str, value: object) -> bytes:
    """Put another value into bytes."""
    spoiled = bytearray(data)
    struct.pack_into(form, spoiled, at, value)
    return bytes(spoiled)


def test_a_graveyard_reads_as_it_was_written(graveyard: Graveyard) -> None:
    """Modules, markers, notes, counts and identity are all there."""
    snapshot = read(graveyard.path)
    assert [image.module for _, image in snapshot.modules] == ["m", "n"]
    assert [block.late for block, _ in snapshot.modules] == [False, True]
    assert snapshot.functions == 4
    counted = [snapshot.count(value) for value in (0, 1, 2)]
    assert counted == [2, 1, 1]
    assert b"".join(snapshot.lines("function")).decode().splitlines() == NAMES[1:]
    assert snapshot.identity() == WHO
    assert snapshot.notes() == [
        {
            "note": "unwatched",
            "module": "odd",
            "functions": 0,
            "reason": "was loaded before watching began",
        }
    ]
    assert snapshot.ended == 0
    assert 0 < snapshot.created <= snapshot.seen


def test_the_file_and_what_a_server_sends_are_alike(graveyard: Graveyard, data: bytes) -> None:
    """The same bytes say the same, whatever way they came."""
    one, other = read(graveyard.path), Snapshot(data, "socket")
    assert b"".join(one.lines("json")) == b"".join(other.lines("json"))


def test_lines_come_in_large_pieces(tmp_path: Path) -> None:
    """Every chunk but the last has at least 512 KiB, however the tombs are scattered."""
    made = opened(tmp_path, slots=20_000, strings=8 << 20)
    source = "".join(f"def f{number}(): pass\n" for number in range(12_000))
    register(made, source)
    for slot in range(0, 12_000, 3):
        made.markers[slot] = layout.VACATED
    chunks = list(read(made.path).lines("json"))
    assert len(chunks) > 1
    assert all(len(chunk) >= CHUNK for chunk in chunks[:-1])
    assert b"".join(chunks).count(b"\n") == 8000


@pytest.mark.parametrize("form", ["json", "function"])
@pytest.mark.parametrize(
    "called",
    [
        (),
        range(700),
        range(0, 700, 2),
        range(1, 700, 7),
        [255, 256, 511, 512, 699],
        range(256),
        range(256, 700),
        range(1, 699),
        [one for one in range(700) if one % 50],
    ],
)
def test_the_lines_of_tombs_are_picked_out(
    tmp_path: Path, form: str, called: Iterable[int]
) -> None:
    """Wherever the tombs are, their lines come in order, and no others."""
    made = opened(tmp_path, slots=2000, strings=1 << 20)
    source = "".join(f"def f{number}{'x' * (number % 9)}(): pass\n" for number in range(700))
    for name in ("m", "n"):
        register(made, source, name)
    for slot in called:
        made.markers[700 + slot] = layout.UNKNOWN if slot % 3 else layout.VACATED
    image = read(made.path).modules[1][1]
    lines = [bytes(image.line(at)) for at in range(700) if not made.markers[700 + at]]
    first = [bytes(image.line(at)).replace(b"n.f", b"m.f") for at in range(700)]
    wanted = [line if form == "json" else function_line(line) for line in first + lines]
    assert b"".join(read(made.path).lines(form)).splitlines(keepends=True) == wanted
    assert b"".join(made.lines(form)).splitlines(keepends=True) == wanted


def test_the_lines_of_whole_modules_are_not_copied(graveyard: Graveyard) -> None:
    """Where every function is a tomb, what is sent is what lies there."""
    register(graveyard, "def one(): pass\ndef two(): pass\n", "whole")
    kinds = [type(piece) for piece in graveyard.lines("json")]
    assert kinds == [bytes, memoryview]  # of the first module one function was called


@pytest.mark.parametrize("where", [0, 5119, 5120, 20_000, -1])
def test_a_byte_of_a_large_module_is_spoiled(tmp_path: Path, where: int) -> None:
    """Wherever it is, the checksum finds it."""
    made = opened(tmp_path, slots=2000, strings=1 << 20)
    register(made, "".join(f"def f{number}(): pass\n" for number in range(700)))
    data = bytearray(b"".join(made.raw()))
    block = Snapshot(bytes(data), "sent").blocks[0]
    at = made.region.strings_at + block.at + layout.BLOCK_SIZE
    data[at + where % len(block.data)] ^= 1
    with pytest.raises(GraveyardError, match="checksum"):
        Snapshot(bytes(data), "sent")


def block_at(data: bytes) -> int:
    """Give where the first block begins."""
    return int(layout.HEADER.unpack_from(data)[5])


SPOILED = {
    "no graveyard": lambda data: b"X" + data[1:],
    "no graveyard, empty": lambda _: b"",
    "format is 9": lambda data: changed(data, 8, "<I", 9),
    "contradicts itself": lambda data: changed(data, 12, "<I", 0x04030201),
    "contradicts itself, strings": lambda data: changed(data, 32, "<Q", 1 << 40),
    "cut short": lambda data: data[:-1],
    "cut short, used": lambda data: changed(data, 64, "<Q", 1 << 40),
    "cut short, identity": lambda data: changed(data, 56, "<Q", 1 << 20),
    "block at byte 0 of its strings: no block": lambda data: changed(data, block_at(data), "<I", 0),
    "block at byte 0 of its strings: its size": lambda data: changed(
        data, block_at(data) + 8, "<I", 12
    ),
    "block at byte 0 of its strings: its size, huge": lambda data: changed(
        data, block_at(data) + 8, "<I", 1 << 30
    ),
    "block at byte 0 of its strings: its slots": lambda data: changed(
        data, block_at(data) + 16, "<I", 1
    ),
    "block at byte 0 of its strings: its slots, many": lambda data: changed(
        data, block_at(data) + 12, "<I", 1 << 30
    ),
    "block at byte 0 of its strings: its checksum": lambda data: changed(
        data, block_at(data) + 70, "<B", 77
    ),
    "block at byte 0 of its strings: its kind": lambda data: changed(
        data, block_at(data) + 4, "<H", 9
    ),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_spoiled_graveyard_says_what_is_wrong_and_where(
    data: bytes, spoiled: str, tmp_path: Path
) -> None:
    """Bytes and file alike give an error for people, with the place in it."""
    bad = SPOILED[spoiled](data)
    expected = spoiled.partition(",")[0]
    with pytest.raises(GraveyardError, match=f"^somewhere: .*{expected}"):
        Snapshot(bad, "somewhere")
    path = tmp_path / "bad.graveyard"
    path.write_bytes(bad)
    with pytest.raises(GraveyardError, match=f"^{path}: .*{expected}"):
        read(str(path))


def test_no_flipped_byte_is_more_than_an_error(data: bytes) -> None:
    """Each byte in turn: there is a snapshot whose every part can be read, or a GraveyardError."""
    strings_at = block_at(data)
    used = [*range(layout.IDENTITY_AT + 60), *range(4096, 4200), *range(strings_at, len(data))]
    errors = 0
    for at in used:
        for flip in (0xFF, 0x01):
            spoiled = bytearray(data)
            spoiled[at] ^= flip
            try:
                snapshot = Snapshot(bytes(spoiled), "s")
                for form in ("json", "function"):
                    b"".join(snapshot.lines(form))
                snapshot.notes()
                snapshot.identity()
            except GraveyardError:
                errors += 1
    assert errors > len(used) / 2


def test_no_length_is_more_than_an_error(data: bytes) -> None:
    """A graveyard cut anywhere is an error."""
    for size in [*range(200), *range(len(data) - 200, len(data))]:
        with pytest.raises(GraveyardError):
            Snapshot(data[:size], "s")


def test_what_can_not_be_opened_says_why(tmp_path: Path) -> None:
    """A file that isn't there, or is a directory, is a GraveyardError too."""
    with pytest.raises(GraveyardError, match="No such file"):
        read(str(tmp_path / "none.graveyard"))
    with pytest.raises(GraveyardError, match="Is a directory"):
        read(str(tmp_path))


def test_only_what_is_used_is_read(tmp_path: Path) -> None:
    """A sparse graveyard of a gigabyte is read in no time and no memory."""
    made = opened(tmp_path, slots=1 << 16, strings=1 << 30)
    register(made, SOURCE)
    assert os.stat(made.path).st_size > 1 << 30
    assert read(made.path).functions == 3


def test_a_note_that_is_no_json_is_an_error(graveyard: Graveyard) -> None:
    """Notes are as little trusted as anything else."""
    graveyard.lock.acquire(1)
    graveyard._append(layout.NOTE, 0, 0, b"x" * 16, b"\xff{", 0)
    graveyard.lock.release()
    with pytest.raises(GraveyardError, match="note"):
        read(graveyard.path).notes()
