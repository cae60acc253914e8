"""Known modules of which nothing has started yet."""

from __future__ import annotations

from binascii import crc32
from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import compiled, module_image, opened, told
from tombs.block import digest
from tombs.engines import vacates
from tombs.loader.cache import Entry
from tombs.loader.enlisted import Enlisted
from tombs.loader.module import Module
from tombs.loader.populate import Populator
from tombs.runtime.graveyard import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from tombs.runtime.graveyard import Graveyard

SOURCE = "def first(): pass\ndef second(): pass\n"


def _made(graveyard: Graveyard) -> tuple[Enlisted, Populator]:
    populator = Populator(graveyard, vacates("monitoring", graveyard), Refused, print)
    return Enlisted(populator), populator


def _entry(source: str = SOURCE, flags: int = 0) -> Entry:
    image = bytearray(module_image(source))
    image[20:24] = flags.to_bytes(4, "little")
    return Entry(1, bytes(image), digest(image), crc32(image), b"")


def test_it_is_registered_and_made_when_somebody_looks(tmp_path: Path) -> None:
    """Its functions are tombs at once; its module comes from what is written there, and once."""
    graveyard = opened(tmp_path)
    enlisted, populator = _made(graveyard)
    assert enlisted.take(compiled(SOURCE), _entry())
    assert len(told(graveyard)) == 2
    assert enlisted.files == {}
    assert populator.modules == 1
    found = enlisted.of_file("/srv/m.py")
    assert found is not None
    assert [(one.name, one.base, one.done) for one in found] == [("m", 0, True)]
    found[0].vacate(1)
    assert len(told(graveyard)) == 1
    assert enlisted.of_file("/srv/m.py") is found
    assert len(found) == 1
    assert enlisted.of_file("/srv/other.py") is None


def test_without_functions_there_is_nothing_to_make(tmp_path: Path) -> None:
    """The path is known all the same."""
    enlisted, _ = _made(opened(tmp_path))
    assert enlisted.take(compiled("x = 1\n"), _entry("x = 1\n"))
    assert enlisted.of_file("/srv/m.py") == []


@pytest.mark.parametrize("why", ["flags", "inlined", "numba", "a second time"])
def test_where_more_is_to_be_done_it_is_left_to_others(tmp_path: Path, why: str) -> None:
    """What isn't seen to be called of such a module is unknown, or it has two versions."""
    graveyard = opened(tmp_path)
    enlisted, populator = _made(graveyard)
    source = f"import numba\n{SOURCE}" if why == "numba" else SOURCE
    entry = _entry(source, flags=int(why == "flags"))
    if why == "inlined":
        populator.inlined(())
    if why == "a second time":
        assert enlisted.take(compiled(source), entry)
    seen = populator.modules
    assert not enlisted.take(compiled(source), entry)
    assert populator.modules == seen


def test_no_room_is_for_others_to_tell(tmp_path: Path) -> None:
    """Who populates is refused once more, and notes it."""
    enlisted, _ = _made(opened(tmp_path, slots=1))
    assert not enlisted.take(compiled(SOURCE), _entry())
    assert enlisted.of_file("/srv/m.py") is None


def test_another_module_of_the_same_path_comes_behind(tmp_path: Path) -> None:
    """Neither is alone then: what is asked of a file alone is asked of neither."""
    enlisted, populator = _made(opened(tmp_path))
    assert enlisted.take(compiled(SOURCE), _entry())
    other = Module("other", compiled(SOURCE), populator.make_vacate(), late=False)
    enlisted.add(other, "/srv/m.py")
    assert [(one.name, one.alone) for one in enlisted.all()] == [("m", False), ("other", False)]
