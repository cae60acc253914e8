"""A module's image: what is put into it is found in it, wherever it lies."""

from __future__ import annotations

import struct

import pytest

from tests.support_graveyard import SOURCE, module_image
from tombs.block import HEAD, Entry, Image, build, digest, encode

ODD = "caf\udce9 \U0001f9ea"


def made(*entries: Entry, module: str = "m", file: str = "/srv/m.py") -> Image:
    """Make an image and read it."""
    lines = [f"line of {entry.qualname}\n".encode(errors="replace").decode() for entry in entries]
    return Image(memoryview(build(module, file, entries, lines)))


def test_everything_about_a_function_comes_back() -> None:
    """Lines, hash, mark, kind, name and wire line are what they were."""
    image = made(
        Entry("f", 1, 3, method=False, own_hash=2**64 - 1, mark=2**32 - 1),
        Entry("C.m", 5, 2**32 - 1, method=True, own_hash=7, mark=0),
    )
    assert image.count == 2
    assert (image.module, image.file) == ("m", "/srv/m.py")
    assert [image.qualname(index) for index in range(2)] == ["f", "C.m"]
    assert [image.method(index) for index in range(2)] == [False, True]
    assert list(image.starts) == [1, 5]
    assert list(image.ends) == [3, 2**32 - 1]
    assert list(image.hashes) == [2**64 - 1, 7]
    assert list(image.marks) == [2**32 - 1, 0]
    assert bytes(image.line(1)) == b"line of C.m\n"


def test_a_run_of_lines_is_one_slice() -> None:
    """The wire lines of functions that follow one another lie side by side."""
    image = made(*[Entry(name, 1, 1, method=False) for name in "abc"])
    assert bytes(image.lines(0, 3)) == b"line of a\nline of b\nline of c\n"
    assert bytes(image.lines(1, 2)) == b"line of b\n"
    assert bytes(image.lines(1, 1)) == b""


def test_a_module_without_functions_has_an_image() -> None:
    """No functions are no special case."""
    image = made()
    image.check()
    assert image.count == 0
    assert list(image.find(1, "f")) == []


@pytest.mark.parametrize("name", ["plain", "naïve", "テスト", ODD])
def test_names_of_all_kinds_come_back(name: str) -> None:
    """A name survives, also a file name's byte that is no character."""
    image = made(Entry(name, 1, 1, method=False), module=name, file=f"/srv/{name}.py")
    image.check()
    assert (image.qualname(0), image.module, image.file) == (name, name, f"/srv/{name}.py")
    assert list(image.find(1, name)) == [0]


def test_a_function_is_found_by_first_line_and_name() -> None:
    """Neither the same name on another line nor another name on the same line is taken for it."""
    places = [(1, "f"), (4, "f"), (4, "g"), (4, "f"), (9, "h")]
    image = made(*[Entry(name, start, start, method=False) for start, name in places])
    assert list(image.find(1, "f")) == [0]
    assert list(image.find(4, "f")) == [1, 3]
    assert list(image.find(4, "g")) == [2]
    assert list(image.find(9, "h")) == [4]
    assert list(image.find(9, "f")) == []
    assert list(image.find(2, "f")) == []
    assert list(image.find(10, "h")) == []


def test_an_image_can_be_read_wherever_it_lies() -> None:
    """At every multiple of 8 in a mapping the same bytes mean the same."""
    data = module_image()
    for at in (0, 8, 64):
        image = Image(memoryview(bytes(at) + data)[at:])
        assert image.qualname(0) == "first"


def test_equal_modules_have_equal_digests() -> None:
    """The digest finds a module again, and tells another version, name or place from it."""
    same = digest(module_image())
    assert digest(module_image()) == same
    others = [
        module_image(SOURCE.replace("3", "4")),
        module_image("\n" + SOURCE),
        module_image(name="n"),
        module_image(file="/srv/n.py"),
    ]
    assert len({same, *map(digest, others)}) == 5
    assert len(same) == 16


def test_a_spoiled_image_says_so() -> None:
    """Lengths and offsets that lead outside are errors, never an index out of range."""
    data = module_image()
    for size in (0, HEAD.size - 1, HEAD.size, len(data) - 1):
        with pytest.raises(ValueError, match="image"):
            Image(memoryview(data)[:size])
    with pytest.raises(ValueError, match="add up"):
        Image(memoryview(data + b"\0"))
    count = Image(memoryview(data)).count
    names_at = HEAD.size + 8 * count + 12 * count
    for field in range(2 * (count + 1)):
        spoiled = bytearray(data)
        struct.pack_into("<I", spoiled, names_at + 4 * field, 2**31)
        with pytest.raises(ValueError, match="offsets"):
            Image(memoryview(bytes(spoiled))).check()


def test_surrogates_are_kept_and_nothing_else_is_changed() -> None:
    """Names are UTF-8, but for what no UTF-8 has."""
    assert encode("é") == "é".encode()
    assert encode("\udce9").decode("utf-8", "surrogatepass") == "\udce9"


def test_a_function_is_found_around_a_line() -> None:
    """By its name, where its first line is not told, but one within it."""
    image = made(
        Entry("f", 1, 9, method=False),
        Entry("f", 3, 4, method=False),
        Entry("g", 3, 9, method=False),
        Entry("f", 8, 9, method=False),
    )
    assert image.around(4, "f") == [0, 1]
    assert image.around(5, "f") == [0]
    assert image.around(1, "f") == []
    assert image.around(10, "f") == []
