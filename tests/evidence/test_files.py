"""Files are written whole or not at all, and compressed as their names ask for."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tombs.errors import TombsError
from tombs.evidence import compression, files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import ReadableBuffer as Buffer


def failing() -> Iterator[bytes]:
    """Give a line, and fail."""
    yield b"half\n"
    raise TombsError("it broke")


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    """No half file, and none left beside it."""
    path = tmp_path / "it.json"
    path.write_text("before")
    with pytest.raises(TombsError, match="it broke"):
        files.write(str(path), failing())
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["it.json"]


class Narrow(io.RawIOBase):
    """Takes three bytes at a time, as what isn't buffered may."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        """As said."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Take some."""
        self.taken += bytes(data)[:3]
        return min(len(bytes(data)), 3)


def test_unbuffered_output_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under PYTHONUNBUFFERED a write may take less than it is given."""
    narrow = Narrow()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=narrow))
    files.write("-", [b"one\n", b"", b"another\n"])
    assert narrow.taken == b"one\nanother\n"


def test_mode_and_links_stay(tmp_path: Path) -> None:
    """A file that is replaced keeps its rights; a link leads where it led."""
    path = tmp_path / "it.json"
    path.write_text("before")
    path.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    files.write(str(link), [b"after\n"])
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("after\n", 0o640)


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(TombsError, match=r"no/it\.json can't be written: No such file"):
        files.write(str(tmp_path / "no/it.json"), [b""])


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no regular file isn't replaced by one."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    reader.start()
    files.write(str(path), [b"a\n", b"b\n"])
    reader.join(30)
    assert read == [b"a\nb\n"]


def test_gzip_is_the_same_every_time(tmp_path: Path) -> None:
    """No time and no name in it."""
    one, two = tmp_path / "one.gz", tmp_path / "two.gz"
    for path in (one, two):
        files.write(str(path), [b"a\n" * 100])
    assert one.read_bytes() == two.read_bytes()
    assert gzip.decompress(one.read_bytes()) == b"a\n" * 100


def test_zstd_is_written_and_read(tmp_path: Path) -> None:
    """With the standard library's, or the extra's."""
    if sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    path = tmp_path / "it.zst"
    files.write(str(path), [b"a\n" * 100])
    assert path.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    with path.open("rb") as file:
        assert compression.reader(file, "it.zst").read() == b"a\n" * 100


def test_without_zstd_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is named, and nothing is written."""
    monkeypatch.setattr(compression, "_ZSTD_MODULES", ("no_such_module",))
    path = tmp_path / "it.zst"
    with pytest.raises(TombsError, match=r"tombs\[zstd\]"):
        files.write(str(path), [b"a\n"])
    assert not os.listdir(tmp_path)
