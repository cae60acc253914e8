"""Following a program or a file: what is told, and what is done when they go away."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.client.test_connect import stranger
from tests.support_graveyard import SOURCE, opened, register
from tests.support_server import Running, tcp_address
from tombs import changes, layout, rundir
from tombs.address import Address
from tombs.client import follow as module
from tombs.client.follow import BACK, ENDED, LOST, QUIET, follow
from tombs.client.view import MODULE, START, UNKNOWN, VACATED, View
from tombs.errors import GraveyardError, ServerError, TombsError
from tombs.runtime import conversation
from tombs.runtime.locks import Liveness
from tombs.runtime.mapped import changes as stream
from tombs.runtime.opening import open_graveyard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support_server import Source
    from tombs.client.view import Event
    from tombs.runtime.graveyard import Graveyard


class Yard:
    """What a server has to send: a real graveyard's changes."""

    def __init__(self, graveyard: Graveyard) -> None:
        self.graveyard = graveyard

    def changes(self, resume: str) -> Iterator[bytes | memoryview]:
        """Give the stream."""
        return stream(self.graveyard.region, resume)


@pytest.fixture
def graveyard(tmp_path: Path) -> Iterator[Graveyard]:
    """Open a graveyard with one module, one of whose functions was called."""
    yard = opened(tmp_path, strings=1 << 20)
    register(yard)
    yard.markers[0] = layout.VACATED
    yield yard
    yard.close()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(conversation, "POLL", 0.01)
    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(module, "_ASK", 0.0)


def served(graveyard: Graveyard, path: Path | str) -> Running:
    """Serve the changes of a graveyard."""
    source: Source = Yard(graveyard)  # type: ignore[assignment]
    return Running(source, Address("unix", str(path))).start()


def after(events: Iterator[Event], *kinds: str) -> list[Event]:
    """Read events until there is one of these kinds, and give all that tell something."""
    found = []
    for event in events:
        if event.kind != QUIET:
            found.append(event)
        if event.kind in kinds:
            return found
    raise AssertionError(found)


def names(events: list[Event]) -> list[str]:
    """Give the functions that were vacated."""
    return [one.tomb.name for one in events if one.kind == VACATED and one.tomb]


def test_a_program_is_followed(graveyard: Graveyard, tmp_path: Path) -> None:
    """First what there is, then each function, module and unknown."""
    running = served(graveyard, tmp_path / "s")
    try:
        view = View()
        events = follow(str(tmp_path / "s"), view)
        (start,) = after(events, START)
        assert (start.number, view.vacated) == (3, 1)
        assert view.identity["application"] == "app"
        graveyard.markers[1] = layout.VACATED
        assert names(after(events, VACATED)) == ["m.Second::method"]
        register(graveyard, SOURCE, "late", late=True)
        found = after(events, MODULE)
        assert [(one.kind, one.module, one.number) for one in found] == [(MODULE, "late", 3)]
        assert [one.kind for one in after(events, UNKNOWN)] == [UNKNOWN]
    finally:
        running.stop()


def test_a_connection_that_breaks_is_made_again(graveyard: Graveyard, tmp_path: Path) -> None:
    """What happens while nobody serves is told when somebody does, and marked so."""
    view = View()
    running = served(graveyard, tmp_path / "s")
    events = follow(f"unix://{tmp_path}/s", view)
    after(events, START)
    running.stop()
    assert after(events, LOST)[-1].text
    graveyard.markers[1] = layout.VACATED
    register(graveyard, SOURCE, "n")
    graveyard.markers[3] = layout.VACATED
    running = served(graveyard, tmp_path / "s")
    try:
        found = after(events, BACK)
        assert sorted(names(found)) == ["m.Second::method", "n.first"]
        assert all(one.away for one in found if one.kind in (VACATED, MODULE))
        assert view.live
    finally:
        running.stop()


def test_patience_has_an_end(graveyard: Graveyard, tmp_path: Path) -> None:
    """A program that has gone for good is an error; one that never was is one at once."""
    running = served(graveyard, tmp_path / "s")
    events = follow(str(tmp_path / "s"), View(), patience=0.05)
    after(events, START)
    running.stop()
    with pytest.raises(ServerError, match="nothing is listening"):
        after(events, ENDED)
    with pytest.raises(ServerError, match="nothing is listening"):
        next(follow(f"unix://{tmp_path}/s", View()))


