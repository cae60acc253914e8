"""Follows a graveyard: its events as they happen, from a program or from the file, without an end.

A connection that breaks is made again, with a pause that grows to LONGEST; what happened meanwhile
is found by comparing what is with what was known (tombs.changes). So an event is told at least
once, and one that was told is told again only where it has happened again.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from tombs import address, changes, rundir, secret
from tombs.client.connect import connect
from tombs.client.view import Event, View
from tombs.client.watched import GraveyardFile
from tombs.errors import GraveyardError, ServerError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from typing import Final

    from tombs.address import Address

LOST: Final = "lost"  # the connection; or all processes of the run have ended
BACK: Final = "back"
QUIET: Final = "quiet"  # nothing: so that a screen can be kept up to date
ENDED: Final = "ended"

TICK: Final = 0.25
LONGEST: Final = 2.0
_FIRST: Final = 0.1
_SILENCE: Final = 20.0  # a server says something every five seconds
_TIMEOUT: Final = 10.0
_PIECE: Final = 256 * 1024
_ASK: Final = 1.0  # until it is asked again whether a process of a file's run lives
_FULL: Final = changes.full(0).rpartition(b",")[0]
_LINE: Final = 1 << 20


def follow(
    source: str,
    view: View,
    patience: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
    token_file: str | None = None,
) -> Iterator[Event]:
    """Yield what happens in a graveyard, the first event being START.

    Args:
        source: a `unix://` or `tcp://` address, a socket's path, or a graveyard file. Reading the
            file costs the program nothing.
        view: takes in what is told; a new one.
        patience: seconds for which one that has gone may come back: a file's run without a living
            process has ended then, and so has a program beside whose socket the file lies; another
            that doesn't answer is an error.
        sleep: waits so many seconds.
        token_file: for a program that demands a token.

    Raises:
        TombsError: it can't be reached or read, or is gone for longer than `patience`.
    """
    if "://" in source or _is_socket(source):
        place = address.parse(source)
        if place is not None:
            greeting = b""
            if token_file and place.kind == "tcp":
                greeting = secret.read(token_file) + b"\n"
            return _program(place, view, patience, sleep, greeting)
    return _file(source, view, patience, sleep)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _program(
    place: Address,
    view: View,
    patience: float,
    sleep: Callable[[float], None],
    greeting: bytes,
) -> Iterator[Event]:
    met = known = False  # whether it has said anything; whether its whole start was read
    pause = _FIRST
    heard = time.monotonic()
    while True:
        view.connected()
        try:
            with connect(place, _TIMEOUT) as connection:
                request = greeting + f"tombs changes {view.resume}".rstrip().encode("ascii") + b"\n"
                for line in _lines(connection, request, place):
                    if line:
                        was_live = view.live
                        yield from _taken(view, line, place)
                        met = True
                        heard, pause = time.monotonic(), _FIRST
                        if view.live and not was_live:
                            if known:
                                yield Event(BACK, time.time())
                            known = True
                    else:
                        yield Event(QUIET, time.time())
        except ServerError as fault:
            if not met:
                raise
            if time.monotonic() - heard > patience:
                yield from _afterwards(place, view, patience, fault, sleep)
                return
            if known and pause == _FIRST:
                yield Event(LOST, time.time(), text=fault.message)
        yield from _wait(pause, sleep)
        pause = min(2 * pause, LONGEST)


def _wait(seconds: float, sleep: Callable[[float], None]) -> Iterator[Event]:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        yield Event(QUIET, time.time())
        sleep(min(left, TICK))


def _afterwards(
    place: Address,
    view: View,
    patience: float,
    fault: ServerError,
    sleep: Callable[[float], None],
) -> Iterator[Event]:
    """Yield what a program that is gone did last, from the graveyard file beside its socket.

    A program that ends sends nothing more; and one that only serves no more is followed so.
    """
    path = place.path if place.kind == "unix" else ""
    path = path.removesuffix(rundir.SOCKET) + rundir.GRAVEYARD
    if not place.path.endswith(rundir.SOCKET) or not os.path.exists(path):
        raise ServerError(
            f"{fault.message}, for {patience:g} s",
            "The program has ended, or serves no more. `tombs ls` tells what graveyards there are.",
        )
    yield from _file(path, view, patience, sleep)


def _taken(view: View, line: bytes, place: Address) -> Iterator[Event]:
    if line.startswith(_FULL):
        raise ServerError(
            f"{place} is watched by as many as it allows", "Watch its graveyard file: `tombs ls`."
        )
    if not view.live and line.startswith(b'{"location"') and not view.modules:
        raise ServerError(f"{place} tells no changes: it runs an older Tombs")
    try:
        yield from view.feed(line)
    except ValueError as fault:
        raise ServerError(f"{place} sent what is no stream of changes: {fault}") from fault


def _lines(connection: socket.socket, request: bytes, place: Address) -> Iterator[bytes]:
    """Yield lines as they come; an empty one where none has come for a moment."""
    rest = b""
    heard = time.monotonic()
    advice = "It answers the user that it runs as, and root."
    if place.kind == "tcp":
        advice = "It may want a token (--token-file), or another than the one it was given."
    try:
        connection.sendall(request)
        connection.settimeout(TICK)
        while True:
            try:
                piece = connection.recv(_PIECE)
            except TimeoutError:
                if time.monotonic() - heard > _SILENCE:
                    raise ServerError(f"{place} has been silent for {_SILENCE:g} seconds") from None
                yield b""
                continue
            if not piece:
                raise ServerError(f"{place} closed the connection", advice)
            heard = time.monotonic()
            advice = ""
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LINE:
                raise ServerError(f"{place} sends a line without an end")
            yield from (line for line in lines if line)
    except OSError as fault:
        raise ServerError(f"{place} went away: {fault.strerror or fault}") from fault


def _file(
    path: str, view: View, patience: float, sleep: Callable[[float], None]
) -> Iterator[Event]:
    life = _Life(patience)
    while True:
        view.connected()
        with GraveyardFile(path) as place:
            life.look(place)  # before it is read: a last word must not be missed
            rest = b""
            for piece in changes.Changes(place, view.resume).pieces():
                if piece:
                    *lines, rest = (rest + bytes(piece)).split(b"\n")
                    yield from (event for line in lines for event in _fed(view, line, path))
                    continue
                yield Event(QUIET, time.time())
                yield from life.told()
                if life.over:
                    return
                if place.replaced():
                    break
                sleep(TICK)
                life.look(place)


class _Life:
    """Whether processes of a file's run live; it is asked now and then, and told when it changes.

    Args:
        patience: seconds after which a run without a process has ended.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._living: bool | None = None
        self._told: bool | None = None
        self._seen = -patience - 1.0  # as good as never
        self._look = 0.0
        self.over = False

    def look(self, place: GraveyardFile) -> None:
        """Ask whether one lives, unless that was asked a moment ago."""
        now = time.monotonic()
        if now >= self._look or not self._living:
            self._look = now + _ASK
            self._living = place.alive()
            if self._living:
                self._seen = now

    def told(self) -> Iterator[Event]:
        """Yield what has changed; after the graveyard was read."""
        if self._living != self._told and self._told is not None:
            text = "" if self._living else "no process of the run is left"
            yield Event(BACK if self._living else LOST, time.time(), text=text)
        self._told = self._living
        # Also where there was none from the beginning; a loss is told however late it is seen.
        if not self._living and time.monotonic() - self._seen > self._patience:
            self.over = True
            yield Event(ENDED, time.time())


def _fed(view: View, line: bytes, path: str) -> Iterator[Event]:
    try:
        yield from view.feed(line)
    except ValueError as fault:
        raise GraveyardError(f"{path}: the graveyard is spoiled: {fault}") from fault
