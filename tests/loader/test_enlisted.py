"""Known modules of which nothing has started yet."""

from __future__ import annotations

from binascii import crc32
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.support_graveyard import compiled, module_image, opened, register, told
from tombs import layout
from tombs.block import digest
from tombs.engines import vacates
from tombs.loader.cache import Entry
from tombs.loader.enlisted import REASON, Enlisted
from tombs.loader.module import Module
from tombs.loader.populate import Populator
from tombs.runtime.committing import Refused
from tombs.runtime.locks import FileLock
from tombs.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

    from tombs.runtime.graveyard import Graveyard

SOURCE = "def first(): pass\ndef second(): pass\n"
KEY = 1


def entry_of(source: str = SOURCE, flags: int = 0) -> Entry:
    """Make what the cache has of a module."""
    image = bytearray(module_image(source))
    image[20:24] = flags.to_bytes(4, "little")
    return Entry(KEY, bytes(image), digest(image), crc32(image), b"")


class Enlisting:
    """Known modules of a process, its cache a dict.

    Args:
        graveyard: the run's.
        entry: what the cache has of module `m`; None where that turns out to be damaged.
    """

    def __init__(self, graveyard: Graveyard, entry: Entry | None) -> None:
        self.graveyard = graveyard
        self.populator = Populator(graveyard, vacates("monitoring", graveyard), Refused, print)
        self.woken = 0
        self.entry = entry
        self.read = 0
        self.populator.kept = SimpleNamespace(image=self._image, digest=self._digest)  # type: ignore[assignment]
        self.enlisted = Enlisted(self.populator, self._wake, mark=self._mark)

    def _wake(self) -> None:
        self.woken += 1

    def _image(self, name: str, key: int) -> Entry | None:
        assert (name, key) == ("m", KEY)
        self.read += 1
        return self.entry

    def _mark(self, code: CodeType) -> None:
        for module in self.enlisted.of_file(code.co_filename) or ():
            module.enter(code)

    def _digest(self, name: str, key: int) -> bytes | None:
        assert (name, key) == ("m", KEY)
        return None if self.entry is None else self.entry.digest

    def take(self, source: str = SOURCE, file: str = "/srv/m.py") -> bool:
        """Take it on, as it is about to run."""
        return self.enlisted.take("m", compiled(source, file), KEY)


def reasons(graveyard: Graveyard) -> list[object]:
    """Give what is noted of what isn't watched."""
    return [note["reason"] for note in read(graveyard.path).notes()]


def test_nothing_is_done_until_somebody_looks(tmp_path: Path) -> None:
    """Then it is registered, and its module comes from what is written there, and once."""
    graveyard = opened(tmp_path)
    here = Enlisting(graveyard, entry_of())
    assert here.take()
    assert here.populator.modules == 1
    assert (told(graveyard), here.read, here.enlisted.files) == ([], 0, {})
    found = here.enlisted.of_file("/srv/m.py")
    assert found is not None
    assert [(one.name, one.base, one.done) for one in found] == [("m", 0, True)]
    assert len(told(graveyard)) == 2
    found[0].vacate(1)
    assert len(told(graveyard)) == 1
    assert here.enlisted.of_file("/srv/m.py") is found
    assert len(found) == 1
    assert here.enlisted.of_file("/srv/other.py") is None
    assert not here.enlisted.awaits


def test_settling_registers_and_makes_nothing(tmp_path: Path) -> None:
    """It is the background thread's, who is woken once for all that come until then."""
    graveyard = opened(tmp_path)
    here = Enlisting(graveyard, entry_of())
    assert here.take()
    assert here.take(file="/srv/copy.py")
    assert here.woken == 1
    assert here.populator.settle(0.0) == 2  # no time is no time
    assert here.populator.settle() == 0
    assert (len(told(graveyard)), here.enlisted.files) == (2, {})
    assert here.take(file="/srv/late.py")
    assert here.woken == 2


def test_without_functions_there_is_nothing_to_make(tmp_path: Path) -> None:
    """The path is known all the same."""
    here = Enlisting(opened(tmp_path), entry_of("x = 1\n"))
    assert here.take("x = 1\n")
    assert here.enlisted.of_file("/srv/m.py") == []


@pytest.mark.parametrize("why", ["inlined", "numba", "a second time"])
def test_where_more_is_to_be_done_it_is_left_to_others(tmp_path: Path, why: str) -> None:
    """What isn't seen to be called of such a module is unknown, or it has two versions."""
    here = Enlisting(opened(tmp_path), entry_of())
    source = f"import numba\n{SOURCE}" if why == "numba" else SOURCE
    if why == "inlined":
        here.populator.inlined(())
    if why == "a second time":
        assert here.take()
    seen = here.populator.modules
    assert not here.take(source)
    assert here.populator.modules == seen


