"""The graveyard file: made whole, opened only when it is ours, allocated before it is written."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from tests.support_graveyard import identity_of
from tombs import layout
from tombs.errors import GraveyardError
from tombs.runtime import region as module
from tombs.runtime.region import CHUNK, Region, allocate, make

SLOTS = 5000
STRINGS = 200_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Make a graveyard file."""
    name = str(tmp_path / "a.graveyard")
    make(name, SLOTS, STRINGS, identity_of(run="a"), 77)
    return name


def on_disk(path: str) -> int:
    """Give how many bytes of a file are allocated."""
    return os.stat(path).st_blocks * 512


def test_a_file_is_made_whole(path: str) -> None:
    """It has its full size, is this user's alone, and nothing else is left in the directory."""
    found = os.stat(path)
    assert found.st_size == layout.regions(SLOTS, STRINGS)[2]
    assert found.st_mode & 0o777 == 0o600
    assert os.listdir(os.path.dirname(path)) == ["a.graveyard"]


def test_a_file_is_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    """A umask takes nothing from the owner, and gives nothing to others."""
    before = os.umask(0o377)
    try:
        make(str(tmp_path / "a"), SLOTS, STRINGS, b"{}", 1)
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o600


def test_an_empty_graveyard_takes_no_room(path: str) -> None:
    """The file is sparse: strings that nobody wrote are on no disk."""
    assert on_disk(path) <= 2 * layout.HEADER_SIZE


def test_what_was_made_is_found(path: str) -> None:
    """Whoever opens the file learns its regions from it."""
    opened = Region(path)
    assert (opened.slots, opened.strings) == (
        SLOTS,
        layout.history_at(SLOTS, STRINGS) - opened.strings_at,
    )
    assert opened.strings >= STRINGS
    assert opened.words[layout.USED] == 0
    opened.close()


def test_two_openings_share_their_bytes(path: str) -> None:
    """A store through one mapping is seen through the other at once."""
    one, other = Region(path), Region(path)
    one.words[layout.USED] = 88
    one.map[one.markers_at + 7] = 1
    assert other.words[layout.USED] == 88
    assert other.map[other.markers_at + 7] == 1


def test_room_is_taken_in_chunks(path: str) -> None:
    """The first byte takes a chunk, the next ones nothing, and the end is never passed."""
    opened = Region(path)
    opened.room(0, 1)
    assert opened.words[layout.ALLOCATED] == CHUNK
    before = on_disk(path)
    assert before >= CHUNK
    opened.room(1, CHUNK - 1)
    assert on_disk(path) == before
    opened.room(CHUNK, 1)
    assert opened.words[layout.ALLOCATED] == 2 * CHUNK
    opened.room(opened.strings - 1, 1)
    assert opened.words[layout.ALLOCATED] == opened.strings
    assert os.stat(path).st_size == layout.regions(SLOTS, STRINGS)[2]


def test_markers_get_their_pages_once(path: str) -> None:
    """Slots within a page that an earlier slot needed take nothing more."""
    opened = Region(path)
    opened.slot_room(0, 10)
    before = on_disk(path)
    opened.map[opened.markers_at + 3] = 1
    opened.slot_room(10, 1000)
    assert on_disk(path) == before
    opened.slot_room(1010, 4000)
    # One page of markers, and their history 16 KiB at a time: that of a thousand slots.
    taken = on_disk(path) - before
    assert layout.PAGE + 4 * (16 << 10) <= taken <= 2 * layout.PAGE + 4 * (16 << 10)
    assert opened.map[opened.markers_at + 3] == 1


def test_history_gets_its_pages_ahead(path: str) -> None:
    """A row is 16 bytes, and a thousand rows are allocated at once."""
    opened = Region(path)
    opened.slot_room(0, 1)
    before = on_disk(path)
    opened.slot_room(1, 1023)
    assert on_disk(path) == before
    opened.slot_room(1024, 1)
    assert 16 << 10 <= on_disk(path) - before <= (16 << 10) + layout.PAGE