def test_what_a_program_did_last_is_told(graveyard: Graveyard) -> None:
    """It sends nothing more when it ends; the rest is read from the file beside its socket."""
    place = rundir.stem(graveyard.path) + rundir.SOCKET
    liveness = Liveness(graveyard.path)
    running = served(graveyard, place)
    events = follow(place, View(), patience=0.05)
    after(events, START)
    graveyard.markers[1] = layout.VACATED
    after(events, VACATED)
    running.stop()
    graveyard.markers[2] = layout.VACATED
    found = after(events, VACATED)
    assert [one.kind for one in found] == [LOST, VACATED]
    assert names(found) == ["m.Second.method.<locals>.<lambda>"]
    register(graveyard, SOURCE, "n")  # it lives, and serves no more
    assert after(events, MODULE)[-1].module == "n"
    liveness.leave()
    assert after(events, ENDED)
    assert list(events) == []


def test_a_token_is_said_first_each_time(graveyard: Graveyard, tmp_path: Path) -> None:
    """Over TCP, also when the connection is made again; without it there is no answer."""
    (tmp_path / "token").write_text("the-token-of-the-tests")
    (tmp_path / "token").chmod(0o600)
    file = str(tmp_path / "token")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = Address("tcp", host="127.0.0.1", port=probe.getsockname()[1])
    source: Source = Yard(graveyard)  # type: ignore[assignment]
    token = b"the-token-of-the-tests"
    running = Running(source, address, token=token).start()
    try:
        with pytest.raises(ServerError, match="may want a token"):
            after(follow(str(address), View()), START)
        events = follow(str(address), View(), token_file=file)
        after(events, START)
        for client in list(running.server._clients.values()):
            client._sock.shutdown(socket.SHUT_RDWR)
        graveyard.markers[1] = layout.VACATED
        assert names(after(events, BACK)) == ["m.Second::method"]
    finally:
        running.stop()


def test_a_start_that_breaks_off_is_read_on(graveyard: Graveyard, tmp_path: Path) -> None:
    """The process that serves may be killed in the middle of the very first start."""
    whole = b""
    for piece in stream(graveyard.region, ""):
        if not piece:
            break
        whole += bytes(piece)
    asked = []

    def behave(client: socket.socket) -> None:
        asked.append(client.recv(300))
        client.sendall(whole[: whole.index(b'{"event": "states"') + 20])

    path = tmp_path / "s"
    view = View()
    with stranger(path, behave) as address:
        events = follow(str(address), view)
        while view.functions < 3:
            next(events)
    path.unlink()
    running = served(graveyard, path)
    try:
        assert [one.kind for one in after(events, START)] == [START]
        assert (view.functions, view.vacated) == (3, 1)
    finally:
        running.stop()
    assert asked == [b"tombs changes\n"]


def test_a_name_is_no_refusal(tmp_path: Path) -> None:
    """An application may be called as the event is."""
    who: dict[str, object] = {"run": "full-0", "application": "full", "pid": 1}
    yard, _ = open_graveyard(str(tmp_path / "full-0-x"), 10, 64 << 10, who)
    running = served(yard, tmp_path / "s")
    try:
        view = View()
        after(follow(str(tmp_path / "s"), view), START)
        assert view.identity["application"] == "full"
    finally:
        running.stop()
        yard.close()


def test_one_too_many_is_told_so(graveyard: Graveyard, tmp_path: Path) -> None:
    """With what to do instead."""
    running = served(graveyard, tmp_path / "s")
    try:
        others = [follow(str(tmp_path / "s"), View()) for _ in range(4)]
        for one in others:
            after(one, START)
        with pytest.raises(ServerError, match="watched by as many as it allows\nWatch its grave"):
            after(follow(str(tmp_path / "s"), View()), START)
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'{"location": {"file": "a", "start": 1, "end": 2}, "function": "f"}\n', "older Tombs"),
        (b"HTTP/1.0 400 Bad\r\n\r\n", "no stream of changes"),
        (b'{"tombs": 9, "event": "start", "resumed": false}\n', "its version is 9"),
        (b"", "closed the connection"),
        (b"x" * (3 << 20), "a line without an end"),
    ],
)
def test_who_answers_something_else(tmp_path: Path, said: bytes, told: str) -> None:
    """A server that isn't ours, or not of this version, is named."""

    def behave(client: socket.socket) -> None:
        client.recv(100)
        try:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)
        except OSError:  # it didn't want to hear the rest
            return

    with (
        stranger(tmp_path / "s", behave) as address,
        pytest.raises(ServerError, match=told),
    ):
        after(follow(str(address), View()), START)