@pytest.mark.parametrize("why", ["flags", "inlined"])
def test_what_is_not_seen_to_be_called_is_unknown(tmp_path: Path, why: str) -> None:
    """Its own words or a compiler say so, between its import and its registration."""
    graveyard = opened(tmp_path)
    here = Enlisting(graveyard, entry_of(flags=int(why == "flags")))
    here.populator.reported = True
    assert here.take()
    if why == "inlined":
        here.populator.inlined(())
    assert here.populator.settle() == 0
    found = here.enlisted.of_file("/srv/m.py")
    assert found is not None
    assert [one.name for one in found] == ["m"]
    assert list(graveyard.markers[:2]) == [layout.UNKNOWN, layout.UNKNOWN]


def test_no_room_is_told_and_lets_it_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What starts of it is marked nowhere, and does no harm."""
    here = Enlisting(opened(tmp_path, slots=1), entry_of())
    assert here.take()
    found = here.enlisted.of_file("/srv/m.py")
    assert found is not None
    assert [one.base for one in found] == [None]
    found[0].vacate(0)
    assert "slots full: the 2 functions of m are not recorded" in capsys.readouterr().out


def test_a_lock_that_is_held_has_it_wait(tmp_path: Path) -> None:
    """What is called meanwhile is marked as it gets its slots."""
    graveyard = opened(tmp_path)
    here = Enlisting(opened(tmp_path), entry_of())
    assert here.take()
    assert graveyard.lock.acquire(0.0)
    found = here.enlisted.of_file("/srv/m.py")
    assert found is not None
    found[0].enter(function())
    assert here.populator.settle() == 1
    graveyard.lock.release()
    assert here.populator.settle() == 0
    assert told(graveyard) == ["m.second"]


def function() -> CodeType:
    """Give the code of a function of the module."""
    return next(one for one in compiled(SOURCE).co_consts if hasattr(one, "co_name"))


def test_what_starts_early_is_written_down_and_marked_later(tmp_path: Path) -> None:
    """Until then nobody calls anything of its module dead; then it is known what was called."""
    graveyard = opened(tmp_path)
    here = Enlisting(opened(tmp_path), entry_of())
    assert here.take()
    for _ in range(2):
        assert here.enlisted.started(function(), "/srv/m.py") == []
    assert (here.read, read(graveyard.path).waiting) == (0, 1)
    register(graveyard, SOURCE)
    assert told(graveyard) == []
    assert here.populator.settle() == 0
    assert read(graveyard.path).waiting == 0
    assert told(graveyard) == ["m.second"]
    assert here.enlisted.started(function(), "/srv/m.py") != []


def test_what_another_has_registered_is_marked_at_once(tmp_path: Path) -> None:
    """It isn't even read."""
    graveyard = opened(tmp_path)
    register(graveyard, SOURCE)
    here = Enlisting(opened(tmp_path), entry_of())
    assert here.take()
    found = here.enlisted.started(function(), "/srv/m.py")
    assert found is not None
    found[0].enter(function())
    assert (here.read, read(graveyard.path).waiting) == (0, 0)
    assert told(graveyard) == ["m.second"]


def test_what_is_called_while_others_are_settled_stays_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rewritten code's vacate alone knows of it, until its module is registered as well."""
    graveyard = opened(tmp_path)
    here = Enlisting(opened(tmp_path), entry_of())
    first, second = here.populator.make_vacate(), here.populator.make_vacate()
    assert here.enlisted.take("m", compiled(SOURCE), KEY, first)
    first(1)

    def meanwhile(_patience: float) -> None:
        here.entry = entry_of("def other(): pass\ndef third(): pass\n")
        assert here.enlisted.take("m", compiled(SOURCE, "/srv/n.py"), KEY, second)
        second(0)

    with monkeypatch.context() as patch:
        patch.setattr(here.populator, "_settle_waiting", meanwhile)
        assert here.populator.settle() == 1
    assert read(graveyard.path).waiting == 1
    assert here.populator.settle() == 0
    assert read(graveyard.path).waiting == 0
    assert len(told(graveyard)) == 2


def test_a_lock_that_is_held_keeps_what_started_early_in_doubt(tmp_path: Path) -> None:
    """Remembered is not written down."""
    graveyard = opened(tmp_path)
    here = Enlisting(opened(tmp_path), entry_of())
    assert here.take()
    assert here.enlisted.started(function(), "/srv/m.py") == []
    assert graveyard.lock.acquire(0.0)
    assert here.populator.settle() == 1
    assert read(graveyard.path).waiting == 1
    graveyard.lock.release()
    assert here.populator.settle() == 0
    assert read(graveyard.path).waiting == 0
    assert told(graveyard) == ["m.second"]


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_what_cannot_be_read_any_more_is_in_doubt(tmp_path: Path, when: str) -> None:
    """Nothing of it is called dead, whenever another process registers it."""
    graveyard = opened(tmp_path)
    here = Enlisting(opened(tmp_path), None)
    if when == "before":
        register(graveyard, SOURCE)
    assert here.take()
    assert here.populator.settle() == 0
    if when == "after":
        register(graveyard, SOURCE)
    assert here.enlisted.of_file("/srv/m.py") == []
    assert told(graveyard) == []
    assert reasons(graveyard) == [REASON]


