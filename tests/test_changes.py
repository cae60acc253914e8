"""The stream of changes: nothing that happens is missed, wherever the connection breaks."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support_graveyard import SOURCE, opened, register
from tombs import changes, layout
from tombs.changes import Changes
from tombs.client.view import View
from tombs.client.watched import GraveyardFile
from tombs.errors import GraveyardError
from tombs.runtime.mapped import Mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tombs.client.view import Event
    from tombs.runtime.graveyard import Graveyard


@contextmanager
def yard() -> Iterator[Graveyard]:
    """Make a graveyard in a directory of its own."""
    directory = Path(tempfile.mkdtemp())
    graveyard = opened(directory, slots=400, strings=1 << 20)
    try:
        yield graveyard
    finally:
        graveyard.close()
        shutil.rmtree(directory)


class Reader:
    """A client in this process, whose connection can break after any byte."""

    def __init__(self, graveyard: Graveyard) -> None:
        self.graveyard = graveyard
        self.view = View()
        self.events: list[Event] = []
        self.connect()

    def connect(self) -> None:
        """Begin another connection: to a process that has only mapped the file."""
        self.view.connected()
        self.stream = Changes(Mapped(self.graveyard.region), self.view.resume).pieces()
        self.rest = b""

    def read(self, most: int | None = None) -> None:
        """Read until there is nothing, or the connection breaks after so many bytes."""
        for piece in self.stream:
            if not piece:
                return
            text = bytes(piece)[:most]
            *lines, self.rest = (self.rest + text).split(b"\n")
            for line in lines:
                self.events += self.view.feed(line)
            if most is not None:
                most -= len(text)
                if not most:
                    return

    def told(self, kind: str = "vacated") -> list[str]:
        """Give the names of the functions of which this was told."""
        return [one.tomb.name for one in self.events if one.kind == kind and one.tomb]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("vacate"), st.integers(0, 200)),
        st.tuples(st.just("register"), st.booleans()),
        st.tuples(st.just("unknown"), st.integers(0, 200)),
        st.tuples(st.just("note"), st.integers(0, 50)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("break"), st.integers(1, 3000)),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(ACTIONS, st.sampled_from([1, 3, 77, 255]))
def test_nothing_is_lost_and_nothing_told_twice(
    actions: list[tuple[str, int]], marker: int
) -> None:
    """What is vacated after the start is told once, whatever else happens and where it breaks."""
    with yard() as graveyard:
        first = register(graveyard)
        graveyard.markers[first.base] = layout.VACATED
        reader = Reader(graveyard)
        reader.read()
        before = reader.view.names(changes.VACATED)
        used, modules = first.image.count, 1
        for word, number in actions:
            if word == "vacate":
                graveyard.markers[number % used] = marker
            elif word == "unknown":
                graveyard.unknown(number % used)
            elif word == "register":
                record = register(graveyard, SOURCE, f"m{modules}", late=bool(number))
                used, modules = record.base + record.image.count, modules + 1
            elif word == "note":
                graveyard.note(bytes([number]) * 16, "dropped", f"big{number}", 3, "slots full")
            elif word == "read":
                reader.read()
            else:
                reader.read(number)
                reader.connect()
        reader.read()
        states = bytes(graveyard.markers[:used]).translate(changes.STATES)
        vacated = reader.view.names(changes.VACATED)
        assert len(vacated) == states.count(b"1") == reader.view.vacated
        assert sorted(reader.told()) == sorted(vacated - before)
        assert reader.view.unknown == states.count(b"2")
        assert (reader.view.functions, len(reader.view.modules)) == (used, modules)
        for module in reader.view.modules:
            own = states[module.base : module.base + module.functions]
            assert (module.vacated, module.unknown) == (own.count(b"1"), own.count(b"2"))
        notes = {number for word, number in actions if word == "note"}
        assert reader.view.dropped == 3 * len(notes)


def test_the_lines_are_as_they_are_described() -> None:
    """The whole of a small stream, literally."""
    with yard() as graveyard:
        record = register(graveyard, "def f(): pass\ndef g(): pass\n")
        graveyard.markers[record.base] = layout.VACATED
        stream = Changes(Mapped(graveyard.region)).pieces()
        start = []
        for piece in stream:
            if not piece:
                break
            start += bytes(piece).splitlines()
        assert start[0].startswith(b'{"tombs": 1, "event": "start", "resumed": false, "created": ')
        assert start[1].startswith(b'{"event": "module", "slot": 0, "functions": 2, "module": "m"')
        f, g = (bytes(record.image.line(at)).rstrip() for at in (0, 1))
        states = b'{"event": "states", "slot": 0, "states": "10"}'
        assert start[2:] == [f, g, states, b'{"event": "live"}']
        assert next(stream) == b""
        graveyard.markers[record.base + 1] = layout.UNKNOWN
        assert next(stream) == b'{"event": "unknown", "slot": 1, "tomb": ' + g + b"}\n"
        graveyard.markers[record.base + 1] = layout.VACATED
        assert next(stream) == b""
        assert next(stream) == b'{"event": "vacated", "slot": 1, "tomb": ' + g + b"}\n"


def test_a_module_in_doubt_is_unknown_until_it_is_settled() -> None:
    """As everywhere: of a module whose calls may not be written down nobody can say."""
    with yard() as graveyard:
        pending = graveyard.pend("m", "/srv/m.py")
        assert pending is not None
        register(graveyard)
        reader = Reader(graveyard)
        reader.read()
        assert (reader.view.unknown, reader.view.vacated) == (3, 0)
        graveyard.markers[1] = layout.VACATED
        reader.read()
        graveyard.settled(pending)
        reader.read()
        assert (reader.view.unknown, reader.view.vacated) == (0, 1)
        assert len(reader.told("populated")) == 2
        assert len(reader.told()) == 1


@pytest.mark.parametrize(
    "resume", ["", "x", "1-2-3-4", "-" * 200, "é", "{created:x}", "{created:x}-0-0-",
               "{created:x}-48-3-00", "{created:x}-ffffffffffffffff-3-0"],
)  # fmt: skip
def test_what_is_no_position_begins_anew(resume: str) -> None:
    """Garbage, and what another graveyard has said, is no reason to fail or to leave out a line."""
    with yard() as graveyard:
        register(graveyard)
        place = Mapped(graveyard.region)
        stream = Changes(place, resume.format(created=place.created)).pieces()
        assert b'"resumed": false' in bytes(next(stream))
        assert b'"event": "module", "slot": 0' in bytes(next(stream))


def test_another_run_begins_anew_for_the_same_reader() -> None:
    """A position of the run before is of no use in the next, and the view forgets that run."""
    with yard() as one, yard() as other:
        register(one)
        reader = Reader(one)
        reader.read()
        register(other, "def f(): pass\n", "n")
        other.markers[0] = layout.VACATED
        reader.graveyard = other
        reader.connect()
        reader.read()
        assert reader.view.names(changes.VACATED) == {"n.f"}
        assert [event.kind for event in reader.events] == ["start", "start"]


def test_a_slow_reader_costs_no_memory() -> None:
    """While nothing is read nothing is made: ten thousand changes later there is one to tell."""
    with yard() as graveyard:
        register(graveyard)
        reader = Reader(graveyard)
        reader.read()
        for number in range(10_000):
            graveyard.markers[0] = 1 + number % 200
        reader.read()
        assert len(reader.told()) <= 2
        assert reader.told()[-1:] == ["m.first"]


def test_a_burst_comes_in_pieces() -> None:
    """A stream gives no more at once than a piece, so that its maker is never busy for long."""
    with yard() as graveyard:
        for number in range(100):
            register(graveyard, SOURCE, f"m{number}")
        reader = Reader(graveyard)
        reader.read()
        for slot in range(300):
            graveyard.markers[slot] = layout.VACATED
        sizes = []
        for piece in reader.stream:
            if not piece:
                break
            sizes.append(len(piece))
        assert len(sizes) > 1
        assert max(sizes) < 64 * 1024


@pytest.mark.parametrize("line", [
    b"x", b"[]", b"{}", b'{"event": "module"}', b'{"event": "states", "slot": 9, "states": "1"}',
    b'{"event": "vacated", "slot": -1}', b'{"event": "states", "slot": 0, "states": "9"}',
    b'{"tombs": 2, "event": "start", "resumed": false, "created": 1, "identity": {}}',
    b'{"event": "module", "slot": 7, "functions": 1, "module": "", "file": "", "resume": ""}',
    b'{"event": "note", "note": 3}', b'{"event": "dropped", "functions": "x"}',
])  # fmt: skip
def test_what_is_no_line_of_a_stream_is_refused(line: bytes) -> None:
    """A reader of other people's bytes raises one kind of error."""
    with pytest.raises(ValueError, match=r".+"):
        list(View().feed(line))


def test_what_a_later_version_adds_is_passed_over() -> None:
    """An event that isn't known is no fault."""
    assert list(View().feed(b'{"event": "moon", "phase": 3}')) == []


def test_a_file_gives_what_the_mapping_gives(tmp_path: Path) -> None:
    """The same stream, whether the graveyard is mapped or read; what is none is refused."""
    graveyard = opened(tmp_path)
    register(graveyard)
    graveyard.markers[2] = layout.VACATED
    with GraveyardFile(graveyard.path) as file:
        streams = [Changes(place).pieces() for place in (Mapped(graveyard.region), file)]
        for step in range(8):
            mapped, read = (bytes(next(stream)) for stream in streams)
            assert mapped == read, step
            if not mapped:
                register(graveyard, SOURCE, f"n{step}")
    graveyard.close()
    for content in (b"", b"x" * 9000, layout.MAGIC + b"\0" * 9000):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(GraveyardError, match="bad"):
            GraveyardFile(str(tmp_path / "bad"))
