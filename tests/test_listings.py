"""Listings that are kept: found by content, and never believed where anything is wrong."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tombs import inventory as reading
from tombs import listings as kept_listings
from tombs.cli.main import main
from tombs.evidence.model import Listed, digest
from tombs.inventory import inventory, of_source
from tombs.listings import Listings, rows, written

ONE = "def one():\n    return lambda: 1\n"
TWO = "class Two:\n    def two(self): ...\n"


class Tree:
    """Source, a cache beside it, and what was parsed."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source = path / "source"
        self.cache = path / "cache"
        self.source.mkdir()
        (self.source / "one.py").write_text(ONE)
        (self.source / "two.py").write_text(TWO)
        self.parsed: list[bytes] = []
        monkeypatch.setattr(reading, "of_source", self._parse)

    def _parse(self, source: bytes) -> object:
        self.parsed.append(source)
        return of_source(source)

    def read(self, source: Path | None = None) -> dict[str, Listed]:
        """List all functions, with what is kept."""
        self.parsed.clear()
        kept = Listings(str(self.cache))
        found = list(inventory(str(source or self.source), (), pytest.fail, kept))
        kept.save()
        return {one.name: one for one in found}

    @property
    def file(self) -> Path:
        """The file that listings are kept in."""
        (found,) = self.cache.iterdir()
        return found


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Give a tree that was never read."""
    return Tree(tmp_path, monkeypatch)


def test_what_was_read_is_not_parsed_again(tree: Tree) -> None:
    """The second reading gives the same, and parses nothing."""
    first = tree.read()
    assert len(tree.parsed) == 2
    assert tree.read() == first
    assert not tree.parsed
    assert [function.stub for function in first["two"].functions] == ["body is ..."]


def test_content_alone_counts(tree: Tree) -> None:
    """A file of the same name, size and time is another where one letter is; a copy is the same."""
    tree.read()
    path = tree.source / "one.py"
    before = path.stat()
    path.write_text(ONE.replace("one", "eno"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert tree.read()["one"].functions[0].qualname == "eno"
    assert tree.parsed == [path.read_bytes()]
    elsewhere = tree.source.parent / "elsewhere"
    tree.source.rename(elsewhere)
    (elsewhere / "two.py").rename(elsewhere / "three.py")
    assert tree.read(elsewhere)["three"].functions[0].qualname == "Two.two"
    assert not tree.parsed


def test_it_is_for_this_user_alone(tree: Tree) -> None:
    """Whatever the umask, and nothing half done is left."""
    before = os.umask(0)
    try:
        tree.read()
    finally:
        os.umask(before)
    assert stat.S_IMODE(tree.cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(tree.file.stat().st_mode) == 0o600


def _flipped(at: int) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)

    return flip


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


WRONG: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b"") and None,
    "cut short": lambda path: os.truncate(path, 50),
    "another format": _flipped(3),
    "another version": _flipped(16),
    "another Python": _flipped(20),
    "another count": _flipped(24),
    "another table": _flipped(34),
    "readable to others": lambda path: path.chmod(0o604),
    "writable by the group": lambda path: path.chmod(0o620),
    "a link": _linked,
    "a pipe": _a_pipe,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_not_to_be_trusted_is_not_used(tree: Tree, wrong: str) -> None:
    """The source is read, and what is found is the same."""
    first = tree.read()
    WRONG[wrong](tree.file)
    assert tree.read() == first
    assert len(tree.parsed) == 2


def test_another_users_file_is_not_used(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where it can be read."""
    tree.read()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    tree.read()
    assert len(tree.parsed) == 2


def test_another_release_of_tombs_reads_anew(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a stub may have changed with it."""
    tree.read()
    monkeypatch.setattr(kept_listings, "__version__", "0.0.0")
    tree.read()
    assert len(tree.parsed) == 2


def test_a_spoiled_listing_spoils_no_other(tree: Tree) -> None:
    """Only the file that it is of is read again, and mended with that."""
    first = tree.read()
    _flipped(-3)(tree.file)
    assert tree.read() == first
    assert len(tree.parsed) == 1
    tree.read()
    assert not tree.parsed


@pytest.mark.parametrize("listing", [b"{", b"7", b"[7]", b"[[1]]", b'[["f",1,1,"",2]]'])
def test_what_is_no_listing_is_told(listing: bytes) -> None:
    """However it came to have the right checksum."""
    with pytest.raises(ValueError, match=r".+"):
        rows(listing)


def test_listings_come_back_as_they_were() -> None:
    """With names that aren't ASCII."""
    functions = of_source("def gräber(): ...\nf = lambda: 1\n".encode())
    assert rows(written(functions)) == functions
    assert len(functions) == 2


def test_the_oldest_go_where_there_is_no_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for last stays."""
    names = [digest(bytes([number])) for number in range(9)]
    listing = written(of_source(ONE.encode()))
    monkeypatch.setattr(kept_listings, "MOST", 3 * (len(listing) + 40))
    for name in names:
        kept = Listings(str(tmp_path))
        kept.get(names[0])
        kept.put(name, listing)
        kept.save()
    kept = Listings(str(tmp_path))
    assert [name for name in names if kept.get(name)] == [names[0], names[7], names[8]]


def test_a_cache_that_can_not_be_written_is_no_matter(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The inventory is told all the same; with 0 nothing is kept."""
    for cache in ("/dev/null/cache", "0"):
        monkeypatch.setenv("TOMBS_CACHE", cache)
        assert main(["inventory", "--source", str(tree.source)]) == 0
        out, err = capsys.readouterr()
        assert (len(out.splitlines()), err) == (3, "")


def test_the_command_keeps_what_it_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cache directory that was chosen."""
    monkeypatch.setenv("TOMBS_CACHE", str(tree.cache))
    assert main(["inventory", "--source", str(tree.source)]) == 0
    assert tree.file.name == f"listings-{sys.implementation.cache_tag}.cache"
    tree.parsed.clear()
    assert main(["inventory", "--source", str(tree.source)]) == 0
    assert not tree.parsed