def test_a_doubt_that_cannot_be_written_is_everything_s(tmp_path: Path) -> None:
    """At the end there is no other time."""
    graveyard = opened(tmp_path)
    register(graveyard, "def other(): pass\n", "other")
    here = Enlisting(opened(tmp_path), None)
    assert here.take()
    assert graveyard.lock.acquire(0.0)
    here.populator.settle()
    assert len(told(graveyard)) == 1
    here.populator.settle(patience=0.01)
    assert told(graveyard) == []
    graveyard.lock.release()


def test_what_fails_in_it_is_noted(tmp_path: Path) -> None:
    """A fault of ours costs the module's evidence, and is not tried again and again."""
    entry = entry_of()
    entry.image = b""
    graveyard = opened(tmp_path)
    here = Enlisting(graveyard, entry)
    assert here.take()
    assert here.populator.settle() == 0
    assert ["Tombs failed" in str(reason) for reason in reasons(graveyard)] == [True]
    assert here.populator.settle() == 0
    assert here.read == 1


class Many:
    """Known modules, `m0` and so on, each of two functions.

    Args:
        graveyard: the run's.
        count: of modules.
    """

    def __init__(self, graveyard: Graveyard, count: int) -> None:
        self.files = [f"/srv/m{number}.py" for number in range(count)]
        self.entries: dict[str, Entry | None] = {}
        for number, file in enumerate(self.files):
            data = module_image(SOURCE, f"m{number}", file)
            self.entries[f"m{number}"] = Entry(KEY, data, digest(data), crc32(data), b"")
        self.populator = Populator(graveyard, vacates("monitoring", graveyard), Refused, print)
        self.populator.kept = SimpleNamespace(image=self._image, digest=self._digest)  # type: ignore[assignment]
        self.enlisted = Enlisted(self.populator, lambda: None)
        for number, file in enumerate(self.files):
            assert self.enlisted.take(f"m{number}", compiled(SOURCE, file), KEY)

    def _image(self, name: str, _key: int) -> Entry | None:
        return self.entries[name]

    def _digest(self, name: str, _key: int) -> bytes | None:
        entry = self.entries[name]
        return None if entry is None else entry.digest

    def bases(self) -> list[int | None]:
        """Give the first slot of each, None where it isn't registered."""
        found = [self.enlisted.of_file(file) for file in self.files]
        return [modules[0].base if modules else None for modules in found]


def test_many_are_registered_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a busy thread each call of the system takes five milliseconds, and locking is two."""
    graveyard = opened(tmp_path)
    here = Many(graveyard, 20)
    taken = []
    acquire = FileLock.acquire
    monkeypatch.setattr(FileLock, "acquire", lambda *args: taken.append(1) or acquire(*args))
    assert here.populator.settle() == 0
    assert len(taken) == 3
    assert here.bases() == [2 * number for number in range(20)]


@pytest.mark.parametrize("fault", ["damaged", "broken", "known"])
def test_one_of_many_is_not_as_the_others(tmp_path: Path, fault: str) -> None:
    """It is seen to by itself, wherever it stands among them."""
    graveyard = opened(tmp_path)
    here = Many(graveyard, 5)
    entry = here.entries["m2"]
    assert entry is not None
    if fault == "damaged":
        here.entries["m2"] = None
    elif fault == "broken":
        entry.image = b""
    else:
        graveyard.register(entry.image, entry.digest)
    assert here.populator.settle() == 0
    if fault == "known":
        assert here.bases() == [2, 4, 0, 6, 8]
    else:
        assert here.bases() == [0, 2, None, 4, 6]
        assert len(reasons(graveyard)) == 1


@pytest.mark.parametrize("why", ["slots", "lock"])
def test_many_for_which_there_is_no_room(tmp_path: Path, why: str) -> None:
    """What doesn't fit is noted each by itself; where the lock is held, they wait."""
    graveyard = opened(tmp_path, slots=7 if why == "slots" else 100)
    here = Many(opened(tmp_path), 5)
    if why == "lock":
        assert graveyard.lock.acquire(0.0)
        assert here.populator.settle() == 5
        assert told(graveyard) == []
        graveyard.lock.release()
    assert here.populator.settle() == 0
    assert len(told(graveyard)) == (6 if why == "slots" else 10)
    assert reasons(graveyard) == ["slots full"] * (2 if why == "slots" else 0)


def test_another_module_of_the_same_path_comes_behind(tmp_path: Path) -> None:
    """Neither is alone then: what is asked of a file alone is asked of neither."""
    here = Enlisting(opened(tmp_path), entry_of())
    assert here.take()
    other = Module("other", compiled(SOURCE), here.populator.make_vacate(), late=False)
    here.enlisted.add(other, "/srv/m.py")
    found = here.enlisted.all()
    assert [(one.name, one.alone) for one in found] == [("m", False), ("other", False)]