def test_a_file_system_without_allocation_gets_zeros(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where posix_fallocate isn't supported the room is written by hand."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    opened = Region(path)
    opened.room(0, 1)
    assert on_disk(path) >= CHUNK


@pytest.mark.parametrize("room", [0, 1024])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Making a graveyard there takes nothing, and leaves no half of a file."""

    def full(fd: int, data: bytes, at: int) -> int:
        del fd, data, at
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return room

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        make(str(tmp_path / "a"), SLOTS, STRINGS, b"{}", 1)
    assert os.listdir(tmp_path) == []


def spoil(path: str, at: int, form: str, value: object) -> None:
    """Write a value into the file."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(struct.pack(form, value))


@pytest.mark.parametrize(
    ("at", "form", "value", "reason"),
    [
        (0, "<Q", 0, "it is no graveyard"),
        (8, "<I", 4, "its format is 4, not 3"),
        (12, "<I", 0x04030201, ".* another byte order"),
        (16, "<Q", 1 << 40, "its size doesn't fit"),
        (24, "<Q", 0, "its size doesn't fit"),
        (40, "<Q", 1 << 40, "its size doesn't fit"),
    ],
)
def test_a_foreign_or_spoiled_file_is_refused(
    path: str, at: int, form: str, value: int, reason: str
) -> None:
    """Nothing is mapped whose header doesn't fit, and the error names the file."""
    spoil(path, at, form, value)
    with pytest.raises(GraveyardError, match=f"{path} can't be used: {reason}"):
        Region(path)


def test_a_file_cut_short_is_refused(path: str) -> None:
    """A mapping beyond the end of its file would be a SIGBUS."""
    os.truncate(path, layout.regions(SLOTS, STRINGS)[2] - 1)
    with pytest.raises(GraveyardError, match="its size"):
        Region(path)
    os.truncate(path, 10)
    with pytest.raises(GraveyardError, match="no graveyard"):
        Region(path)


def test_a_file_that_others_may_read_is_refused(path: str) -> None:
    """It is somebody else's doing."""
    os.chmod(path, 0o640)
    with pytest.raises(GraveyardError, match="this user's alone"):
        Region(path)


def test_a_link_is_not_followed(path: str, tmp_path: Path) -> None:
    """Also when it leads to a graveyard."""
    link = tmp_path / "link.graveyard"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        Region(str(link))


def test_descriptors_stay_out_of_the_programs_way(path: str) -> None:
    """What is opened is high and not inherited; nothing is left at the low numbers for long."""
    low = os.dup(0)
    os.close(low)
    opened = Region(path)
    assert opened.fd() >= 64
    assert not os.get_inheritable(opened.fd())
    if module.sys.version_info >= (3, 13):
        assert os.dup(0) == low
        os.close(low)


def test_a_descriptor_that_became_the_programs_file_is_not_touched(
    path: str, tmp_path: Path
) -> None:
    """A program that closed ours and got its number gets no byte from us; we open ours anew."""
    opened = Region(path)
    taken = opened.fd()
    own = os.open(tmp_path / "own.txt", os.O_RDWR | os.O_CREAT)
    os.dup2(own, taken)
    opened.room(0, 1)
    assert os.stat(tmp_path / "own.txt").st_size == 0
    assert opened.fd() != taken
    assert opened.words[layout.ALLOCATED] == CHUNK
    opened.close()
    os.fstat(taken)


def test_a_graveyard_that_was_removed_is_an_error(path: str) -> None:
    """There is no room in a file that nobody can find, once its descriptor is lost."""
    opened = Region(path)
    os.close(opened.fd())
    os.unlink(path)
    with pytest.raises(FileNotFoundError):
        opened.room(0, 1)
    make(path, SLOTS, STRINGS, b"{}", 1)
    with pytest.raises(FileNotFoundError, match="removed"):
        opened.room(0, 1)


def test_allocation_beyond_a_limit_is_an_error(path: str) -> None:
    """The system's refusal comes through as it is."""
    opened = Region(path)
    with pytest.raises(OSError, match=r"."):
        allocate(opened.fd(), 0, 1 << 62)


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="asked of /proc")
def test_no_more_is_read_than_is_looked_at(path: str) -> None:
    """The mapping says so to the system."""
    region = Region(path)
    flags = {}
    name = ""
    for line in Path("/proc/self/smaps").read_text("utf-8", "replace").splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            name = words[-1]
        elif words[0] == "VmFlags:":
            flags[name] = words[1:]
    assert "rr" in flags[path]
    region.close()