def test_silence_is_the_end_of_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection without a beat is dead."""
    monkeypatch.setattr(module, "_SILENCE", 0.05)
    done = threading.Event()
    with stranger(tmp_path / "s", lambda _: done.wait(20)) as address:
        with pytest.raises(ServerError, match="has been silent"):
            after(follow(str(address), View()), START)
        done.set()


def test_a_file_is_followed_to_the_end_of_its_run(graveyard: Graveyard) -> None:
    """Without a word to the program; the run has ended when none of its processes lives."""
    liveness = Liveness(graveyard.path)
    view = View()
    events = follow(graveyard.path, view, patience=0.05)
    after(events, START)
    graveyard.markers[1] = layout.VACATED
    assert names(after(events, VACATED)) == ["m.Second::method"]
    graveyard.markers[2] = 77
    liveness.leave()
    found = after(events, ENDED)
    assert [one.kind for one in found] == [VACATED, LOST, ENDED]
    assert view.names(changes.VACATED) == {
        "m.first", "m.Second::method", "m.Second.method.<locals>.<lambda>"
    }  # fmt: skip


def test_a_finished_file_has_ended(graveyard: Graveyard) -> None:
    """There is nothing to wait for."""
    events = list(follow(graveyard.path, View(), patience=1000.0))
    assert [one.kind for one in events if one.kind != QUIET] == [START, ENDED]


def test_a_run_may_come_back(graveyard: Graveyard) -> None:
    """A restart that goes on in the same file is no end."""
    liveness = Liveness(graveyard.path)
    events = follow(graveyard.path, View(), patience=1000.0)
    after(events, START)
    liveness.leave()
    after(events, LOST)
    again = Liveness(graveyard.path)
    after(events, BACK)
    again.leave()


def test_another_file_in_the_same_place(graveyard: Graveyard, tmp_path: Path) -> None:
    """It is noticed, and its start told."""
    liveness = Liveness(graveyard.path)
    view = View()
    events = follow(graveyard.path, view, patience=1000.0)
    after(events, START)
    (tmp_path / "new").mkdir()
    other = opened(tmp_path / "new")
    shutil.copy(other.path, tmp_path / "copy")
    other.close()
    os.replace(tmp_path / "copy", graveyard.path)
    assert [one.kind for one in after(events, START)][-1] == START
    assert (view.functions, view.resume) == (0, "")
    liveness.leave()


@pytest.mark.parametrize("content", [None, b"", b"{}\n", layout.MAGIC + b"\xff" * 9000])
def test_what_is_no_graveyard_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A file that isn't there, a snapshot, a spoiled one."""
    if content is not None:
        (tmp_path / "it").write_bytes(content)
    with pytest.raises(TombsError, match="it: "):
        next(follow(str(tmp_path / "it"), View()))


def test_a_spoiled_graveyard_is_told(graveyard: Graveyard) -> None:
    """Where its blocks don't fit together, also while it is watched."""
    liveness = Liveness(graveyard.path)
    events = follow(graveyard.path, View())
    after(events, START)
    graveyard.region.words[layout.USED] += 64
    with pytest.raises(GraveyardError, match="spoiled"):
        after(events, ENDED)
    liveness.leave()


def test_a_token_is_said_first(graveyard: Graveyard, tmp_path: Path) -> None:
    """Over TCP each connection says it; who doesn't is told nothing of what happens."""
    path = tmp_path / "token"
    path.write_text("the-token-of-the-tests\n")
    path.chmod(0o600)
    source: Source = Yard(graveyard)  # type: ignore[assignment]
    running = Running(source, tcp_address(), token=b"the-token-of-the-tests").start()
    try:
        told = after(follow(str(running.address), View(), token_file=str(path)), START)
        assert told[-1].kind == START
        with pytest.raises(ServerError):
            after(follow(str(running.address), View(), 0.0), START)
    finally:
        running.stop()
